//! Records in and out of buffers, without a stream: what came, decrypted; what goes, encrypted.
//!
//! Of what comes, a read of the stream goes into one buffer, is decrypted there, and copied out record by record. Of what goes, whole
//! records are encrypted from where the bytes are; what is less than a record is gathered to one first.

use std::io::{self, IoSlice};

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error};

/// Most bytes of a record's content (RFC 8446, 5.1).
const RECORD: usize = 16 * 1024;
/// What a record takes beside them, at the most: header, type and tag.
const AROUND: usize = 64;
/// The least that is read at once, and the most.
const READ: std::ops::RangeInclusive<usize> = 4 * 1024..=256 * 1024;
/// Bytes that are encrypted at once: several fit into the processor's cache.
const WRITE: usize = 128 * 1024;

enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// How far the records have led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// More has to come before anything follows.
    Starved,
    /// There may be more, and no room for it.
    Full,
}

/// One side of a connection.
pub(super) struct Records {
    side: Side,
    /// What came; `came.1` behind its last byte.
    incoming: Vec<u8>,
    came: (usize, usize),
    /// Bytes that the next read asks for.
    ask: usize,
    /// Decrypted, and not taken yet from `taken` on.
    plain: Vec<u8>,
    taken: usize,
    /// What goes; sent up to `sent`.
    outgoing: Vec<u8>,
    sent: usize,
    /// The peer has said that nothing more comes.
    pub(super) is_ended: bool,
    /// This side has.
    is_closed: bool,
    /// Final.
    failed: Option<Error>,
}

impl Records {
    pub(super) fn client(connection: UnbufferedClientConnection) -> Records {
        Records::new(Side::Client(connection))
    }

    pub(super) fn server(connection: UnbufferedServerConnection) -> Records {
        Records::new(Side::Server(connection))
    }

    fn new(side: Side) -> Records {
        Records {
            side,
            incoming: Vec::new(),
            came: (0, 0),
            ask: *READ.start(),
            plain: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
            is_ended: false,
            is_closed: false,
            failed: None,
        }
    }

    pub(super) fn state(&self) -> &CommonState {
        match &self.side {
            Side::Client(connection) => connection,
            Side::Server(connection) => connection,
        }
    }

    /// What came first, as long as it was not understood.
    pub(super) fn came(&self) -> &[u8] {
        &self.incoming[self.came.0..self.came.1]
    }

    /// Room for the next read.
    pub(super) fn space(&mut self) -> &mut [u8] {
        let (start, end) = self.came;
        if start == end {
            self.came = (0, 0);
        } else if self.incoming.len() - end < self.ask / 2 {
            self.incoming.copy_within(start..end, 0);
            self.came = (0, end - start);
        }
        let needed = self.came.1 + self.ask;
        if self.incoming.len() < needed {
            self.incoming.resize(needed, 0);
        }
        &mut self.incoming[self.came.1..]
    }

    /// So many bytes came into it: the next read asks for more, or less.
    pub(super) fn read(&mut self, count: usize) {
        let space = self.incoming.len() - self.came.1;
        self.came.1 += count;
        if count == space {
            self.ask = (self.ask * 2).min(*READ.end());
        } else if count < self.ask / 8 {
            self.ask = (self.ask / 2).max(*READ.start());
        }
    }

    /// Nothing is there to be read: a connection that waits holds little memory.
    pub(super) fn idle(&mut self) {
        if self.came.0 == self.came.1 && self.ask <= RECORD {
            (self.incoming, self.came) = (Vec::new(), (0, 0));
        }
    }

    /// Takes decrypted bytes out; how many.
    pub(super) fn take(&mut self, into: &mut [u8]) -> usize {
        let left = &self.plain[self.taken..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.plain.len() && self.taken > 0 {
            (self.plain, self.taken) = (Vec::new(), 0);
        }
        count
    }

    /// Goes through what came until nothing more follows from it, or `into` is full; gives how many bytes came into it.
    pub(super) fn turn(&mut self, into: &mut [u8]) -> Result<(Turn, usize), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut filled = 0;
        loop {
            if filled == into.len() && !into.is_empty() {
                return Ok((Turn::Full, filled));
            }
            let (count, next) = self.step(&mut into[filled..]);
            filled += count;
            match next {
                Ok(Step::More) => {}
                Ok(Step::Ended) => self.is_ended = true,
                Ok(Step::Starved) => return Ok((Turn::Starved, filled)),
                Err(error) => {
                    self.failed = Some(error.clone());
                    // What the peer is told of it is the one thing that is left.
                    let _ = self.step(&mut []);
                    // It stands behind what was to be said before. What is left of what came would fail once more.
                    while self.came.0 == self.came.1
                        && let (_, Ok(Step::More)) = self.step(&mut [])
                    {}
                    // What came before is good, and the error stays.
                    return if filled > 0 { Ok((Turn::Full, filled)) } else { Err(error) };
                }
            }
        }
    }

    fn step(&mut self, into: &mut [u8]) -> (usize, Result<Step, Error>) {
        let incoming = &mut self.incoming[self.came.0..self.came.1];
        let (rest, outgoing) = (&mut self.plain, &mut self.outgoing);
        let mut sink = Sink { into, filled: 0, rest };
        let (discard, next) = match &mut self.side {
            Side::Client(connection) => {
                carry_out(connection.process_tls_records(incoming), &mut sink, outgoing)
            }
            Side::Server(connection) => {
                carry_out(connection.process_tls_records(incoming), &mut sink, outgoing)
            }
        };
        self.came.0 += discard;
        (sink.filled, next)
    }

    /// What is to be sent next.
    pub(super) fn outgoing(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// So much of it was.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent < self.outgoing.len() {
            return;
        }
        self.sent = 0;
        // What is about to be filled again is kept.
        match self.outgoing.len() >= WRITE / 2 {
            true => self.outgoing.clear(),
            false => self.outgoing = Vec::new(),
        }
    }

    /// Encrypts of `pieces` what goes at once; gives how many bytes.
    pub(super) fn encrypt(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // What came and was not looked at is decrypted before anything goes.
        self.turn(&mut []).map_err(broken)?;
        let (mut total, mut gathered) = (0, Vec::new());
        for piece in pieces {
            let mut piece = &piece[..piece.len().min(WRITE - total)];
            total += piece.len();
            if !gathered.is_empty() || piece.len() < RECORD {
                let count = piece.len().min(RECORD - gathered.len());
                gathered.extend_from_slice(&piece[..count]);
                piece = &piece[count..];
                if gathered.len() == RECORD {
                    self.encrypt_one(&gathered)?;
                    gathered.clear();
                }
            }
            let whole = piece.len() - piece.len() % RECORD;
            self.encrypt_one(&piece[..whole])?;
            gathered.extend_from_slice(&piece[whole..]);
            if total == WRITE {
                break;
            }
        }
        self.encrypt_one(&gathered)?;
        Ok(total)
    }

    fn encrypt_one(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let room = bytes.len() + (bytes.len() / RECORD + 1) * AROUND;
        self.write(room, What::Bytes(bytes))
    }

    /// Says that nothing more comes from this side; once.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        self.turn(&mut []).map_err(broken)?;
        self.is_closed = true;
        self.write(2 * AROUND, What::End)
    }

    /// Appends it to what goes, in so much room or as much more as it takes. All that came has been looked at.
    fn write(&mut self, mut room: usize, what: What<'_>) -> io::Result<()> {
        let begin = self.outgoing.len();
        loop {
            self.outgoing.resize(begin + room, 0);
            let incoming = &mut self.incoming[self.came.0..self.came.1];
            let space = &mut self.outgoing[begin..];
            let written = match &mut self.side {
                Side::Client(connection) => write_in(connection.process_tls_records(incoming), space, what),
                Side::Server(connection) => write_in(connection.process_tls_records(incoming), space, what),
            };
            match written? {
                Ok(count) => {
                    self.outgoing.truncate(begin + count);
                    return Ok(());
                }
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                    if required_size > room =>
                {
                    room = required_size;
                }
                Err(error) => {
                    self.outgoing.truncate(begin);
                    return Err(io::Error::other(error));
                }
            }
        }
    }
}

/// What is written.
#[derive(Clone, Copy)]
enum What<'a> {
    Bytes(&'a [u8]),
    /// That nothing more comes.
    End,
}

/// Writes where that is possible now.
fn write_in<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    space: &mut [u8],
    what: What<'_>,
) -> io::Result<Result<usize, EncryptError>> {
    match (status.state.map_err(broken)?, what) {
        (ConnectionState::WriteTraffic(mut traffic), What::Bytes(bytes)) => Ok(traffic.encrypt(bytes, space)),
        (ConnectionState::WriteTraffic(mut traffic), What::End) => Ok(traffic.queue_close_notify(space)),
        // Both sides are closed, or the handshake is not over.
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// Where decrypted bytes go: to whoever reads, and what does not fit is kept.
struct Sink<'a> {
    into: &'a mut [u8],
    filled: usize,
    rest: &'a mut Vec<u8>,
}

impl Sink<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let space = &mut self.into[self.filled..];
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        self.rest.extend_from_slice(&bytes[count..]);
    }
}

enum Step {
    More,
    Ended,
    Starved,
}

/// Does what one status asks for; gives what is to be dropped of what came.
fn carry_out<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    sink: &mut Sink<'_>,
    outgoing: &mut Vec<u8>,
) -> (usize, Result<Step, Error>) {
    let mut discard = status.discard;
    let next = match status.state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    sink.put(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(Step::More),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            let begin = outgoing.len();
            loop {
                match data.encode(&mut outgoing[begin..]) {
                    Ok(_) => break Ok(Step::More),
                    Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                        outgoing.resize(begin + required_size, 0);
                    }
                    Err(EncodeError::AlreadyEncoded) => break Ok(Step::More),
                }
            }
        }
        // It goes before anything that follows.
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Step::More)
        }
        Ok(ConnectionState::PeerClosed) => Ok(Step::Ended),
        Ok(
            ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) | ConnectionState::Closed,
        ) => Ok(Step::Starved),
        Ok(_) => Err(Error::General("early data, which was not offered".into())),
        Err(error) => Err(error),
    };
    (discard, next)
}

/// What breaks a connection that stood.
pub(super) fn broken(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
