//! Small files in one go: opened, read and looked at again, or opened, written and hashed. What needs [`Names`] is done
//! before and after; in between a caller may let others use it.

use bytes::Bytes;

use super::sources::SourceLease;
use super::staging::Staging;
use super::{Files, Names, blocks};
use crate::proto::storage::{Extent, FileDone, FileOp, StoreError, small_extent};
use crate::wire::{Cv, Metadata};

/// An operation on a whole file, whose bytes are still to be moved.
pub enum Begun<F: Files> {
    /// To be read.
    Load(SourceLease<F>, Metadata),
    /// To be created and written.
    Stage(Box<Staging<F>>),
}

/// One whose bytes were moved.
pub enum Moved<F: Files> {
    /// Read, and still what it was: with its version.
    Loaded(Result<(Bytes, Vec<Cv>), StoreError>, u128, Metadata),
    /// Too long to be read at once.
    TooLong(SourceLease<F>, Metadata),
    /// Written, or not.
    Staged(Box<Staging<F>>),
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
            FileOp::Stage { root, offer, data, existing } => {
                let staging = self.begin_staging(root, *offer, data, existing)?;
                Ok(Begun::Stage(Box::new(staging)))
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
            Moved::Staged(staging) => self.end_staging(*staging),
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
            Begun::Stage(mut staging) => {
                staging.fill();
                Moved::Staged(staging)
            }
        }
    }
}

fn load<F: Files>(source: &SourceLease<F>, extent: Extent) -> Result<(Bytes, Vec<Cv>), StoreError> {
    let mut buffer = vec![0; extent.length as usize];
    let cvs = blocks::read(&*source.file, extent, &mut buffer)?;
    Ok((Bytes::from(buffer), cvs))
}
