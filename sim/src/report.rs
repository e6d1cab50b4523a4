//! Results as a person reads them.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::campaign::{Ran, Tally};
use crate::ledger::{Ledger, SELDOM, SELDOM_SEEN, State};

/// The head of the table.
pub(crate) fn head() -> String {
    format!(
        "{:>8}  {:<7} {:<14} {:<14} {:>10} {:>9}  digest",
        "seed", "tier", "story", "outcome", "virtual", "wall"
    )
}

/// A run's line; for a failure, what does not hold and how to see it again.
pub(crate) fn line(ran: &Ran) -> String {
    let is_skipped = !ran.outcome.skipped.is_empty();
    let outcome =
        ran.broken.first().map_or(if is_skipped { "skipped" } else { "ok" }, |broken| broken.invariant);
    if is_skipped {
        let (tier, story, why) = (ran.tier.name(), &ran.outcome.plan.story, ran.outcome.skipped.join("; "));
        return format!("{:>8}  {tier:<7} {story:<14} {outcome:<14} {why}", ran.seed);
    }
    let mut text = format!(
        "{:>8}  {:<7} {:<14} {outcome:<14} {:>7} ms {:>6.1} ms  {}",
        ran.seed,
        ran.tier.name(),
        ran.outcome.plan.story,
        ran.outcome.elapsed_ms,
        ran.wall.as_secs_f64() * 1e3,
        ran.outcome.trace.digest().prefix()
    );
    for broken in &ran.broken {
        let _infallible = write!(text, "\n          {}: {}", broken.invariant, broken.reason);
    }
    if !ran.broken.is_empty() {
        let _infallible = write!(text, "\n          replay: {}", replay(ran));
    }
    text
}

/// The line that runs it again, and says what broke.
pub(crate) fn replay(ran: &Ran) -> String {
    let what = ran.file.as_ref().map_or(ran.seed.to_string(), |file| file.display().to_string());
    format!("cargo sim replay {what} --tier {}", ran.tier.name())
}

/// A run's line of JSON: an object. `left` is the folder that its failure left.
pub(crate) fn json(ran: &Ran, left: Option<&PathBuf>) -> String {
    if !ran.outcome.skipped.is_empty() {
        let reasons: Vec<String> = ran.outcome.skipped.iter().map(|reason| quoted(reason)).collect();
        return format!(
            "{{\"seed\":{},\"tier\":{},\"story\":{},\"outcome\":\"skipped\",\"reasons\":[{}]}}",
            ran.seed,
            quoted(ran.tier.name()),
            quoted(&ran.outcome.plan.story),
            reasons.join(",")
        );
    }
    let outcome = if ran.broken.is_empty() { "ok" } else { "failed" };
    let mut text = format!(
        "{{\"seed\":{},\"tier\":{},\"story\":{},\"outcome\":{},\"digest\":{}",
        ran.seed,
        quoted(ran.tier.name()),
        quoted(&ran.outcome.plan.story),
        quoted(outcome),
        quoted(&ran.outcome.trace.digest().to_string())
    );
    if let Some(broken) = ran.broken.first() {
        let (invariant, reason) = (quoted(broken.invariant), quoted(&broken.reason));
        let _infallible = write!(text, ",\"invariant\":{invariant},\"reason\":{reason}");
    }
    for (key, path) in [("file", ran.file.as_ref()), ("bundle", left)] {
        if let Some(path) = path {
            let _infallible = write!(text, ",\"{key}\":{}", quoted(&path.display().to_string()));
        }
    }
    text + "}"
}

/// A string as JSON has it (RFC 8259, section 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _infallible = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A campaign in a few lines.
pub(crate) fn summary(tally: &Tally, failed: &[String], wall: Duration, ledger: &Ledger) -> String {
    let a_second = tally.ran() as f64 / wall.as_secs_f64().max(1e-9);
    let (ran, failed_in_all, skipped) = (tally.ran(), failed.len(), tally.skipped);
    let mut text = format!(
        "{ran} seeds, {failed_in_all} failed, {skipped} skipped, {a_second:.1} seeds a second\nreached:\n"
    );
    for state in State::all() {
        let note = match state {
            State::Marked(mark) if SELDOM.contains(&mark) => " (asked of long campaigns)",
            State::Seen(rare) if SELDOM_SEEN.contains(&rare) => " (asked of long campaigns)",
            State::Marked(_) | State::Seen(_) => "",
        };
        let _infallible = writeln!(text, "{:>8}  {}{note}", ledger.count(state), state.words());
    }
    for replay in failed {
        let _infallible = writeln!(text, "failed: {replay}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_are_escaped_as_json_has_it() {
        assert_eq!(quoted("a \"b\" \\ c\n\u{1}ä"), "\"a \\\"b\\\" \\\\ c\\u000a\\u0001ä\"");
    }
}
