//! What happened in a run, in order, as text, and the digest by which two runs are compared.

use std::fmt::Write;

/// A run's events, a line each: virtual time, where, what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    text: String,
}

/// BLAKE3 of a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Enough of it to tell two runs apart.
    pub fn prefix(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Trace {
    /// Appends an event.
    pub fn event(&mut self, at_ms: u64, place: &str, what: &str) {
        let _infallible = writeln!(self.text, "{at_ms:>6} ms  {place:<10} {what}");
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        Digest(*blake3::hash(self.text.as_bytes()).as_bytes())
    }

    /// The first line that is not the same in both, with what stands before it, for a person; `None` if they are equal.
    pub fn difference(&self, other: &Trace) -> Option<String> {
        difference(&self.text, &other.text)
    }
}

/// See [`Trace::difference`].
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
    use super::Trace;

    #[test]
    fn the_first_difference_is_told() {
        let (mut one, mut other) = (Trace::default(), Trace::default());
        one.event(1, "client", "says this");
        other.event(1, "client", "says this");
        assert_eq!(one.difference(&other), None);
        assert_eq!(one.digest(), other.digest());
        one.event(2, "server", "says that");
        let told = one.difference(&other).expect("they differ");
        assert!(
            told.contains("line 2") && told.contains("says that") && told.contains("(the end)"),
            "{told}"
        );
        assert_ne!(one.digest(), other.digest());
    }
}
