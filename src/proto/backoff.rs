//! How long to wait before trying again: exponential, with jitter from a seed.

use crate::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): a small generator for jitter. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Delays that double with each attempt from `base` to `cap`, each drawn from its upper half so that many clients do not
/// return together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    random: SplitMix,
}

impl Backoff {
    /// The first delay is at most `base`, none is above `cap`.
    pub fn new(base: Duration, cap: Duration, seed: u64) -> Backoff {
        Backoff { base, cap, random: SplitMix(seed) }
    }

    /// The delay after this attempt (from 1), at least `floor` (what the peer asked for). It depends on no other job's
    /// attempts: many that were lost with one connection all return soon.
    pub fn delay(&mut self, attempt: u32, floor: Duration) -> Duration {
        let full = self.base.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(self.cap);
        let half = u64::try_from(full.as_nanos() / 2).unwrap_or(u64::MAX);
        let jitter = if half == 0 { 0 } else { self.random.next_u64() % half };
        (full - Duration::from_nanos(jitter)).max(floor)
    }
}
