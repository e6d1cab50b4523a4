//! Streams of the application's: read in order or written in order, and hashed on the thread that has the bytes hot.

use bytes::Bytes;

use super::blocks;
use super::{FileError, FileErrorKind};
use crate::probe::{Bug, planted};
use crate::proto::storage::{Extent, REPLAY_MAX, StoreError, StreamDone, StreamOp, StreamResult};
use crate::proto::tree;
use crate::wire::limits::EXTENT;
use crate::wire::{Class, Code, Cv};

/// What can be read to its end, or written to.
pub trait Pipe {
    /// Reads on; 0 bytes at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError>;

    /// Writes all of it.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError>;
}

/// A pipe, and how far it is.
#[derive(Debug)]
pub struct Stream<P> {
    pipe: P,
    /// Bytes that have been read.
    taken: u64,
    /// The first extents, as long as no more than that has been read.
    kept: Vec<Bytes>,
    has_ended: bool,
    /// The first error of the pipe. What it took or gave before that is not known, so that nothing goes on behind it.
    failure: Option<StoreError>,
}

impl<P: Pipe> Stream<P> {
    /// A pipe at its beginning.
    pub fn new(pipe: P) -> Stream<P> {
        Stream { pipe, taken: 0, kept: Vec::new(), has_ended: false, failure: None }
    }

    /// Carries an operation out; `read` is [`fill`] with a buffer of the caller's, of an extent.
    pub fn carry_out(
        &mut self,
        op: StreamOp,
        read: impl FnOnce(&mut P) -> Result<Bytes, FileError>,
    ) -> StreamResult {
        match op {
            StreamOp::Take { offset, .. } => self.take(offset, read),
            StreamOp::Give { shape, data, claim, from, to, .. } => {
                let pieces: Vec<Bytes> = data.into_pieces().collect();
                let length: usize = pieces.iter().map(Bytes::len).sum();
                if length != shape.length as usize || shape.units() != 1 {
                    return Err(StoreError::new(Code::IO, "what is to be written is not one unit"));
                }
                let is_right = blocks::cvs(shape, &pieces) == [claim];
                if is_right {
                    self.write(&pieces, from as usize, to as usize)?;
                }
                Ok(StreamDone::Given { is_right })
            }
            StreamOp::Stop { .. } => Ok(StreamDone::Stopped),
        }
    }

    fn write(&mut self, pieces: &[Bytes], from: usize, to: usize) -> Result<(), StoreError> {
        self.unless_failed()?;
        let mut at = 0;
        for piece in pieces {
            let clip = |place: usize| place.saturating_sub(at).min(piece.len());
            let part = &piece[clip(from)..clip(to).max(clip(from))];
            self.pipe.write(part).map_err(|error| self.fails("write the output", error))?;
            at += piece.len();
        }
        Ok(())
    }

    fn take(&mut self, offset: u64, read: impl FnOnce(&mut P) -> Result<Bytes, FileError>) -> StreamResult {
        let number = usize::try_from(offset / EXTENT).unwrap_or(usize::MAX);
        if let Some(data) = self.kept.get(number).filter(|_| offset.is_multiple_of(EXTENT)) {
            return Ok(self.taken(offset, data.clone()));
        }
        if offset != self.taken {
            let text = "the input was read further than what is kept of it, and cannot be read again";
            return Err(StoreError::new(Code::LOST, text));
        }
        self.unless_failed()?;
        let data = if self.has_ended {
            Bytes::new()
        } else {
            read(&mut self.pipe).map_err(|error| self.fails("read the input", error))?
        };
        self.has_ended |= (data.len() as u64) < EXTENT;
        self.taken += data.len() as u64;
        if self.taken <= REPLAY_MAX && !data.is_empty() {
            self.kept.push(data.clone());
        } else if self.taken > REPLAY_MAX {
            self.kept.clear();
        }
        Ok(self.taken(offset, data))
    }

    fn unless_failed(&self) -> Result<(), StoreError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn fails(&mut self, what: &str, error: FileError) -> StoreError {
        let code = match error.kind.code() {
            code if error.kind == FileErrorKind::Other || code.class() == Class::Retryable => Code::IO,
            code => code,
        };
        let failure = StoreError { code, os: error.os, text: format!("cannot {what}: {error}") };
        self.failure.get_or_insert(failure).clone()
    }

    fn taken(&self, offset: u64, data: Bytes) -> StreamDone {
        let is_last = self.has_ended && offset + (data.len() as u64) == self.taken;
        let root = (is_last && self.taken <= EXTENT)
            .then(|| self.kept.first().map_or_else(|| Some(tree::merge_root(&[])), |all| hash(0, all, true)));
        StreamDone::Taken { cv: hash(offset, &data, false), root: root.flatten(), data }
    }
}

/// Reads until `buffer` is full or the pipe has ended; gives how many bytes there are.
pub fn fill<P: Pipe>(pipe: &mut P, buffer: &mut [u8]) -> Result<usize, FileError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match pipe.read(&mut buffer[filled..]) {
            Err(_) if planted(Bug::FailureIsEnd) => break,
            Err(error) => return Err(error),
            Ok(0) => break,
            Ok(count) => filled += count,
        }
    }
    Ok(filled)
}

fn hash(offset: u64, data: &Bytes, whole: bool) -> Option<Cv> {
    if data.is_empty() {
        return None;
    }
    let length = u32::try_from(data.len()).expect("at most an extent");
    let shape = Extent { offset, length, unit: EXTENT as u32, whole };
    blocks::cvs(shape, std::slice::from_ref(data)).first().copied()
}

/// A pipe in memory.
#[cfg(feature = "harness")]
#[derive(Debug, Default)]
pub struct MemoryPipe {
    /// What is read.
    pub input: Bytes,
    /// What was written.
    pub output: Vec<u8>,
    /// Most bytes that may be written.
    pub capacity: Option<usize>,
    /// Reading fails where the input ends.
    pub fails: bool,
}

#[cfg(feature = "harness")]
impl Pipe for MemoryPipe {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        if self.fails && self.input.is_empty() {
            return Err(FileErrorKind::Other.into());
        }
        let count = buffer.len().min(self.input.len());
        buffer[..count].copy_from_slice(&self.input.split_to(count));
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if self.capacity.is_some_and(|most| self.output.len() + bytes.len() > most) {
            return Err(FileErrorKind::NoSpace.into());
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(feature = "harness")]
impl Stream<MemoryPipe> {
    /// The pipe.
    pub fn pipe(&self) -> &MemoryPipe {
        &self.pipe
    }

    /// Carries an operation out.
    pub fn carry_out_in_memory(&mut self, op: StreamOp) -> StreamResult {
        self.carry_out(op, |pipe| {
            // One more than there is, so that its end is met.
            let mut buffer = vec![0; (pipe.input.len() + 1).min(EXTENT as usize)];
            let count = fill(pipe, &mut buffer)?;
            buffer.truncate(count);
            Ok(Bytes::from(buffer))
        })
    }
}
