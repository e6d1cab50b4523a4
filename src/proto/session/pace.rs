//! The rate that a peer's key has at a server. How much may pass and when is the listener's to say, for all connections of the key
//! together (`listener/pacing.rs`); here data is counted, and nothing more is read or sent while none is allowed. What has come by then is
//! carried out: nothing is dropped. A peer that is held back is not silent by its own fault, nor slow.

use super::phase::Phase;
use super::{Event, Session};

use crate::proto::machine::Out;
use crate::proto::timers::Timer;
use crate::time::Time;
use crate::wire::limits::DATA_MAX;

/// How much of what was allowed is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pace {
    /// Data bytes that were allowed; `None`: it waits to be allowed some.
    allowed: Option<u64>,
    /// Of which so many have passed, one way or the other; also what passes while it waits.
    spent: u64,
    /// Data bytes of the connection that are counted.
    counted: u64,
}

impl Session {
    /// A server's end whose data is paced: once its peer has greeted it moves nothing before a first [`Command::Allow`](super::Command::Allow), and says by [`Event::Spent`] when it
    /// is to be given more.
    pub fn paced(self) -> Session {
        Session { pace: Some(Pace::default()), ..self }
    }

    /// True while nothing is to be read from the peer, nor data sent to it. Not before it has greeted: what its key owes from before must
    /// not make it late.
    pub(super) fn is_held_back(&self) -> bool {
        let waits = self.pace.as_ref().is_some_and(|pace| pace.allowed.is_none());
        waits && !matches!(self.phase, Phase::Handshake)
    }

    /// What may be sent of bulk: what is left of what was allowed, and a segment in any case.
    pub(super) fn within_pace(&self, budget: usize) -> usize {
        let left = self.pace.as_ref().and_then(|pace| Some(pace.allowed?.saturating_sub(pace.spent)));
        match left {
            Some(left) => budget.min(usize::try_from(left).unwrap_or(usize::MAX).max(DATA_MAX)),
            None => budget,
        }
    }

    /// Counts what has passed; when what was allowed is used up, more is asked for.
    pub(super) fn keep_pace(&mut self, now: Time, out: &mut Out<Session>) {
        let total = self.channel.data_bytes();
        let Some(pace) = &mut self.pace else { return };
        pace.spent += total - core::mem::replace(&mut pace.counted, total);
        if pace.allowed.is_none_or(|allowed| pace.spent < allowed) {
            return;
        }
        pace.allowed = None;
        out.event(Event::Spent { bytes: core::mem::take(&mut pace.spent), more: true });
        self.hold_back(now);
    }

    /// The peer is not listened to for a while: what it does not say is not asked for, and it hears that this side is there.
    fn hold_back(&mut self, now: Time) {
        self.timers.set(Timer::Ping, None);
        self.timers.set(Timer::Idle, None);
        // What is owed a word already is not put off.
        if self.phase.is_alive()
            && !self.timers.is_set(Timer::Speak)
            && let Some(after) = self.speak_after
        {
            self.timers.set(Timer::Speak, Some(now + after));
        }
    }

    /// So much more may pass.
    pub(super) fn allow(&mut self, now: Time, bytes: u64) {
        let Some(pace) = &mut self.pace else { return };
        pace.allowed = Some(pace.allowed.unwrap_or(0).saturating_add(bytes));
        self.heard(now, 0);
    }

    /// Before the end: what was used of it.
    pub(super) fn settle_pace(&mut self, out: &mut Out<Session>) {
        if let Some(pace) = self.pace.take() {
            out.event(Event::Spent { bytes: pace.spent, more: false });
        }
    }
}
