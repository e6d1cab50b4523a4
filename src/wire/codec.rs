//! Fixed-width, little-endian reading and writing. A [`Reader`] never reads past its end and a body must be read
//! to its end; lengths are checked before anything is copied.

use core::fmt;

use super::{Code, limits};

/// Why bytes are not a frame. Every one is fatal for the connection: after it, nothing that follows can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// The stream does not begin with the preamble: the peer speaks another protocol (its first bytes are kept).
    Preamble([u8; 8]),
    /// The header's reserved bytes or unknown flags are set.
    Reserved,
    /// The CRC-32C over header and control body differs.
    Checksum,
    /// The body's length is above the limit for its kind: `(length, limit)`.
    TooLong(u64, u64),
    /// The body ends before its fields do, or bytes are left over.
    Length(&'static str),
    /// A field has a value that the specification does not allow.
    Value(&'static str),
    /// A kind that is not known and may not be ignored.
    Kind(u8),
    /// A connection's frame carries an operation, or an operation's frame carries none.
    Operation(u8),
}

impl DecodeError {
    /// The code that tells the peer.
    pub fn code(&self) -> Code {
        match self {
            DecodeError::Preamble(_) => Code::NOT_TOWLINE,
            DecodeError::Checksum => Code::CHECKSUM,
            DecodeError::TooLong(..) => Code::TOO_LONG,
            DecodeError::Kind(_) => Code::UNKNOWN_KIND,
            DecodeError::Reserved
            | DecodeError::Length(_)
            | DecodeError::Value(_)
            | DecodeError::Operation(_) => Code::MALFORMED,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Preamble(bytes) => {
                write!(f, "the peer does not speak towline: it began with \"{}\"", bytes.escape_ascii())
            }
            DecodeError::Reserved => write!(f, "a header has reserved bits set"),
            DecodeError::Checksum => write!(f, "a frame's checksum differs: bytes were changed on the way"),
            DecodeError::TooLong(length, limit) => {
                write!(f, "a frame claims {length} bytes where at most {limit} are allowed")
            }
            DecodeError::Length(what) => write!(f, "a frame's length does not fit its fields: {what}"),
            DecodeError::Value(what) => write!(f, "a frame has a value that is not allowed: {what}"),
            DecodeError::Kind(kind) => write!(f, "a frame of the unknown kind {kind:#04x}"),
            DecodeError::Operation(kind) => write!(f, "a frame of kind {kind:#04x} on the wrong operation"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Reads fields off the front of a body.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn bytes(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Length(what))?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Length(what))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(super) fn i64(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    /// A `u16` length and that many bytes, at most `limit` of them.
    pub(super) fn short(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::from(self.u16(what)?);
        if length > limit {
            return Err(DecodeError::TooLong(length as u64, limit as u64));
        }
        self.bytes(length, what)
    }

    /// Advisory text: at most [`limits::TEXT_MAX`] bytes, in UTF-8.
    pub(super) fn text(&mut self) -> Result<String, DecodeError> {
        let bytes = self.short(limits::TEXT_MAX, "text")?;
        String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Value("text is not UTF-8"))
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything must have been read.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Length("bytes are left over")) }
    }
}

/// Appends fields to a body.
pub(super) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }
    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_le_bytes());
    }
    /// A `u16` length and the bytes. The caller's types keep `bytes` within a `u16`.
    fn put_short(&mut self, bytes: &[u8]) {
        let length = u16::try_from(bytes.len()).expect("typed fields are shorter than 64 KiB");
        self.put_u16(length);
        self.put(bytes);
    }
    /// Advisory text, cut at a character's end to [`limits::TEXT_MAX`] bytes.
    fn put_text(&mut self, text: &str) {
        let mut end = text.len().min(limits::TEXT_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.put_short(&text.as_bytes()[..end]);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
