//! What goes wrong, each fault by itself: a small plan, what the fault did, and that all invariants hold. On the
//! fast tier, and inverted bits on turmoil too.

mod connections;
#[cfg(feature = "turmoil")]
mod damage;
mod datagrams;
mod hosts;
mod jobs;
mod network;
mod obstacles;

use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

/// Runs a plan in which everything must hold.
pub(crate) fn run(text: &str) -> Outcome {
    let outcome = run_whatever(text);
    assert_eq!(invariants::check(&outcome), [], "{}", outcome.trace.text());
    outcome
}

/// Runs a plan, twice: it is the same.
pub(crate) fn run_whatever(text: &str) -> Outcome {
    let plan = Plan::parse(text).expect("a plan");
    let outcome = Tier::Fast.run(&plan);
    let again = Tier::Fast.run(&plan);
    assert_eq!(outcome.trace.difference(&again.trace), None);
    outcome
}

/// The lines of the trace that contain `words`.
pub(crate) fn lines<'a>(outcome: &'a Outcome, words: &str) -> Vec<&'a str> {
    outcome.trace.text().lines().filter(|line| line.contains(words)).collect()
}

/// When the plan's fault happened, in milliseconds.
pub(crate) fn fault_ms(outcome: &Outcome, fault: usize) -> u64 {
    outcome.faults_at_ms[fault].expect("it happened")
}

/// When the first line with `words` stands in the trace, in milliseconds.
pub(crate) fn at_ms(outcome: &Outcome, words: &str) -> u64 {
    let line = *lines(outcome, words).first().unwrap_or_else(|| panic!("no {words:?}"));
    line.split_whitespace().next().and_then(|ms| ms.parse().ok()).expect("a line begins with its time")
}

/// True if every step ended well.
pub(crate) fn all_done(outcome: &Outcome) -> bool {
    outcome.jobs.iter().all(|job| job.ended == Some(Ended::Done))
}

/// A plan in which one client puts a file of `length` bytes, with more fields of the plan.
pub(crate) fn one_put(length: u64, more: &str) -> String {
    format!(
        r#"(story: "a put", seed: 7, clients: [(steps: [
            (do: put(path: "file", content: (length: {length}, noise: 1)))])], {more})"#
    )
}
