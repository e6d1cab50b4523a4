//! Faults of the simulator's own world and application, to show that the invariants see them: what no bug of the library
//! can show. Only tests plant these; the library's own bugs are `towline::probe::Bug`.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A bit of what is stored is inverted after it was hashed.
    StoreWrongBit,
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
