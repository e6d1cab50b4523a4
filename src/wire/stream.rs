//! The bodies of what goes in order, in blocks of 1 MiB: parts of files, and files whose length is not known before
//! their end.

use crate::probe::{Bug, planted};

use super::codec::{Put, Reader};
use super::transfer::{put_path, read_file_path, read_mode};
use super::{Cv, DecodeError, Modified, RelPath, RequestId, limits};

/// Which bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// From `first` to `last`, both included, as far as the file goes.
    Range {
        /// The first byte.
        first: u64,
        /// The last byte; at least `first`.
        last: u64,
    },
    /// The last `count` bytes, or all if there are fewer.
    Last {
        /// At least 1.
        count: u64,
    },
    /// From `first` to the file's end, and the root of the whole file.
    Rest {
        /// The first byte; the file's length for nothing but the root.
        first: u64,
    },
}

impl Span {
    /// First byte, and the one after the last, in a file of `length` bytes; `None` where there is no such byte.
    pub fn within(&self, length: u64) -> Option<(u64, u64)> {
        match *self {
            Span::Range { first, last } => {
                let more = u64::from(!planted(Bug::ExcludeLastByte));
                (first < length).then_some((first, last.saturating_add(more).min(length)))
            }
            Span::Last { count } => (length > 0).then_some((length.saturating_sub(count), length)),
            Span::Rest { first } => (first <= length).then_some((first, length)),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (form, first, last) = match *self {
            Span::Range { first, last } => (1, first, last),
            Span::Last { count } => (2, 0, count),
            Span::Rest { first } => (3, first, 0),
        };
        out.put_u8(form);
        out.put_u64(first);
        out.put_u64(last);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Span, DecodeError> {
        match (reader.u8("form")?, reader.u64("first")?, reader.u64("last")?) {
            (1, first, last) if first <= last => Ok(Span::Range { first, last }),
            (2, 0, count @ 1..) => Ok(Span::Last { count }),
            (3, first, 0) => Ok(Span::Rest { first }),
            _ => Err(DecodeError::Value("span")),
        }
    }
}

/// Asks for bytes of a file; they come in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// Which file. Never the root.
    pub path: RelPath,
    /// The version that is wanted; 0 for whichever stands there.
    pub version: u128,
    /// Which bytes of it.
    pub span: Span,
}

impl Read {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.version.to_le_bytes());
        self.span.encode(out);
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Read, DecodeError> {
        let version = u128::from_le_bytes(reader.array("version")?);
        let span = Span::decode(reader)?;
        Ok(Read { path: read_file_path(reader)?, version, span })
    }
}

/// Begins an upload whose length is told at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Where the file is to stand. Never the root.
    pub path: RelPath,
    /// Permission bits, within `0o777`.
    pub mode: u32,
    /// When the file is said to have been modified.
    pub modified: Modified,
    /// The intent, which is carried out once; 0 is none, and is not remembered.
    pub request: RequestId,
    /// Counts the request's attempts: a later one takes the place of those before it.
    pub attempt: u32,
}

impl Stream {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.mode);
        self.modified.encode(out);
        out.put(&self.request.0.to_le_bytes());
        out.put_u32(self.attempt);
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Stream, DecodeError> {
        let mode = read_mode(reader)?;
        let modified = Modified::decode(reader)?;
        let request = RequestId(u128::from_le_bytes(reader.array("request")?));
        let attempt = reader.u32("attempt")?;
        Ok(Stream { path: read_file_path(reader)?, mode, modified, request, attempt })
    }
}

/// Ends an upload of unknown length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamEnd {
    /// Bytes in the file; at most 2^47.
    pub length: u64,
    /// The file's BLAKE3 hash.
    pub root: Cv,
}

impl StreamEnd {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.length);
        out.put(&self.root.0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<StreamEnd, DecodeError> {
        let length = reader.u64("length")?;
        if length > limits::FILE_MAX {
            return Err(DecodeError::Value("file length above 2^47"));
        }
        Ok(StreamEnd { length, root: Cv(reader.array("root")?) })
    }
}
