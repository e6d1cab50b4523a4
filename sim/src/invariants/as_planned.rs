//! Every step ends as the plan says it must, and the story that the scenario tells took place.

use crate::outcome::{Ended, Outcome};
use crate::plan::{Cut, Expect, Operation, Scenario, What, When};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    if !outcome.is_complete() {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for job in outcome.jobs.iter().filter(|job| !job.cut_off) {
        let step = &outcome.plan.steps[job.step];
        let is_good = match (step.expect, &job.ended) {
            (Expect::Success, Some(Ended::Done)) | (Expect::Refused, Some(Ended::Refused(_))) => true,
            (Expect::Success | Expect::Refused, _) => false,
        };
        if !is_good {
            let (number, ended) = (job.step, &job.ended);
            broken.push(format!("step {number} must end in {:?}, and ended as {ended:?}", step.expect));
        }
    }
    let last = outcome.jobs.iter().filter(|job| !job.cut_off).map(|job| job.step).max();
    let comes_back = outcome
        .plan
        .faults
        .iter()
        .all(|fault| !matches!(fault.what, What::KillClient | What::PowerLossClient))
        || outcome.plan.faults.iter().any(|fault| fault.what == What::StartClient);
    if comes_back && last.is_none_or(|last| last + 1 < outcome.plan.steps.len()) {
        broken.push(format!("the last step that ended is {last:?} of {}", outcome.plan.steps.len()));
    }
    broken.extend(port(outcome));
    broken.extend(partition(outcome));
    broken
}

/// The first server has its port; a second one is told that it is taken.
fn port(outcome: &Outcome) -> Vec<String> {
    let is_wrong = |bound: &&crate::outcome::Bound| match &bound.error {
        Some(error) => !bound.second || !error.contains("address in use"),
        None => bound.second,
    };
    let wrong = outcome.bound.iter().filter(is_wrong);
    let mut broken: Vec<String> = wrong.map(|bound| format!("a server took its port as {bound:?}")).collect();
    let is_told = outcome.bound.iter().any(|bound| bound.second);
    if outcome.plan.scenario == Scenario::PortTaken && !is_told {
        broken.push("no second server wanted the port".to_owned());
    }
    broken
}

/// While nothing passes, and the data has not all passed, nothing is published; and it does not go unnoticed.
fn partition(outcome: &Outcome) -> Vec<String> {
    let plan = &outcome.plan;
    let [first, ..] = plan.faults.as_slice() else { return Vec::new() };
    let (When::Byte { byte, .. }, What::Partition(Cut::Both | Cut::ToServer)) = (first.when, first.what)
    else {
        return Vec::new();
    };
    let [cut, healed, ..] = outcome.faults_at_ms[..] else { return Vec::new() };
    let Some(Operation::Put { content, .. }) = plan.steps.first().map(|step| &step.operation) else {
        return Vec::new();
    };
    if byte >= content.length {
        return Vec::new();
    }
    let mut broken = Vec::new();
    if let Some(early) = outcome.published.iter().find(|published| (cut..healed).contains(&published.at_ms)) {
        broken.push(format!("published within the partition from {cut} to {healed} ms: {early:?}"));
    }
    // A shorter one may pass between two things that are said.
    let is_long = healed - cut > 2 * plan.limits.idle_ms;
    if is_long && outcome.jobs.iter().all(|job| job.retries == 0) {
        broken.push("the put went on as if there had been no partition".to_owned());
    }
    broken
}
