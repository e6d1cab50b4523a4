//! How applications go about their steps: several begun together, one given up after a while, a look at a file instead of
//! reading it. Drawn last, from a stream of its own, so that the rest of a seed's plan is what it was.

use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use towline::store::memory::Primitive;

use crate::plan::{
    Application, Content, DiskFailure, Expect, Host, Operation, Plan, Step, Trick, What, When,
};

/// Of a hundred plans that may have it.
const GROUPS_PERCENT: u32 = 35;
const GIVE_UP_PERCENT: u32 = 25;
const STAT_PERCENT: u32 = 30;
const SOURCE_PERCENT: u32 = 12;

pub(super) fn habits(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if random.random_ratio(STAT_PERCENT, 100) {
        look_instead(plan, random);
    }
    let is_bulk = plan.clients[0].steps.iter().any(|step| is_bulk(&step.operation));
    if random.random_ratio(if is_bulk { 70 } else { GROUPS_PERCENT }, 100) {
        plan.clients.iter_mut().for_each(|client| begin_together(client, random));
    }
    if random.random_ratio(GIVE_UP_PERCENT, 100) {
        give_up(plan, random);
    }
    doubt(plan);
}

/// Somebody writes over what a client sends, while it reads that or looks whether it has changed.
pub(super) fn source_changes(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if !random.random_ratio(SOURCE_PERCENT, 100) {
        return;
    }
    let client = random.random_range(0..plan.clients.len());
    let puts = plan.clients[client].steps.iter().enumerate().filter_map(|(step, it)| match it.operation {
        Operation::Put { content, .. } => Some((step, content)),
        _ => None,
    });
    let puts: Vec<(usize, Content)> = puts.collect();
    let Some((step, was)) = puts.get(random.random_range(0..puts.len().max(1))).copied() else { return };
    let (host, client) = (Host::Client(client as u32), client as u32);
    for _ in 0..random.random_range(1..4) {
        let content = match random.random_range(0..4) {
            0 => was,
            1 => Content { length: random.random_range(0..=2 * was.length), noise: random.random() },
            _ => Content { noise: random.random(), ..was },
        };
        let primitive = [Primitive::ReadAt, Primitive::FileStatus][random.random_range(0..2)];
        let when = When::Primitive { host, primitive, nth: random.random_range(0..6) };
        plan.fault(when, What::SourceChanges { client, step, content });
    }
}

/// Limits that a connection of several jobs comes up against; a system without files to open; peers that break the rules
/// late; disks that fail otherwise than by an I/O error.
pub(super) fn straits(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if random.random_ratio(20, 100) {
        plan.limits.read_ahead = [1, 64 * 1024, 1024 * 1024][random.random_range(0..3)];
    }
    if random.random_ratio(2, 100) && plan.steps().any(|step| step.operation == Operation::List) {
        plan.crowd = random.random_range(250..700);
    }
    if random.random_ratio(15, 100) {
        plan.limits.store_operations = random.random_range(1..4);
    }
    if random.random_ratio(10, 100) {
        plan.limits.per_source = random.random_range(1..3);
    }
    if random.random_ratio(8, 100) {
        let when = When::At(random.random_range(0..400));
        plan.fault(when, What::AcceptFails(random.random_range(1..4)));
    }
    let late = |trick: &mut Trick, random: &mut ChaCha8Rng| {
        if random.random_ratio(40, 100) {
            *trick = Trick::Breach;
        }
    };
    plan.strangers.iter_mut().for_each(|stranger| late(&mut stranger.trick, random));
    plan.impostors.iter_mut().for_each(|impostor| late(&mut impostor.trick, random));
    for fault in &mut plan.faults {
        if let What::DiskError { how, .. } = &mut fault.what
            && random.random_bool(0.5)
        {
            *how = DiskFailure::ALL[random.random_range(0..DiskFailure::ALL.len())];
        }
    }
}

/// A server at which few may wait to greet: who comes then cuts off who came before.
pub(super) fn doorstep(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if random.random_ratio(6, 100) {
        plan.limits.greeting = random.random_range(1..3);
    }
}

/// Files that are folders: who reads, removes or overwrites one is told.
pub(super) fn mistakes(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if !random.random_ratio(15, 100) {
        return;
    }
    for (number, client) in plan.clients.iter_mut().enumerate() {
        let (own, folder) = (format!("{number}/own"), number.to_string());
        // What was put there before, and waited for, is there.
        let is_put = |step: &Step| {
            matches!(&step.operation, Operation::Put { path, .. } if *path == own)
                && step.give_up_ms.is_none()
        };
        for at in 0..client.steps.len() {
            let begun = client.group_of(at).start;
            let is_there = client.steps[..begun].iter().any(is_put);
            let step = &mut client.steps[at];
            if step.expect != Expect::Any || !is_there || random.random_bool(0.3) {
                continue;
            }
            match &mut step.operation {
                Operation::Get { .. } if random.random_bool(0.3) => {
                    let content = Content { length: 10, noise: 1 };
                    step.operation = Operation::Put { path: folder.clone(), content };
                }
                Operation::Get { path } | Operation::Remove { path } => path.clone_from(&folder),
                Operation::Put { .. } | Operation::List | Operation::Stat { .. } => {}
                Operation::PutTree { .. } | Operation::GetTree { .. } => {}
                Operation::Compare { .. } | Operation::Print { .. } | Operation::Pour { .. } => {}
                Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => {}
            }
        }
    }
}

/// Some gets become looks.
fn look_instead(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let steps = plan.clients.iter_mut().flat_map(|client| &mut client.steps);
    for step in steps {
        if let Operation::Get { path } = &step.operation
            && random.random_bool(0.5)
        {
            step.operation = Operation::Stat { path: path.clone() };
        }
    }
}

/// Jobs that stand side by side begin together, at times.
fn begin_together(client: &mut Application, random: &mut ChaCha8Rng) {
    let often = [0.3, 0.9][random.random_range(0..2)];
    for at in 1..client.steps.len() {
        let are_jobs = client.steps[at - 1..=at].iter().all(|step| step.operation.is_job());
        let is_it = random.random_bool(often) || is_bulk(&client.steps[at].operation);
        // A client lists one folder at a time.
        let is_list = client.steps[at].operation == Operation::List;
        client.steps[at].together = is_it && are_jobs && !is_list;
    }
}

fn is_bulk(operation: &Operation) -> bool {
    operation.path().is_some_and(|path| path.starts_with("bulk"))
}

/// One or two jobs are given up: mostly soon, since most are over soon.
fn give_up(plan: &mut Plan, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..3) {
        let client = random.random_range(0..plan.clients.len());
        let steps = &mut plan.clients[client].steps;
        if steps.is_empty() {
            continue;
        }
        let at = random.random_range(0..steps.len());
        let most = [10, 60, 250, 3_000][random.random_range(0..4)];
        let ms = random.random_range(0..most);
        if steps[at].operation.is_job() {
            (steps[at].give_up_ms, steps[at].expect) = (Some(ms), Expect::Any);
        }
    }
}

/// What depends on a job that was given up, or that runs at the same time, may fail.
pub(super) fn doubt(plan: &mut Plan) {
    let mut doubtful = BTreeSet::new();
    for client in &plan.clients {
        for (at, step) in client.steps.iter().enumerate().filter(|(_, step)| step.operation.writes()) {
            let is_of_path = |other: usize| client.steps[other].operation.path() == step.operation.path();
            let others = client.group_of(at).filter(|other| *other != at && is_of_path(*other)).count();
            if step.give_up_ms.is_some() || others > 0 {
                doubtful.extend(step.operation.path().map(str::to_owned));
            }
        }
    }
    let steps = plan.clients.iter_mut().flat_map(|client| &mut client.steps);
    for step in steps.filter(|step| !matches!(step.operation, Operation::Put { .. } | Operation::Pour { .. }))
    {
        if step.operation.path().is_some_and(|path| doubtful.contains(path)) {
            step.expect = Expect::Any;
        }
    }
}
