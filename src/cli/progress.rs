//! How far a command is: bytes and files, how fast, how long still, and what is being waited for. Time comes as an argument;
//! what it says fits into as many columns as there are.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::output::{Short, Size};

/// Nothing for so long is told.
const STALL: Duration = Duration::from_secs(1);
/// The rate is that of so much time.
const WINDOW: Duration = Duration::from_secs(5);
/// A sample of it is taken so often.
const SAMPLE: Duration = Duration::from_millis(250);
/// Columns of a bar that is worth drawing.
const BAR_MIN: usize = 10;

/// What goes on, where it is not bytes that move.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// There is no connection yet.
    Connecting,
    /// There is one, and no answer yet.
    Asking,
    /// Bytes move.
    Moving,
    /// Another attempt begins then.
    Retrying(Instant),
}

/// How far it is.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    stage: Stage,
    /// Of one file, or of all where that is known.
    length: Option<u64>,
    done: u64,
    /// Of `done`, what was there already: no measure of speed.
    skipped: u64,
    /// Files that are done, where there are many.
    files: Option<u64>,
    /// What is waited for when all is done but the end of it.
    settling: &'static str,
    changed: Instant,
    samples: VecDeque<(Instant, u64)>,
}

/// What stands on the line: text, then a bar where there is room, then text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) before: String,
    /// How much of the bar is full, from 0 to 1000.
    pub(super) bar: Option<u64>,
    pub(super) behind: String,
}

impl Progress {
    /// Of a command that is to connect.
    pub(super) fn connecting(now: Instant) -> Progress {
        let (length, files, samples) = (None, None, VecDeque::from([(now, 0)]));
        let (done, skipped, settling) = (0, 0, "waiting for the server");
        Progress { stage: Stage::Connecting, length, done, skipped, files, settling, changed: now, samples }
    }

    /// Of one that reads `length` bytes here.
    pub(super) fn reading(now: Instant, length: Option<u64>) -> Progress {
        Progress { stage: Stage::Moving, length, settling: "", ..Progress::connecting(now) }
    }

    /// What the end of it waits for.
    pub(super) fn settle(&mut self, settling: &'static str) {
        self.settling = settling;
    }

    /// There is a connection.
    pub(super) fn connected(&mut self, now: Instant) {
        (self.stage, self.changed) = (Stage::Asking, now);
    }

    /// An attempt has failed; the next begins after `delay`.
    pub(super) fn retrying(&mut self, now: Instant, delay: Duration) {
        // Of a tree only one of many files has failed, perhaps.
        if self.files.is_none() {
            self.stage = Stage::Retrying(now + delay);
        }
    }

    /// From now on it is about many files.
    pub(super) fn of_many(&mut self, now: Instant) {
        let (stage, settling) = (self.stage.clone(), self.settling);
        *self = Progress { stage, files: Some(0), settling, ..Progress::connecting(now) };
    }

    /// One file begins, perhaps once more.
    pub(super) fn begin(&mut self, now: Instant, length: u64) {
        if self.files.is_none() {
            let settling = self.settling;
            *self = Progress { settling, ..Progress::reading(now, Some(length)) };
        }
        (self.stage, self.changed) = (Stage::Moving, now);
    }

    /// So many more bytes are done, or were there already.
    pub(super) fn advance(&mut self, now: Instant, bytes: u64, was_there: bool) {
        (self.stage, self.changed) = (Stage::Moving, now);
        self.done = self.done.saturating_add(bytes);
        self.skipped = self.skipped.saturating_add(if was_there { bytes } else { 0 });
        if self.samples.back().is_none_or(|(at, _)| now.duration_since(*at) >= SAMPLE) {
            self.samples.push_back((now, self.done - self.skipped));
            while self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
                self.samples.pop_front();
            }
        }
    }

    /// One more of many files is done.
    pub(super) fn file_done(&mut self, now: Instant) {
        (self.stage, self.changed) = (Stage::Moving, now);
        self.files = self.files.map(|files| files + 1);
    }

    /// Bytes a second of late; `None` before there is anything to tell it from.
    fn rate(&self, now: Instant) -> Option<u64> {
        let (since, before) = self.samples.front()?;
        let time = now.duration_since(*since);
        let moved = (self.done - self.skipped).saturating_sub(*before);
        (time >= SAMPLE && moved > 0).then(|| (moved as f64 / time.as_secs_f64()) as u64)
    }

    fn left(&self, now: Instant) -> Option<Duration> {
        let rate = self.rate(now)?.max(1);
        Some(Duration::from_secs(self.length?.saturating_sub(self.done).div_ceil(rate)))
    }

    /// What is waited for, if it is not bytes that come.
    fn waiting(&self, now: Instant) -> Option<String> {
        let silent = now.duration_since(self.changed);
        match self.stage {
            Stage::Connecting => Some("connecting".to_owned()),
            Stage::Asking => Some("asking the server".to_owned()),
            Stage::Retrying(at) => Some(format!("again in {}", Coarse(at.saturating_duration_since(now)))),
            Stage::Moving if self.length.is_some_and(|length| self.done >= length) => {
                (!self.settling.is_empty()).then(|| self.settling.to_owned())
            }
            Stage::Moving => (silent >= STALL).then(|| format!("stalled {}", Coarse(silent))),
        }
    }

    /// What there is to see of it in `columns`, the richest that fits.
    pub(super) fn sight(&self, now: Instant, columns: usize) -> Sight {
        let percent = self
            .length
            .map(|length| self.done.min(length).saturating_mul(100).checked_div(length).unwrap_or(100));
        let before = match (self.files, percent) {
            (Some(1), _) => "1 file".to_owned(),
            (Some(files), _) => format!("{files} files"),
            (None, Some(percent)) => format!("{percent:3} %"),
            (None, None) => String::new(),
        };
        let amount = match self.length {
            Some(length) => format!("{} of {}", Size(self.done.min(length)), Size(length)),
            None if self.done > 0 => Size(self.done).to_string(),
            None => String::new(),
        };
        let rate = self.rate(now).map(|rate| format!("{}/s", Size(rate))).unwrap_or_default();
        let waiting = self.waiting(now);
        let left = self.left(now).map(|left| format!("{} left", Coarse(left)));
        let end = waiting.clone().or(left).unwrap_or_default();
        let bar = self
            .length
            .map(|length| self.done.min(length).saturating_mul(1000).checked_div(length).unwrap_or(1000));
        let most_needed = if waiting.is_some() { &end } else { &rate };
        let choices: [(&str, bool, &[&str]); 7] = [
            (&before, true, &[&amount, &rate, &end]),
            (&before, true, &[&rate, &end]),
            (&before, false, &[&amount, &rate, &end]),
            (&before, false, &[&rate, &end]),
            (&before, false, &[most_needed]),
            (&before, false, &[]),
            ("", false, &[most_needed]),
        ];
        let made = choices.into_iter().map(|(before, has_bar, parts)| {
            let bar = bar.filter(|_| has_bar);
            Sight::of(before, bar, parts)
        });
        let mut fitting = made.filter(|sight| sight.columns_min() <= columns && !sight.is_empty());
        fitting.next().unwrap_or(Sight { before: String::new(), bar: None, behind: String::new() })
    }
}

impl Sight {
    fn of(before: &str, bar: Option<u64>, parts: &[&str]) -> Sight {
        let behind: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        let behind = behind.join("  ");
        let gap = |is_there: bool| if is_there { "  " } else { "" };
        match bar {
            Some(_) => Sight {
                before: format!("{before}  "),
                bar,
                behind: format!("{}{behind}", gap(!behind.is_empty())),
            },
            None => {
                let between = gap(!before.is_empty() && !behind.is_empty());
                Sight { before: format!("{before}{between}"), bar, behind }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.before.is_empty() && self.behind.is_empty()
    }

    /// Columns that it takes; all of it is ASCII.
    fn columns_min(&self) -> usize {
        self.before.len() + self.behind.len() + self.bar.map_or(0, |_| BAR_MIN)
    }

    /// Without a bar, for a log.
    pub(super) fn text(&self) -> String {
        let (before, behind) = (self.before.trim_end(), self.behind.trim_start());
        let gap = if before.is_empty() || behind.is_empty() { "" } else { "  " };
        format!("{before}{gap}{behind}")
    }
}

/// A time to wait, to the second.
struct Coarse(Duration);

impl std::fmt::Display for Coarse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{}", Short(self.0)),
            seconds @ 1..120 => write!(f, "{seconds} s"),
            seconds @ 120..7200 => write!(f, "{} min", seconds / 60),
            seconds @ 7200..172_800 => write!(f, "{} h", seconds / 3600),
            seconds => write!(f, "{} d", (seconds / 86_400).min(9999)),
        }
    }
}

#[cfg(test)]
#[path = "progress_test.rs"]
mod tests;
