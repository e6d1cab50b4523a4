//! Small files in one go: opened, read and looked at again, or opened, written and hashed. What needs [`Names`] is done
//! before and after; in between a caller may let others use it.

use std::sync::Arc;

use bytes::Bytes;

use super::partials::Filling;
use super::sources::SourceLease;
use super::{Files, Names, blocks};
use crate::proto::storage::{Extent, FileDone, FileOp, Lease, NameDone, StoreError, small_extent};
use crate::wire::{Code, Cv, Metadata, Rope};

/// An operation on a whole file, whose bytes are still to be moved.
pub enum Begun<F: Files> {
    /// To be read.
    Load(SourceLease<F>, Metadata),
    /// To be written.
    Stage(Lease, Arc<F::File>, Option<Extent>, Rope),
}

/// One whose bytes were moved.
pub enum Moved<F: Files> {
    /// Read, and still what it was: with its version.
    Loaded(Result<(Bytes, Vec<Cv>), StoreError>, u128, Metadata),
    /// Too long to be read at once.
    TooLong(SourceLease<F>, Metadata),
    /// Written.
    Staged(Result<Vec<Cv>, StoreError>, Lease),
}

impl<F: Files> Names<F> {
    /// All of an operation.
    pub fn execute_file(&mut self, op: FileOp) -> Result<FileDone, StoreError> {
        let begun = self.begin_files([op]).pop().expect("one for each operation")?;
        self.end_file(begun.run())
    }

    /// Opens what operations that come together need, each for itself; in order.
    pub fn begin_files(
        &mut self,
        ops: impl IntoIterator<Item = FileOp>,
    ) -> Vec<Result<Begun<F>, StoreError>> {
        let begun = ops.into_iter().map(|op| self.begin_file(op)).collect();
        self.close_retired();
        begun
    }

    fn begin_file(&mut self, op: FileOp) -> Result<Begun<F>, StoreError> {
        match op {
            FileOp::Load { root, path } => {
                let (source, metadata) = self.source(root, &path)?;
                Ok(Begun::Load(source, metadata))
            }
            FileOp::Stage { root, offer, data } => {
                let extent = small_extent(offer.length);
                if extent.is_none() != data.is_empty() || data.len() as u64 != offer.length {
                    let text = "what is staged is not the whole of a small file (a mistake in this program)";
                    return Err(StoreError::new(Code::IO, text));
                }
                let opened = self.open_partial(root, *offer, Filling::AtOnce)?;
                let NameDone::Partial { lease, .. } = opened else {
                    unreachable!("an open partial is answered as one")
                };
                let open = self.open(lease).expect("opened just now");
                Ok(Begun::Stage(lease, open.file, extent, data))
            }
        }
    }

    /// Ends an operation: leases what stays open, and drops a partial that could not be written.
    pub fn end_file(&mut self, moved: Moved<F>) -> Result<FileDone, StoreError> {
        match moved {
            Moved::TooLong(source, metadata) => {
                let version = source.version;
                let lease = self.lease_source(source);
                Ok(FileDone::Source { lease, metadata, version })
            }
            Moved::Loaded(read, version, metadata) => {
                let (data, cvs) = read?;
                Ok(FileDone::Loaded { metadata, version, data, cvs })
            }
            Moved::Staged(Ok(cvs), lease) => Ok(FileDone::Staged { lease, cvs }),
            Moved::Staged(Err(error), lease) => {
                let _left_to_the_next_sweep = self.discard(lease);
                Err(error)
            }
        }
    }
}

impl<F: Files> Begun<F> {
    /// Moves and hashes the bytes; needs nobody's names.
    pub fn run(self) -> Moved<F> {
        match self {
            Begun::Load(source, metadata) => {
                let extent = small_extent(metadata.length);
                if extent.is_none() && metadata.length > 0 {
                    return Moved::TooLong(source, metadata);
                }
                let read = extent.map_or_else(|| Ok(Default::default()), |extent| load(&source, extent));
                let read = read.and_then(|read| source.recheck().map(|_| read));
                Moved::Loaded(read, source.version, metadata)
            }
            Begun::Stage(lease, _, None, _) => Moved::Staged(Ok(Vec::new()), lease),
            Begun::Stage(lease, file, Some(extent), data) => {
                Moved::Staged(blocks::write(&*file, extent, data), lease)
            }
        }
    }
}

fn load<F: Files>(source: &SourceLease<F>, extent: Extent) -> Result<(Bytes, Vec<Cv>), StoreError> {
    let mut buffer = vec![0; extent.length as usize];
    let cvs = blocks::read(&*source.file, extent, &mut buffer)?;
    Ok((Bytes::from(buffer), cvs))
}
