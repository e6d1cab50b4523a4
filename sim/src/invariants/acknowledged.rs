//! A put that was acknowledged stood there at that moment, where nobody else writes. That it survives every crash is the
//! matter of `linearizable`.

use crate::outcome::{Ended, Outcome};
use crate::plan::{Application, Operation, Step};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &outcome.jobs {
        if let Operation::Put { path, .. } | Operation::PutTree { path, .. } | Operation::Pour { path, .. } =
            outcome.operation(job)
            && job.ended == Some(Ended::Done)
            && job.stood == Some(false)
            && !is_shared(outcome, path)
        {
            broken.push(format!("the put of {path:?} was acknowledged, and the file did not stand there"));
        }
    }
    broken
}

/// True if several write there at once: clients, or jobs of one.
fn is_shared(outcome: &Outcome, path: &str) -> bool {
    let writes = |step: &Step| step.operation.writes() && step.operation.meets(path);
    let clients = outcome.plan.clients.iter();
    // What was given up may be done at any time after.
    let of_one = |client: &Application| {
        (0..client.steps.len()).any(|at| {
            let together = client.steps[client.group_of(at)].iter().filter(|step| writes(step)).count() > 1;
            writes(&client.steps[at]) && (together || client.steps[at].give_up_ms.is_some())
        })
    };
    let clients: Vec<&Application> = clients.filter(|client| client.steps.iter().any(writes)).collect();
    clients.len() > 1 || clients.into_iter().any(of_one)
}
