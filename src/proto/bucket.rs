//! A token bucket (RFC 2697's, of one rate): what may pass at once, and how soon more may. It has two uses: to answer what fits and drop
//! what does not ([`Bucket::take`]), and to let what has come all the same be paid for before anything more comes ([`Bucket::spend`]).

use crate::time::{Duration, Time};

/// So many bytes a second, and so many at once after silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) bytes_per_second: u64,
    pub(super) burst: u64,
}

/// What it lacks of its burst, in bytes times nanoseconds a second: a whole number at any rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    lacks: u128,
    at: Time,
}

const NANOS: u128 = 1_000_000_000;

impl Flow {
    fn full(&self) -> u128 {
        u128::from(self.burst) * NANOS
    }
}

impl Bucket {
    pub(super) const FULL: Bucket = Bucket { lacks: 0, at: Time::ZERO };

    /// As it is at `now`.
    fn refilled(self, now: Time, flow: &Flow) -> Bucket {
        let gained = u128::from(flow.bytes_per_second) * now.since(self.at).as_nanos();
        Bucket { lacks: self.lacks.saturating_sub(gained), at: now }
    }

    /// Takes `bytes`, if there are so many.
    pub(super) fn take(&mut self, bytes: usize, now: Time, flow: &Flow) -> bool {
        let filled = self.refilled(now, flow);
        let lacks = filled.lacks + bytes as u128 * NANOS;
        let is_enough = lacks <= flow.full();
        *self = if is_enough { Bucket { lacks, at: now } } else { filled };
        is_enough
    }

    /// Takes `bytes`, whether there are so many or not.
    pub(super) fn spend(&mut self, bytes: u64, now: Time, flow: &Flow) {
        let filled = self.refilled(now, flow);
        *self = Bucket { lacks: filled.lacks + u128::from(bytes) * NANOS, at: now };
    }

    /// Puts back what was taken and not used.
    pub(super) fn give_back(&mut self, bytes: u64) {
        self.lacks = self.lacks.saturating_sub(u128::from(bytes) * NANOS);
    }

    /// True if nothing is lacking at `now`: as one that never was.
    pub(super) fn is_full(&self, now: Time, flow: &Flow) -> bool {
        self.refilled(now, flow).lacks == 0
    }

    /// What is lacking at `now`, for comparison.
    pub(super) fn lacks(&self, now: Time, flow: &Flow) -> u128 {
        self.refilled(now, flow).lacks
    }

    /// From when on something is in it.
    pub(super) fn ready_at(&self, flow: &Flow) -> Time {
        if self.lacks < flow.full() {
            return self.at;
        }
        let owed = self.lacks - flow.full();
        let wait = owed / u128::from(flow.bytes_per_second.max(1)) + 1;
        self.at + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    /// See [`super::Machine::rebase`].
    pub(super) fn rebase(&mut self, now: Time, flow: &Flow) {
        *self = Bucket { at: Time::ZERO, ..self.refilled(now, flow) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { bytes_per_second: 1_000, burst: 300 };

    #[test]
    fn what_was_spent_beyond_it_is_paid_for_before_there_is_more() {
        let at = Time::from_millis;
        let mut bucket = Bucket::FULL;
        assert_eq!(bucket.ready_at(&FLOW), Time::ZERO);
        bucket.spend(1_300, at(0), &FLOW);
        // 1,000 bytes are owed, and the next nanosecond brings something.
        assert_eq!(bucket.ready_at(&FLOW), at(1_000) + Duration::from_nanos(1));
        assert!(!bucket.take(1, at(1_000), &FLOW) && bucket.take(1, at(1_001), &FLOW));
        bucket.spend(500, at(2_000), &FLOW);
        bucket.give_back(500);
        assert!(bucket.take(300, at(2_000), &FLOW) && !bucket.is_full(at(2_299), &FLOW));
        assert!(bucket.is_full(at(2_300), &FLOW));
    }

    #[test]
    fn any_numbers_do() {
        for flow in
            [Flow { bytes_per_second: 0, burst: 0 }, Flow { bytes_per_second: u64::MAX, burst: u64::MAX }]
        {
            let mut bucket = Bucket::FULL;
            for _ in 0..3 {
                bucket.spend(u64::MAX, Time::from_nanos(u64::MAX), &flow);
            }
            let _any = bucket.ready_at(&flow);
        }
    }
}
