//! Operations on whole files: for a small one a store is asked once.

use bytes::Bytes;

use super::{Existing, Extent, Lease, RootId};
use crate::wire::{Cv, Metadata, Offer, RelPath, Rope, limits};

/// Operations on a whole file: for a small one a store is asked once, not step by step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FileOp {
    /// Opens a regular file for reading. One of at most [`limits::BLOCK_MIN`] bytes is read, hashed and looked at again at
    /// once, and is closed then: [`FileDone::Loaded`]. A longer one stays open: [`FileDone::Source`]. Fails with `CHANGED`
    /// if the file did meanwhile.
    Load {
        /// Where.
        root: RootId,
        /// Which file.
        path: RelPath,
    },
    /// Opens a new partial for `offer`, as [`NameOp::OpenPartial`](super::NameOp::OpenPartial) does, and writes and hashes all of the file; not yet
    /// durable. Gives [`FileDone::Staged`].
    Stage {
        /// Where.
        root: RootId,
        /// What is received, of at most [`limits::BLOCK_MIN`] bytes, and the path that it is published at.
        offer: Box<Offer>,
        /// All of its bytes.
        data: Rope,
        /// As [`NameOp::OpenPartial`](super::NameOp::OpenPartial) has it; nobody looks before it is published.
        existing: Existing,
    },
}

/// The one extent of a file of at most [`limits::BLOCK_MIN`] bytes; `None` for an empty one.
pub fn small_extent(length: u64) -> Option<Extent> {
    let length = u32::try_from(length).ok().filter(|length| u64::from(*length) <= limits::BLOCK_MIN)?;
    let unit = u32::try_from(limits::BLOCK_MIN).expect("64 KiB");
    (length > 0).then_some(Extent { offset: 0, length, unit, whole: true })
}

/// What a [`FileOp`] gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FileDone {
    /// All of a small file, which is closed again.
    Loaded {
        /// What it is.
        metadata: Metadata,
        /// As [`NameDone::Source`](super::NameDone::Source) has it.
        version: u128,
        /// All of its bytes.
        data: Bytes,
        /// Its chaining value, which is its root; none of an empty file.
        cvs: Vec<Cv>,
    },
    /// A source is open, too long to be loaded at once.
    Source {
        /// As [`NameDone::Source`](super::NameDone::Source) has it.
        lease: Lease,
        /// What it is.
        metadata: Metadata,
        /// As [`NameDone::Source`](super::NameDone::Source) has it.
        version: u128,
    },
    /// A partial is open, and holds all of the file.
    Staged {
        /// For `Publish` and `Discard`, and to write it once more.
        lease: Lease,
        /// The chaining value of what was written, which is its root; none of an empty file.
        cvs: Vec<Cv>,
    },
}
