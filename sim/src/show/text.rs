//! The plan and the events as text.

use crate::outcome::Outcome;

/// The plan as its file would have it, then the events, a line each.
pub fn text(outcome: &Outcome) -> String {
    format!("{}\n{}", outcome.plan.text().trim_end(), outcome.trace.text())
}
