//! What machines ask of a store, as data. `store` carries it out, on a real disk or a simulated one.
//!
//! The three kinds are kept apart by their types. A [`NameOp`] changes or reads names, journals or leases: one runs
//! after another, in one place, where publications that wait together share their syncs. A [`BlockOp`] reads or writes bytes
//! of a file that is leased already: they run in any number of places at once. A [`FileOp`] does to a small file in one go
//! what would be several of both, beside whatever else runs. A machine waits for the blocks of a lease before it names it
//! again, but for a note.

mod block;
mod file;
mod stream;

use core::fmt;

pub use self::block::{BlockDone, BlockOp, Extent};
pub use self::file::{FileDone, FileOp, small_extent};
pub use self::stream::{REPLAY_MAX, StreamDone, StreamId, StreamOp, StreamResult};
pub use super::block_set::BlockSet;

use crate::wire::{
    Code, Cv, Entry, Failure, LinkTarget, MakeFolder, MakeLink, Metadata, Offer, Push, RelPath, RequestId,
    Resolved, UploadId,
};

/// Names a store operation of one machine, so that its completion finds its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A folder below which paths are meant: the served folder at a server, a source or destination at a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootId(pub u32);

/// A file or folder that the store holds open. Given by the store, never used twice, and good until it is released,
/// published or discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub u64);

/// Whose a partial is: the key of whoever sends it. What one leaves behind no other goes on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub [u8; 32]);

impl Owner {
    /// Where nobody is asked who they are.
    pub const ANYBODY: Owner = Owner([0; 32]);
}

/// What becomes of a file that stands where one is to be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Existing {
    /// The new one takes its place.
    #[default]
    Replace,
    /// It stays: whatever stands there, the operation fails with `EXISTS`, unless the same request has published already.
    Refuse,
}

/// A store operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreOp {
    /// One after another.
    Name(NameOp),
    /// Any number at once.
    Block(BlockOp),
    /// Any number at once.
    File(FileOp),
    /// On a stream of the application's, one at a time.
    Stream(StreamOp),
}

/// Operations on names and leases.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NameOp {
    /// Opens a partial for `offer` below `root`: one that was kept, if there is one that nobody holds, else a new one.
    /// Gives [`NameDone::Partial`].
    OpenPartial {
        /// Where.
        root: RootId,
        /// What is to be received, and the path that it is published at. Fails with `SUPERSEDED` if there was a later
        /// attempt of the same request.
        offer: Offer,
        /// What may stand there.
        existing: Existing,
        /// Whose kept partials may be gone on with, and whose this one is.
        owner: Owner,
    },
    /// Makes a complete partial visible at its path, durably: file synced, renamed, folder synced. Ends the lease if
    /// it succeeds. The request of its offer is remembered with its outcome: the same one is carried out once. Fails with
    /// `SUPERSEDED` if there was a later attempt of it, and with `UNEXPECTED` if others have brought blocks that were not
    /// gathered. Gives [`NameDone::Published`].
    Publish {
        /// A lease from `OpenPartial`.
        lease: Lease,
        /// The file's root, which the machine has compared.
        hash: Cv,
    },
    /// Remembers which blocks of a partial are verified, as a hint for whoever opens it after a crash. Gives
    /// [`NameDone::Noted`], also for a partial that nobody can go on with.
    Note {
        /// A lease from `OpenPartial`, or from `Join`.
        lease: Lease,
        /// What is verified, beside what those who joined have landed.
        held: BlockSet,
    },
    /// Ends a lease and keeps the partial for the next opener of the same; one that nobody can go on with is dropped.
    /// Gives [`NameDone::Released`].
    Keep {
        /// A lease from `OpenPartial`.
        lease: Lease,
        /// What is verified.
        held: BlockSet,
    },
    /// Drops a partial and its lease. Gives [`NameDone::Released`].
    Discard {
        /// A lease from `OpenPartial`.
        lease: Lease,
    },
    /// Attaches to a partial that another machine has open, to write blocks of it. Fails with `NOT_FOUND` if there is none of
    /// this name, path and length, or it takes no more blocks. Gives [`NameDone::Joined`].
    Join {
        /// Where.
        root: RootId,
        /// The partial, its path and length.
        push: Push,
    },
    /// Takes no more blocks of those that have joined, and tells what they brought: [`NameDone::Gathered`].
    Gather {
        /// A lease from `OpenPartial`.
        lease: Lease,
    },
    /// Opens a regular file for reading. Gives [`NameDone::Source`].
    OpenSource {
        /// Where.
        root: RootId,
        /// Which file.
        path: RelPath,
    },
    /// Fails with `CHANGED` if the file is no longer what it was when it was opened. Gives [`NameDone::Unchanged`].
    Recheck {
        /// A lease from `OpenSource`.
        lease: Lease,
    },
    /// Opens a folder for listing. Gives [`NameDone::Folder`].
    OpenFolder {
        /// Where.
        root: RootId,
        /// Which folder.
        path: RelPath,
    },
    /// The next entries, of at most `bytes` encoded bytes (at least one entry). Gives [`NameDone::Entries`].
    ReadFolder {
        /// A lease from `OpenFolder`.
        lease: Lease,
        /// Most encoded bytes.
        bytes: usize,
    },
    /// Closes a source or folder, or leaves a partial. Gives [`NameDone::Released`].
    Release {
        /// A lease from `OpenSource`, `OpenFolder` or `Join`.
        lease: Lease,
    },
    /// Describes a path; a link is described, not followed. Gives [`NameDone::Metadata`].
    Stat {
        /// Where.
        root: RootId,
        /// What.
        path: RelPath,
    },
    /// Removes a file, a link or an empty folder, durably. Gives [`NameDone::Removed`].
    Remove {
        /// Where.
        root: RootId,
        /// What; never the root.
        path: RelPath,
        /// Remembered with its outcome: the same request is carried out once.
        request: RequestId,
    },
    /// Makes a folder where there is none, and sets its mode and time, durably. Gives [`NameDone::Made`].
    MakeFolder {
        /// Where.
        root: RootId,
        /// Which, and what is to be set.
        folder: MakeFolder,
    },
    /// Makes a symbolic link, durably, in place of a file or link that stands there. Gives [`NameDone::Made`].
    MakeLink {
        /// Where.
        root: RootId,
        /// Which, and where it leads.
        link: MakeLink,
    },
    /// Reads where a symbolic link leads. Gives [`NameDone::Target`].
    ReadLink {
        /// Where.
        root: RootId,
        /// Which link.
        path: RelPath,
    },
    /// Describes what a path leads to, over links that stay beneath the root. Gives [`NameDone::Resolved`].
    Resolve {
        /// Where.
        root: RootId,
        /// What.
        path: RelPath,
    },
}

/// The completion of a store operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Of a [`NameOp`].
    Name(Result<NameDone, StoreError>),
    /// Of a [`BlockOp`].
    Block(Result<BlockDone, StoreError>),
    /// Of a [`FileOp`].
    File(Result<FileDone, StoreError>),
    /// Of a [`StreamOp`].
    Stream(StreamResult),
}

/// What a [`NameOp`] gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NameDone {
    /// A partial is open.
    Partial {
        /// For block operations, `Note`, `Publish`, `Keep` and `Discard`.
        lease: Lease,
        /// Names the upload for other connections.
        upload: UploadId,
        /// What the partial seems to hold already: to be checked.
        held: BlockSet,
        /// What another file seems to have in the same places, which can be copied: the version that stands there, or a
        /// partial of the same file that somebody else fills.
        basis: BlockSet,
    },
    /// Blocks of a partial may be written.
    Joined {
        /// For `Write`, `Zero`, `Land`, `Note` and `Release`.
        lease: Lease,
    },
    /// What those who joined have brought.
    Gathered {
        /// Blocks that have landed, with their values, in order.
        landed: Vec<(u32, Cv)>,
        /// Blocks of which it is not known what is there: nothing has landed, or more than one has written.
        doubtful: BlockSet,
    },
    /// It is remembered, as far as a hint is.
    Noted,
    /// The file is visible and durable.
    Published,
    /// A source is open.
    Source {
        /// For `Read`, `Recheck`, `Release`.
        lease: Lease,
        /// What it is.
        metadata: Metadata,
        /// What tells this version of the file from another; never 0.
        version: u128,
    },
    /// The source is what it was.
    Unchanged,
    /// A folder is open.
    Folder {
        /// For `ReadFolder`, `Release`.
        lease: Lease,
    },
    /// Names of a folder.
    Entries {
        /// In the system's order; the reserved folder is left out.
        entries: Vec<Entry>,
        /// True if there are no more.
        last: bool,
    },
    /// A lease is closed.
    Released,
    /// What a path is.
    Metadata(Metadata),
    /// A name is gone, durably.
    Removed,
    /// A folder or link stands there, durably.
    Made,
    /// Where a link leads.
    Target(LinkTarget),
    /// What a path leads to.
    Resolved(Resolved),
}

/// Why a store operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreError {
    /// What it means for the peer.
    pub code: Code,
    /// The system's error number, where it gave one.
    pub os: Option<i32>,
    /// What was tried, and what the system said, for a person.
    pub text: String,
}

impl StoreError {
    /// An error that did not come from the system.
    pub fn new(code: Code, text: impl Into<String>) -> StoreError {
        StoreError { code, os: None, text: text.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            write!(f, "{}", self.code)
        } else {
            write!(f, "{}: {}", self.code, self.text)
        }
    }
}

impl core::error::Error for StoreError {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure { code: error.code, delay_ms: 0, text: error.text }
    }
}
