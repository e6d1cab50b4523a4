//! Once all is over nothing is left: no partial, no lease, no connection.

use towline::store::memory::Primitive;

use crate::outcome::Outcome;
use crate::plan::{Fault, What};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let left = &outcome.leftovers;
    let mut broken = Vec::new();
    if !outcome.is_complete() {
        return broken;
    }
    // One that cannot be removed is left to the next process.
    let may_stay =
        |fault: &Fault| matches!(fault.what, What::DiskError { primitive: Primitive::RemoveFile, .. });
    if !left.partials.is_empty() && !outcome.plan.faults.iter().any(may_stay) {
        broken.push(format!("partial files are left: {:?}", left.partials));
    }
    if left.leases > 0 {
        broken.push(format!("{} leases are left", left.leases));
    }
    if left.connections > 0 {
        broken.push(format!("the server still has {} connections", left.connections));
    }
    broken
}
