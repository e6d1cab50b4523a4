//! Named deadlines in one table.

use crate::time::Time;

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub(crate) enum Timer {
    /// The peer's `Hello`.
    Handshake,
    /// Half of the idle time has passed: ask whether the peer is there.
    Ping,
    /// The peer sends, and waits to hear of this side.
    Speak,
    /// The peer is dead.
    Idle,
    /// The peer moves too little.
    Floor,
    /// The peer should have ended its side, or have answered what was called off.
    Linger,
}

const ALL: [Timer; 6] =
    [Timer::Handshake, Timer::Ping, Timer::Speak, Timer::Idle, Timer::Floor, Timer::Linger];

/// One optional deadline for each [`Timer`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Timers {
    deadlines: [Option<Time>; ALL.len()],
}

impl Timers {
    /// Sets or clears a deadline.
    pub(crate) fn set(&mut self, timer: Timer, deadline: Option<Time>) {
        self.deadlines[timer as usize] = deadline;
    }

    /// True if it has a deadline.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.deadlines[timer as usize].is_some()
    }

    /// Clears every deadline.
    pub(crate) fn clear(&mut self) {
        self.deadlines = Default::default();
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes one timer that is due at `now`, in the order of [`Timer`].
    pub(crate) fn expired(&mut self, now: Time) -> Option<Timer> {
        let timer =
            ALL.into_iter().find(|timer| self.deadlines[*timer as usize].is_some_and(|at| at <= now))?;
        self.deadlines[timer as usize] = None;
        Some(timer)
    }

    /// See [`super::Machine::rebase`].
    pub(crate) fn rebase(&mut self, now: Time) {
        for deadline in self.deadlines.iter_mut().flatten() {
            *deadline = Time::ZERO + deadline.since(now);
        }
    }
}
