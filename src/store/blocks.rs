//! The bytes of leased files: read, write, zero, and hash on the thread that has them hot. Free functions over an open
//! file, without state: any number run at once.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use blake3::Hasher;
use blake3::hazmat::HasherExt;

use super::{File, FileError, FileErrorKind};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::storage::{BlockDone, BlockOp, Extent, StoreError};
use crate::wire::{Code, Cv, Rope};

/// What zeros are hashed from.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// What block operations of a lease use.
#[derive(Debug)]
pub struct Open<T> {
    /// The file that is read or received.
    pub file: Arc<T>,
    /// Where blocks may be copied from.
    pub basis: Option<Arc<T>>,
    /// It has no length yet, and no more than a quota grants: [`Names::grow`](super::Names::grow) is asked before it is written to.
    pub is_metered: bool,
}

impl<T> Clone for Open<T> {
    fn clone(&self) -> Self {
        Open { file: Arc::clone(&self.file), basis: self.basis.clone(), is_metered: self.is_metered }
    }
}

/// How long the file will be after `op`, where that has to be granted first.
pub fn grows<F: File>(open: &Open<F>, op: &BlockOp) -> Option<u64> {
    match op {
        BlockOp::Write { shape, .. } | BlockOp::Zero { shape, .. } if open.is_metered => {
            Some(shape.offset + u64::from(shape.length))
        }
        BlockOp::Write { .. } | BlockOp::Zero { .. } | BlockOp::Copy { .. } => None,
        BlockOp::Read { .. } | BlockOp::Check { .. } | BlockOp::Land { .. } => None,
    }
}

/// Carries out one operation; `read` is [`read()`] with a buffer of the caller's.
pub fn carry_out<F: File>(
    open: &Open<F>,
    op: BlockOp,
    read: impl Fn(&F, Extent) -> Result<(Bytes, Vec<Cv>), StoreError>,
) -> Result<BlockDone, StoreError> {
    let file = &*open.file;
    let cvs = match op {
        BlockOp::Read { shape, holes: true, .. } if is_hole(file, shape)? => {
            return Ok(BlockDone::Hole { cvs: hash_zeros(shape) });
        }
        BlockOp::Read { shape, .. } => {
            let (data, cvs) = read(file, shape)?;
            return Ok(BlockDone::Read { data, cvs });
        }
        BlockOp::Write { shape, data, .. } => write(file, shape, data)?,
        BlockOp::Zero { shape, .. } => zero(file, shape)?,
        BlockOp::Check { shape, .. } => read(file, shape)?.1,
        BlockOp::Land { .. } => {
            let text = "blocks land of those who have joined (a mistake in this program)";
            return Err(StoreError::new(Code::IO, text));
        }
        BlockOp::Copy { shape, .. } => {
            let basis = open.basis.as_deref();
            let basis = basis.ok_or_else(|| StoreError::new(Code::IO, "there is nothing to copy from"))?;
            mark(Mark::BlocksCopied);
            if is_hole(basis, shape)? {
                zero(file, shape)?
            } else {
                write(file, shape, Rope::from(read(basis, shape)?.0))?
            }
        }
    };
    Ok(BlockDone::Written { cvs })
}

/// Reads exactly `shape.length` bytes at `shape.offset` into `buffer`, which is of that length, and hashes them.
///
/// # Errors
/// `CHANGED` if the file ends before.
pub fn read<F: File>(file: &F, shape: Extent, buffer: &mut [u8]) -> Result<Vec<Cv>, StoreError> {
    check(shape, buffer.len())?;
    let mut filled = 0;
    while filled < buffer.len() {
        let offset = shape.offset + filled as u64;
        let count = file.read_at(offset, &mut buffer[filled..]).map_err(|e| failed("read", shape, e))?;
        if count == 0 {
            let text = format!("the file ends at byte {offset}, where there was more when it was opened");
            return Err(StoreError::new(Code::CHANGED, text));
        }
        filled += count;
    }
    Ok(hash(shape, [&*buffer]))
}

/// Writes `data`, of `shape.length` bytes, at `shape.offset`, and hashes it. Not yet durable.
pub fn write<F: File>(file: &F, shape: Extent, data: Rope) -> Result<Vec<Cv>, StoreError> {
    check(shape, data.len())?;
    let mut pieces: Vec<Bytes> = data.into_pieces().collect();
    let cvs = cvs(shape, &pieces);
    let mut offset = shape.offset;
    let mut first = 0;
    while first < pieces.len() {
        let mut count = file.write_at(offset, &pieces[first..]).map_err(|e| failed("write", shape, e))?;
        if count == 0 {
            return Err(failed("write", shape, FileErrorKind::Other.into()));
        }
        offset += count as u64;
        while count > 0 {
            let left = pieces[first].len();
            if count < left {
                mark(Mark::ShortWrite);
                if planted(Bug::TakeShortWrite) {
                    return Ok(cvs);
                }
                pieces[first].advance(count);
                break;
            }
            count -= left;
            first += 1;
        }
    }
    Ok(cvs)
}

/// Makes `shape` read as zeros and hashes it. Not yet durable.
pub fn zero<F: File>(file: &F, shape: Extent) -> Result<Vec<Cv>, StoreError> {
    check(shape, shape.length as usize)?;
    file.zero(shape.offset, u64::from(shape.length)).map_err(|e| failed("zero", shape, e))?;
    Ok(hash_zeros(shape))
}

/// True if all of `shape` is within the file and lies in a hole.
fn is_hole<F: File>(file: &F, shape: Extent) -> Result<bool, StoreError> {
    check(shape, shape.length as usize)?;
    let end = shape.offset + u64::from(shape.length);
    let data = file.next_data(shape.offset).map_err(|e| failed("look for holes in", shape, e))?;
    if data.is_some_and(|data| data < end) {
        return Ok(false);
    }
    // Nothing is beyond the end, either: what was cut off meanwhile is found by reading.
    Ok(file.status().map_err(|e| failed("look for holes in", shape, e))?.length >= end)
}

/// What zeros at `shape` hash to: it depends on where they are, and so is not known beforehand.
fn hash_zeros(shape: Extent) -> Vec<Cv> {
    let length = shape.length as usize;
    let pieces = length.div_ceil(ZEROS.len());
    hash(shape, (0..pieces).map(|i| &ZEROS[..ZEROS.len().min(length - i * ZEROS.len())]))
}

/// The chaining values of `shape`, one a unit, from its bytes in any pieces. One `update` for each piece of a unit:
/// BLAKE3 is fast on long runs.
///
/// # Panics
/// If `shape.offset` is not a multiple of `shape.unit`, or that is no power of two of at least 1 KiB.
pub fn cvs(shape: Extent, pieces: &[Bytes]) -> Vec<Cv> {
    hash(shape, pieces.iter().map(|piece| &piece[..]))
}

fn hash<'a>(shape: Extent, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Cv> {
    let mut cvs = Vec::with_capacity(shape.units());
    let mut unit = Unit::new(shape, shape.offset);
    for mut piece in pieces {
        while !piece.is_empty() {
            let (now, rest) = piece.split_at(piece.len().min(unit.missing));
            unit.hasher.update(now);
            unit.missing -= now.len();
            piece = rest;
            if unit.missing == 0 {
                cvs.push(unit.finish());
                unit = Unit::new(shape, shape.offset + cvs.len() as u64 * u64::from(shape.unit));
            }
        }
    }
    if unit.missing < shape.unit as usize {
        cvs.push(unit.finish());
    }
    cvs
}

/// A unit that is being hashed.
struct Unit {
    hasher: Hasher,
    missing: usize,
    whole: bool,
}

impl Unit {
    fn new(shape: Extent, offset: u64) -> Unit {
        let mut hasher = Hasher::new();
        if !shape.whole {
            hasher.set_input_offset(offset);
        }
        Unit { hasher, missing: shape.unit as usize, whole: shape.whole }
    }

    fn finish(&self) -> Cv {
        if self.whole { Cv(self.hasher.finalize().into()) } else { Cv(self.hasher.finalize_non_root()) }
    }
}

/// A caller's mistake is an error here, since the hash would panic on it.
fn check(shape: Extent, length: usize) -> Result<(), StoreError> {
    let aligned = shape.unit.is_power_of_two()
        && shape.unit >= 1024
        && shape.offset.is_multiple_of(u64::from(shape.unit))
        && (!shape.whole || (shape.offset == 0 && shape.length <= shape.unit));
    if aligned && shape.length as usize == length && length > 0 {
        return Ok(());
    }
    let text = format!("{shape:?} of {length} bytes makes no sense (a mistake in this program)");
    Err(StoreError::new(Code::IO, text))
}

fn failed(what: &str, shape: Extent, error: FileError) -> StoreError {
    let text = format!("cannot {what} {} bytes at byte {}: {error}", shape.length, shape.offset);
    StoreError { code: error.kind.code(), os: error.os, text }
}
