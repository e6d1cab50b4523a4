//! A peer that does not keep the rules harms only itself: it is gone at the end, and where nothing else goes wrong, nobody
//! else notices it.

use crate::outcome::{Ended, Job, Outcome};
use crate::plan::{Expect, Operation, Plan};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let plan = &outcome.plan;
    if (plan.strangers.is_empty() && plan.impostors.is_empty()) || !outcome.is_complete() {
        return Vec::new();
    }
    let mut broken = Vec::new();
    // A process that was killed took its sessions with it.
    if !plan.faults.is_empty() || !plan.server_at_start {
        return broken;
    }
    for visit in outcome.visits.iter().filter(|visit| visit.end.is_none()) {
        broken.push(format!("the server still has stranger {}", visit.stranger));
    }
    if is_crowded(plan) {
        return broken;
    }
    for job in outcome.jobs.iter().filter(|job| !meets_impostor(plan, job)) {
        let (client, step) = (job.client, job.step);
        if job.retries > 0 && !meets_writer(outcome, job) {
            broken.push(format!("client {client}'s step {step} was tried {} times again", job.retries));
        }
        let expect = plan.step(client, step).map(|step| step.expect);
        if expect == Some(Expect::Success) && job.ended != Some(Ended::Done) {
            broken.push(format!("client {client}'s step {step} ended as {:?}", job.ended));
        }
    }
    broken
}

/// True if there may be no place for all.
fn is_crowded(plan: &Plan) -> bool {
    let most = 2 * plan.clients.len() + plan.strangers.len();
    plan.limits.connections.min(plan.limits.per_source).min(plan.limits.greeting) < most
        || plan.network.backlog < most
}

/// True if somebody else wrote what it reads: what has changed is read anew, and nobody's harm.
fn meets_writer(outcome: &Outcome, reader: &Job) -> bool {
    let path = outcome.operation(reader).path();
    let is_over = |job: &Job, at: u64| {
        job.ended != Some(Ended::GivenUp) && job.ended_at.is_some_and(|ended| ended < at)
    };
    let meets = |job: &Job| {
        let operation = outcome.operation(job);
        let is_apart = is_over(job, reader.begun_at) || is_over(reader, job.begun_at);
        operation.writes() && path.is_some_and(|path| operation.meets(path)) && !is_apart
    };
    let reads = |operation: &Operation| {
        let is_file = matches!(operation, Operation::Get { .. } | Operation::Compare { .. });
        is_file || matches!(operation, Operation::Print { .. } | Operation::GetTree { .. })
    };
    reads(outcome.operation(reader)) && outcome.jobs.iter().any(meets)
}

fn meets_impostor(plan: &Plan, job: &Job) -> bool {
    plan.impostors.iter().any(|impostor| impostor.client == job.client)
}
