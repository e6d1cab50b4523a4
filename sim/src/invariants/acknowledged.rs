//! A put that was acknowledged stood there at that moment, where nobody else writes. That it survives every crash is the
//! matter of `linearizable`.

use crate::outcome::{Ended, Outcome};
use crate::plan::Operation;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &outcome.jobs {
        if let Operation::Put { path, .. } = outcome.operation(job)
            && job.ended == Some(Ended::Done)
            && job.stood == Some(false)
            && !is_shared(outcome, path)
        {
            broken.push(format!("the put of {path:?} was acknowledged, and the file did not stand there"));
        }
    }
    broken
}

/// True if several clients write there.
fn is_shared(outcome: &Outcome, path: &str) -> bool {
    let writes = |operation: &Operation| match operation {
        Operation::Put { path: at, .. } | Operation::Remove { path: at } => at == path,
        Operation::Get { .. } | Operation::List => false,
        Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => false,
    };
    let clients = outcome.plan.clients.iter();
    clients.filter(|client| client.steps.iter().any(|step| writes(&step.operation))).count() > 1
}
