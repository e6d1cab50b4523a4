//! What must hold of every outcome, one file each. An invariant says nothing of a run that it cannot judge (one that
//! did not end, say): `liveness` does.

mod acknowledged;
mod as_planned;
mod counted;
mod deterministic;
mod drains;
mod echo;
mod harmless;
mod in_order;
mod kept;
mod leftovers;
mod linearizable;
mod liveness;
mod memory;
mod published;
mod reads;
mod replies;
#[cfg(test)]
mod shown_to_fail;
mod thrift;
mod trees;

use crate::outcome::Outcome;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name: what a failure is known by, however it came about.
    pub invariant: &'static str,
    /// What was seen.
    pub reason: String,
}

/// What a check says: each way in which it does not hold.
type Check = fn(&Outcome) -> Vec<String>;

/// All of them by name; the first that breaks names a failure.
pub const ALL: [(&str, Check); 18] = [
    ("deterministic", deterministic::check),
    ("published", published::check),
    ("acknowledged", acknowledged::check),
    ("linearizable", linearizable::check),
    ("kept", kept::check),
    ("reads", reads::check),
    ("in-order", in_order::check),
    ("trees", trees::check),
    ("echo", echo::check),
    ("replies", replies::check),
    ("drains", drains::check),
    ("thrift", thrift::check),
    ("liveness", liveness::check),
    ("leftovers", leftovers::check),
    ("harmless", harmless::check),
    ("memory", memory::check),
    ("counted", counted::check),
    ("as-planned", as_planned::check),
];

/// Everything that does not hold; of what was not run nothing is known.
pub fn check(outcome: &Outcome) -> Vec<Broken> {
    if !outcome.skipped.is_empty() {
        return Vec::new();
    }
    let of = |(invariant, check): (&'static str, Check)| {
        check(outcome).into_iter().map(move |reason| Broken { invariant, reason })
    };
    ALL.into_iter().flat_map(of).collect()
}
