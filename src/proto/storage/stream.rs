//! Streams of the application's: what it reads in order, or writes in order, as a pipe is. There is no going back on one,
//! but for the beginning of what is read.

use bytes::Bytes;

use super::{Extent, StoreError};
use crate::wire::limits::EXTENT;
use crate::wire::{Cv, Rope};

/// What is read of a stream's beginning is kept, up to so many bytes, so that it can be read again.
pub const REPLAY_MAX: u64 = 4 * EXTENT;

/// Names a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

/// Operations on streams. A machine has one `Take` or `Give` of a stream under way at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StreamOp {
    /// Reads an extent, or what is left before the stream's end, and hashes it. Fails with `LOST` if `offset` is neither
    /// where the last one ended nor within what is kept. Gives [`StreamDone::Taken`].
    Take {
        /// Which stream.
        stream: StreamId,
        /// Where the extent begins: how many bytes there are before it, a multiple of the extent.
        offset: u64,
    },
    /// Hashes `data`, and writes the part of it that is asked for if its chaining value is `claim`. Gives
    /// [`StreamDone::Given`].
    Give {
        /// Which stream.
        stream: StreamId,
        /// What `data` is: one unit.
        shape: Extent,
        /// The bytes.
        data: Rope,
        /// What they are said to be.
        claim: Cv,
        /// The first byte to write, counted from the beginning of `data`.
        from: u32,
        /// The first byte that is not written any more.
        to: u32,
    },
    /// Ends the operation that is under way: it completes with `CANCELLED`, whether it still goes on behind or not. The
    /// stream is of no use after it. Gives [`StreamDone::Stopped`].
    Stop {
        /// Which stream.
        stream: StreamId,
    },
}

impl StreamOp {
    /// Which stream.
    pub fn stream(&self) -> StreamId {
        match self {
            StreamOp::Take { stream, .. } | StreamOp::Give { stream, .. } | StreamOp::Stop { stream } => {
                *stream
            }
        }
    }
}

/// What a [`StreamOp`] gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StreamDone {
    /// Bytes of a stream: fewer than an extent only at its end.
    Taken {
        /// The bytes; none if the stream had ended.
        data: Bytes,
        /// Their chaining value as a subtree at their offset; `None` of no bytes.
        cv: Option<Cv>,
        /// The hash of the whole stream, where it has ended and is of one extent at most: a value of a tree cannot be
        /// made of another one's.
        root: Option<Cv>,
    },
    /// The bytes were written, if they were what they should be.
    Given {
        /// False if they were not, and nothing was written.
        is_right: bool,
    },
    /// Nothing is under way any more.
    Stopped,
}

/// How an operation on a stream ended.
pub type StreamResult = Result<StreamDone, StoreError>;
