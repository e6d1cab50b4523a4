//! The bodies of a transfer: "make the receiver's blocks equal the sender's".

use core::fmt;

use super::codec::{Put, Reader};
use super::{DecodeError, Modified, RelPath, Rope, limits};

/// 32 bytes of BLAKE3: a block's chaining value (the hash of the block as a subtree, bound to its position), or a
/// file's root, which is its ordinary BLAKE3 hash. For a file of one block the two are the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cv(pub [u8; 32]);

impl fmt::Display for Cv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Cv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..")
    }
}

/// Chosen at random by a client for one intent to change something; a retry of the same intent carries the same one,
/// so that it is carried out once. 0 where nothing is to be remembered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestId(pub u128);

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Names an upload at the receiver, so that other connections can attach to it. Chosen by the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UploadId(pub u64);

/// The block size for a file of `length` bytes: the smallest power of two from 64 KiB that gives at most 65,536 blocks.
pub fn block_size_for(length: u64) -> u32 {
    let size = length.div_ceil(limits::BLOCKS_MAX).next_power_of_two().max(limits::BLOCK_MIN);
    u32::try_from(size).unwrap_or(1 << 31)
}

/// What a sender has: opens an upload, or answers a [`Get`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// Where the file is to stand (upload), or stands (download). Never the root.
    pub path: RelPath,
    /// Bytes in the file; at most 2^47.
    pub length: u64,
    /// Permission bits, within `0o777`.
    pub mode: u32,
    /// When the file was last modified.
    pub modified: Modified,
    /// What tells this version of the sender's file from another; 0 in an upload.
    pub version: u128,
    /// The attempt of an upload; the default in a download.
    pub attempt: Attempt,
}

/// One of the attempts to carry out a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The intent, which is carried out once; 0 is none, and is not remembered.
    pub request: RequestId,
    /// Counts its attempts: a later one takes the place of those before it.
    pub number: u32,
    /// Whether what is there already counts.
    pub start: Start,
}

/// Whether a transfer goes on from what the receiver has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Start {
    /// From a partial that was kept, and from the version that stands there.
    #[default]
    Resume = 0,
    /// From nothing.
    Afresh = 1,
}

impl Attempt {
    /// The first one, from what is there.
    pub fn new(request: RequestId) -> Attempt {
        Attempt { request, ..Attempt::default() }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.request.0.to_le_bytes());
        out.put_u32(self.number);
        out.put(&[self.start as u8]);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Attempt, DecodeError> {
        let request = RequestId(u128::from_le_bytes(reader.array("request")?));
        let number = reader.u32("attempt")?;
        let [start] = reader.array("start")?;
        let start = match start {
            0 => Start::Resume,
            1 => Start::Afresh,
            _ => return Err(DecodeError::Value("start")),
        };
        Ok(Attempt { request, number, start })
    }
}

impl Offer {
    /// The block size, in bytes. It is on the wire, and must be what [`block_size_for`] gives.
    pub fn block_size(&self) -> u32 {
        block_size_for(self.length)
    }

    /// How many blocks the file has.
    pub fn blocks(&self) -> u32 {
        u32::try_from(self.length.div_ceil(u64::from(self.block_size()))).expect("at most 65,536 blocks")
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.length);
        out.put_u32(self.block_size());
        out.put_u32(self.mode);
        self.modified.encode(out);
        out.put(&self.version.to_le_bytes());
        self.attempt.encode(out);
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Offer, DecodeError> {
        let length = reader.u64("length")?;
        if length > limits::FILE_MAX {
            return Err(DecodeError::Value("file length above 2^47"));
        }
        if reader.u32("block size")? != block_size_for(length) {
            return Err(DecodeError::Value("block size"));
        }
        let mode = read_mode(reader)?;
        let modified = Modified::decode(reader)?;
        let version = u128::from_le_bytes(reader.array("version")?);
        let attempt = Attempt::decode(reader)?;
        Ok(Offer { path: read_file_path(reader)?, length, mode, modified, version, attempt })
    }
}

/// Asks for a file; the answer is an [`Offer`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Get {
    /// Which file. Never the root.
    pub path: RelPath,
    /// The version that is wanted; 0 for whichever stands there.
    pub version: u128,
}

impl Get {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.version.to_le_bytes());
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Get, DecodeError> {
        let version = u128::from_le_bytes(reader.array("version")?);
        Ok(Get { path: read_file_path(reader)?, version })
    }

    /// Blocks are pulled of one version, never of whichever stands there.
    pub(super) fn decode_pull(reader: &mut Reader<'_>) -> Result<Get, DecodeError> {
        match u128::from_le_bytes(reader.array("version")?) {
            0 => Err(DecodeError::Value("blocks are pulled of a version")),
            version => Ok(Get { path: read_file_path(reader)?, version }),
        }
    }
}

/// Attaches a connection to an upload of another one, to bring blocks of its file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Push {
    /// The upload, as its receiver calls it; never 0.
    pub upload: UploadId,
    /// Bytes in its file, as offered.
    pub length: u64,
    /// The path that was offered. Never the root.
    pub path: RelPath,
}

impl Push {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.upload.0);
        out.put_u64(self.length);
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Push, DecodeError> {
        let upload = match reader.u64("upload")? {
            0 => return Err(DecodeError::Value("blocks are pushed to an upload")),
            upload => UploadId(upload),
        };
        let length = reader.u64("length")?;
        if length > limits::FILE_MAX {
            return Err(DecodeError::Value("file length above 2^47"));
        }
        Ok(Push { upload, length, path: read_file_path(reader)? })
    }
}

/// Removes a file or an empty folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remove {
    /// The intent that this carries out.
    pub request: RequestId,
    /// What to remove. Never the root.
    pub path: RelPath,
}

impl Remove {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.request.0.to_le_bytes());
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Remove, DecodeError> {
        let request = RequestId(u128::from_le_bytes(reader.array("request")?));
        Ok(Remove { request, path: read_file_path(reader)? })
    }
}

/// A page of what the receiver holds already. `LAST` is in the header's flags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HavePage {
    /// The receiver's name for this upload.
    pub upload: UploadId,
    /// The block that the first entry is about.
    pub first: u32,
    /// One entry a block: its chaining value where the receiver holds it. At most 1,024.
    pub cvs: Vec<Option<Cv>>,
    /// True on the last page.
    pub last: bool,
}

impl HavePage {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.upload.0);
        out.put_u32(self.first);
        out.put_u16(u16::try_from(self.cvs.len()).expect("at most 1,024 entries"));
        for eight in self.cvs.chunks(8) {
            out.put_u8(
                eight.iter().enumerate().fold(0, |bits, (i, cv)| bits | (u8::from(cv.is_some()) << i)),
            );
        }
        self.cvs.iter().flatten().for_each(|cv| out.put(&cv.0));
    }

    pub(super) fn decode(reader: &mut Reader<'_>, last: bool) -> Result<HavePage, DecodeError> {
        let upload = UploadId(reader.u64("upload")?);
        let first = reader.u32("first block")?;
        let count = usize::from(reader.u16("count")?);
        if count > limits::HAVE_MAX {
            return Err(DecodeError::TooLong(count as u64, limits::HAVE_MAX as u64));
        }
        if u64::from(first) + count as u64 > limits::BLOCKS_MAX || (count == 0 && !last) {
            return Err(DecodeError::Value("block index"));
        }
        let bits = reader.bytes(count.div_ceil(8), "bitmap")?;
        let bit = |i: usize| bits[i / 8] >> (i % 8) & 1 == 1;
        if (count..bits.len() * 8).any(bit) {
            return Err(DecodeError::Value("bits beyond the bitmap's end"));
        }
        let mut cvs = Vec::with_capacity(count);
        for i in 0..count {
            cvs.push(if bit(i) { Some(Cv(reader.array("chaining value")?)) } else { None });
        }
        Ok(HavePage { upload, first, cvs, last })
    }
}

/// A segment of a block. Payload at most 256 KiB, at least 1 byte, never across a block's end.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Data {
    /// Where in the file the payload stands, in bytes.
    pub offset: u64,
    /// The chaining value of the block, with its last segment only (flag `LAST`).
    pub cv: Option<Cv>,
    /// The bytes.
    pub payload: Rope,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data {{ {}..+{}", self.offset, self.payload.len())?;
        if let Some(cv) = self.cv {
            write!(f, ", cv: {cv:?}")?;
        }
        f.write_str(" }")
    }
}

/// Whole blocks of zeros that the sender does not send (the last may be short, at the file's end). Needs
/// `Capabilities::HOLES` on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hole {
    /// The first byte; a block's start.
    pub offset: u64,
    /// How many bytes; at least 1, at most 1 MiB or one block, whichever is more.
    pub length: u64,
}

impl Hole {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.offset);
        out.put_u64(self.length);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Hole, DecodeError> {
        let hole = Hole { offset: reader.u64("offset")?, length: reader.u64("length")? };
        match hole.offset.checked_add(hole.length) {
            Some(end) if hole.length > 0 && end <= limits::FILE_MAX => Ok(hole),
            _ => Err(DecodeError::Value("hole")),
        }
    }
}

/// A run of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first block.
    pub first: u32,
    /// How many; at least 1.
    pub count: u32,
}

pub(super) fn encode_ranges(ranges: &[Range], out: &mut Vec<u8>) {
    for range in ranges {
        out.put_u32(range.first);
        out.put_u32(range.count);
    }
}

/// Ranges ascend, do not touch, and there is at least one.
pub(super) fn decode_ranges(reader: &mut Reader<'_>) -> Result<Vec<Range>, DecodeError> {
    let count = reader.remaining() / 8;
    if count == 0 || count > limits::WANT_MAX {
        return Err(DecodeError::Value("number of ranges"));
    }
    let mut ranges: Vec<Range> = Vec::with_capacity(count);
    for _ in 0..count {
        let range = Range { first: reader.u32("first")?, count: reader.u32("count")? };
        let end = u64::from(range.first) + u64::from(range.count);
        let follows = ranges.last().is_none_or(|last| last.first + last.count < range.first);
        if range.count == 0 || end > limits::BLOCKS_MAX || !follows {
            return Err(DecodeError::Value("ranges do not ascend"));
        }
        ranges.push(range);
    }
    Ok(ranges)
}

/// The sender has sent all that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    /// The sender's root: the file's BLAKE3 hash.
    pub root: Cv,
}

impl Commit {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.root.0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Commit, DecodeError> {
        Ok(Commit { root: Cv(reader.array("root")?) })
    }
}

pub(super) fn put_path(out: &mut Vec<u8>, path: &RelPath) {
    out.put_short(path.as_bytes());
}

pub(super) fn read_path(reader: &mut Reader<'_>) -> Result<RelPath, DecodeError> {
    let bytes = reader.short(limits::PATH_MAX, "path")?;
    RelPath::new(bytes).map_err(|error| DecodeError::Value(error.describe()))
}

pub(super) fn read_file_path(reader: &mut Reader<'_>) -> Result<RelPath, DecodeError> {
    let path = read_path(reader)?;
    if path.is_root() { Err(DecodeError::Value("the root is not a file")) } else { Ok(path) }
}

pub(super) fn read_mode(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let mode = reader.u32("mode")?;
    if mode & !0o777 == 0 { Ok(mode) } else { Err(DecodeError::Value("mode beyond 0o777")) }
}
