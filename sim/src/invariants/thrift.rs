//! What was received is not asked for again, unless it was damaged.

use towline::wire;

use crate::outcome::Outcome;
use crate::plan::What;
use crate::trace::{Event, Kind, Passed};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let plan = &outcome.plan;
    let is_damage =
        |what: &What| matches!(what, What::BitRot(..) | What::DiskError { .. } | What::Damage(..));
    let may_be_damaged = plan.faults.iter().any(|fault| is_damage(&fault.what))
        || !plan.strangers.is_empty()
        || !plan.impostors.is_empty();
    let is_want = |event: &&Event| match &event.kind {
        Kind::Frame(frame) => {
            matches!(&frame.passed, Passed::Frame(brief) if brief.kind() == wire::Kind::Want)
        }
        _ => false,
    };
    let again = outcome.trace.events().iter().filter(|_| !may_be_damaged).filter(is_want);
    again.map(|event| format!("blocks are asked for again: {event}")).collect()
}
