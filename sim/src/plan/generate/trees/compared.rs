//! Trees that are compared with what was made of them. Drawn from a stream of its own, after all else about trees.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::ordered::insert;
use crate::plan::{Expect, How, Operation, Plan, Step};

/// Of a hundred clients that send trees.
const PERCENT: u32 = 25;

/// After a tree was sent it is compared, by some clients.
pub(in crate::plan::generate) fn compared(plan: &mut Plan, random: &mut ChaCha8Rng) {
    for client in 0..plan.clients.len() {
        let steps = &plan.clients[client].steps;
        let sends = |step: &Step| matches!(&step.operation, Operation::PutTree { how, .. } if how.changes());
        let Some(at) = steps.iter().rposition(sends) else { continue };
        // Not in the middle of what is done together.
        let is_last = steps.get(at + 1).is_none_or(|step| !step.together);
        if !is_last || steps[at].together || !random.random_ratio(PERCENT, 100) {
            continue;
        }
        let Operation::PutTree { path, contents, nodes, how } = steps[at].operation.clone() else { continue };
        let how = How { compare: true, delete: false, ..how };
        let operation = Operation::PutTree { path, contents, nodes, how };
        insert(plan, client, at + 1, Step::new(operation, Expect::Any));
    }
}
