//! A measurement for people: counts, rates, percentiles with what is behind them, a histogram.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Asked;
use crate::cli::output::Short;
use crate::proto::prober::{Pace, Percentile, Spread, Tally};

/// Columns of the longest bar.
const BAR: u64 = 40;

/// The whole of it, line by line.
pub(super) fn lines(asked: &Asked, tally: &Tally, has_bars: bool) -> Vec<String> {
    let counts = &tally.counts;
    let size = asked.settings.size;
    let mut lines = vec![format!("{} sent, {} received, {size} bytes each", counts.sent, counts.received)];
    let lost = match counts.lost {
        0 => "0 lost".to_owned(),
        lost => format!("{lost} lost ({:.3} %)", lost as f64 * 100.0 / counts.sent.max(1) as f64),
    };
    let (duplicated, reordered, corrupted) = (counts.duplicated, counts.reordered, counts.corrupted);
    lines.push(format!("{lost}, {duplicated} duplicated, {reordered} reordered, {corrupted} corrupted"));
    lines.extend(others(tally));
    lines.push(rates(asked, tally));
    lines.extend(table(tally));
    lines.extend(notes(asked, tally));
    if has_bars {
        lines.extend(bars(&tally.response));
    }
    lines
}

/// What should not happen, and is told only where it does.
fn others(tally: &Tally) -> Vec<String> {
    let counts = &tally.counts;
    let mut lines = Vec::new();
    let mut told = |count: u64, text: String| {
        if count > 0 {
            lines.push(format!("{count} {text}"));
        }
    };
    told(counts.late, "of those that were lost were answered later".into());
    if let Some((least, most)) = tally.cut {
        let lengths = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        told(counts.truncated, format!("of the replies are cut short, to {lengths} bytes"));
    }
    told(counts.stale, "replies came too long after to know what they are".into());
    told(counts.refused, "times the other side said that nobody listens (ICMP port unreachable)".into());
    told(counts.abandoned, "were on their way when the probe was stopped".into());
    told(counts.unsent, "never left: this side, or the path, did not keep up with the schedule".into());
    lines
}

fn rates(asked: &Asked, tally: &Tally) -> String {
    let sent = tally.sent_per_second().map(|rate| format!("{rate:.1} a second"));
    let sent = sent.unwrap_or_else(|| "too few for a rate".to_owned());
    let over = match asked.connections {
        1 => String::new(),
        count => format!(", over {count} connections"),
    };
    let of = |rate: f64| format!("of {rate} asked for");
    let loop_ = match asked.settings.pace {
        Pace::Open(rate) => format!(" {}: an open loop", of(rate.per_second())),
        Pace::Closed(Some(rate)) => format!(" {} at most: a closed loop", of(rate.per_second())),
        Pace::Closed(None) => ": a closed loop".to_owned(),
        Pace::Flood => ": a flood".to_owned(),
    };
    let through = if asked.is_session { ", through the protocol" } else { "" };
    format!("{sent}{loop_}{over}{through}, in {}", Short(tally.elapsed()))
}

fn table(tally: &Tally) -> Vec<String> {
    let (Some(response), Some(service)) = (Spread::of(&tally.response), Spread::of(&tally.service)) else {
        return Vec::new();
    };
    let row = |name: &str, response: Duration, service: Duration, note: String| {
        let (response, service) = (Short(response).to_string(), Short(service).to_string());
        format!("  {name:<8}{response:>12}{service:>12}{note}").trim_end().to_owned()
    };
    let mut lines = vec![format!("  {:<8}{:>12}{:>12}   samples beyond", "", "response", "service")];
    lines.push(row("min", response.min, service.min, String::new()));
    lines.push(row("mean", response.mean, service.mean, String::new()));
    for (of_response, of_service) in response.percentiles.iter().zip(&service.percentiles) {
        let few = if of_response.is_of_few() { ", too few to rely on" } else { "" };
        let note = format!("   {}{few}", of_response.beyond);
        lines.push(row(&named(of_response), of_response.value, of_service.value, note));
    }
    lines.push(row("max", response.max, service.max, format!("   of {}", response.samples)));
    lines
}

/// `p99.9`.
pub(super) fn named(percentile: &Percentile) -> String {
    format!("p{}", percentile.percent)
}

/// What one has to know to read the rest.
fn notes(asked: &Asked, tally: &Tally) -> Vec<String> {
    let mut lines = Vec::new();
    let late = Percentile::of(&tally.lateness, 99.0);
    if let Some(late) = late {
        let timer = Percentile::of(&tally.wakes, 50.0);
        let timer = timer.map(|timer| format!(", the timer woke it {} late (p50)", Short(timer.value)));
        lines.push(format!(
            "99 % left at most {} after they were due, which is part of their response time{}",
            Short(late.value),
            timer.unwrap_or_default()
        ));
    }
    if let Pace::Open(rate) = asked.settings.pace
        && tally.is_behind(rate)
    {
        lines.push("fewer left than were asked for: this measures a lower rate".to_owned());
    }
    let missing = tally.counts.lost + tally.counts.damaged;
    if missing > 0 && tally.counts.received > 0 {
        lines.push(format!("the percentiles are of the {} that were answered", tally.counts.received));
    }
    if matches!(asked.settings.pace, Pace::Closed(_)) {
        lines.push("a closed loop sends nothing while it waits: a stall shows as one slow reply".to_owned());
    }
    lines
}

/// Where response times lie: steps of 1, 2, 5 and 10.
fn bars(times: &Histogram<u64>) -> Vec<String> {
    let mut rows: Vec<(u64, u64, u64)> = Vec::new();
    let (mut from, mut steps) = (0, [2, 5, 10].into_iter().cycle());
    let mut decade = 1;
    while from <= times.max() && !times.is_empty() {
        let step = steps.next().unwrap_or(10);
        let to: u64 = step * decade;
        decade *= if step == 10 { 10 } else { 1 };
        // What a bucket holds belongs to the row in which it begins.
        rows.push((from, to, times.iter_recorded().map(|at| in_row(&at, from, to)).sum()));
        from = to;
    }
    let most = rows.iter().map(|(_, _, count)| *count).max().unwrap_or(0).max(1);
    let first = rows.iter().position(|(_, _, count)| *count > 0).unwrap_or(rows.len());
    let line = |(from, to, count): &(u64, u64, u64)| {
        let bar = "█".repeat((count * BAR).div_ceil(most) as usize);
        let edge = |nanos: u64| Short(Duration::from_nanos(nanos)).to_string();
        format!("  {:>10} to {:>10} {count:>9} {bar}", edge(*from), edge(*to)).trim_end().to_owned()
    };
    rows[first..].iter().map(line).collect()
}

fn in_row(at: &hdrhistogram::iterators::IterationValue<u64>, from: u64, to: u64) -> u64 {
    if (from..to).contains(&at.value_iterated_to()) { at.count_since_last_iteration() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::prober::{ProbeEvent, Rate, Settings};
    use crate::time::Time;

    fn measured() -> (Asked, Tally) {
        let mut tally = Tally::default();
        for number in 0..2_000_u64 {
            let at = Time::from_millis(number);
            tally.note(&ProbeEvent::Sent { at, late: Some(Duration::from_micros(60)) });
            let service = Duration::from_micros(40 + number / 10 * u64::from(number > 1_900));
            let reply = ProbeEvent::Reply {
                at: at + service,
                service,
                response: service + Duration::from_micros(60),
                is_reordered: number == 5,
                cut: None,
            };
            tally.note(&if number % 100 == 0 { ProbeEvent::Lost } else { reply });
        }
        let settings = Settings { pace: Pace::Open(Rate::DEFAULT), ..Settings::default() };
        (Asked { settings, connections: 2, is_session: false }, tally)
    }

    #[test]
    fn a_report_says_what_is_behind_its_numbers() {
        let (asked, tally) = measured();
        let text = lines(&asked, &tally, true).join("\n");
        let all = [
            "2000 sent, 1980 received, 64 bytes each",
            "20 lost (1.000 %), 0 duplicated, 1 reordered, 0 corrupted",
            "1000.0 a second of 1000 asked for: an open loop, over 2 connections, in 2.00 s",
            "  p50         100.0 µs     40.0 µs   990",
            "too few to rely on",
            "99 % left at most 60.0 µs after they were due",
            "the percentiles are of the 1980 that were answered",
            "█",
        ];
        for part in all {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn every_sample_is_in_a_bar() {
        let (_, tally) = measured();
        let counts = bars(&tally.response).into_iter();
        let count = |line: String| line.split_whitespace().nth(5).and_then(|count| count.parse::<u64>().ok());
        assert_eq!(counts.filter_map(count).sum::<u64>(), 1_980, "{:#?}", bars(&tally.response));
        assert_eq!(bars(&Tally::default().response), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_no_table() {
        let (asked, _) = measured();
        let text = lines(&asked, &Tally::default(), true).join("\n");
        assert!(text.starts_with("0 sent, 0 received") && !text.contains("p50"), "{text}");
    }
}
