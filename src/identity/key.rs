//! Keys, and the short form in which people compare them.

use core::fmt;
use core::str::FromStr;

use super::base64::{self, Bad};
use super::lines::Problem;

/// What a public key begins with.
pub(super) const PUBLIC: &str = "ed25519:";
/// What a secret one begins with: it shows what it is, wherever it turns up.
pub(super) const SECRET: &str = "secret-ed25519:";
/// Bits of a fingerprint: nobody finds another key with the same hundred.
const DIGITS: usize = 20;
/// Base 32 of RFC 4648 in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// An Ed25519 public key (RFC 8032): who somebody is. Written `ed25519:` and 43 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// The seed of an Ed25519 key pair (RFC 8032, 5.1.5), which nobody else may have. It is shown nowhere but in its file.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(pub [u8; 32]);

/// The first hundred bits of the BLAKE3 hash of a public key, for people: `abcd-efgh-ijkl-mnop-qrst`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; DIGITS]);

/// What was written is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFingerprint(pub String);

impl PublicKey {
    /// Its fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = blake3::derive_key("towline 2026-11 fingerprint of a public key", &self.0);
        let bits = u128::from_be_bytes(hash[..16].try_into().expect("16 of 32 bytes"));
        Fingerprint(core::array::from_fn(|at| ALPHABET[(bits >> (123 - 5 * at)) as usize & 31]))
    }

    /// Parses what [`Display`](fmt::Display) writes; where it fails, also at which byte.
    pub(super) fn parse(text: &[u8]) -> Result<PublicKey, (usize, Problem)> {
        parse(text, PUBLIC).map(PublicKey)
    }
}

impl SecretKey {
    pub(super) fn parse(text: &[u8]) -> Result<SecretKey, (usize, Problem)> {
        parse(text, SECRET).map(SecretKey)
    }

    /// As its file has it.
    pub(super) fn written(&self) -> String {
        format!("{SECRET}{}", base64::encode(&self.0))
    }
}

fn parse(text: &[u8], prefix: &'static str) -> Result<[u8; 32], (usize, Problem)> {
    let secret = SECRET.as_bytes();
    if prefix == PUBLIC && text.starts_with(secret) {
        return Err((0, Problem::SecretKey));
    }
    let Some(digits) = text.strip_prefix(prefix.as_bytes()) else { return Err((0, Problem::NoKey(prefix))) };
    base64::decode(digits).map_err(|bad| match bad {
        Bad::Character(at) => (prefix.len() + at, Problem::KeyCharacter),
        Bad::Length(length) => (prefix.len(), Problem::KeyLength(length)),
        Bad::LeftOver => (text.len() - 1, Problem::KeyLeftOver),
    })
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", base64::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = Problem;

    fn from_str(text: &str) -> Result<PublicKey, Problem> {
        PublicKey::parse(text.as_bytes()).map_err(|(_, problem)| problem)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, group) in self.0.chunks(4).enumerate() {
            if at > 0 {
                f.write_str("-")?;
            }
            f.write_str(&String::from_utf8_lossy(group))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As it is shown; capitals and missing `-` are forgiven, since people type it.
impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Fingerprint, BadFingerprint> {
        let digits: Vec<u8> =
            text.bytes().filter(|byte| *byte != b'-').map(|byte| byte.to_ascii_lowercase()).collect();
        let digits: [u8; DIGITS] = digits.try_into().map_err(|_| BadFingerprint(text.to_owned()))?;
        match digits.iter().all(|digit| ALPHABET.contains(digit)) {
            true => Ok(Fingerprint(digits)),
            false => Err(BadFingerprint(text.to_owned())),
        }
    }
}

impl fmt::Display for BadFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(80).collect();
        write!(
            f,
            "\"{}\" is no fingerprint: write it as `towline key` shows it at the server, such as abcd-efgh-ijkl-mnop-qrst",
            shown.escape_debug()
        )
    }
}

impl core::error::Error for BadFingerprint {}
