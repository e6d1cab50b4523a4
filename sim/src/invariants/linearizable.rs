//! What clients did at a path, and what stands there at the end, can be put into one order in which each put, removal and
//! get took effect at one moment between its beginning and its end (Herlihy and Wing, 1990). A put or removal that failed or
//! was cut off may have taken effect at any later moment, or not at all. What was acknowledged survives crashes so; what was
//! not, and was seen, may be gone after a power loss. A file that rotted is what it is from then on.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{ContentId, Ended, Fate, Job, Outcome};
use crate::plan::{Host, How, Operation};

/// What stands at a path; `None`: nothing.
type Value = Option<ContentId>;

/// One operation at one path.
#[derive(Clone, Debug)]
struct Action {
    what: Effect,
    begun_at: u64,
    /// `u64::MAX` where it may take effect at any time after its beginning.
    ended_at: u64,
    /// False where it may have had no effect.
    is_certain: bool,
    /// For the report.
    name: String,
}

#[derive(Clone, Debug)]
enum Effect {
    /// One of these: what is received may rot on the way to its name.
    Write(Vec<Value>),
    /// One of these: the same, at the client.
    Read(Vec<Value>),
    /// What stands there, and was never acknowledged, is gone, and what was before is back.
    TakeBack { was: Value, is: Value },
    /// What stands there changes by itself.
    Rot { was: Value, is: Value },
}

/// Most operations at one path that are put into order.
const ACTIONS_MAX: usize = 64;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut paths: BTreeMap<String, Vec<Action>> = BTreeMap::new();
    for job in &outcome.jobs {
        if let Some((path, action)) = action(outcome, job) {
            let actions = paths.entry(path.to_owned()).or_default();
            // One whose source changed may have been published before, and is tried again with what it is now.
            let tries = if outcome.operation(job).writes() {
                outcome.sent_by(job).len().saturating_sub(1)
            } else {
                0
            };
            actions.extend((0..tries).map(|_| Action { is_certain: false, ..action.clone() }));
            actions.push(action);
        }
        for (path, action) in tree_actions(outcome, job) {
            paths.entry(path).or_default().push(action);
        }
    }
    for (path, _) in &outcome.plan.served {
        paths.entry(path.clone()).or_default();
    }
    let mut broken = Vec::new();
    for (path, mut actions) in paths {
        by_disk(outcome, &path, &mut actions);
        if outcome.is_complete() {
            actions.push(at_end(outcome, &path));
        }
        assert!(
            actions.len() <= ACTIONS_MAX,
            "{} operations at {path:?}: write a smaller plan",
            actions.len()
        );
        let at_start = outcome.plan.served.iter().find(|(at, _)| *at == path);
        let at_start = at_start.map(|(_, content)| outcome.id(content));
        if !has_order(&actions, at_start) {
            let told: Vec<String> = actions.iter().map(tell).collect();
            broken.push(format!("at {path:?}, first {at_start:?}, no order explains: {}", told.join("; ")));
        }
    }
    broken
}

fn action<'a>(outcome: &'a Outcome, job: &'a Job) -> Option<(&'a str, Action)> {
    let is_done = job.ended == Some(Ended::Done);
    let (path, what) = match outcome.operation(job) {
        // A link leads to what stands at another path, and of what is no file nothing is read.
        Operation::Get { path } | Operation::Stat { path } if outcome.plan.is_in_the_way(path) => {
            return None;
        }
        Operation::Compare { path, .. } | Operation::Print { path, .. }
            if outcome.plan.is_in_the_way(path) =>
        {
            return None;
        }
        Operation::Compare { path, .. } if is_done => (path, Effect::Read(vec![job.named_by_server()])),
        Operation::Print { .. } if plan_has_impostor(outcome, job) => return None,
        Operation::Print { path, part, .. } if is_done => {
            let output = job.printed.as_ref()?;
            let is_it = |(_, bytes): &(_, Vec<u8>)| part.of(bytes) == Some(&output.0[..]);
            let versions = outcome.versions_at(path).into_iter().filter(is_it);
            (path, Effect::Read(versions.map(|(id, _)| Some(id)).collect()))
        }
        Operation::Pour { path, .. } => {
            // One that fails in the middle sends nothing.
            let sent = outcome.sent_to(job).into_iter().flat_map(|(_, sent)| sent);
            let values: Vec<Value> =
                sent.flat_map(|id| outcome.received_as(Host::Server, path, id)).map(Some).collect();
            if values.is_empty() {
                return None;
            }
            (path, Effect::Write(values))
        }
        Operation::Put { path, .. } => {
            let sent = outcome.sent_by(job).into_iter();
            let values = sent.flat_map(|id| outcome.received_as(Host::Server, path, id));
            (path, Effect::Write(values.map(Some).collect()))
        }
        Operation::Remove { path } => (path, Effect::Write(vec![None])),
        Operation::Get { path } if is_done => {
            let at = (Host::Client(job.client), format!("down-{}", job.step));
            let origins = job.got.map(|got| outcome.origins(at.0, &at.1, got));
            let seen = origins.map_or(vec![None], |origins| origins.into_iter().map(Some).collect());
            (path, Effect::Read(seen))
        }
        // What a server that keeps no rules says of a file nobody can check.
        Operation::Stat { .. } if plan_has_impostor(outcome, job) => return None,
        Operation::Stat { path } if is_done => (path, Effect::Read(of_length(outcome, path, job.described))),
        Operation::Get { .. } | Operation::Stat { .. } | Operation::List => return None,
        Operation::Compare { .. } | Operation::Print { .. } => return None,
        Operation::PutTree { .. } | Operation::GetTree { .. } => return None,
        Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => return None,
    };
    let ended_at = if is_done { job.ended_at.unwrap_or(u64::MAX) } else { u64::MAX };
    let name = format!("client {} step {}", job.client, job.step);
    Some((path, Action { what, begun_at: job.begun_at, ended_at, is_certain: is_done, name }))
}

/// What a tree does at each path that the plan names below it, as it told: what was moved was written or seen by then, and
/// what stands there as it is to be was seen. What it does not tell of was not there, or it removed that.
fn tree_actions(outcome: &Outcome, job: &Job) -> Vec<(String, Action)> {
    match outcome.operation(job) {
        Operation::PutTree { path, how, .. } if how.changes() => put_actions(outcome, job, path, *how),
        Operation::GetTree { path, how, .. } if how.changes() && !plan_has_impostor(outcome, job) => {
            get_actions(outcome, job, path, *how)
        }
        _ => Vec::new(),
    }
}

/// What a tree told last of a path, and when.
fn told(job: &Job, root: &str, path: &str) -> Option<(Fate, u64)> {
    let below = path.strip_prefix(root)?.strip_prefix('/')?;
    job.told.iter().rev().find(|(at, ..)| at == below).map(|(_, fate, at)| (*fate, *at))
}

/// Each file that the plan names below a folder, and that is not left out.
fn paths_below(outcome: &Outcome, root: &str, how: How) -> BTreeSet<String> {
    let paths = outcome.plan.tree_at(root).map(|(path, _)| path);
    let is_left_out = |path: &String| path.strip_prefix(root).is_some_and(|below| how.leaves_out(below));
    paths.filter(|path| !outcome.plan.is_in_the_way(path) && !is_left_out(path)).collect()
}

fn tree_action(job: &Job, what: Effect, ended_at: u64, is_certain: bool) -> Action {
    let name = format!("client {} step {}", job.client, job.step);
    Action { what, begun_at: job.begun_at, ended_at, is_certain, name }
}

fn put_actions(outcome: &Outcome, job: &Job, root: &str, how: How) -> Vec<(String, Action)> {
    let is_done = job.ended == Some(Ended::Done);
    let sent: BTreeMap<String, Vec<ContentId>> = outcome.sent_to(job).into_iter().collect();
    let of_path = |path: String| {
        let told = told(job, root, &path);
        let action = match sent.get(&path) {
            Some(sent) => {
                let values = sent.iter().flat_map(|id| outcome.received_as(Host::Server, &path, *id));
                let values: Vec<Value> = values.map(Some).collect();
                match told {
                    Some((Fate::Moved, at)) => tree_action(job, Effect::Write(values), at, true),
                    // As its length and time say, which do not change when it rots.
                    Some((Fate::Unchanged, at)) => {
                        let values = sent.iter().flat_map(|id| rotten_from(outcome, &path, *id));
                        tree_action(job, Effect::Read(values.map(Some).collect()), at, true)
                    }
                    _ => tree_action(job, Effect::Write(values), u64::MAX, false),
                }
            }
            None if !how.delete => return None,
            None => {
                let gone = Effect::Write(vec![None]);
                match told {
                    Some((Fate::Removed, at)) => tree_action(job, gone, at, true),
                    // What a server that keeps no rules had listed is another's.
                    None if is_done && !plan_has_impostor(outcome, job) => {
                        tree_action(job, gone, job.ended_at.unwrap_or(u64::MAX), true)
                    }
                    _ => tree_action(job, gone, u64::MAX, false),
                }
            }
        };
        Some((path, action))
    };
    paths_below(outcome, root, how).into_iter().filter_map(of_path).collect()
}

fn get_actions(outcome: &Outcome, job: &Job, root: &str, how: How) -> Vec<(String, Action)> {
    let is_done = job.ended == Some(Ended::Done);
    let of_path = |path: String| {
        let below = path.strip_prefix(root)?.strip_prefix('/')?;
        let (seen, at) = match told(job, root, &path) {
            Some((Fate::Moved | Fate::Unchanged, at)) => {
                let got = job.files.get(below)?;
                let place = job.place.as_ref()?;
                let at_client = format!("{place}/{below}");
                let origins = outcome.origins(Host::Client(job.client), &at_client, *got);
                (origins.into_iter().map(Some).collect(), at)
            }
            // It stood there when its folder was listed.
            Some(_) => return None,
            None if is_done => (vec![None], job.ended_at?),
            None => return None,
        };
        Some((path.clone(), tree_action(job, Effect::Read(seen), at, true)))
    };
    paths_below(outcome, root, how).into_iter().filter_map(of_path).collect()
}

/// What a file of this content may have become at a served path since.
fn rotten_from(outcome: &Outcome, path: &str, id: ContentId) -> BTreeSet<ContentId> {
    let mut all = BTreeSet::from([id]);
    for rotten in outcome.rotten.iter().filter(|rotten| rotten.host == Host::Server && rotten.path == path) {
        if all.contains(&rotten.was) {
            all.insert(rotten.is);
        }
    }
    all
}

fn plan_has_impostor(outcome: &Outcome, job: &Job) -> bool {
    outcome.plan.impostors.iter().any(|impostor| impostor.client == job.client)
}

/// What may stand at `path` and is so long: all that is told of a file is its length.
fn of_length(outcome: &Outcome, path: &str, length: Option<u64>) -> Vec<Value> {
    let put = outcome.plan.contents_at(path).map(|content| outcome.id(content));
    let changed = outcome.source_changes.iter().map(|change| change.content);
    let rotten = outcome.rotten.iter().filter(|rotten| rotten.path == path).map(|rotten| rotten.is);
    let all = put.chain(changed).chain(rotten);
    all.filter(|id| Some(id.length()) == length).map(Some).collect()
}

/// What the disk did at `path`.
fn by_disk(outcome: &Outcome, path: &str, actions: &mut Vec<Action>) {
    for rotten in outcome.rotten.iter().filter(|it| it.host == Host::Server && it.path == path) {
        let (what, name) =
            (Effect::Rot { was: Some(rotten.was), is: Some(rotten.is) }, "the disk".to_owned());
        if let Some(at) = rotten.at {
            tried_before(at, Some(rotten.was), actions);
            actions.push(Action { what, begun_at: at, ended_at: at, is_certain: true, name });
        }
    }
    for loss in outcome.power_losses.iter().filter(|it| it.host == Host::Server && it.path == path) {
        let at = loss.at;
        tried_before(at, loss.was, actions);
        let (what, name) = (Effect::TakeBack { was: loss.was, is: loss.is }, "a power loss".to_owned());
        actions.push(Action { what, begun_at: at, ended_at: at, is_certain: false, name });
    }
}

/// What a client tries again may be seen, be lost or spoilt at this moment, and be done after all.
fn tried_before(at: u64, was: Value, actions: &mut Vec<Action>) {
    let first = |action: &&Action| {
        let is_it = matches!(&action.what, Effect::Write(values) if values.contains(&was));
        is_it && action.is_certain && (action.begun_at..action.ended_at).contains(&at)
    };
    let tries: Vec<Action> = actions.iter().filter(first).cloned().collect();
    actions.extend(tries.into_iter().map(|it| Action { ended_at: at, is_certain: false, ..it }));
}

/// What is seen when all is over.
fn at_end(outcome: &Outcome, path: &str) -> Action {
    let what = Effect::Read(vec![outcome.served.get(path).copied()]);
    let name = "the end".to_owned();
    Action { what, begun_at: u64::MAX - 1, ended_at: u64::MAX - 1, is_certain: true, name }
}

fn tell(action: &Action) -> String {
    let what = match &action.what {
        Effect::Write(values) => format!("writes {values:?}"),
        Effect::Read(values) => format!("sees {values:?}"),
        Effect::TakeBack { was, is } => format!("takes {was:?} back, for {is:?}"),
        Effect::Rot { was, is } => format!("makes {was:?} {is:?}"),
    };
    let end = if action.ended_at < u64::MAX { action.ended_at.to_string() } else { "unknown".to_owned() };
    format!("{} {what} ({}..{end})", action.name, action.begun_at)
}

/// True if there is an order; depth first, with what was tried remembered.
fn has_order(actions: &[Action], at_start: Value) -> bool {
    let certain: u64 = actions.iter().enumerate().filter(|(_, a)| a.is_certain).map(|(at, _)| 1 << at).sum();
    let doubtful: BTreeSet<Value> = actions.iter().filter(|a| !a.is_certain).flat_map(written).collect();
    let mut tried = BTreeSet::new();
    // What took effect, what stands there, and what did last of what was acknowledged.
    let mut open = vec![(0_u64, at_start, at_start)];
    while let Some((done, value, sure)) = open.pop() {
        if done & certain == certain {
            return true;
        }
        if !tried.insert((done, value, sure)) {
            continue;
        }
        let ahead = |at: &usize| done & (1 << at) == 0;
        let ends = (0..actions.len()).filter(ahead).filter(|at| actions[*at].is_certain);
        let first_end = ends.map(|at| actions[at].ended_at).min().unwrap_or(u64::MAX);
        let begun = (0..actions.len()).filter(|at| !ahead(at)).map(|at| actions[at].begun_at).max();
        // Nothing comes before what had ended when it began.
        let may_be_next = |at: &usize| {
            actions[*at].begun_at <= first_end && begun.is_none_or(|begun| begun <= actions[*at].ended_at)
        };
        for at in (0..actions.len()).filter(ahead).filter(may_be_next) {
            let (done, is_certain) = (done | 1 << at, actions[at].is_certain);
            match &actions[at].what {
                Effect::Write(values) => {
                    open.extend(values.iter().map(|new| (done, *new, if is_certain { *new } else { sure })))
                }
                Effect::Read(seen) if seen.contains(&value) => open.push((done, value, sure)),
                Effect::TakeBack { was, is } if *was == value && (*is == sure || doubtful.contains(is)) => {
                    open.push((done, *is, sure));
                }
                Effect::Rot { was, is } if *was == value => {
                    open.push((done, *is, if sure == value { *is } else { sure }));
                }
                Effect::Read(_) | Effect::TakeBack { .. } | Effect::Rot { .. } => {}
            }
        }
    }
    false
}

fn written(action: &Action) -> Vec<Value> {
    match &action.what {
        Effect::Write(values) => values.clone(),
        Effect::Read(_) | Effect::TakeBack { .. } | Effect::Rot { .. } => Vec::new(),
    }
}
