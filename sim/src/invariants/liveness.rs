//! After the faults have healed all that can complete does, within the plan's bound; nothing panics.

use crate::outcome::Outcome;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    if let Some(panic) = &outcome.panic {
        return vec![format!("at {} ms: {panic}", outcome.elapsed_ms)];
    }
    if outcome.waiting.is_empty() {
        return Vec::new();
    }
    let (elapsed, bound) = (outcome.elapsed_ms, outcome.plan.bound_ms());
    vec![format!("not done at {elapsed} ms of at most {bound}: {}", outcome.waiting.join("; "))]
}
