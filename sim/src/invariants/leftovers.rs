//! Once all is over nothing is left: no partial, no lease, no connection.

use crate::outcome::Outcome;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let left = &outcome.leftovers;
    let mut broken = Vec::new();
    if !outcome.is_complete() {
        return broken;
    }
    if !left.partials.is_empty() {
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
