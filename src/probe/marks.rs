//! Marks: states of the code that a run seldom reaches, and that a campaign must.

macro_rules! marks {
    ($($name:ident $words:literal,)*) => {
        /// A state that the code seldom is in. It stands in the code where it is reached.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark {
            $(#[doc = concat!("It is ", $words, ".")] $name,)*
        }

        impl Mark {
            /// All of them.
            pub const ALL: &[Mark] = &[$(Mark::$name,)*];

            /// In words.
            pub const fn words(self) -> &'static str {
                match self { $(Mark::$name => $words,)* }
            }
        }
    };
}

marks! {
    HeaderCut "a frame whose header has come in part",
    FrameRefused "a frame that is refused because its bytes make no sense",
    EchoStoppedReading "a raw echo that reads nothing more until its peer does",
    EchoHeldAtEnd "a raw echo that still owes bytes when its peer has said all",
    ProbeOvertaken "a probe's reply that comes after one to a later probe",
    ProbeDoubled "a probe that is answered once more",
    EchoIdle "a raw echo given up because nothing moved",
    HandshakeTimedOut "a peer whose hello did not come in time",
    SilentWithWork "a peer that fell silent with operations open",
    SilentWithoutWork "a peer that fell silent with nothing open",
    SilentInDrain "a peer that fell silent in a drain",
    LingerRanOut "a peer that did not end its side in time after the last words",
    ByeBeforeTheAnswer "a client that says goodbye before what it called off is answered",
    BeganWithHello "an operation that begins before the server has said hello",
    GoAwayWithWork "a server that begins nothing more while the client has operations open",
    ByeWithWork "a goodbye while operations are open",
    RefusedInDrain "a connection that came in its handshake as its server stopped",
    ControlWaits "control that waits for room",
    CreditWaits "a sender that has room and waits for credit",
    ReadsWait "reads that wait until what was read is sent",
    StoreIsFull "a session that reads nothing more until its store has caught up",
    SendersTakeTurns "two senders that share a connection",
    ReceiversTakeTurns "data of one transfer after data of another one that is not stored",
    ReadOvertakes "an extent that is read before the one in front of it",
    SourceChanged "a source that changed while it was sent",
    DataBeforeOpen "data that comes before the partial is open",
    LostBeforeCommit "a connection lost between the last block and the commit",
    LostInPublish "a connection lost while the file is being published",
    CancelLost "a cancellation that comes too late: the file is being published",
    BlockRefused "a block that is not what its sender hashed",
    BlocksWanted "a receiver that asks for blocks again",
    LostInAnswer "a connection lost while the store works on an answer",
    RetriedAfterGoAway "a job tried again because its server went away",
    RetriedAfterReset "a job tried again because its connection broke",
    DialTimedOut "a dial that was given up by deadline",
    GaveUpFirstContact "a server looked for in vain",
    ManyRetried "several jobs that were lost with one connection",
    ListenerIsFull "a connection refused because there are too many",
    SourceIsFull "a connection refused because its address has too many",
    GaveWay "a connection that did not greet, and gave way to a new one",
    AcceptPaused "nothing accepted for a while because the system ran out of files",
    Superseded "an attempt that a later one took the place of",
    PartialKept "a partial that is kept for the next attempt",
    PublishedMeanwhile "a partial that is not kept, since a file was published in its place meanwhile",
    PartialResumed "a partial that was kept, and is gone on with",
    PartialHasAnotherName "a partial whose name a crash brought back after it was published",
    JournalDamaged "a journal that was damaged",
    LogDamaged "a log of requests that ends with a damaged record",
    LogWrittenAnew "a log of requests written anew",
    BarrierFailed "a sync of a whole file system that failed, and the files that it was for",
    BlocksCopied "blocks copied from the version that stands there, or from another's partial",
    HoleSent "a hole of a file that was sent as one",
    HeldRefused "a block that was held, and is not the sender's",
    ShortWrite "a write to a file that took a part",
    FolderMade "a file published into a folder that was not there",
    AnsweredAgain "a remembered request answered a second time",
    OpenedTwice "an upload opened again while an earlier opener has one that looks alike",
    SyncFailed "a sync that failed",
    GroupCommit "publications that share their syncs",
    NoSpace "an upload refused for want of space",
    PartGoesOn "a part of a file that goes on where its output is",
    StreamAgain "a stream that is sent again from what was kept of it",
    StreamSpent "a stream that broke off when too much of it was read to begin again",
    ComparedChanged "a file that changed while it was compared, or summed up",
    ListedAgain "a folder of a tree whose listing begins again",
    WindowFollows "a folder of a tree whose names take several windows",
    ClearedForPlace "a folder of a tree that is cleared, since something else is to stand there",
    TreeGivenUp "a tree whose server cannot be reached any more, with work open",
    TreeOfLoop "a link of a tree that leads back to a folder that it is in",
    ListingEndless "a folder of a tree with more names than anybody could mean",
    TreeEndless "a tree with more entries than anybody could mean",
    ReservedLeft "a name of a tree that is kept for partial files",
    PathTooLong "an entry of a tree whose path at the other side would be too long",
    SharedWhole "a file of which connections have brought all blocks",
    HelperLost "a connection of several for one file that was lost",
    HelperRefused "a connection for a file that others bring, and that the server does not grant",
    BlockContested "a block of an upload that two of its connections have written",
    BlocksGathered "a file that is published with what other connections brought",
    SharedPut "an upload of which several connections have brought blocks",
    PushLost "a connection that brought blocks of an upload, and was lost",
    JoinedForeign "a connection that was to bring blocks of an upload that is not there",
    ShareLeft "a block asked of a connection that was lost",
    ShareHalfWritten "a block that a lost connection brought in part, while that is still being written",
    ShareFlushed "a connection of several for one file that turns to another transfer",
    SupplierBroke "a connection of several for one file whose server broke a rule",
    PaceGrows "more connections for a file, since those before were of use",
    PaceSettles "no more connections for a file, since the last ones were of no use",
}

#[cfg(feature = "harness")]
mod reached {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use super::Mark;

    const _: () = assert!(Mark::ALL.len() <= 128, "a bit for each");

    thread_local! {
        /// A bit for each mark that this thread has reached since they were taken last.
        static REACHED: Cell<u128> = const { Cell::new(0) };
    }

    pub(in crate::probe) fn note(mark: Mark) {
        REACHED.set(REACHED.get() | 1 << mark as u32);
    }

    /// What this thread has reached since this was asked last.
    pub fn take_marks() -> BTreeSet<Mark> {
        let reached = REACHED.take();
        Mark::ALL.iter().copied().filter(|mark| reached & 1 << *mark as u32 != 0).collect()
    }

    /// Does what does not count: a simulator that looks at bytes uses the code that it watches.
    pub fn aside<T>(action: impl FnOnce() -> T) -> T {
        let before = REACHED.get();
        let result = action();
        REACHED.set(before);
        result
    }
}

#[cfg(feature = "harness")]
pub(super) use reached::note;
#[cfg(feature = "harness")]
pub use reached::{aside, take_marks};
