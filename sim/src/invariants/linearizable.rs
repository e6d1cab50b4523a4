//! What clients did at a path, and what stands there at the end, can be put into one order in which each put, removal and
//! get took effect at one moment between its beginning and its end (Herlihy and Wing, 1990). A put or removal that failed or
//! was cut off may have taken effect at any later moment, or not at all. What was acknowledged survives crashes so.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{ContentId, Ended, Job, Outcome};
use crate::plan::Operation;

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

#[derive(Clone, Copy, Debug)]
enum Effect {
    Write(Value),
    Read(Value),
}

/// Most operations at one path that are put into order.
const ACTIONS_MAX: usize = 64;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut paths: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
    for job in &outcome.jobs {
        if let Some((path, action)) = action(outcome, job) {
            paths.entry(path).or_default().push(action);
        }
    }
    for (path, _) in &outcome.plan.served {
        paths.entry(path).or_default();
    }
    let mut broken = Vec::new();
    for (path, mut actions) in paths {
        if outcome.is_complete() {
            actions.push(at_end(outcome, path));
        }
        assert!(
            actions.len() <= ACTIONS_MAX,
            "{} operations at {path:?}: write a smaller plan",
            actions.len()
        );
        let at_start = outcome.plan.served.iter().find(|(at, _)| at == path);
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
        Operation::Put { path, content } => (path, Effect::Write(Some(outcome.id(content)))),
        Operation::Remove { path } => (path, Effect::Write(None)),
        Operation::Get { path } if is_done => (path, Effect::Read(job.got)),
        Operation::Get { .. } | Operation::List => return None,
        Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => return None,
    };
    let ended_at = if is_done { job.ended_at.unwrap_or(u64::MAX) } else { u64::MAX };
    let name = format!("client {} step {}", job.client, job.step);
    Some((path, Action { what, begun_at: job.begun_at, ended_at, is_certain: is_done, name }))
}

/// What is seen when all is over.
fn at_end(outcome: &Outcome, path: &str) -> Action {
    let what = Effect::Read(outcome.served.get(path).copied());
    let name = "the end".to_owned();
    Action { what, begun_at: u64::MAX - 1, ended_at: u64::MAX - 1, is_certain: true, name }
}

fn tell(action: &Action) -> String {
    let what = match action.what {
        Effect::Write(value) => format!("writes {value:?}"),
        Effect::Read(value) => format!("sees {value:?}"),
    };
    let end = if action.is_certain { action.ended_at.to_string() } else { "unknown".to_owned() };
    format!("{} {what} ({}..{end})", action.name, action.begun_at)
}

/// True if there is an order; depth first, with what was tried remembered.
fn has_order(actions: &[Action], at_start: Value) -> bool {
    let certain: u64 = actions.iter().enumerate().filter(|(_, a)| a.is_certain).map(|(at, _)| 1 << at).sum();
    let mut tried = BTreeSet::new();
    let mut open = vec![(0_u64, at_start)];
    while let Some((done, value)) = open.pop() {
        if done & certain == certain {
            return true;
        }
        if !tried.insert((done, value)) {
            continue;
        }
        let ahead = |at: &usize| done & (1 << at) == 0;
        let first_end =
            (0..actions.len()).filter(ahead).map(|at| actions[at].ended_at).min().unwrap_or(u64::MAX);
        for at in (0..actions.len()).filter(ahead).filter(|at| actions[*at].begun_at <= first_end) {
            match actions[at].what {
                Effect::Write(new) => open.push((done | 1 << at, new)),
                Effect::Read(seen) if seen == value => open.push((done | 1 << at, value)),
                Effect::Read(_) => {}
            }
        }
    }
    false
}
