//! Every job gets exactly one terminal reply, unless its client is gone.

use crate::outcome::Outcome;
use crate::plan::Operation;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &outcome.jobs {
        let operation = outcome.operation(job);
        let expected = match operation {
            Operation::RawEcho(_) | Operation::DatagramEcho { .. } => continue,
            _ if job.cut_off || job.died_unanswered || !outcome.is_complete() => 0..=1,
            _ => 1..=1,
        };
        if !expected.contains(&job.replies) {
            broken.push(format!("step {} got {} terminal replies: {operation:?}", job.step, job.replies));
        }
    }
    broken
}
