//! What a client asks a session for, and what a server's session tells that it was asked for.

use crate::proto::op::{Printed, Pushed, Question};
use crate::proto::storage::{RootId, StreamId};
use crate::wire::{Attempt, Get, RelPath, Span, Start, Stream};

/// An operation that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Echo, stat, removal or listing.
    Ask(Question),
    /// A folder's names, all of which are held: fails where they are more than [`Limits::listed_max`](crate::proto::Limits).
    List(RelPath),
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

impl Request {
    /// What it is, in a word, as a log says it.
    pub fn name(&self) -> &'static str {
        match self {
            Request::Ask(question) => question.name(),
            Request::List(_) => "list",
            Request::Put { .. } => "put",
            Request::Fetch { .. } => "get",
            Request::Pour { .. } => "stream",
            Request::Print { .. } => "read",
            Request::Pull { .. } => "pull",
            Request::Push(_) => "push",
            Request::Compare { .. } => "sum",
        }
    }
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

impl Began {
    /// What it is, in a word, as a log says it.
    pub fn name(&self) -> &'static str {
        match self {
            Began::Offer(_) => "put",
            Began::Get(_) => "get",
            Began::Stream(_) => "stream",
            Began::Pull(_) => "pull",
            Began::Push(_) => "push",
            Began::Read(_) => "read",
            Began::Sum(_) => "sum",
            Began::Question(question) => question.name(),
        }
    }

    /// The path that it is about; the served folder's own, where it is about none.
    pub fn path(&self) -> &RelPath {
        const NONE: &RelPath = &RelPath::ROOT;
        match self {
            Began::Offer(path) | Began::Get(path) | Began::Stream(path) | Began::Pull(path) => path,
            Began::Push(path) | Began::Read(path) | Began::Sum(path) => path,
            Began::Question(Question::Echo(_)) => NONE,
            Began::Question(Question::List(path) | Question::Stat(path)) => path,
            Began::Question(Question::ReadLink(path) | Question::Resolve(path)) => path,
            Began::Question(Question::Remove(remove)) => &remove.path,
            Began::Question(Question::MakeFolder(folder)) => &folder.path,
            Began::Question(Question::MakeLink(link)) => &link.path,
        }
    }
}
