//! A server that is told to stop lets what runs finish, as long as it may, and no longer.

use crate::outcome::Outcome;
use crate::plan::{Host, Operation, What};

/// What a deadline, a step of the network and what follows from them may take.
const SLACK_MS: u64 = 5;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let happened = outcome.plan.faults.iter().zip(&outcome.faults_at_ms).filter(|(_, at)| at.is_some());
    let happened: Vec<What> = happened.map(|(fault, _)| fault.what).collect();
    let stands_still =
        |what: &What| matches!(what, What::Pause(Host::Server) | What::ClockJump(Host::Server, _));
    let is_harmless =
        |what: &What| matches!(what, What::DrainServer | What::StartServer | What::SecondServer);
    let (is_on_time, is_alone) = (!happened.iter().any(stands_still), happened.iter().all(is_harmless));
    let mut broken = Vec::new();
    for drain in &outcome.drains {
        let Some((stopped_ms, true)) = drain.stopped else { continue };
        let (took, most) = (stopped_ms - drain.told_ms, outcome.plan.limits.drain_ms);
        if is_on_time && took > most + SLACK_MS {
            broken.push(format!("a drain of at most {most} ms took {took} ms, and cut nothing off"));
        }
        for (index, retries) in drain.in_flight.iter().filter(|_| is_alone) {
            let job = &outcome.jobs[*index];
            // Of a tree one part ran, and others were to begin.
            if matches!(outcome.operation(job), Operation::PutTree { .. } | Operation::GetTree { .. }) {
                continue;
            }
            if job.retries > *retries {
                let (client, step) = (job.client, job.step);
                broken.push(format!("client {client}'s step {step} ran when the server stopped, which had time, and began anew"));
            }
        }
    }
    broken
}
