//! What stands in the way of a path, servers that are told to stop at once, forged datagrams. Drawn from a stream of its own,
//! so that the rest of a seed's plan is what it was.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::plan::{Expect, Forged, Obstacle, Operation, Plan, What, When};

/// Of a hundred plans that may have it.
const OBSTACLES_PERCENT: u32 = 20;
const ABORT_PERCENT: u32 = 30;
const FORGED_PERCENT: u32 = 50;

/// Where links lead: to files and folders that there may be, nowhere, round, and out.
const TARGETS: [&str; 8] = ["0/own", "shared", "0", "nowhere", "link", "0/../shared", "../out", "/out"];
/// What steps are about that meet an obstacle.
const PATHS: [&str; 8] =
    ["link", "link/own", "device", "device/own", "mount", "mount/own", "mount/folder/own", "a/link/own"];

pub(super) fn obstacles(plan: &mut Plan, random: &mut ChaCha8Rng) {
    for fault in &mut plan.faults {
        if fault.what == What::DrainServer && random.random_ratio(ABORT_PERCENT, 100) {
            fault.what = What::AbortServer;
        }
    }
    let has_datagrams = plan.steps().any(|step| matches!(step.operation, Operation::DatagramEcho { .. }));
    if has_datagrams && random.random_ratio(FORGED_PERCENT, 100) {
        for _ in 0..random.random_range(1..4) {
            let forged = Forged::ALL[random.random_range(0..Forged::ALL.len())];
            plan.fault(When::At(random.random_range(0..400)), What::Forged(forged));
        }
    }
    if random.random_ratio(OBSTACLES_PERCENT, 100) {
        if random.random_bool(0.2) { take_reserved(plan, random) } else { take_paths(plan, random) }
    }
}

/// Some steps go where something else is in the way.
fn take_paths(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let target = |random: &mut ChaCha8Rng| TARGETS[random.random_range(0..TARGETS.len())].to_owned();
    for (path, obstacle) in [
        ("link", Obstacle::Link(target(random))),
        ("a/link", Obstacle::Link(target(random))),
        ("device", Obstacle::Device),
        ("mount", Obstacle::Mount),
    ] {
        plan.obstacles.push((path.to_owned(), obstacle));
    }
    let read = plan.steps().filter_map(|step| match &step.operation {
        Operation::Get { path } | Operation::Stat { path } | Operation::Remove { path } => Some(path.clone()),
        _ => None,
    });
    let read: Vec<String> = read.collect();
    for step in plan.clients.iter_mut().flat_map(|client| &mut client.steps) {
        let to = PATHS[random.random_range(0..PATHS.len())].to_owned();
        let is_it = random.random_bool(0.4);
        match &mut step.operation {
            Operation::Put { path, .. } if is_it && !read.contains(path) => *path = to,
            Operation::Get { path } | Operation::Stat { path } | Operation::Remove { path } if is_it => {
                *path = to;
            }
            _ => continue,
        }
        step.expect = Expect::Any;
    }
}

/// What is to hold partial files is something else, so that nothing may be received.
fn take_reserved(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let obstacle = match random.random_range(0..4) {
        0 => Obstacle::Link("0".to_owned()),
        1 => Obstacle::Device,
        2 => Obstacle::Mount,
        _ => Obstacle::Folder,
    };
    let is_folder = obstacle == Obstacle::Folder;
    let path = if is_folder || random.random_bool(0.5) { ".towline/lock" } else { ".towline" };
    plan.obstacles.push((path.to_owned(), obstacle));
    for step in plan.clients.iter_mut().flat_map(|client| &mut client.steps) {
        if step.expect == Expect::Success && step.operation.path().is_some() {
            step.expect = Expect::Any;
        }
    }
}
