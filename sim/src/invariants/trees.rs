//! A tree tells of each entry what became of it, once, and counts right. One that is done is like its source; nothing is
//! removed but what the source has not, and only where that was asked for; a dry run changes nothing. That files are whole,
//! and when, is the matter of `published` and `linearizable`.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{Ended, Fate, Job, Outcome};
use crate::plan::{Fault, How, Links, Node, Operation, What};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &outcome.jobs {
        let (Operation::PutTree { how, .. } | Operation::GetTree { how, .. }) = outcome.operation(job) else {
            continue;
        };
        let mut say =
            |what: String| broken.push(format!("client {}'s step {}: {what}", job.client, job.step));
        counts(job).into_iter().for_each(&mut say);
        removals(outcome, job, *how).into_iter().for_each(&mut say);
        if let operation @ Operation::PutTree { path, nodes, how, .. } = outcome.operation(job)
            && job.ended == Some(Ended::Done)
        {
            too_many(outcome, job, operation, nodes).into_iter().for_each(&mut say);
            let source = Source::of(operation, nodes, *how);
            if how.compare {
                compared(outcome, job, operation, *how).into_iter().for_each(&mut say);
                continue;
            }
            source.all_told(job, *how).into_iter().for_each(&mut say);
            // A server that keeps no rules may have listed what another one was to remove.
            let meets_impostor = outcome.plan.impostors.iter().any(|impostor| impostor.client == job.client);
            if how.changes() && !meets_impostor && !is_shared(outcome, job, path) {
                source.all_there(outcome, job, path, *how).into_iter().for_each(&mut say);
            }
        }
    }
    broken
}

/// What is summed up is what was told.
fn counts(job: &Job) -> Vec<String> {
    let Some(summary) = &job.summary else { return Vec::new() };
    let count = |fate: Fate| job.told.iter().filter(|(_, told, _)| *told == fate).count() as u64;
    let sums = [
        (Fate::Moved, summary.files),
        (Fate::Unchanged, summary.unchanged),
        (Fate::FolderMade, summary.folders),
        (Fate::LinkMade, summary.links),
        (Fate::LeftOut, summary.left_out + summary.excluded),
        (Fate::Removed, summary.removed),
        (Fate::Differs, summary.differing),
        (Fate::Alone, summary.only_at_source + summary.only_at_destination),
        (Fate::Failed, summary.failed),
    ];
    let wrong = sums.into_iter().filter(|(fate, sum)| count(*fate) != *sum);
    wrong.map(|(fate, sum)| format!("{sum} are said to be {fate:?}, and {} were", count(fate))).collect()
}

/// A comparison makes, moves and removes nothing. What was sent before, and nobody has touched since, it finds there.
fn compared(outcome: &Outcome, job: &Job, operation: &Operation, how: How) -> Vec<String> {
    let may_be = [Fate::Unchanged, Fate::Differs, Fate::Alone, Fate::LeftOut, Fate::Failed];
    let wrong = job.told.iter().filter(|(_, fate, _)| !may_be.contains(fate));
    let mut wrong: Vec<String> =
        wrong.map(|(path, fate, _)| format!("a comparison tells of {path:?} that it is {fate:?}")).collect();
    let Operation::PutTree { path, contents, nodes, .. } = operation else { return wrong };
    let was_sent = |other: &&Job| {
        let Operation::PutTree { path: at, contents: all, nodes: also, how: sent } = outcome.operation(other)
        else {
            return false;
        };
        let is_same = (at, all, also) == (path, contents, nodes)
            && (sent.links, sent.without) == (how.links, how.without);
        is_same && sent.changes() && other.client == job.client && other.step + 1 == job.step
    };
    let before = outcome.jobs.iter().find(was_sent);
    let is_whole = |sent: &Job| sent.summary.as_ref().is_some_and(|summary| summary.failed == 0);
    let is_sure = before.is_some_and(|sent| is_whole(sent) && sent.life == job.life);
    let may_differ = |fault: &Fault| matches!(fault.what, What::SourceChanges { .. });
    let meets_impostor = outcome.plan.impostors.iter().any(|impostor| impostor.client == job.client);
    let is_touched = !outcome.rotten.is_empty()
        || outcome.plan.faults.iter().any(may_differ)
        || meets_impostor
        || has_others(outcome, job, path);
    if is_sure && !is_touched && job.told.iter().any(|(_, fate, _)| *fate == Fate::Differs) {
        wrong.push(format!("what was sent to {path:?}, and is untouched, is found to differ"));
    }
    wrong
}

/// True if somebody beside a job, and the one before it of its client, writes there, or a disk forgets.
fn has_others(outcome: &Outcome, job: &Job, path: &str) -> bool {
    let is_other =
        |other: &&Job| other.client != job.client || other.step + 1 < job.step || other.step > job.step;
    let mut others = outcome.jobs.iter().filter(is_other).filter(|other| outcome.operation(other).writes());
    others.any(|other| outcome.operation(other).meets(path))
        || !outcome.power_losses.is_empty()
        || outcome.plan.is_in_the_way(path)
}

/// A folder with more names than are taken for true fails.
fn too_many(outcome: &Outcome, job: &Job, operation: &Operation, nodes: &[(String, Node)]) -> Option<String> {
    let most = outcome.plan.limits.listing_max;
    let files = operation.files_of_tree();
    let paths = files.iter().map(|(path, _)| path).chain(nodes.iter().map(|(path, _)| path));
    let names: BTreeSet<&str> = paths.filter_map(|path| path.split('/').next()).collect();
    let has_failed = job.summary.as_ref().is_none_or(|summary| summary.failed > 0);
    (names.len() as u64 > most && !has_failed)
        .then(|| format!("a folder of {} names was taken for true, of which may be {most}", names.len()))
}

/// Nothing goes where nobody asked for it, and what the source has comes in its place. What is left out is neither removed
/// nor moved.
fn removals(outcome: &Outcome, job: &Job, how: How) -> Vec<String> {
    let removed = job.told.iter().filter(|(_, fate, _)| *fate == Fate::Removed);
    let removed: Vec<(&String, u64)> = removed.map(|(path, _, at)| (path, *at)).collect();
    let is_left_alone = |fate| matches!(fate, Fate::LeftOut | Fate::Failed);
    let touched = job.told.iter().filter(|(path, fate, _)| how.leaves_out(path) && !is_left_alone(*fate));
    let touched = touched.map(|(path, fate, _)| format!("{path:?} is to be left out, and was {fate:?}"));
    let touched: Vec<String> = touched.collect();
    if !touched.is_empty() {
        return touched;
    }
    if !how.delete {
        return removed
            .iter()
            .map(|(path, _)| format!("{path:?} was removed, which nobody asked for"))
            .collect();
    }
    let operation = outcome.operation(job);
    let Operation::PutTree { nodes, .. } = operation else { return Vec::new() };
    let source = Source::of(operation, nodes, how);
    let has = |path: &str| source.names.contains_key(path) || source.folders.contains(path);
    let comes_after =
        |path: &str, at: u64| job.told.iter().any(|(other, _, then)| other == path && *then > at);
    // What comes in its place may not come any more where all ended before.
    let is_over = job.summary.is_some();
    let wrong = removed.iter().filter(|(path, at)| has(path) && is_over && !comes_after(path, *at));
    wrong.map(|(path, _)| format!("{path:?} was removed, which the source has")).collect()
}

/// True if what stands there may be another's: somebody writes there, or a disk forgets.
fn is_shared(outcome: &Outcome, job: &Job, path: &str) -> bool {
    let is_other = |other: &&Job| !std::ptr::eq(*other, job) && outcome.operation(other).writes();
    let is_apart = |other: &Job| {
        let is_before = |one: &Job, later: &Job| {
            one.ended == Some(Ended::Done) && one.ended_at.is_some_and(|ended| ended < later.begun_at)
        };
        is_before(other, job) || is_before(job, other)
    };
    let others = outcome.jobs.iter().filter(is_other);
    let mut others = others.filter(|other| outcome.operation(other).meets(path) && !is_apart(other));
    others.next().is_some() || !outcome.power_losses.is_empty() || outcome.plan.is_in_the_way(path)
}

/// What is in a folder that is sent.
struct Source {
    /// Files, and links with where they lead.
    names: BTreeMap<String, Option<String>>,
    folders: BTreeSet<String>,
}

impl Source {
    /// Links that are followed are the files that they lead to, and those in the folders that they lead to.
    fn of(operation: &Operation, nodes: &[(String, Node)], how: How) -> Source {
        let files = operation.files_of_tree().into_iter().map(|(path, _)| (path, None));
        let mut names: BTreeMap<String, Option<String>> = files.collect();
        let mut folders = BTreeSet::new();
        for (path, node) in nodes {
            match node {
                Node::Link(target) if how.links != Links::Follow => {
                    names.insert(path.clone(), Some(target.clone()));
                }
                Node::Folder => drop(folders.insert(path.clone())),
                Node::File(_) | Node::Link(_) | Node::Device => {}
            }
        }
        let named = nodes.iter().map(|(path, _)| path);
        for path in names.keys().chain(named).cloned().chain(folders.clone()) {
            folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
        names.retain(|path, _| !how.leaves_out(path));
        folders.retain(|path| !how.leaves_out(path));
        Source { names, folders }
    }

    /// Each file and each link has one fate, and it is a good one.
    fn all_told(&self, job: &Job, how: How) -> Vec<String> {
        let mut wrong = Vec::new();
        for (path, target) in &self.names {
            let told = job.told.iter().filter(|(at, fate, _)| at == path && *fate != Fate::Removed);
            let told: Vec<Fate> = told.map(|(_, fate, _)| *fate).collect();
            let may_be: &[Fate] = match (target, how.links) {
                (None, _) | (Some(_), Links::Follow) => &[Fate::Moved, Fate::Unchanged],
                (Some(_), Links::Keep) => &[Fate::LinkMade, Fate::Unchanged],
                (Some(_), Links::Skip) => &[Fate::LeftOut],
            };
            if told.len() != 1 || !may_be.contains(&told[0]) {
                wrong.push(format!("all is well, and of {path:?} was told {told:?}"));
            }
        }
        wrong
    }

    /// All of it is there, and nothing else if the rest was to go.
    fn all_there(&self, outcome: &Outcome, job: &Job, root: &str, how: How) -> Vec<String> {
        let mut must: BTreeSet<String> = self.folders.iter().map(|path| format!("{path}/")).collect();
        for (path, target) in &self.names {
            match (target, how.links) {
                (None, _) | (Some(_), Links::Follow) => drop(must.insert(path.clone())),
                (Some(target), Links::Keep) => drop(must.insert(format!("{path} -> {target}"))),
                (Some(_), Links::Skip) => {}
            }
        }
        let name = |line: &String| match line.split_once(" -> ") {
            Some(_) => line.clone(),
            None => line.split(' ').next().unwrap_or_default().to_owned(),
        };
        let there: BTreeSet<String> = job.below.iter().map(name).collect();
        let missing =
            must.difference(&there).map(|line| format!("all is well, and {line:?} is not in {root:?}"));
        let mut wrong: Vec<String> = missing.collect();
        let is_skipped = |line: &str| self.names.contains_key(line.split(" -> ").next().unwrap_or_default());
        // Obstacles that no tree removes.
        let stays = |line: &str| {
            let path = line.split(" -> ").next().unwrap_or_default();
            // What is left out stays, and so do the folders that it is in.
            let holds = |other: &String| other.starts_with(path) && how.leaves_out(other);
            let is_kept = how.leaves_out(path) || path.ends_with('/') && there.iter().any(holds);
            line.ends_with('?') || is_kept || outcome.plan.is_in_the_way(&format!("{root}/{line}"))
        };
        if how.delete {
            let spare = there.difference(&must).filter(|line| !is_skipped(line) && !stays(line));
            wrong.extend(spare.map(|line| format!("{line:?} is still in {root:?}, and was to be removed")));
        }
        wrong
    }
}
