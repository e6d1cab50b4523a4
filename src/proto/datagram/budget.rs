//! How much each source is answered: a token bucket each, for so many of them.

use std::collections::BTreeMap;

use crate::proto::bucket::{Bucket, Flow};
use crate::time::{Duration, Time};

/// How much a source is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Allowance {
    /// Bytes a second, headers included. What an attacker who forges a victim's address can send it through us.
    pub bytes_per_second: u64,
    /// Bytes that may be answered at once after silence.
    pub burst: u64,
    /// Sources that are told apart; all others share one bucket.
    pub sources: usize,
}

impl Default for Allowance {
    /// 1 MB/s each, a quarter of it at once, for 1,024 sources: some 64 KiB of memory.
    fn default() -> Allowance {
        Allowance { bytes_per_second: 1_000_000, burst: 250_000, sources: 1_024 }
    }
}

/// The buckets.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Budget {
    allowance: Allowance,
    buckets: BTreeMap<u128, Bucket>,
    /// Of sources for which there is no bucket left.
    others: Bucket,
    /// Until then it is of no use to look for buckets that are full again.
    next_look: Time,
}

impl Allowance {
    fn flow(&self) -> Flow {
        Flow { bytes_per_second: self.bytes_per_second, burst: self.burst }
    }
}

impl Budget {
    pub(super) fn new(allowance: Allowance) -> Budget {
        Budget { allowance, buckets: BTreeMap::new(), others: Bucket::FULL, next_look: Time::ZERO }
    }

    /// Takes `bytes` of what `source` is granted, if that much is left.
    pub(super) fn take(&mut self, source: u128, bytes: usize, now: Time) -> bool {
        if !self.buckets.contains_key(&source) && self.buckets.len() >= self.allowance.sources {
            self.forget_full(now);
        }
        let has_room = self.buckets.len() < self.allowance.sources;
        let flow = self.allowance.flow();
        match self.buckets.get_mut(&source) {
            Some(bucket) => bucket.take(bytes, now, &flow),
            None if has_room => {
                let mut bucket = Bucket::FULL;
                let is_enough = bucket.take(bytes, now, &flow);
                self.buckets.insert(source, bucket);
                is_enough
            }
            None => self.others.take(bytes, now, &flow),
        }
    }

    /// A bucket that is full again is as one that never was. At most so often that looking costs less than answering.
    fn forget_full(&mut self, now: Time) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + Duration::from_millis(10);
        let flow = self.allowance.flow();
        self.buckets.retain(|_, bucket| !bucket.is_full(now, &flow));
    }

    pub(super) fn footprint(&self) -> usize {
        self.buckets.len() * size_of::<(u128, Bucket)>()
    }

    pub(super) fn footprint_max(&self) -> usize {
        self.allowance.sources * size_of::<(u128, Bucket)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { bytes_per_second: 1_000, burst: 300, sources: 2 };

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn a_burst_and_then_what_the_rate_brings() {
        let mut budget = Budget::new(ALLOWANCE);
        assert!(budget.take(1, 200, at(0)) && budget.take(1, 100, at(0)));
        assert!(!budget.take(1, 1, at(0)), "the burst is spent");
        assert!(!budget.take(1, 51, at(50)), "50 ms bring 50 bytes");
        assert!(budget.take(1, 50, at(50)) && !budget.take(1, 1, at(50)));
        assert!(budget.take(1, 300, at(1_000)) && !budget.take(1, 1, at(1_000)), "never more than the burst");
        assert!(!budget.take(2, 301, at(0)), "nor for anybody else");
        assert!(budget.take(2, 300, at(1_000)), "one takes nothing from another");
    }

    #[test]
    fn sources_beyond_those_that_are_told_apart_share_and_take_nothing_from_the_others() {
        let mut budget = Budget::new(ALLOWANCE);
        assert!(budget.take(1, 1, at(0)) && budget.take(2, 1, at(0)));
        let answered = (10..1_000).filter(|source| budget.take(*source, 1, at(0))).count();
        assert_eq!((answered, budget.footprint()), (300, budget.footprint_max()));
        assert!(budget.take(1, 299, at(0)));
        // Those that are full again make place.
        assert!(budget.take(2_000, 300, at(10_000)) && budget.take(2_001, 300, at(10_000)));
    }

    #[test]
    fn any_numbers_do() {
        let most = Allowance { bytes_per_second: u64::MAX, burst: u64::MAX, sources: 1 };
        let mut budget = Budget::new(most);
        assert!(budget.take(u128::MAX, usize::MAX, Time::from_nanos(u64::MAX)));
        let none = Allowance { bytes_per_second: 0, burst: 0, sources: 0 };
        assert!(!Budget::new(none).take(1, 1, Time::from_nanos(u64::MAX)));
    }
}
