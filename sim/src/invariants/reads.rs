//! A get gives a file that stood there, whole; a list gives the names that are there.

use std::collections::BTreeSet;

use super::model::Model;
use crate::outcome::{Ended, Outcome};
use crate::plan::Operation;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    let mut model = Model::at_start(outcome);
    for job in &outcome.jobs {
        model.apply(outcome, job);
        if job.ended != Some(Ended::Done) {
            continue;
        }
        match &outcome.plan.steps[job.step].operation {
            Operation::Get { path } => {
                let possible = model.at(path);
                if !possible.contains(&job.got) || job.got.is_none() {
                    broken.push(format!("a get of {path:?} gave {:?}; there is {possible:?}", job.got));
                }
            }
            Operation::List => {
                if let Some(reason) = wrong_names(&model, &job.names) {
                    broken.push(reason);
                }
            }
            Operation::Put { .. } | Operation::Remove { .. } | Operation::Echo(_) | Operation::RawEcho(_) => {
            }
        }
    }
    broken
}

/// Names at the top that must be there, may be there, and are there.
fn wrong_names(model: &Model, listed: &[String]) -> Option<String> {
    let top = |path: &str| path.split('/').next().unwrap_or(path).to_owned();
    let listed_once: BTreeSet<String> = listed.iter().cloned().collect();
    if listed_once.len() != listed.len() {
        return Some(format!("a list names something twice: {listed:?}"));
    }
    let may: BTreeSet<String> = model.paths().map(|(path, _)| top(path)).collect();
    // A folder stays when the file in it is removed.
    let certain =
        |path: &str, possible: &super::model::Possible| !possible.contains(&None) || path.contains('/');
    let must: BTreeSet<String> =
        model.paths().filter(|(path, possible)| certain(path, possible)).map(|(path, _)| top(path)).collect();
    let gone = |name: &String| {
        model.paths().all(|(path, possible)| {
            top(path) != *name || (!path.contains('/') && possible.len() == 1 && possible.contains(&None))
        })
    };
    if !must.is_subset(&listed_once) || !listed_once.is_subset(&may) || listed_once.iter().any(gone) {
        return Some(format!("a list names {listed_once:?}; there must be {must:?}, there may be {may:?}"));
    }
    None
}
