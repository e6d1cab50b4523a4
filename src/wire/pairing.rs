//! The messages of a pairing, which go over connections of their own (ALPN `towline-pair/1`): kind `u8`, length `u16`, body. `Start` and
//! `Refused` are frozen: a peer of any version can read these, so that the refusal of a version is understood by the refused.

use core::fmt;

use bytes::{Buf, Bytes};

use super::DecodeError;
use super::codec::{Put, Reader};

/// Bytes before each body.
const HEADER: usize = 3;
/// Longest body.
const BODY_MAX: usize = 128;
/// Longest name.
const NAME_MAX: usize = 64;

/// A point of edwards25519 as RFC 8032 writes it; whether it is one is for the exchange to see.
pub type PairingElement = [u8; 32];
/// What proves that its sender has the same key, and has seen the same.
pub type Mac = [u8; 32];

/// Versions of the exchange, lowest and highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// At least 1.
    pub lowest: u16,
    /// At least the lowest.
    pub highest: u16,
}

/// What a machine's user is to be called at the other side: 1 to 64 of the characters that names have in `authorized_keys`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PairName(String);

impl PairName {
    /// `None` where it is no such name.
    pub fn new(text: &str) -> Option<PairName> {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
        let is_name = (1..=NAME_MAX).contains(&text.len()) && text.chars().all(is_of_name);
        is_name.then(|| PairName(text.to_owned()))
    }

    /// As it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PairName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a server says to a client that has the code, and now has its key here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairWelcome {
    /// Proves that the server has the code, and that the rest is its own.
    pub mac: Mac,
    /// The port at which it serves, or will; not 0.
    pub port: u16,
    /// What the client may do there: bits, as in `proto::Right`.
    pub rights: u8,
    /// True where that is confined to a folder of what is served.
    pub is_confined: bool,
}

impl PairWelcome {
    /// What the proof covers of it.
    pub fn claims(&self) -> [u8; 4] {
        let [low, high] = self.port.to_le_bytes();
        [low, high, self.rights, u8::from(self.is_confined)]
    }
}

/// Why a side does not go on. Numbers that are not known are reasons as well.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PairReason(pub u8);

impl PairReason {
    /// No version is spoken by both.
    pub const VERSION: PairReason = PairReason(1);
    /// The code is another one.
    pub const WRONG_CODE: PairReason = PairReason(2);
    /// The code is not taken any more: it was used, guessed at too often, or is too old.
    pub const OVER: PairReason = PairReason(3);
    /// It took too long.
    pub const TOO_SLOW: PairReason = PairReason(4);
    /// The server could not keep the client's key.
    pub const NOT_KEPT: PairReason = PairReason(5);
    /// What came is not what the exchange consists of.
    pub const MALFORMED: PairReason = PairReason(6);
}

impl fmt::Debug for PairReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            PairReason::VERSION => "VERSION",
            PairReason::WRONG_CODE => "WRONG_CODE",
            PairReason::OVER => "OVER",
            PairReason::TOO_SLOW => "TOO_SLOW",
            PairReason::NOT_KEPT => "NOT_KEPT",
            PairReason::MALFORMED => "MALFORMED",
            PairReason(other) => return write!(f, "PairReason({other})"),
        };
        f.write_str(name)
    }
}

/// The last message of a side that does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairRefused {
    /// Why.
    pub reason: PairReason,
    /// Guesses that are left of this code.
    pub left: u8,
    /// What the refusing side speaks; for people, and not checked.
    pub versions: (u16, u16),
}

/// What can be said in a pairing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PairMessage {
    /// The client begins.
    Start(VersionRange, PairingElement),
    /// The server answers, in the version of its choice.
    Answer(u16, PairingElement),
    /// The client has the code, and is to be called so.
    Confirm(Mac, PairName),
    /// The server has it, too.
    Welcome(PairWelcome),
    /// The client has the server's key.
    Done,
    /// It goes no further.
    Refused(PairRefused),
}

const START: u8 = 1;
const ANSWER: u8 = 2;
const CONFIRM: u8 = 3;
const WELCOME: u8 = 4;
const DONE: u8 = 5;
const REFUSED: u8 = 6;

impl PairMessage {
    /// The longest one, in bytes.
    pub const MAX: usize = HEADER + BODY_MAX;

    /// Its bytes.
    pub fn to_bytes(&self) -> Bytes {
        let mut body = Vec::new();
        let kind = match self {
            PairMessage::Start(versions, element) => {
                body.put_u16(versions.lowest);
                body.put_u16(versions.highest);
                body.put(element);
                START
            }
            PairMessage::Answer(version, element) => {
                body.put_u16(*version);
                body.put(element);
                ANSWER
            }
            PairMessage::Confirm(mac, name) => {
                body.put(mac);
                body.put_short(name.0.as_bytes());
                CONFIRM
            }
            PairMessage::Welcome(welcome) => {
                body.put(&welcome.mac);
                body.put(&welcome.claims());
                WELCOME
            }
            PairMessage::Done => DONE,
            PairMessage::Refused(refused) => {
                body.put_u8(refused.reason.0);
                body.put_u8(refused.left);
                body.put_u16(refused.versions.0);
                body.put_u16(refused.versions.1);
                REFUSED
            }
        };
        let mut bytes = vec![kind];
        bytes.put_short(&body);
        bytes.into()
    }

    fn decode(kind: u8, body: &[u8]) -> Result<PairMessage, DecodeError> {
        let mut reader = Reader::new(body);
        let message = match kind {
            START => {
                let versions =
                    VersionRange { lowest: reader.u16("lowest")?, highest: reader.u16("highest")? };
                if versions.lowest == 0 || versions.lowest > versions.highest {
                    return Err(DecodeError::Value("version range"));
                }
                PairMessage::Start(versions, reader.array("element")?)
            }
            ANSWER => PairMessage::Answer(reader.u16("version")?, reader.array("element")?),
            CONFIRM => {
                let mac = reader.array("proof")?;
                let name = core::str::from_utf8(reader.short(NAME_MAX, "name")?).ok();
                let name = name.and_then(PairName::new).ok_or(DecodeError::Value("name"))?;
                PairMessage::Confirm(mac, name)
            }
            WELCOME => PairMessage::Welcome(welcome(&mut reader)?),
            DONE => PairMessage::Done,
            REFUSED => PairMessage::Refused(PairRefused {
                reason: PairReason(reader.u8("reason")?),
                left: reader.u8("left")?,
                versions: (reader.u16("lowest")?, reader.u16("highest")?),
            }),
            other => return Err(DecodeError::Kind(other)),
        };
        reader.end()?;
        Ok(message)
    }
}

fn welcome(reader: &mut Reader<'_>) -> Result<PairWelcome, DecodeError> {
    let (mac, port, rights) = (reader.array("proof")?, reader.u16("port")?, reader.u8("rights")?);
    let is_confined = match reader.u8("confined")? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::Value("confined")),
    };
    match (port, rights) {
        (0, _) => Err(DecodeError::Value("port 0")),
        (_, 0x20..) => Err(DecodeError::Value("rights")),
        _ => Ok(PairWelcome { mac, port, rights, is_confined }),
    }
}

/// A stream in arbitrary pieces to messages: holds less than one. After an error nothing that follows can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PairDecoder {
    held: Vec<u8>,
}

impl PairDecoder {
    /// The next whole message; takes off the front of `bytes` what belongs to it, or all of them where it is not whole.
    ///
    /// # Errors
    /// As soon as the header shows it, or the whole body does.
    pub fn next(&mut self, bytes: &mut Bytes) -> Result<Option<PairMessage>, DecodeError> {
        if !self.fill(HEADER, bytes) {
            return Ok(None);
        }
        let (kind, length) = (self.held[0], usize::from(u16::from_le_bytes([self.held[1], self.held[2]])));
        if !(START..=REFUSED).contains(&kind) {
            return Err(DecodeError::Kind(kind));
        }
        if length > BODY_MAX {
            return Err(DecodeError::TooLong(length as u64, BODY_MAX as u64));
        }
        if !self.fill(HEADER + length, bytes) {
            return Ok(None);
        }
        let whole = core::mem::take(&mut self.held);
        PairMessage::decode(kind, &whole[HEADER..]).map(Some)
    }

    /// Bytes held, by capacity.
    pub fn footprint(&self) -> usize {
        self.held.capacity()
    }

    /// Holds so many bytes, if they are there.
    fn fill(&mut self, length: usize, bytes: &mut Bytes) -> bool {
        if self.held.is_empty() && !bytes.is_empty() {
            self.held.reserve_exact(PairMessage::MAX);
        }
        let count = length.saturating_sub(self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..count]);
        bytes.advance(count);
        self.held.len() >= length
    }
}
