//! Bugs that can be planted: each at its natural place, what a person really gets wrong.

use core::fmt;

/// Where a bug lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Bytes to frames and back.
    Wire,
    /// Raw echo.
    Echo,
    /// The probe of an echo.
    Prober,
    /// The protocol on one connection.
    Session,
    /// The sending side of a transfer.
    Sender,
    /// The receiving side.
    Receiver,
    /// The server's side of the simple questions.
    Answer,
    /// The client's side of them.
    Ask,
    /// What goes in order, and what is only compared.
    Ordered,
    /// Trees of folders.
    Tree,
    /// The client's jobs.
    Client,
    /// Admission and drain.
    Listener,
    /// Files, folders, leases.
    Store,
    /// The async code that runs machines.
    Drive,
}

impl Layer {
    /// All of them.
    pub const ALL: &[Layer] = &[
        Layer::Wire,
        Layer::Echo,
        Layer::Prober,
        Layer::Session,
        Layer::Sender,
        Layer::Receiver,
        Layer::Answer,
        Layer::Ask,
        Layer::Ordered,
        Layer::Tree,
        Layer::Client,
        Layer::Listener,
        Layer::Store,
        Layer::Drive,
    ];
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

macro_rules! bugs {
    ($($name:ident $label:literal $layer:ident $words:literal,)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $(#[doc = $words] $name,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Bug] = &[$(Bug::$name,)*];

            /// Its name in plans and reports; never another one's, never changed.
            pub const fn name(self) -> &'static str {
                match self { $(Bug::$name => $label,)* }
            }

            /// Where it is planted.
            pub const fn layer(self) -> Layer {
                match self { $(Bug::$name => Layer::$layer,)* }
            }

            /// What it does.
            pub const fn words(self) -> &'static str {
                match self { $(Bug::$name => $words,)* }
            }
        }
    };
}

bugs! {
    DropCutHeader "drop-cut-header" Wire "What has come of a header is forgotten while the rest is awaited.",
    WaitForOneMore "wait-for-one-more" Wire "A frame waits for a byte beyond its end.",
    SkipChecksum "skip-checksum" Wire "A control frame's checksum is not looked at.",
    EndOnlyAfterBytes "end-only-after-bytes" Echo "An end that comes when nothing is held is noticed with the next bytes, and nothing else wakes it.",
    DropEchoTail "drop-echo-tail" Echo "What is held when the peer ends its side is not sent.",
    AwaitAnswered "await-answered" Prober "A probe that was answered is still awaited, and its second reply counts as another one's.",
    ForgetHighest "forget-highest" Prober "What was answered last counts as the highest, so that one that is overtaken twice is told once.",
    ReuseOperationId "reuse-operation-id" Session "An operation takes the id of the one before it.",
    ForgetHandshakeDeadline "forget-handshake-deadline" Session "A peer may take for ever to say hello.",
    ForgetIdleDeadline "forget-idle-deadline" Session "A silent peer is never given up.",
    StaySilent "stay-silent" Session "A peer that sends for long is not told that it is heard.",
    ForgetLinger "forget-linger" Session "A peer may take for ever to end its side.",
    WithholdCredit "withhold-credit" Session "What was consumed is counted, and the peer never told.",
    DropOpenAtDrain "drop-open-at-drain" Session "A drain says goodbye with operations open.",
    ReadsByOrder "reads-by-order" Sender "A read that completes is taken for the oldest under way.",
    ForgetLastValue "forget-last-value" Sender "The last block of a file that is shorter than the others goes without its chaining value.",
    KeepSource "keep-source" Sender "A source is not released when the connection is lost.",
    IgnoreWant "ignore-want" Sender "Blocks that are asked for again are not sent, and the file is committed again.",
    KeepPartial "keep-partial" Receiver "A partial is not dropped when its transfer fails.",
    CommitWhileWriting "commit-while-writing" Receiver "A commit does not wait for writes under way.",
    AnswerBeforePublish "answer-before-publish" Receiver "The sender is told that the file stands before it does.",
    ForgetPart "forget-part" Sender "What a lost connection was to bring of an upload is brought by no other one.",
    KeepJoined "keep-joined" Receiver "An upload that was joined is not left when the connection is lost.",
    ForgetShare "forget-share" Receiver "What a lost connection was asked for is asked of no other one.",
    KeepFolderOpen "keep-folder-open" Answer "A folder that was listed is not released.",
    CutEchoReply "cut-echo-reply" Answer "An echo's reply lacks its last byte.",
    AnswerBeforeRemove "answer-before-remove" Answer "A removal is answered before it is done.",
    ForgetEmptyEcho "forget-empty-echo" Ask "An echo of nothing waits for no room, and so never gets its turn.",
    LossIsSuccess "loss-is-success" Ask "A connection lost before the answer counts as the answer.",
    ForgetRetry "forget-retry" Client "A job that waits to be tried again has no deadline.",
    ForgetDialDeadline "forget-dial-deadline" Client "A dial may take for ever.",
    KeepDeadLink "keep-dead-link" Client "A connection that ended counts as there.",
    DoNotRetryLoss "do-not-retry-loss" Client "A connection that broke counts as final.",
    AnswerTwice "answer-twice" Client "The application is told twice of a job that succeeds after a retry.",
    ForgetClosed "forget-closed" Listener "A connection that has closed is still counted.",
    ForgetDrainDeadline "forget-drain-deadline" Listener "A stopping server waits for ever.",
    SkipFileSync "skip-file-sync" Store "A file is published without having been synced.",
    SkipFolderSync "skip-folder-sync" Store "A file's new name is not synced.",
    SkipParentSync "skip-parent-sync" Store "The name of a new folder is not synced.",
    RenameBeforeSync "rename-before-sync" Store "A file gets its name before its bytes are durable.",
    NeverRename "never-rename" Store "A file is said to be published, and keeps its partial's name.",
    LeavePartial "leave-partial" Store "A partial that is dropped keeps its file.",
    SkipSweep "skip-sweep" Store "What a dead process left is not swept.",
    TakeShortWrite "take-short-write" Store "A write that took a part is taken for whole.",
    ForgetRequests "forget-requests" Store "Outcomes are not remembered.",
    ForgetLog "forget-log" Store "What a process before this one has logged is not taken in.",
    RemoveUnasked "remove-unasked" Tree "What the source has not is removed, whether that was asked for or not.",
    ForgetWindows "forget-windows" Tree "Of a folder's names the first window counts as all.",
    MoveInDryRun "move-in-dry-run" Tree "A dry run moves files all the same.",
    TrustListing "trust-listing" Tree "A folder's listing may go on for ever.",
    MoveReserved "move-reserved" Tree "Names that are kept for partial files are moved like others.",
    MoveExcluded "move-excluded" Tree "What is to be left out is moved all the same.",
    TrustLength "trust-length" Tree "A file of the same length is left alone, whatever its time.",
    ForgetFailedPart "forget-failed-part" Client "A tree is not told of a part that failed.",
    ForgetPrinted "forget-printed" Client "A part of a file begins from its first byte again after a lost connection.",
    PrintWholeBlock "print-whole-block" Ordered "What is printed begins with its block.",
    SkipLastBlock "skip-last-block" Ordered "The last block is not compared.",
    FailureIsEnd "failure-is-end" Store "An input that fails counts as one that has ended.",
    AnswerStreamEarly "answer-stream-early" Ordered "The sender is told that a stream's file stands before it does.",
    ExcludeLastByte "exclude-last-byte" Wire "The last byte of a range counts as the first one behind it.",
    CloseUnflushed "close-unflushed" Drive "What a machine sent before it closed does not leave.",
    EndBeforeQueue "end-before-queue" Drive "The stream is half-closed while bytes are queued.",
    TimerFiresOnce "timer-fires-once" Drive "A timer that has fired is not set again.",
    WriteOnce "write-once" Drive "A write that took a part is not tried again until something else happens.",
    DropWrittenPiece "drop-written-piece" Drive "A piece of which a part was written counts as written.",
    ForgetLeases "forget-leases" Drive "What a machine that is dropped had open stays open.",
    CountQueued "count-queued" Drive "A piece counts as sent when it is queued.",
    ForgetTask "forget-task" Drive "The listener is not told that a connection's task is over.",
}

impl Bug {
    /// The bug of this name.
    pub fn named(name: &str) -> Option<Bug> {
        Bug::ALL.iter().copied().find(|bug| bug.name() == name)
    }
}

#[cfg(towline_planted)]
mod planted {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    pub(in crate::probe) fn current() -> Option<Bug> {
        PLANTED.get()
    }

    pub(in crate::probe) fn set(bug: Option<Bug>) {
        PLANTED.set(bug);
    }
}

#[cfg(towline_planted)]
pub(super) use planted::{current, set};
