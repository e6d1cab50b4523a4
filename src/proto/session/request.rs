//! What a client asks a session for, and what a server's session tells that it was asked for.

use crate::proto::op::{Printed, Pushed, Question};
use crate::proto::storage::{RootId, StreamId};
use crate::wire::{Attempt, Get, RelPath, Span, Start, Stream};

/// An operation that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Echo, stat, removal or listing.
    Ask(Question),
    /// Send a file.
    Put {
        /// The folder that the source is below.
        root: RootId,
        /// The source.
        source: RelPath,
        /// Where it is to stand at the peer.
        path: RelPath,
        /// Carried out once, however often it is tried.
        attempt: Attempt,
    },
    /// Receive a file.
    Fetch {
        /// The folder that the destination is below.
        root: RootId,
        /// The destination.
        at: RelPath,
        /// What to ask the peer for.
        get: Get,
        /// Whether what is here already counts.
        start: Start,
    },
    /// Send what a stream gives.
    Pour {
        /// The stream.
        stream: StreamId,
        /// Where it is to stand at the peer.
        to: Stream,
    },
    /// Print bytes of a file.
    Print {
        /// To this stream.
        stream: StreamId,
        /// Which file of the peer's.
        path: RelPath,
        /// Which bytes of it.
        span: Span,
        /// How far attempts before this one were.
        printed: Printed,
    },
    /// Receive blocks of a file for the operation that receives it.
    Pull {
        /// Of which version of which file.
        get: Get,
        /// For the operation that receives it, this is so many bytes.
        length: u64,
    },
    /// Send blocks of a file for the operation that uploads it.
    Push(Pushed),
    /// Compare a file here with one at the peer.
    Compare {
        /// The folder that the file is below.
        root: RootId,
        /// The file.
        source: RelPath,
        /// Which one of the peer's.
        path: RelPath,
    },
}

/// What a server was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Began {
    /// Echo, stat, removal or listing.
    Question(Question),
    /// To receive a file.
    Offer(RelPath),
    /// To send a file.
    Get(RelPath),
    /// To receive a stream.
    Stream(RelPath),
    /// To send blocks of a file that another connection receives.
    Pull(RelPath),
    /// To receive blocks of a file that another connection uploads.
    Push(RelPath),
    /// To send bytes of a file, in order.
    Read(RelPath),
    /// To tell the chaining values of a file's blocks.
    Sum(RelPath),
}
