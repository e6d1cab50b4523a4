//! A measurement as an object (`docs/JSON.md`), and as a log of HdrHistogram's.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use serde_json::{Value, json};

use super::{Asked, Target};
use crate::cli::json::Object;
use crate::proto::prober::{Pace, Percentile, Spread, Tally};

pub(super) fn object(target: &Target, asked: &Asked, tally: &Tally) -> Object {
    let (counts, settings) = (&tally.counts, &asked.settings);
    let (pace, rate) = match settings.pace {
        Pace::Open(rate) => ("open", Some(rate)),
        Pace::Closed(rate) => ("closed", rate),
        Pace::Flood => ("flood", None),
    };
    let at = |percent| Percentile::of(&tally.response, percent).map(|found| found.value.as_secs_f64());
    let response = Spread::of(&tally.response);
    Object::new("echo")
        .with("target", target.to_string())
        .with("through", if asked.is_session { "protocol" } else { "socket" })
        .with("loop", pace)
        .with("connections", asked.connections)
        .with("bytes", settings.size)
        .with("rate_asked", rate.map(|rate| rate.per_second()))
        .with("rate_sent", tally.sent_per_second())
        .with("seconds", tally.elapsed().as_secs_f64())
        .with("seconds_timeout", settings.timeout.as_secs_f64())
        .with("sent", counts.sent)
        .with("received", counts.received)
        .with("lost", counts.lost)
        .with("late", counts.late)
        .with("duplicated", counts.duplicated)
        .with("reordered", counts.reordered)
        .with("corrupted", counts.corrupted)
        .with("damaged", counts.damaged)
        .with("truncated", counts.truncated)
        .with("stale", counts.stale)
        .with("refused", counts.refused)
        .with("abandoned", counts.abandoned)
        .with("unsent", counts.unsent)
        .with("seconds_min", response.as_ref().map(|spread| spread.min.as_secs_f64()))
        .with("seconds_p50", at(50.0))
        .with("seconds_p99", at(99.0))
        .with("seconds_max", response.as_ref().map(|spread| spread.max.as_secs_f64()))
        .with("response", spread(&tally.response))
        .with("service", spread(&tally.service))
        .with("lateness", spread(&tally.lateness))
        .with("wakes", spread(&tally.wakes))
}

fn spread(histogram: &Histogram<u64>) -> Value {
    let Some(spread) = Spread::of(histogram) else { return Value::Null };
    let percentile = |at: &Percentile| json!({ "percent": at.percent, "seconds": at.value.as_secs_f64(), "beyond": at.beyond });
    json!({
        "samples": spread.samples,
        "seconds_min": spread.min.as_secs_f64(),
        "seconds_mean": spread.mean.as_secs_f64(),
        "seconds_max": spread.max.as_secs_f64(),
        "percentiles": spread.percentiles.iter().map(percentile).collect::<Vec<_>>(),
    })
}

/// Writes both histograms, in nanoseconds, as two intervals of the whole length with the tags `response` and `service`.
pub(super) fn log(path: &Path, target: &Target, tally: &Tally) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut serializer = V2DeflateSerializer::new();
    let other = |error: &dyn std::fmt::Debug| io::Error::other(format!("{error:?}"));
    {
        let mut builder = IntervalLogWriterBuilder::new();
        let (comment, elapsed) = (format!("towline echo {target}, nanoseconds"), tally.elapsed());
        let ended = SystemTime::now();
        let builder =
            builder.add_comment(&comment).with_start_time(ended.checked_sub(elapsed).unwrap_or(UNIX_EPOCH));
        let builder = builder.with_max_value_divisor(1e6);
        let mut log = builder.begin_log_with(&mut file, &mut serializer).map_err(|error| other(&error))?;
        for (tag, histogram) in [("response", &tally.response), ("service", &tally.service)] {
            log.write_histogram(histogram, Duration::ZERO, elapsed, Tag::new(tag))
                .map_err(|error| other(&error))?;
        }
    }
    file.flush()
}
