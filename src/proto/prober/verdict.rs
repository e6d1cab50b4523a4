//! Conditions on what was measured, as text: `p99>2ms,loss>0.1%`.
//!
//! ```text
//! conditions = condition *("," condition)
//! condition  = [("service" / "response") "."] ("min" / "mean" / "max" / "p" NUMBER) operator NUMBER ("ns" / "us" / "µs" / "ms" / "s")
//!            / ("loss" / "lost" / "late" / "duplicated" / "reordered" / "corrupted" / "truncated" / "sent" / "received") operator NUMBER ["%"]
//!            / "rate" operator NUMBER
//! operator   = ">" / ">=" / "<" / "<="
//! ```
//! Without a prefix a time is a response time; `%` is of the probes that were sent; `rate` is of those that left, a second.

use core::fmt;

use super::tally::{Counts, Percentile, Spread, Tally};
use crate::time::Duration;

/// Conditions, of which none may hold.
#[derive(Clone, Debug)]
pub struct FailIf(Vec<Condition>);

/// Why a text has no conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where, in characters from the beginning.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

/// A condition that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// As it was written.
    pub condition: String,
    /// What was measured; `None` where there was nothing to measure.
    pub measured: Option<String>,
}

#[derive(Clone, Debug)]
struct Condition {
    text: String,
    metric: Metric,
    operator: Operator,
    limit: f64,
}

/// What is measured: times in seconds, parts of a hundred, or a number.
#[derive(Clone, Copy, Debug)]
enum Metric {
    Time(Measure, Statistic),
    Count(Kind),
    Percent(Kind),
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Response,
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    Min,
    Mean,
    Max,
    Percentile(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

type Kind = fn(&Counts) -> u64;

const COUNTS: [(&str, Kind); 9] = [
    ("loss", |counts| counts.lost),
    ("lost", |counts| counts.lost),
    ("late", |counts| counts.late),
    ("duplicated", |counts| counts.duplicated),
    ("reordered", |counts| counts.reordered),
    ("corrupted", |counts| counts.corrupted),
    ("truncated", |counts| counts.truncated),
    ("sent", |counts| counts.sent),
    ("received", |counts| counts.received),
];

const UNITS: [(&str, f64); 5] = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];

/// The longest text that is looked at: more conditions than there are things to measure.
const LONGEST: usize = 1_024;

impl FailIf {
    /// Reads conditions.
    ///
    /// # Errors
    /// Where, and what was expected there.
    pub fn parse(text: &str) -> Result<FailIf, ParseError> {
        let mut reader = Reader { text, at: 0 };
        if text.len() > LONGEST {
            return Err(ParseError { at: 0, expected: "at most 1,024 bytes" });
        }
        let mut conditions = Vec::new();
        loop {
            conditions.push(reader.condition()?);
            if reader.is_at_end() {
                return Ok(FailIf(conditions));
            }
            if !reader.take(",") {
                return Err(reader.error("\",\" and another condition, or the end"));
            }
        }
    }

    /// Those that hold, in the order in which they were written. One about times holds where none was measured.
    pub fn breaches(&self, tally: &Tally) -> Vec<Breach> {
        let breach = |condition: &Condition| {
            let measured = condition.metric.of(tally);
            let holds = measured.is_none_or(|measured| condition.operator.holds(measured, condition.limit));
            let measured = measured.map(|measured| condition.metric.shown(measured));
            holds.then(|| Breach { condition: condition.text.clone(), measured })
        };
        self.0.iter().filter_map(breach).collect()
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(' ').len();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_spaces();
        self.rest().is_empty()
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_spaces();
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    fn error(&self, expected: &'static str) -> ParseError {
        ParseError { at: self.text[..self.at].chars().count(), expected }
    }

    /// Letters.
    fn word(&mut self) -> &str {
        self.skip_spaces();
        let from = self.at;
        let length = self.rest().find(|c: char| !c.is_alphabetic()).unwrap_or(self.rest().len());
        self.at += length;
        &self.text[from..self.at]
    }

    /// Digits, perhaps with a fraction.
    fn number(&mut self) -> Result<f64, ParseError> {
        self.skip_spaces();
        let end = self.rest().find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest().len());
        let number = self.rest()[..end].parse().map_err(|_| self.error("a number, such as 2 or 0.1"))?;
        self.at += end;
        Ok(number)
    }

    fn condition(&mut self) -> Result<Condition, ParseError> {
        self.skip_spaces();
        let from = self.at;
        let metric = self.metric()?;
        let operator = self.operator()?;
        let number = self.number()?;
        let unit_at = self.at;
        let (metric, limit) = match metric {
            Metric::Time(..) => {
                let word = self.word();
                let unit = UNITS.iter().find(|(unit, _)| *unit == word).map(|(_, seconds)| *seconds);
                if unit.is_none() {
                    self.at = unit_at;
                }
                (metric, number * unit.ok_or_else(|| self.error("a unit of time: ns, us, ms or s"))?)
            }
            Metric::Count(kind) if self.take("%") => (Metric::Percent(kind), number),
            Metric::Count(_) | Metric::Percent(_) | Metric::Rate => (metric, number),
        };
        Ok(Condition { text: self.text[from..self.at].trim_end().to_owned(), metric, operator, limit })
    }

    fn metric(&mut self) -> Result<Metric, ParseError> {
        let expected = "what was measured: p50, p99.9 (any percentile), min, mean, max, service.p99 (and so on), loss, \
                        late, duplicated, reordered, corrupted, truncated, sent, received or rate";
        let from = self.at;
        let mut measure = None;
        for (prefix, of) in [("service.", Measure::Service), ("response.", Measure::Response)] {
            if self.take(prefix) {
                measure = Some(of);
                break;
            }
        }
        let is_prefixed = measure.is_some();
        let time = |statistic| Metric::Time(measure.unwrap_or(Measure::Response), statistic);
        let within = self.at;
        let metric = match self.word() {
            "min" => Some(time(Statistic::Min)),
            "mean" => Some(time(Statistic::Mean)),
            "max" => Some(time(Statistic::Max)),
            "p" => {
                let at = self.at;
                let percent = self.number()?;
                if !(percent > 0.0 && percent <= 100.0) {
                    self.at = at;
                    return Err(self.error("a percentile above 0, and at most 100"));
                }
                Some(time(Statistic::Percentile(percent)))
            }
            "rate" if !is_prefixed => Some(Metric::Rate),
            word if !is_prefixed => {
                COUNTS.iter().find(|(name, _)| *name == word).map(|(_, count)| Metric::Count(*count))
            }
            _ => None,
        };
        if metric.is_none() {
            self.at = if is_prefixed { within } else { from };
        }
        metric.ok_or_else(|| self.error(expected))
    }

    fn operator(&mut self) -> Result<Operator, ParseError> {
        let all = [
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::Above),
            ("<", Operator::Below),
        ];
        for (token, operator) in all {
            if self.take(token) {
                return Ok(operator);
            }
        }
        Err(self.error("one of > >= < <="))
    }
}

impl Operator {
    fn holds(self, measured: f64, limit: f64) -> bool {
        match self {
            Operator::Above => measured > limit,
            Operator::AtLeast => measured >= limit,
            Operator::Below => measured < limit,
            Operator::AtMost => measured <= limit,
        }
    }
}

impl Metric {
    fn of(&self, tally: &Tally) -> Option<f64> {
        let counts = &tally.counts;
        match self {
            Metric::Time(measure, statistic) => {
                let histogram = match measure {
                    Measure::Response => &tally.response,
                    Measure::Service => &tally.service,
                };
                let spread = Spread::of(histogram)?;
                let time = match statistic {
                    Statistic::Min => spread.min,
                    Statistic::Mean => spread.mean,
                    Statistic::Max => spread.max,
                    Statistic::Percentile(percent) => Percentile::of(histogram, *percent)?.value,
                };
                Some(time.as_secs_f64())
            }
            Metric::Count(count) => Some(count(counts) as f64),
            Metric::Percent(count) => {
                (counts.sent > 0).then(|| count(counts) as f64 * 100.0 / counts.sent as f64)
            }
            Metric::Rate => tally.sent_per_second(),
        }
    }

    fn shown(&self, measured: f64) -> String {
        match self {
            Metric::Time(..) => format!("{:?}", Duration::from_secs_f64(measured)),
            Metric::Count(_) => format!("{measured}"),
            Metric::Percent(_) => format!("{measured:.4}%"),
            Metric::Rate => format!("{measured:.1}"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: expected {}", self.at + 1, self.expected)
    }
}

#[cfg(test)]
#[path = "verdict_test.rs"]
mod tests;
