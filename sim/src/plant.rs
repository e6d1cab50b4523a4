//! Bugs to plant, to show that the invariants catch them. Only tests plant; no plan and no command line does.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The store says that a file is published before it has renamed it, and never does.
    AcknowledgeBeforeRename,
    /// A file is not synced, and said to be.
    SkipSync,
    /// A folder is not synced, and said to be.
    SkipFolderSync,
    /// A bit of what is stored is inverted after it was hashed.
    StoreWrongBit,
    /// Partials are not removed.
    KeepPartials,
    /// A byte of a raw echo is lost on the way.
    DropEchoByte,
    /// A byte of the first connection is lost on the way, and the stream goes on.
    DropByte,
    /// The application is told of each job's end twice.
    DoubleReply,
    /// A network that fell apart never heals.
    NeverHeal,
    /// A host's code panics.
    Panic,
}
