//! The first event in which two runs differ, with its neighbours, for a person.

use std::fmt::Write;

use super::{Checkpoints, Event, Trace};

/// Neighbours that are shown before and after.
const BEFORE: usize = 3;
const AFTER: usize = 2;

impl Trace {
    /// The first event that is not the same in both, with its neighbours in both; `None` if they are equal.
    pub fn difference(&self, other: &Trace) -> Option<String> {
        let at = self.first_difference(other)?;
        let mut text = format!("event {} differs", at + 1);
        for (name, trace) in [("one", self), ("other", other)] {
            let _infallible = write!(text, "\n{name}:\n{}", trace.around(at));
        }
        Some(text)
    }

    /// The number, from 0, of the first event that is not the same in both.
    pub fn first_difference(&self, other: &Trace) -> Option<usize> {
        let (one, two) = (self.events(), other.events());
        let differs = |at: &usize| one.get(*at) != two.get(*at);
        (0..one.len().max(two.len())).find(differs)
    }

    /// The event with this number, and its neighbours.
    pub fn around(&self, at: usize) -> String {
        let mut text = String::new();
        for number in at.saturating_sub(BEFORE)..=at + AFTER {
            let mark = if number == at { '>' } else { ' ' };
            let _infallible = match self.events().get(number) {
                Some(event) => writeln!(text, "{mark} {event}"),
                None if number == self.events().len() => writeln!(text, "{mark} (the end)"),
                None => Ok(()),
            };
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Checkpoints {
    /// Where `trace` first leaves what these were taken of, in words, with its events there; `None` if it does not.
    pub fn difference(&self, trace: &Trace) -> Option<String> {
        let stretch = self.differing(trace)?;
        let mut text =
            format!("the first difference is among the events {} to {}", stretch.start + 1, stretch.end);
        let lengths = (self.events, trace.events().len());
        let _infallible = write!(text, " (there were {}, there are {}), now:", lengths.0, lengths.1);
        let shown: Vec<&Event> = trace.events().iter().take(stretch.end).skip(stretch.start).collect();
        for event in &shown {
            let _infallible = write!(text, "\n  {event}");
        }
        if shown.len() < stretch.len() {
            text.push_str("\n  (the end)");
        }
        Some(text)
    }
}

/// The first line that is not the same in both texts, with what stands before it; `None` if they are equal.
pub fn difference(one: &str, other: &str) -> Option<String> {
    let (mut left, mut right) = (one.lines(), other.lines());
    let mut before = "(the beginning)";
    for number in 1.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (a, b) if a == b => before = a.unwrap_or(before),
            (a, b) => {
                let show = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
                return Some(format!(
                    "line {number} differs, after\n  {before}\none:\n  {}\nother:\n  {}",
                    show(a),
                    show(b)
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Checkpoints, Trace};

    /// `length` events, of which the one numbered `other` is unlike those of any other trace.
    fn trace(length: u64, other: Option<u64>) -> Trace {
        let mut trace = Trace::default();
        for at in 0..length {
            trace.event(at, "client f0", if other == Some(at) { "says that" } else { "says this" });
        }
        trace
    }

    #[test]
    fn equal_runs_have_no_difference() {
        let (one, other) = (trace(100, None), trace(100, None));
        assert_eq!((one.difference(&other), one.digest()), (None, other.digest()));
        assert_eq!(one.checkpoints().difference(&other), None);
    }

    /// Wherever they first differ, and although they differ later too.
    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        let one = trace(100, Some(99));
        for at in 0..99 {
            let other = trace(100, Some(at));
            assert_eq!(one.first_difference(&other), Some(at as usize));
            assert_ne!(one.digest(), other.digest());
            let stretch = one.checkpoints().differing(&other).expect("they differ");
            assert!(stretch.contains(&(at as usize)) && stretch.len() <= Checkpoints::EVERY, "{stretch:?}");
        }
        for shorter in 0..100 {
            let other = trace(shorter, None);
            assert_eq!(one.first_difference(&other), Some(shorter as usize));
            let stretch = one.checkpoints().differing(&other).expect("they differ");
            assert!(stretch.contains(&(shorter as usize)), "{stretch:?}");
        }
    }

    #[test]
    fn it_is_shown_with_its_neighbours() {
        let told = trace(9, None).difference(&trace(7, Some(6))).expect("they differ");
        let expected = "event 7 differs
one:
       3 ms  client f0  says this
       4 ms  client f0  says this
       5 ms  client f0  says this
>      6 ms  client f0  says this
       7 ms  client f0  says this
       8 ms  client f0  says this
other:
       3 ms  client f0  says this
       4 ms  client f0  says this
       5 ms  client f0  says this
>      6 ms  client f0  says that
  (the end)";
        assert_eq!(told, expected);
        let told = trace(18, None).checkpoints().difference(&trace(17, None)).expect("they differ");
        let expected = "the first difference is among the events 17 to 18 (there were 18, there are 17), now:
      16 ms  client f0  says this
  (the end)";
        assert_eq!(told, expected);
    }

    #[test]
    fn digests_are_read_back() {
        let digest = trace(3, None).digest();
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<super::super::Digest>().is_err());
        let checkpoints = trace(40, None).checkpoints();
        let text = serde_json::to_string(&checkpoints).expect("plain fields");
        assert_eq!(serde_json::from_str::<Checkpoints>(&text).expect("what was written"), checkpoints);
    }
}
