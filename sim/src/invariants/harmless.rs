//! A peer that does not keep the rules harms only itself: it is gone at the end, and where nothing else goes wrong, nobody
//! else notices it.

use crate::outcome::{Ended, Job, Outcome};
use crate::plan::{Expect, Plan};

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
        if job.retries > 0 {
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
    plan.limits.connections < most || plan.network.backlog < most
}

fn meets_impostor(plan: &Plan, job: &Job) -> bool {
    plan.impostors.iter().any(|impostor| impostor.client == job.client)
}
