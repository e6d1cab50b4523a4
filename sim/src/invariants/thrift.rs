//! What was received is not asked for again, unless it was damaged.

use std::collections::BTreeSet;

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
    let is_of = |event: &Event, kind| match &event.kind {
        Kind::Frame(frame) => match &frame.passed {
            Passed::Frame(brief) if brief.kind() == kind => Some((event.connection, brief.operation())),
            _ => None,
        },
        _ => None,
    };
    // A pull asks for all that it is for.
    let events = outcome.trace.events();
    let pulls = events.iter().filter_map(|event| is_of(event, wire::Kind::Pull));
    let pulls: BTreeSet<_> = pulls.collect();
    let is_again =
        |event: &&Event| is_of(event, wire::Kind::Want).is_some_and(|operation| !pulls.contains(&operation));
    let again = events.iter().filter(|_| !may_be_damaged).filter(is_again);
    again.map(|event| format!("blocks are asked for again: {event}")).collect()
}
