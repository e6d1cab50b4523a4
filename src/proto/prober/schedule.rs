//! When probes leave.

use super::{Pace, Settings};
use crate::proto::machine::earlier;
use crate::time::{Duration, Time};

/// How many probes leave in 1,000 seconds: a whole number, so that a schedule does not drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate(u64);

impl Rate {
    /// 1,000 probes a second.
    pub const DEFAULT: Rate = Rate(1_000_000);
    /// The highest rate: 10,000,000 probes a second.
    pub const MAX_PER_SECOND: f64 = 1e7;
    /// The lowest one: a probe in 1,000 seconds.
    pub const MIN_PER_SECOND: f64 = 1e-3;

    /// So many a second; `None` if that is no number between [`Rate::MIN_PER_SECOND`] and [`Rate::MAX_PER_SECOND`].
    pub fn new(per_second: f64) -> Option<Rate> {
        let is_possible = (Rate::MIN_PER_SECOND..=Rate::MAX_PER_SECOND).contains(&per_second);
        is_possible.then(|| Rate((per_second * 1e3).round() as u64))
    }

    /// Probes a second.
    pub fn per_second(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// Probes that are due before so much time is over.
    fn before(self, end: Duration) -> u64 {
        let probes = (end.as_nanos() * u128::from(self.0)).div_ceil(1_000_000_000_000);
        u64::try_from(probes).unwrap_or(u64::MAX)
    }

    /// From the first probe to the one with this index.
    fn until(self, index: u64) -> Duration {
        let nanos = u128::from(index) * 1_000_000_000_000 / u128::from(self.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A probe that is about to leave.
pub(super) struct Planned {
    /// When it should have left.
    pub(super) intended: Time,
    /// By how much it missed that; `None` where there is no schedule to miss.
    pub(super) late: Option<Duration>,
    /// Its warm-up is over.
    pub(super) is_counted: bool,
}

/// When a connection's probes leave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Schedule {
    pace: Pace,
    start: Time,
    warm_until: Time,
    ends: Option<Time>,
    /// This connection's number, and how many there are.
    share: (u64, u64),
    /// Probes that are to count, of all connections, and how many of this one's may still leave.
    count: Option<u64>,
    left: Option<u64>,
    sent: u64,
    last: Option<Time>,
}

impl Schedule {
    pub(super) fn new(start: Time, settings: &Settings) -> Schedule {
        let warm_until = start + settings.warm_up;
        let (number, of) = settings.share;
        let share_of = |count: u64| count / of + u64::from(number < count % of);
        Schedule {
            pace: settings.pace,
            start,
            warm_until,
            ends: settings.duration.map(|duration| warm_until + duration),
            share: settings.share,
            count: settings.count,
            left: settings.count.map(share_of),
            sent: 0,
            last: None,
        }
    }

    /// When the next one is due; `None` once there are no more.
    pub(super) fn due(&self, now: Time) -> Option<Time> {
        let (number, of) = self.share;
        let due = match (self.pace, self.last) {
            (Pace::Open(rate), _) => self.start + rate.until(self.sent.saturating_mul(of) + number),
            (Pace::Closed(Some(rate)), None) => self.start + rate.until(number),
            (Pace::Closed(Some(rate)), Some(last)) => last + rate.until(of),
            (Pace::Closed(None) | Pace::Flood, _) => self.start,
        };
        let is_over = match self.pace {
            Pace::Open(_) => self.ends.is_some_and(|ends| due >= ends),
            Pace::Closed(_) | Pace::Flood => self.ends.is_some_and(|ends| due.max(now) >= ends),
        };
        (!is_over && self.left != Some(0)).then_some(due)
    }

    /// When there are no more though none left: what goes by replies ends by the clock.
    pub(super) fn ends(&self) -> Option<Time> {
        match self.pace {
            Pace::Open(_) => None,
            Pace::Closed(_) | Pace::Flood => self.ends,
        }
    }

    /// Where a schedule has an end: when what has not left by then never will, `patience` after its last probe was due.
    pub(super) fn gives_up(&self, patience: Duration) -> Option<Time> {
        let Pace::Open(rate) = self.pace else { return None };
        let last = self.count.map(|count| self.warm_until + rate.until(count));
        earlier(self.ends, last).map(|last| last + patience)
    }

    /// Probes of an open loop that count, and that have not left.
    pub(super) fn unsent(&self) -> u64 {
        let Pace::Open(rate) = self.pace else { return 0 };
        let (number, of) = self.share;
        let own = |until: Time| rate.before(until.since(self.start)).saturating_sub(number).div_ceil(of);
        let warm = own(self.warm_until).saturating_sub(self.sent);
        let by_time = self.ends.map(|ends| own(ends).saturating_sub(self.sent + warm));
        by_time.into_iter().chain(self.left).min().unwrap_or(0)
    }

    /// The next one leaves, which was due at `due`.
    pub(super) fn take(&mut self, due: Time, now: Time) -> Planned {
        let (intended, late) = match self.pace {
            Pace::Open(_) => (due, Some(now.since(due))),
            // It goes by the replies: that it leaves later after a slow one is what it is, and not counted as waiting.
            Pace::Closed(Some(_)) => (now, Some(now.since(due))),
            Pace::Closed(None) | Pace::Flood => (now, None),
        };
        let is_counted = intended >= self.warm_until;
        self.sent += 1;
        self.last = Some(now);
        if let (true, Some(left)) = (is_counted, &mut self.left) {
            *left -= 1;
        }
        Planned { intended, late, is_counted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_that_make_sense_and_do_not_drift() {
        for text in ["NaN", "inf", "-1", "0", "0.0001", "1e9"] {
            assert_eq!(Rate::new(text.parse().unwrap()), None, "{text}");
        }
        assert_eq!(Rate::new(0.5).unwrap().until(3), Duration::from_secs(6));
        // A third of a second has no whole number of nanoseconds; the millionth is still on time.
        assert_eq!(Rate::new(3.0).unwrap().until(3_000_000), Duration::from_secs(1_000_000));
        assert_eq!(Rate::new(1e7).unwrap().per_second(), 1e7);
        assert_eq!(Rate::new(1e-3).unwrap().until(u64::MAX), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn connections_share_the_count_and_take_turns() {
        let rate = Rate::new(1_000.0).unwrap();
        let settings = |number| Settings {
            pace: Pace::Open(rate),
            count: Some(10),
            share: (number, 3),
            ..Settings::default()
        };
        let mut all = Vec::new();
        for number in 0..3 {
            let mut schedule = Schedule::new(Time::ZERO, &settings(number));
            while let Some(due) = schedule.due(Time::ZERO) {
                let planned = schedule.take(due, due);
                assert!(planned.is_counted && planned.late == Some(Duration::ZERO));
                all.push(planned.intended);
            }
        }
        all.sort_unstable();
        assert_eq!(all, (0..10).map(Time::from_millis).collect::<Vec<_>>());
    }
}
