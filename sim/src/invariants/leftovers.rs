//! Once all is over nothing is left: no partial but for what another attempt can go on with, no lease, no connection.

use std::collections::BTreeMap;

use towline::store::memory::Primitive;

use crate::outcome::{Ended, Outcome};
use crate::plan::{Fault, Host, Meddling, Operation, What};
use crate::tier::destination_of;

/// What a store does to sweep.
const SWEEPING: [Primitive; 10] = [
    Primitive::OpenFolder,
    Primitive::OpenOwn,
    Primitive::OpenFile,
    Primitive::Lock,
    Primitive::Status,
    Primitive::List,
    Primitive::NextNames,
    Primitive::RemoveFile,
    Primitive::FileStatus,
    Primitive::ReadAt,
];

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let left = &outcome.leftovers;
    let mut broken = Vec::new();
    if !outcome.is_complete() {
        return broken;
    }
    // One that cannot be removed is left to the next process, and so is all where it cannot be looked for.
    let may_stay = |fault: &Fault| match fault.what {
        What::DiskError { primitive, .. } => SWEEPING.contains(&primitive),
        _ => false,
    };
    // Without its journal a kept partial is nobody's, until the next process sweeps.
    let is_taken = |(fault, at): (&Fault, &Option<u64>)| {
        at.is_some() && matches!(fault.what, What::Meddle(_, Meddling::Journals))
    };
    let journal_taken = outcome.plan.faults.iter().zip(&outcome.faults_at_ms).any(is_taken);
    if !outcome.plan.faults.iter().any(may_stay) {
        if !journal_taken && !left.partials.is_empty() {
            broken.push(format!("partial files are left: {:?}", left.partials));
        }
        let unfinished = unfinished(outcome);
        let spare = left.kept.iter().filter(|kept| !unfinished.contains(kept));
        broken.extend(spare.map(|(host, path)| {
            format!("a partial of {path:?} is kept at {host:?}, though no transfer to there was broken off")
        }));
    }
    if left.leases > 0 {
        broken.push(format!("{} leases are left", left.leases));
    }
    if left.connections > 0 {
        broken.push(format!("the server still has {} connections", left.connections));
    }
    broken
}

/// Where transfers were to put a file, and did not, however often they were tried.
fn unfinished(outcome: &Outcome) -> Vec<(Host, String)> {
    let mut last = BTreeMap::new();
    for job in &outcome.jobs {
        last.insert((job.client, job.step), job);
    }
    let broken_off = last.into_values().filter(|job| job.ended != Some(Ended::Done));
    let mut unfinished: Vec<(Host, String)> = broken_off
        .flat_map(|job| match outcome.operation(job) {
            Operation::Get { .. } => vec![(Host::Client(job.client), format!("down-{}", job.step))],
            operation @ (Operation::Put { .. } | Operation::PutTree { .. }) => {
                operation.puts().into_iter().map(|(path, _)| (Host::Server, path)).collect()
            }
            _ => Vec::new(),
        })
        .collect();
    // In each of its lives a client receives a tree in another place.
    for job in outcome.jobs.iter().filter(|job| job.ended != Some(Ended::Done)) {
        if let operation @ Operation::GetTree { path, .. } = outcome.operation(job) {
            let place = destination_of(operation, job.life, job.step);
            let below = |(at, _): (String, _)| Some(format!("{place}{}", at.strip_prefix(path.as_str())?));
            let files = outcome.plan.tree_at(path).filter_map(below);
            unfinished.extend(files.map(|at| (Host::Client(job.client), at)));
        }
    }
    unfinished
}
