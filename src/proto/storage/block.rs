//! Operations on the bytes of files: any number run at once.

use bytes::Bytes;

use super::Lease;
use crate::wire::{Cv, Rope};

/// Operations on the bytes of a leased file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BlockOp {
    /// Reads exactly `shape.length` bytes at `shape.offset` and hashes them. Fails with `CHANGED` if there are fewer.
    /// Gives [`BlockDone::Read`], or [`BlockDone::Hole`].
    Read {
        /// A lease from `OpenSource`.
        lease: Lease,
        /// What to read.
        shape: Extent,
        /// Where all of it lies in a hole, the answer may say so instead of giving zeros.
        holes: bool,
    },
    /// Writes `data` (`shape.length` bytes) at `shape.offset` and hashes it. Gives [`BlockDone::Written`].
    Write {
        /// A lease from `OpenPartial`.
        lease: Lease,
        /// Where it goes.
        shape: Extent,
        /// The bytes.
        data: Rope,
    },
    /// Makes `shape` read as zeros (a hole where the system can) and hashes it. Gives [`BlockDone::Written`].
    Zero {
        /// A lease from `OpenPartial`.
        lease: Lease,
        /// What to zero.
        shape: Extent,
    },
    /// Hashes what a partial holds at `shape` already. Gives [`BlockDone::Written`].
    Check {
        /// A lease from `OpenPartial`.
        lease: Lease,
        /// What to look at.
        shape: Extent,
    },
    /// Takes note that whole blocks which were written are what their sender hashed. Gives [`BlockDone::Landed`].
    Land {
        /// A lease from `Join`.
        lease: Lease,
        /// The blocks.
        shape: Extent,
        /// One a block.
        cvs: Vec<Cv>,
    },
    /// Copies `shape` from the basis of a partial into it, and hashes what was copied. Gives [`BlockDone::Written`].
    Copy {
        /// A lease from `OpenPartial`.
        lease: Lease,
        /// What to copy, to the same place.
        shape: Extent,
    },
}

impl BlockOp {
    /// Whose bytes.
    pub fn lease(&self) -> Lease {
        match self {
            BlockOp::Read { lease, .. } | BlockOp::Write { lease, .. } | BlockOp::Zero { lease, .. } => {
                *lease
            }
            BlockOp::Check { lease, .. } | BlockOp::Copy { lease, .. } | BlockOp::Land { lease, .. } => {
                *lease
            }
        }
    }

    /// Which bytes.
    pub fn shape(&self) -> Extent {
        match self {
            BlockOp::Read { shape, .. } | BlockOp::Write { shape, .. } | BlockOp::Zero { shape, .. } => {
                *shape
            }
            BlockOp::Check { shape, .. } | BlockOp::Copy { shape, .. } | BlockOp::Land { shape, .. } => {
                *shape
            }
        }
    }
}

/// A piece of a file and how it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The first byte; a multiple of `unit`.
    pub offset: u64,
    /// Bytes; at least 1, at most 1 MiB.
    pub length: u32,
    /// Bytes for each chaining value: a power of two; the last unit may be short.
    pub unit: u32,
    /// True where the piece is the whole file, of one unit: then its hash is the file's root.
    pub whole: bool,
}

impl Extent {
    /// How many chaining values it gives.
    pub fn units(&self) -> usize {
        self.length.div_ceil(self.unit) as usize
    }
}

/// What a [`BlockOp`] gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BlockDone {
    /// Bytes and their chaining values.
    Read {
        /// Exactly what was asked for.
        data: Bytes,
        /// One a unit.
        cvs: Vec<Cv>,
    },
    /// All that was to be read lies in a hole: nothing was read, and it is zeros.
    Hole {
        /// One a unit.
        cvs: Vec<Cv>,
    },
    /// It is remembered for whoever gathers.
    Landed,
    /// Written (or checked), not yet durable.
    Written {
        /// One a unit.
        cvs: Vec<Cv>,
    },
}
