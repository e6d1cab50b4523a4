//! What holds a connection's transfers back: each moment in which they wait counts for what they wait for. Statistics, and not
//! state: two sessions that differ in nothing else are equal.

use core::hash::{Hash, Hasher};

use super::{Role, Session};
use crate::proto::op::Stage;
use crate::time::{Duration, Time};

/// How long transfers waited, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Waits {
    /// For what is read and hashed here, with nothing ready to be sent.
    pub reading: Duration,
    /// For the network: it takes no more of what is ready, or brings nothing.
    pub network: Duration,
    /// For the peer: it grants no more, since its disk is behind, or owes an answer.
    pub peer: Duration,
    /// For what is written here: it holds so much that the peer may send no more, or is being published.
    pub writing: Duration,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Reading,
    Network,
    Peer,
    Writing,
}

/// Counts, from one step to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    waits: Waits,
    /// What is waited for, and since when that has been counted.
    waiting: Option<(Cause, Time)>,
}

impl PartialEq for Meter {
    fn eq(&self, _: &Meter) -> bool {
        true
    }
}

impl Hash for Meter {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Meter {
    /// Counts up to `now`.
    fn count(&mut self, now: Time) {
        let Some((cause, since)) = &mut self.waiting else { return };
        let time = now.since(*since);
        *since = now;
        *match cause {
            Cause::Reading => &mut self.waits.reading,
            Cause::Network => &mut self.waits.network,
            Cause::Peer => &mut self.waits.peer,
            Cause::Writing => &mut self.waits.writing,
        } += time;
    }

    /// What was counted since this was called last.
    pub(super) fn take(&mut self, now: Time) -> Waits {
        self.count(now);
        core::mem::take(&mut self.waits)
    }

    pub(super) fn rebase(&mut self, now: Time) {
        if let Some((_, since)) = &mut self.waiting {
            *since = Time::ZERO + since.since(now);
        }
    }
}

impl Session {
    /// After a step: what is waited for from now on. Nobody asks a server.
    pub(super) fn measure(&mut self, now: Time) {
        if self.role != Role::Client {
            return;
        }
        let cause = self.cause();
        self.meter.count(now);
        self.meter.waiting = cause.map(|cause| (cause, now));
    }

    /// Of several transfers the one that is furthest counts: what is ready to be sent before what is being read.
    fn cause(&self) -> Option<Cause> {
        if let Some(bytes) = self.table.wanted().next() {
            return Some(if self.channel.lacks_credit(bytes) { Cause::Peer } else { Cause::Network });
        }
        Some(match self.table.stage()? {
            Stage::Awaiting => Cause::Peer,
            Stage::Receiving if self.channel.inbound.is_nearly_used() => Cause::Writing,
            Stage::Receiving => Cause::Network,
            Stage::Publishing => Cause::Writing,
            Stage::Reading => Cause::Reading,
        })
    }
}
