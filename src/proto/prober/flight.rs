//! Which probes are on their way, and which ones lately were.

use std::collections::VecDeque;

use crate::time::{Duration, Time};

/// A probe that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Probe {
    pub(super) intended: Time,
    pub(super) sent: Time,
    pub(super) is_counted: bool,
    pub(super) fate: Fate,
}

/// What is known of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    /// It may still be answered in time.
    Waiting,
    /// It was answered.
    Answered,
    /// It was not answered in time, and counts as lost.
    Overdue,
}

/// Probes in the order in which they left, from the oldest that is remembered on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flight {
    probes: VecDeque<Probe>,
    /// The number of the first of them.
    first: u64,
    /// No probe before this one waits.
    settled: u64,
    waiting: usize,
}

impl Flight {
    /// However long a timeout and however high a rate: so many probes are remembered of a connection.
    pub(super) const MOST: usize = 1 << 18;

    /// The number that the next probe gets.
    pub(super) fn next(&self) -> u64 {
        self.first + self.probes.len() as u64
    }

    /// The number of the oldest probe that is remembered.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// How many may still be answered in time.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn get(&self, number: u64) -> Option<&Probe> {
        self.probes.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The oldest that is remembered, and its number.
    pub(super) fn oldest(&self) -> Option<(u64, Probe)> {
        self.probes.front().map(|probe| (self.first, *probe))
    }

    /// True if one more can be remembered without forgetting any.
    pub(super) fn has_room(&self) -> bool {
        self.probes.len() < Flight::MOST
    }

    /// One leaves. Where there is no room the oldest is forgotten.
    pub(super) fn push(&mut self, probe: Probe) {
        if self.probes.len() >= Flight::MOST {
            self.forget_oldest();
        }
        self.waiting += usize::from(probe.fate == Fate::Waiting);
        self.probes.push_back(probe);
    }

    /// What is known of it changes; gives what was known.
    pub(super) fn settle(&mut self, number: u64, fate: Fate) -> Option<Fate> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let before = std::mem::replace(&mut self.probes.get_mut(at)?.fate, fate);
        self.waiting -= usize::from(before == Fate::Waiting);
        while self.get(self.settled).is_some_and(|probe| probe.fate != Fate::Waiting) {
            self.settled += 1;
        }
        Some(before)
    }

    /// The oldest that waits, and its number.
    pub(super) fn oldest_waiting(&self) -> Option<(u64, Probe)> {
        self.get(self.settled).map(|probe| (self.settled, *probe))
    }

    /// Those that are settled and left before `before` are forgotten.
    pub(super) fn forget(&mut self, before: Time) {
        let is_over = |probe: &Probe| probe.fate != Fate::Waiting && probe.sent < before;
        while self.probes.front().is_some_and(is_over) {
            self.forget_oldest();
        }
    }

    /// The oldest is forgotten.
    pub(super) fn forget_oldest(&mut self) {
        if let Some(oldest) = self.probes.pop_front() {
            self.waiting -= usize::from(oldest.fate == Fate::Waiting);
            self.first += 1;
            self.settled = self.settled.max(self.first);
        }
    }

    /// When the oldest that waits is overdue.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Time> {
        self.oldest_waiting().map(|(_, probe)| probe.sent + timeout)
    }

    pub(super) fn footprint(&self) -> usize {
        self.probes.capacity() * size_of::<Probe>()
    }

    pub(super) const fn footprint_max() -> usize {
        2 * Flight::MOST * size_of::<Probe>()
    }
}
