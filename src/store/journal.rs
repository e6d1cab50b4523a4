//! What is known of a partial that was kept: which file it is part of, and which of its blocks were verified. It is a
//! hint, never proof: what it claims is hashed again, and one that cannot be read says nothing.
//!
//! A journal is a file with two places that are written in turn, so that a torn write leaves the note before it. In a
//! place: magic, length of the body `u32`, body, BLAKE3 over all of that. The body: sequence `u64`, the file's length
//! `u64`, seconds `i64` and nanoseconds `u32` of its modification, the path's length `u16`, the path, then a bit a block.
//! All little-endian.

use bytes::{Buf, BufMut, Bytes};

use super::{File, FileError, FileErrorKind};
use crate::probe::{Mark, mark};
use crate::proto::storage::BlockSet;
use crate::wire::{Modified, Offer, RelPath, block_size_for, limits};

const MAGIC: &[u8; 8] = b"towline1";
/// Where the second place begins: beyond the longest note, of a path of 4 KiB and 65,536 blocks.
const PLACE: usize = 16 * 1024;
const HEAD: usize = MAGIC.len() + 4;
const HASH: usize = 32;

/// What a journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Where the file is to be published.
    pub(super) path: RelPath,
    /// Its length in bytes.
    pub(super) length: u64,
    /// When it was modified, at its source.
    pub(super) modified: Modified,
    /// The blocks that were verified.
    pub(super) held: BlockSet,
}

impl Note {
    pub(super) fn new(offer: &Offer, held: BlockSet) -> Note {
        Note { path: offer.path.clone(), length: offer.length, modified: offer.modified, held }
    }

    /// True if it is about the very file that is offered, as far as that shows.
    pub(super) fn is_about(&self, offer: &Offer) -> bool {
        self.path == offer.path && self.length == offer.length && self.modified == offer.modified
    }

    /// What is held may be of use to what is offered, also if it has changed since: the blocks that are whole in both.
    pub(super) fn held_of(&self, offer: &Offer) -> BlockSet {
        let size = block_size_for(self.length);
        if self.path != offer.path || size != offer.block_size() {
            return BlockSet::default();
        }
        let is_whole = |block: u32| (u64::from(block) + 1) * u64::from(size) <= self.length.min(offer.length);
        let counts =
            |block: &u32| self.held.contains(*block) && (self.length == offer.length || is_whole(*block));
        (0..offer.blocks()).filter(counts).collect()
    }
}

/// A journal that is open.
pub(super) struct Journal<T> {
    file: T,
    sequence: u64,
    latest: Option<Note>,
}

impl<T: File> Journal<T> {
    /// Reads what is there. What cannot be read is not there.
    pub(super) fn open(file: T) -> Journal<T> {
        let places = [0, PLACE].map(|at| read(&file, at).ok().and_then(|bytes| decode(&bytes)));
        let newest = places.into_iter().flatten().max_by_key(|(sequence, _)| *sequence);
        let (sequence, latest) = newest.map_or((0, None), |(sequence, note)| (sequence, Some(note)));
        Journal { file, sequence, latest }
    }

    /// The newest note that is whole.
    pub(super) fn latest(&self) -> Option<&Note> {
        self.latest.as_ref()
    }

    /// Writes a note over the older of the two. It is not synced.
    pub(super) fn write(&mut self, note: Note) -> Result<(), FileError> {
        self.sequence += 1;
        let at = if self.sequence.is_multiple_of(2) { 0 } else { PLACE };
        let mut bytes = Bytes::from(encode(self.sequence, &note));
        let mut offset = at as u64;
        while !bytes.is_empty() {
            let count = self.file.write_at(offset, std::slice::from_ref(&bytes))?;
            if count == 0 {
                return Err(FileErrorKind::Other.into());
            }
            bytes.advance(count);
            offset += count as u64;
        }
        self.latest = Some(note);
        Ok(())
    }
}

fn read<T: File>(file: &T, at: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = vec![0; PLACE];
    let mut filled = 0;
    while filled < PLACE {
        let count = file.read_at((at + filled) as u64, &mut bytes[filled..])?;
        if count == 0 {
            break;
        }
        filled += count;
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn encode(sequence: u64, note: &Note) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u64_le(sequence);
    body.put_u64_le(note.length);
    body.put_i64_le(note.modified.seconds);
    body.put_u32_le(note.modified.nanoseconds);
    let path = note.path.as_bytes();
    body.put_u16_le(u16::try_from(path.len()).expect("a path has at most 4,096 bytes"));
    body.put_slice(path);
    body.put_slice(note.held.as_bytes());
    let mut bytes = MAGIC.to_vec();
    bytes.put_u32_le(u32::try_from(body.len()).expect("within its place"));
    bytes.extend_from_slice(&body);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Note)> {
    let (head, mut rest) = bytes.split_at_checked(HEAD)?;
    let (magic, mut length) = head.split_at(MAGIC.len());
    let length = length.get_u32_le() as usize;
    if magic != MAGIC || length > PLACE {
        return None;
    }
    let body = rest.get(..length)?;
    rest.advance(length);
    if rest.get(..HASH)? != blake3::hash(&bytes[..HEAD + length]).as_bytes() {
        mark(Mark::JournalDamaged);
        return None;
    }
    decode_body(body)
}

fn decode_body(mut body: &[u8]) -> Option<(u64, Note)> {
    let sequence = body.try_get_u64_le().ok()?;
    let length = body.try_get_u64_le().ok()?;
    let modified =
        Modified { seconds: body.try_get_i64_le().ok()?, nanoseconds: body.try_get_u32_le().ok()? };
    let count = usize::from(body.try_get_u16_le().ok()?);
    let path = RelPath::new(body.get(..count)?).ok()?;
    let held = BlockSet::from_bytes(body[count..].to_vec());
    (length <= limits::FILE_MAX).then_some((sequence, Note { path, length, modified, held }))
}

/// Whatever is read as a journal's place is read again as it is written, and says nothing that the protocol does not allow. For fuzzers: `bytes`
/// are a place, or with `is_mended` the body of one.
#[cfg(feature = "harness")]
pub(crate) fn check_journal(bytes: &[u8], is_mended: bool) {
    let mended = || {
        let mut place = MAGIC.to_vec();
        place.put_u32_le(u32::try_from(bytes.len()).expect("inputs are short"));
        place.extend_from_slice(bytes);
        let hash = blake3::hash(&place);
        place.extend_from_slice(hash.as_bytes());
        place
    };
    let place = if is_mended { mended() } else { bytes.to_vec() };
    let Some((sequence, note)) = decode(&place) else { return };
    assert!(note.length <= limits::FILE_MAX);
    // Zeros at the end of the blocks say nothing, and are left out when it is written again.
    assert_eq!(decode(&encode(sequence, &note)), Some((sequence, note.clone())));
    let (path, length, modified) = (note.path.clone(), note.length, note.modified);
    let offer = Offer { path, length, mode: 0o644, modified, version: 0, attempt: Default::default() };
    assert!(note.is_about(&offer) && note.held_of(&offer).len() <= offer.blocks() as usize);
}
