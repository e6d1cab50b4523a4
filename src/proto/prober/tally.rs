//! What became of the probes of all connections, counted. In bounded memory: histograms of a fixed size (HdrHistogram, by Gil
//! Tene), exact to three digits, from a nanosecond to an hour.

use hdrhistogram::Histogram;

use super::{ProbeEvent, Rate};
use crate::time::{Duration, Time};

/// The percentiles that a report has.
pub const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];
/// With fewer samples beyond a percentile, it is as much chance as measure.
pub const FEW: u64 = 10;

const HOUR: u64 = 3_600_000_000_000;

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Probes that left.
    pub sent: u64,
    /// Of them, those that were answered in time with the right bytes. `sent` is `received`, `lost`, `damaged`, `abandoned` and
    /// what is still on its way.
    pub received: u64,
    /// Those that were not answered in time.
    pub lost: u64,
    /// Of those that were lost, those that were answered later.
    pub late: u64,
    /// Replies beyond the first.
    pub duplicated: u64,
    /// Replies that came after one to a probe that left later.
    pub reordered: u64,
    /// Replies with wrong bytes.
    pub corrupted: u64,
    /// Probes of which the only reply in time was one of those.
    pub damaged: u64,
    /// Replies of which the end is missing, among `received`.
    pub truncated: u64,
    /// Replies so late that it is not known whether they were the first.
    pub stale: u64,
    /// How often the other side's system said that nobody listens.
    pub refused: u64,
    /// Probes that were on their way when the probe was stopped.
    pub abandoned: u64,
    /// Probes that were due and never left.
    pub unsent: u64,
}

/// Counts, and how long it took.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How many of what.
    pub counts: Counts,
    /// Nanoseconds from when probes left to their replies.
    pub service: Histogram<u64>,
    /// Nanoseconds from when probes were due to their replies.
    pub response: Histogram<u64>,
    /// Nanoseconds from when probes were due to when they left, where there is a schedule.
    pub lateness: Histogram<u64>,
    /// Nanoseconds by which the driver's timer woke it too late.
    pub wakes: Histogram<u64>,
    /// The least and the most bytes of replies that were cut.
    pub cut: Option<(usize, usize)>,
    sent: Option<(Time, Time)>,
    replied: Option<Time>,
}

/// A percentile, and how much is behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// Of the samples, so many in a hundred are at most `value`.
    pub percent: f64,
    /// That value.
    pub value: Duration,
    /// Samples beyond it.
    pub beyond: u64,
}

/// A histogram in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// How many samples.
    pub samples: u64,
    /// The least.
    pub min: Duration,
    /// Their mean.
    pub mean: Duration,
    /// The most.
    pub max: Duration,
    /// Those of [`PERCENTILES`].
    pub percentiles: Vec<Percentile>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            counts: Counts::default(),
            service: histogram(),
            response: histogram(),
            lateness: histogram(),
            wakes: histogram(),
            cut: None,
            sent: None,
            replied: None,
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HOUR, 3).expect("such a histogram can be had")
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Counts {
    /// Counts an event.
    pub fn note(&mut self, event: &ProbeEvent) {
        match *event {
            ProbeEvent::Sent { .. } => self.sent += 1,
            ProbeEvent::Reply { is_reordered, cut, .. } => {
                self.received += 1;
                self.reordered += u64::from(is_reordered);
                self.truncated += u64::from(cut.is_some());
            }
            ProbeEvent::Lost => self.lost += 1,
            ProbeEvent::Late => self.late += 1,
            ProbeEvent::Duplicate => self.duplicated += 1,
            ProbeEvent::Stale => self.stale += 1,
            ProbeEvent::Corrupted { is_answer } => {
                self.corrupted += 1;
                self.damaged += u64::from(is_answer);
            }
            ProbeEvent::Refused => self.refused += 1,
            ProbeEvent::Abandoned => self.abandoned += 1,
            ProbeEvent::Unsent(count) => self.unsent += count,
        }
    }
}

impl Tally {
    /// Counts an event.
    pub fn note(&mut self, event: &ProbeEvent) {
        self.counts.note(event);
        match *event {
            ProbeEvent::Sent { at, late } => {
                let (first, last) = self.sent.unwrap_or((at, at));
                self.sent = Some((first.min(at), last.max(at)));
                if let Some(late) = late {
                    self.lateness.saturating_record(nanos(late));
                }
            }
            ProbeEvent::Reply { at, service, response, is_reordered: _, cut } => {
                if let Some(length) = cut {
                    let (least, most) = self.cut.unwrap_or((length, length));
                    self.cut = Some((least.min(length), most.max(length)));
                }
                self.replied = self.replied.max(Some(at));
                self.service.saturating_record(nanos(service));
                self.response.saturating_record(nanos(response));
            }
            ProbeEvent::Lost
            | ProbeEvent::Late
            | ProbeEvent::Duplicate
            | ProbeEvent::Stale
            | ProbeEvent::Corrupted { .. }
            | ProbeEvent::Refused
            | ProbeEvent::Abandoned
            | ProbeEvent::Unsent(_) => {}
        }
    }

    /// The driver was woken so much later than it asked for.
    pub fn note_wake(&mut self, late: Duration) {
        self.wakes.saturating_record(nanos(late));
    }

    /// Probes that left a second; `None` of fewer than two.
    pub fn sent_per_second(&self) -> Option<f64> {
        let (first, last) = self.sent?;
        let seconds = last.since(first).as_secs_f64();
        (seconds > 0.0).then(|| (self.counts.sent - 1) as f64 / seconds)
    }

    /// From the first probe that left to the last one, or to its reply.
    pub fn elapsed(&self) -> Duration {
        self.sent.map_or(Duration::ZERO, |(first, last)| last.max(self.replied.unwrap_or(last)).since(first))
    }

    /// True if so many fewer left than were asked for that the rate is not what was measured: 2 in 100.
    pub fn is_behind(&self, asked: Rate) -> bool {
        self.sent_per_second().is_some_and(|sent| sent < asked.per_second() * 0.98)
    }
}

impl Spread {
    /// Of a histogram of nanoseconds; `None` of an empty one.
    pub fn of(histogram: &Histogram<u64>) -> Option<Spread> {
        let samples = histogram.len();
        let percentile = |percent| Percentile::of(histogram, percent);
        (samples > 0).then(|| Spread {
            samples,
            min: Duration::from_nanos(histogram.min()),
            mean: Duration::from_nanos(histogram.mean() as u64),
            max: Duration::from_nanos(histogram.max()),
            percentiles: PERCENTILES.into_iter().filter_map(percentile).collect(),
        })
    }
}

impl Percentile {
    /// Of a histogram of nanoseconds; `None` of an empty one.
    pub fn of(histogram: &Histogram<u64>, percent: f64) -> Option<Percentile> {
        let samples = histogram.len();
        let within = (samples as f64 * percent / 100.0).ceil() as u64;
        let value = Duration::from_nanos(histogram.value_at_percentile(percent).min(histogram.max()));
        (samples > 0).then_some(Percentile { percent, value, beyond: samples - within.min(samples) })
    }

    /// True if there are too few samples beyond it to tell much.
    pub fn is_of_few(&self) -> bool {
        self.beyond < FEW
    }
}
