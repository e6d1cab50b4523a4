//! Sizes, rates and times for people.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

pub(super) use super::terminal::{complain, escaped, note, print, print_all, print_exact, shown};
use crate::wire::Modified;

/// Words as they would be typed into a shell; where something in them would be escaped, that is shown and not what to type.
pub(super) fn typed(words: impl IntoIterator<Item = OsString>) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,=@%".contains(c);
    let word = |word: OsString| match escaped(word.as_encoded_bytes()) {
        word if !word.is_empty() && word.chars().all(is_plain) => word,
        word => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Bytes, in the largest unit that leaves a number from 1 up.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let Size(bytes) = *self;
        if bytes < 1024 {
            return write!(f, "{bytes} bytes");
        }
        let mut value = bytes as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// What was moved in which time: "1.0 GiB in 0.52 s (1.9 GiB/s)".
pub(super) fn rate(bytes: u64, time: Duration) -> String {
    let per_second = bytes as f64 / time.as_secs_f64().max(1e-9);
    let size = Size(bytes);
    if bytes == 0 {
        format!("{size} in {}", Short(time))
    } else {
        format!("{size} in {} ({}/s)", Short(time), Size(per_second as u64))
    }
}

/// A time with three significant digits or so.
pub(super) struct Short(pub(super) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            _ if seconds < 0.001 => write!(f, "{:.1} µs", seconds * 1e6),
            _ if seconds < 1.0 => write!(f, "{:.1} ms", seconds * 1e3),
            _ if seconds < 120.0 => write!(f, "{seconds:.2} s"),
            _ => write!(f, "{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0),
        }
    }
}

/// A moment as RFC 3339 has it, in UTC, to the second.
pub(super) struct Utc(pub(super) Modified);

impl Utc {
    pub(super) fn now() -> Utc {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        Utc(Modified { seconds, nanoseconds: 0 })
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 86_400;
        let seconds = self.0.seconds;
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01. The year is taken to begin in March, so
/// that the leap day is its last; 400 such years (an era) have 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468); // from 0000-03-01
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_four_digits() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn what_was_typed_can_be_typed_again() {
        let shown = |words: &[&str]| typed(words.iter().map(OsString::from));
        assert_eq!(shown(&["./towline", "put", "a b", "[::1]:9/x"]), "./towline put 'a b' '[::1]:9/x'");
        assert_eq!(shown(&["it's", "", "$HOME"]), r"'it'\''s' '' '$HOME'");
    }

    #[test]
    fn rates_and_times() {
        assert_eq!(rate(1 << 30, Duration::from_millis(500)), "1.0 GiB in 500.0 ms (2.0 GiB/s)");
        assert_eq!(rate(0, Duration::from_secs(1)), "0 bytes in 1.00 s");
        assert_eq!(rate(1, Duration::ZERO), "1 bytes in 0.0 µs (953.7 MiB/s)");
        assert_eq!(Short(Duration::from_micros(45)).to_string(), "45.0 µs");
        assert_eq!(Short(Duration::from_secs(150)).to_string(), "2 min 30 s");
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
        ];
        for (seconds, text) in cases {
            assert_eq!(Utc(Modified { seconds, nanoseconds: 0 }).to_string(), text);
        }
        // What a peer may send does not overflow.
        for seconds in [i64::MIN, i64::MAX] {
            assert!(Utc(Modified { seconds, nanoseconds: 0 }).to_string().ends_with('Z'));
        }
    }
}
