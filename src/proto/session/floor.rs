//! A floor on progress: a peer that neither reads nor sends, or now and then a byte, and answers pings meanwhile, does not hold its
//! place for ever. Time counts in which this side waits for its peer and for nothing of its own; a slow disk here is nobody's fault.

use super::{Role, Session};
use crate::proto::machine::Out;
use crate::proto::timers::Timer;
use crate::time::{Duration, Time};
use crate::wire::{Code, Failure};

/// An operation that ends counts for so much of a floor: many small files move few bytes in many round trips.
const OPERATION_SHARE: u64 = 16;

/// What a peer has to move, at least, in so much time of waiting for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Floor {
    /// Bytes of files and listings, either way.
    pub bytes: u64,
    /// In this time.
    pub within: Duration,
}

/// What has moved since the last time that it was enough.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Progress {
    moved: u64,
    /// What had come of a frame by then: over a slow path one may take longer than there is.
    part: usize,
    patience: Patience,
}

/// How much longer the peer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Patience {
    /// It is waited for until then.
    Runs(Time),
    /// It is not waited for; so much is left for when it is.
    Stands(Duration),
}

impl Progress {
    pub(super) fn new(floor: Option<Floor>) -> Progress {
        let left = floor.map(|floor| floor.within).unwrap_or_default();
        Progress { moved: 0, part: 0, patience: Patience::Stands(left) }
    }

    /// So many bytes went one way or the other: as the transport takes them, and as whole frames come.
    pub(super) fn moves(&mut self, bytes: u64) {
        self.moved = self.moved.saturating_add(bytes);
    }

    /// Whether the peer is waited for from now on. Gives until when.
    fn turn(&mut self, now: Time, waits: bool) -> Option<Time> {
        match (self.patience, waits) {
            (Patience::Stands(left), true) => self.patience = Patience::Runs(now + left),
            (Patience::Runs(until), false) => self.patience = Patience::Stands(until.since(now)),
            (Patience::Stands(_), false) | (Patience::Runs(_), true) => {}
        }
        self.until()
    }

    fn until(&self) -> Option<Time> {
        match self.patience {
            Patience::Runs(until) => Some(until),
            Patience::Stands(_) => None,
        }
    }

    pub(super) fn rebase(&mut self, now: Time) {
        if let Patience::Runs(until) = &mut self.patience {
            *until = Time::ZERO + until.since(now);
        }
    }
}

impl Session {
    /// An operation is over.
    pub(super) fn operation_counts(&mut self) {
        if let Some(floor) = self.limits.floor {
            self.progress.moved = self.progress.moved.saturating_add(floor.bytes / OPERATION_SHARE);
        }
    }

    /// After a step: whether the peer is waited for from now on, and until when at most.
    pub(super) fn watch_progress(&mut self, now: Time, out: &mut Out<Session>) {
        let (Some(floor), Role::Server { .. }) = (self.limits.floor, self.role) else { return };
        let waits = self.phase.is_alive() && self.table.waits_for_peer() && !self.is_held_back();
        if self.progress.turn(now, waits).is_some_and(|until| until <= now) {
            let Floor { bytes, within } = floor;
            let part = self.channel.decoder.held();
            let before = Progress { moved: 0, part, patience: Patience::Runs(now + within) };
            let Progress { moved, part: of, .. } = core::mem::replace(&mut self.progress, before);
            let moved = moved.saturating_add(part.saturating_sub(of) as u64);
            if moved < bytes {
                let text = format!("{moved} bytes in {within:?} of waiting, and {bytes} are the least");
                return self.give_up(now, Failure::new(Code::TOO_SLOW, text), out);
            }
        }
        self.timers.set(Timer::Floor, self.progress.until());
    }
}
