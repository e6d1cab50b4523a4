//! Two texts as one that marks what differs, with a few lines around it.

use std::fmt::Write;

/// Lines that are shown around what differs.
const AROUND: usize = 2;

/// A line of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Both(&'a str),
    One(&'a str),
    Other(&'a str),
}

/// What differs, line by line, as `diff -u` marks it; `None` if nothing does.
pub(crate) fn unified(one: (&str, &str), other: (&str, &str)) -> Option<String> {
    let lines = merge(&one.1.lines().collect::<Vec<_>>(), &other.1.lines().collect::<Vec<_>>());
    let differs = |line: &Line| !matches!(line, Line::Both(_));
    if !lines.iter().any(differs) {
        return None;
    }
    let mut text = format!("--- {}\n+++ {}", one.0, other.0);
    let mut is_cut = false;
    for (at, line) in lines.iter().enumerate() {
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
        if !lines[around].iter().any(differs) {
            is_cut = true;
            continue;
        }
        if std::mem::take(&mut is_cut) {
            text.push_str("\n@@");
        }
        let _infallible = match line {
            Line::Both(line) => write!(text, "\n {line}"),
            Line::One(line) => write!(text, "\n-{line}"),
            Line::Other(line) => write!(text, "\n+{line}"),
        };
    }
    Some(text)
}

/// Both texts in one, with as many common lines as there can be.
fn merge<'a>(one: &[&'a str], other: &[&'a str]) -> Vec<Line<'a>> {
    let width = other.len() + 1;
    // Of the rests from each pair of lines on: how many lines they have in common.
    let mut common = vec![0_u32; (one.len() + 1) * width];
    for i in (0..one.len()).rev() {
        for j in (0..other.len()).rev() {
            common[i * width + j] = if one[i] == other[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut lines, mut i, mut j) = (Vec::new(), 0, 0);
    while i < one.len() || j < other.len() {
        if i < one.len() && j < other.len() && one[i] == other[j] {
            lines.push(Line::Both(one[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == other.len()
            || (i < one.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            lines.push(Line::One(one[i]));
            i += 1;
        } else {
            lines.push(Line::Other(other[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn what_differs_is_marked_with_what_is_around() {
        let one = "a\nb\nc\nd\ne\nf\ng\n";
        let other = "a\nb\nc\nd\nE\nf\ng\nh\n";
        let told = unified(("here", one), ("there", other)).expect("they differ");
        assert_eq!(told, "--- here\n+++ there\n@@\n c\n d\n-e\n+E\n f\n g\n+h");
        assert_eq!(unified(("here", one), ("there", one)), None);
    }
}
