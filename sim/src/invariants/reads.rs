//! A get that succeeded gave a file; a list names what is there, once, and nothing else. What a get gave is the matter of
//! `linearizable`; a list is not atomic, so that each of its names is judged by itself.

use std::collections::BTreeSet;

use towline::wire::RESERVED;

use crate::outcome::{Ended, Job, Outcome};
use crate::plan::{How, Operation};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    // What a server that keeps no rules shows nobody can check.
    let meets_impostor =
        |job: &&Job| outcome.plan.impostors.iter().any(|impostor| impostor.client == job.client);
    let done = outcome.jobs.iter().filter(|job| job.ended == Some(Ended::Done));
    for job in done.filter(|job| !meets_impostor(job)) {
        match outcome.operation(job) {
            Operation::Get { path } if job.got.is_none() => {
                broken.push(format!("a get of {path:?} succeeded, and gave nothing"));
            }
            Operation::Stat { path } if job.described.is_none() => {
                broken.push(format!("a look at {path:?} succeeded, and told nothing"));
            }
            Operation::List => broken.extend(wrong_names(outcome, job)),
            Operation::GetTree { path, at: None, how } if how.changes() => {
                broken.extend(wrong_files(outcome, job, path, *how))
            }
            Operation::Stat { .. } => {}
            Operation::Get { .. } | Operation::Put { .. } | Operation::Remove { .. } => {}
            // The matter of `in_order`.
            Operation::Compare { .. } | Operation::Print { .. } | Operation::Pour { .. } => {}
            Operation::PutTree { .. }
            | Operation::GetTree { .. }
            | Operation::Echo(_)
            | Operation::RawEcho(_)
            | Operation::DatagramEcho { .. } => {}
        }
    }
    broken
}

/// Files of a tree that was received: each is one that was sent to its place, and what was acknowledged before is there
/// as long as nobody writes there meanwhile.
fn wrong_files(outcome: &Outcome, get: &Job, path: &str, how: How) -> Option<String> {
    let place = |at: &str| at.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    let may: BTreeSet<String> = outcome
        .plan
        .tree_at(path)
        .filter_map(|(at, content)| Some(Job::named(&place(&at)?, outcome.id(content))))
        .collect();
    let got: BTreeSet<String> = get.names.iter().cloned().collect();
    let before = |job: &&Job| job.ended == Some(Ended::Done) && job.ended_at < Some(get.begun_at);
    let removes = |operation: &Operation| match operation {
        Operation::Remove { .. } => true,
        Operation::PutTree { how, .. } => how.delete,
        _ => false,
    };
    let removed = outcome.plan.steps().any(|step| removes(&step.operation));
    let put = outcome.jobs.iter().filter(before).flat_map(|job| outcome.operation(job).puts());
    let must: BTreeSet<String> =
        put.filter_map(|(at, _)| place(&at)).filter(|at| !removed && !how.leaves_out(at)).collect();
    let is_there = |name: &String| got.iter().any(|got| got.starts_with(&format!("{name} is ")));
    let is_rotten = !outcome.rotten.is_empty();
    if must.iter().all(is_there) && (is_rotten || got.is_subset(&may)) {
        return None;
    }
    Some(format!("a tree of {path:?} has {got:?}; it may have {may:?}, and must have {must:?}"))
}

/// Names at the top that must be there, may be there, and are there.
fn wrong_names(outcome: &Outcome, list: &Job) -> Option<String> {
    let listed: BTreeSet<&str> = list.names.iter().map(String::as_str).collect();
    if listed.len() != list.names.len() {
        return Some(format!("a list names something twice: {:?}", list.names));
    }
    let put = outcome.jobs.iter().flat_map(|job| outcome.operation(job).puts()).map(|(path, _)| path);
    let paths: BTreeSet<String> =
        outcome.plan.served.iter().map(|(path, _)| path.clone()).chain(put).collect();
    let top = |path: &'_ str| path.split('/').next().unwrap_or_default().to_owned();
    let names_of = |presence: Presence| -> BTreeSet<String> {
        let of = |path: &&String| presence_of(outcome, list, path) == presence;
        paths.iter().filter(of).map(|path| top(path)).collect()
    };
    let mut must = names_of(Presence::Certain);
    must.extend(outcome.plan.crowd_names());
    let mut may: BTreeSet<String> = &names_of(Presence::Possible) | &must;
    // The folder for partial files is not shown, whatever it is.
    let is_shown = |name: &String| name.as_bytes() != RESERVED;
    may.extend(outcome.plan.obstacle_names().filter(is_shown));
    let listed: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
    if must.is_subset(&listed) && listed.is_subset(&may) {
        return None;
    }
    Some(format!("a list names {listed:?}; there must be {must:?}, there may be {may:?}"))
}

/// What is known of a path while a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Certain,
    Possible,
    None,
}

fn presence_of(outcome: &Outcome, list: &Job, path: &str) -> Presence {
    let until = list.ended_at.unwrap_or(u64::MAX);
    let here = |job: &&Job, wants_put: bool| {
        if let Operation::PutTree { path: root, how, .. } = outcome.operation(job)
            && !wants_put
        {
            // It may remove anything beneath.
            return how.delete && path.starts_with(&format!("{root}/")) && job.begun_at < until;
        }
        let is_it = match outcome.operation(job) {
            operation @ (Operation::Put { .. } | Operation::PutTree { .. } | Operation::Pour { .. }) => {
                wants_put && operation.puts().iter().any(|(at, _)| at == path)
            }
            Operation::Remove { path: at } => !wants_put && at == path,
            Operation::Get { .. } | Operation::GetTree { .. } => false,
            Operation::Compare { .. } | Operation::Print { .. } => false,
            Operation::List | Operation::Stat { .. } => false,
            Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => false,
        };
        is_it && job.begun_at < until
    };
    let ended_before = |job: &Job, order: u64| {
        job.ended == Some(Ended::Done) && job.ended_at.is_some_and(|ended| ended < order)
    };
    let puts: Vec<&Job> = outcome.jobs.iter().filter(|job| here(job, true)).collect();
    let removals: Vec<&Job> = outcome.jobs.iter().filter(|job| here(job, false)).collect();
    let is_served = outcome.plan.served.iter().any(|(at, _)| at == path);
    // A folder stays when the file in it is removed.
    let is_in_folder = path.contains('/');
    let came = is_served || puts.iter().any(|put| ended_before(put, list.begun_at));
    let last_removal =
        removals.iter().filter(|job| ended_before(job, list.begun_at)).max_by_key(|job| job.begun_at);
    match last_removal {
        _ if came && (removals.is_empty() || is_in_folder) => Presence::Certain,
        // What was put again after the last removal, which nothing can follow.
        Some(last)
            if removals
                .iter()
                .all(|job| ended_before(job, last.begun_at + 1) || job.begun_at == last.begun_at)
                && puts.iter().any(|put| {
                    put.begun_at > last.ended_at.unwrap_or(u64::MAX) && ended_before(put, list.begun_at)
                }) =>
        {
            Presence::Certain
        }
        Some(last) if !is_in_folder && puts.iter().all(|put| ended_before(put, last.begun_at)) => {
            Presence::None
        }
        _ if is_served || !puts.is_empty() => Presence::Possible,
        _ => Presence::None,
    }
}
