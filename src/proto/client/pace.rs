//! Whether more connections are of use: the rate over windows of time, each with as many connections as the one before it or
//! twice as many. Doubled as long as that brings something.

use crate::probe::{Mark, mark_if};
use crate::time::{Duration, Time};

/// A window goes on while less than this part of what is worth several connections has come in it: a few segments say
/// nothing of a rate.
const MOVED_PART: u64 = 16;

/// A window is at least this long.
const WINDOW_MIN: Duration = Duration::from_millis(100);

/// And so many round trips: a new connection needs some to gather speed.
const ROUND_TRIPS: u32 = 3;

/// More connections are of use where they bring an eighth more.
const GROWTH: u64 = 8;

/// The rate, and what it was.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Pace {
    window: Duration,
    /// The least bytes that are a rate.
    moved_min: u64,
    /// When it ends.
    until: Time,
    moved: u64,
    /// How often it went on for as long again.
    extended: u32,
    /// Bytes in the window before, in its first length.
    before: Option<u64>,
    is_settled: bool,
}

impl Pace {
    /// `worth` bytes are the least that several connections are for.
    pub(super) fn new(now: Time, rtt: Duration, worth: u64) -> Pace {
        let window = (rtt * ROUND_TRIPS).max(WINDOW_MIN);
        let (until, moved_min) = (now + window, worth / MOVED_PART);
        Pace { window, moved_min, until, moved: 0, extended: 0, before: None, is_settled: false }
    }

    pub(super) fn moved(&mut self, bytes: u64) {
        self.moved += bytes;
    }

    pub(super) fn deadline(&self) -> Time {
        self.until
    }

    /// Not all connections bring something yet: the window begins when they do.
    pub(super) fn postpone(&mut self, now: Time) {
        (self.until, self.moved, self.extended) = (now + self.window, 0, 0);
    }

    /// True once it is known how many connections are of use.
    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// At the end of a window: how many connections there are to be, if more than `count`.
    pub(super) fn judge(&mut self, now: Time, left: u64, count: u32) -> Option<u32> {
        if now < self.deadline() {
            return None;
        }
        if self.moved < self.moved_min {
            self.extended += 1;
            self.until = now + self.window;
            return None;
        }
        let elapsed = (self.window * (self.extended + 1) + now.since(self.until)).as_nanos();
        let moved = u128::from(self.moved) * self.window.as_nanos() / elapsed;
        let moved = u64::try_from(moved).unwrap_or(u64::MAX);
        let brought = self.before.is_none_or(|before| moved > before + before / GROWTH);
        // What is left at this rate in two windows is not worth new connections.
        let is_enough = left > moved.saturating_mul(2);
        (self.until, self.moved, self.extended, self.before) = (now + self.window, 0, 0, Some(moved));
        self.is_settled = !brought || !is_enough;
        mark_if(Mark::PaceGrows, || brought && is_enough);
        mark_if(Mark::PaceSettles, || !brought);
        (!self.is_settled).then_some(count * 2)
    }

    pub(super) fn rebase(&mut self, now: Time) {
        self.until = Time::ZERO + self.until.since(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn connections_double_while_that_brings_an_eighth_more() {
        let mut pace = Pace::new(ms(0), Duration::from_millis(60), 32 * MIB);
        assert_eq!(pace.deadline(), ms(180));
        pace.moved(8 * MIB);
        assert_eq!(pace.judge(ms(100), 1 << 40, 1), None, "the window is not over");
        assert_eq!(pace.judge(ms(180), 1 << 40, 1), Some(2));
        pace.moved(5 * MIB);
        pace.postpone(ms(280));
        assert_eq!(pace.judge(ms(360), 1 << 40, 2), None, "it began when the second connection did");
        pace.moved(9 * MIB + 1);
        assert_eq!(pace.judge(ms(460), 1 << 40, 2), Some(4));
        pace.moved(10 * MIB);
        assert_eq!(pace.judge(ms(640), 1 << 40, 4), None);
        assert!(pace.is_settled());
    }

    #[test]
    fn nothing_is_added_for_what_is_nearly_over() {
        let mut pace = Pace::new(ms(0), Duration::from_millis(100), 32 * MIB);
        assert_eq!(pace.deadline(), ms(300));
        pace.moved(8 * MIB);
        assert_eq!(pace.judge(ms(300), 16 * MIB, 1), None);
        assert!(pace.is_settled());
    }

    #[test]
    fn a_window_in_which_little_came_goes_on() {
        let mut pace = Pace::new(ms(0), Duration::ZERO, 32 * MIB);
        pace.moved(MIB);
        assert_eq!(pace.judge(ms(100), 1 << 40, 1), None);
        assert!(!pace.is_settled());
        pace.moved(3 * MIB);
        assert_eq!(pace.judge(ms(200), 1 << 40, 1), Some(2));
        pace.moved(2 * MIB + 1);
        assert_eq!(pace.judge(ms(300), 1 << 40, 2), None, "2 MiB in each of the two before");
        assert!(pace.is_settled());
    }

    #[test]
    fn a_window_that_ends_late_is_judged_by_its_rate() {
        let mut pace = Pace::new(ms(0), Duration::ZERO, 32 * MIB);
        pace.moved(8 * MIB);
        assert_eq!(pace.judge(ms(100), 1 << 40, 1), Some(2));
        pace.moved(12 * MIB);
        assert_eq!(pace.judge(ms(300), 1 << 40, 2), None, "twice as long, half as fast");
    }
}
