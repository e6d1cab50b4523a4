//! What was acknowledged is so: at that moment, and at the end, crashes in between or not.

use super::model::Model;
use crate::outcome::{Ended, Outcome};
use crate::plan::Operation;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &outcome.jobs {
        if let Operation::Put { path, .. } = &outcome.plan.steps[job.step].operation
            && job.ended == Some(Ended::Done)
            && job.stood == Some(false)
        {
            broken.push(format!("the put of {path:?} was acknowledged, and the file did not stand there"));
        }
    }
    if outcome.is_complete() {
        for (path, possible) in Model::at_end(outcome).paths() {
            let stands = outcome.served.get(path).copied();
            if !possible.contains(&stands) {
                broken.push(format!(
                    "at the end {path:?} is {stands:?}; by what was told it is one of {possible:?}"
                ));
            }
        }
    }
    broken
}
