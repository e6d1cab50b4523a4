//! The machines of a host never hold more, all together, than the sum of what each may.

use crate::outcome::Outcome;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let too_much = outcome.peaks.iter().filter(|(_, peak)| peak.is_too_much());
    too_much.map(|(host, peak)| format!("{host:?} held {peak:?}")).collect()
}
