//! Rare states: what a campaign must have reached to have tested what it claims. A campaign counts them, and one that
//! never reached one fails. Some the simulator sees; others are marked in the library's code.

use std::collections::BTreeMap;

use towline::probe::Mark;

use crate::outcome::Outcome;
use crate::tier::Tier;

macro_rules! rare {
    ($($(#[$doc:meta])* $name:ident $words:literal,)*) => {
        /// A state that runs seldom reach.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rare {
            $($(#[$doc])* $name,)*
        }

        impl Rare {
            /// All of them.
            pub const ALL: &[Rare] = &[$(Rare::$name,)*];

            /// In words.
            pub fn words(self) -> &'static str {
                match self { $(Rare::$name => $words,)* }
            }
        }
    };
}

rare! {
    /// A write that took less than it was given.
    PartialWrite "a partial write",
    /// A frame's header that came in two reads.
    HeaderCut "a header that came in two reads",
    /// A stream that was not ready although it could have been.
    SpuriousPending "a spurious pending",
    /// The network fell apart while the server received a file.
    PartitionInPut "a partition in the middle of a put",
    /// The client or the server gave a silent peer up.
    Silence "a silent peer given up by deadline",
    /// A put that was tried again, and succeeded.
    RetriedPut "a put that succeeded after a retry",
    /// The server died while it received a file.
    ServerDiedInPut "a server that died in the middle of a put",
    /// The server lost its power when a complete file was synced and not yet renamed.
    DiedBeforeRename "power lost between sync and rename",
    /// The server lost its power when a file had its name and the client did not know.
    DiedAfterRename "power lost between rename and acknowledgement",
    /// A server found the partial of one that died, and removed it.
    Swept "a partial of a dead server swept",
    /// The server lost its power while its disk had changes that were not synced.
    DiskRobbed "power lost with unsynced changes",
    /// The client died while the server received its file.
    ClientDiedInPut "a client that died in the middle of a put",
    /// The server was stopped while it received a file.
    DrainInPut "a drain with work in flight",
    /// A drain that could not wait for what ran.
    DrainCutOff "a drain that cut work off",
    /// A second server found the port taken.
    PortTaken "a port that was taken",
    /// A client that was told that nobody listens.
    Refused "a refused client",
    /// A client that found its server after it had been refused.
    Waited "a client that waited for its server",
    /// A bit of a file that has a name was inverted.
    FileRotted "a file that rots at rest",
    /// A bit of a journal's newest note was inverted.
    NoteRotted "a note in a journal that rots",
    /// Somebody took something out of the folder for partial files.
    Meddled "a folder for partial files that somebody meddled with",
    /// A client's process let go of its client while a job was under way.
    LeftAbruptly "a client that was dropped with work in flight",
    /// A peer that does not keep the rules is gone.
    StrangerGone "a peer that kept no rules, gone",
}

/// A rare state of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The simulator saw it.
    Seen(Rare),
    /// The library's code was in it.
    Marked(Mark),
}

impl State {
    /// All of them.
    pub fn all() -> impl Iterator<Item = State> {
        let seen = Rare::ALL.iter().copied().map(State::Seen);
        seen.chain(Mark::ALL.iter().copied().map(State::Marked))
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            State::Seen(rare) => rare.words(),
            State::Marked(mark) => mark.words(),
        }
    }
}

/// Marks that plans reach too seldom to be asked of a short campaign: from [`Ledger::LONG`] runs on they are.
pub const SELDOM: &[Mark] = &[
    Mark::EchoIdle,
    Mark::SilentInDrain,
    Mark::CreditWaits,
    Mark::LostBeforeCommit,
    Mark::LostInPublish,
    Mark::BlockRefused,
    Mark::HeldRefused,
    Mark::Superseded,
    Mark::PartialKept,
    Mark::PublishedMeanwhile,
    Mark::PartialResumed,
    Mark::BlocksCopied,
    Mark::HoleSent,
    Mark::BlocksWanted,
    Mark::LostInAnswer,
    Mark::CancelLost,
    Mark::ReadsWait,
    Mark::SendersTakeTurns,
    Mark::SourceIsFull,
    Mark::ControlWaits,
    Mark::PartGoesOn,
    Mark::StreamSpent,
    Mark::ComparedChanged,
    Mark::ListedAgain,
    Mark::ClearedForPlace,
    Mark::TreeGivenUp,
    Mark::TreeOfLoop,
    Mark::ListingEndless,
    Mark::TreeEndless,
    Mark::ReservedLeft,
    Mark::PathTooLong,
    Mark::ShareHalfWritten,
    Mark::ShareFlushed,
    Mark::SupplierBroke,
    Mark::PartialHasAnotherName,
    Mark::JournalDamaged,
    Mark::LogWrittenAnew,
    Mark::BarrierFailed,
    Mark::BlockContested,
    Mark::JoinedForeign,
];

/// What the simulator sees too seldom for that: the same holds for it.
pub const SELDOM_SEEN: &[Rare] = &[Rare::NoteRotted, Rare::Meddled, Rare::LeftAbruptly];

/// How many runs reached each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(BTreeMap<State, u64>);

impl Ledger {
    /// Runs from which on a campaign must have reached everything that is not seldom.
    pub const SEEDS: u64 = 800;
    /// Runs from which on it must have reached that, too.
    pub const LONG: u64 = 20_000;

    /// Counts what a run reached.
    pub fn note(&mut self, outcome: &Outcome) {
        let seen = outcome.reached.iter().copied().map(State::Seen);
        for state in seen.chain(outcome.marks.iter().copied().map(State::Marked)) {
            *self.0.entry(state).or_default() += 1;
        }
    }

    /// How many runs reached this.
    pub fn count(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// What none of so many runs on these tiers reached, and one should have. Real sockets are not asked for any of it. Marks are
    /// the fast tier's to reach: on others the store completes in order, and nothing overtakes anything.
    pub fn missing(&self, tiers: &[Tier], runs: u64) -> Vec<State> {
        let is_long = tiers.contains(&Tier::Fast) && runs >= Ledger::LONG;
        let is_due = |state: &State| match state {
            State::Seen(rare) if SELDOM_SEEN.contains(rare) => is_long,
            State::Seen(_) => tiers.iter().any(|tier| Tier::SIMULATED.contains(tier)),
            State::Marked(mark) if SELDOM.contains(mark) => is_long,
            State::Marked(_) => tiers.contains(&Tier::Fast),
        };
        State::all().filter(|state| is_due(state) && self.count(*state) == 0).collect()
    }
}
