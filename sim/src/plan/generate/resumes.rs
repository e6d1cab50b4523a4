//! Long files that break off, or that stand in an older version where they go: what resumes and deltas are for. Drawn
//! from a stream of its own; few, since they cost as much as all the rest.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use towline::harness::Side;

use towline::store::memory::Primitive;

use crate::plan::{Content, DiskFailure, Expect, Fault, Host, Operation, Plan, What, When, Whom};

/// Of a thousand plans.
const PERMILLE: u32 = 40;
/// Streams that carry a long file in a run of ordinary length.
const WIDTHS: [usize; 3] = [9_000, 30_000, 65_536];
/// A file that comes in one breath is not kept: these are longer.
const LENGTHS: std::ops::Range<u64> = (1 << 20) + 1..5 << 19;

/// Of a thousand plans about a process that ends.
const CRASHES_PERMILLE: u32 = 110;
/// What a process that begins again reads of what was kept.
const READING: [Primitive; 8] = [
    Primitive::ReadAt,
    Primitive::Status,
    Primitive::OpenOwn,
    Primitive::OpenFile,
    Primitive::FileStatus,
    Primitive::Lock,
    Primitive::NextNames,
    Primitive::RemoveFile,
];

/// A long file is broken off by the end of a process, and gone on with by the next one, which finds what was noted; at times
/// its disk fails as it looks.
pub(super) fn after_a_crash(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if !random.random_ratio(CRASHES_PERMILLE, 1_000) {
        return;
    }
    let length = random.random_range(LENGTHS);
    for step in &mut plan.clients[0].steps {
        if let Operation::Put { path, content } = &mut step.operation
            && path == "file"
        {
            content.length = length;
        }
    }
    plan.shape.write_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.shape.read_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.network.window = plan.network.window.max(WIDTHS[2]);
    plan.limits.note_every = 64 * 1024;
    let (host, side, back) = match plan.faults[0].what {
        // In the get that follows the put.
        What::KillClient(client) | What::PowerLossClient(client) => {
            (Host::Client(client), Side::Server, What::StartClient(client))
        }
        _ => (Host::Server, Side::Client, What::StartServer),
    };
    if plan.faults[0].what == What::DrainServer {
        plan.limits.drain_ms = random.random_range(1..30);
    }
    let byte = random.random_range(length / 4..length);
    plan.faults[0].when = When::Byte { client: 0, dial: 0, side, byte };
    plan.faults.truncate(1);
    let error = random.random_bool(0.6).then(|| decay(host, random));
    // Before the next process begins, or as it reads what it found.
    let is_early = random.random_bool(0.5);
    plan.faults.extend(error.filter(|_| is_early).map(|what| Fault { when: When::After(0), what }));
    plan.fault(When::After(random.random_range(1..600)), back);
    if let Some(what) = error.filter(|_| !is_early) {
        let nth = random.random_range(3..11);
        plan.fault(When::Primitive { host, primitive: Primitive::ReadAt, nth }, what);
    }
    if error.is_some() {
        plan.clients[0].steps.iter_mut().for_each(|step| step.expect = Expect::Any);
    }
}

/// What was kept rots, or cannot be read.
fn decay(host: Host, random: &mut ChaCha8Rng) -> What {
    if random.random_bool(0.3) {
        return What::BitRot(host, random.random_range(0..8));
    }
    let often = random.random_bool(0.4);
    let primitive = if often { Primitive::ReadAt } else { READING[random.random_range(0..READING.len())] };
    let how = DiskFailure::ALL[random.random_range(0..DiskFailure::ALL.len())];
    What::DiskError { host, primitive, times: random.random_range(1..4), how }
}

/// Makes one put of the plan long, lets it break off, and lets an older version of it stand where it goes.
pub(super) fn resumes(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if !random.random_ratio(PERMILLE, 1_000) {
        return;
    }
    let client = random.random_range(0..plan.clients.len());
    let puts = plan.clients[client].steps.iter_mut().filter_map(|step| match &mut step.operation {
        Operation::Put { path, content } => Some((path.clone(), content)),
        _ => None,
    });
    let mut puts: Vec<_> = puts.collect();
    if puts.is_empty() {
        return;
    }
    let at = random.random_range(0..puts.len());
    let (path, content) = puts.swap_remove(at);
    content.length = random.random_range(LENGTHS);
    let Content { length, noise } = *content;

    plan.shape.write_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.shape.read_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.network.window = plan.network.window.max(WIDTHS[2]);
    plan.limits.note_every = [64 * 1024, 1 << 20, 64 << 20][random.random_range(0..3)];
    if random.random_bool(0.4) && !plan.served.iter().any(|(served, _)| *served == path) {
        let length = [length, length - 70_000, length + 70_000, 100_000][random.random_range(0..4)];
        let noise = if random.random_bool(0.8) { noise } else { random.random() };
        plan.served.push((path, Content { length, noise }));
    }
    if plan.story == "clean" {
        return;
    }
    for dial in 0..random.random_range(0..3) {
        let side = if random.random_bool(0.7) { Side::Client } else { Side::Server };
        let when = When::Byte { client: client as u32, dial, side, byte: random.random_range(0..length) };
        let host = Whom::Client(client as u32);
        let what = match random.random_range(0..3) {
            0 => What::Mute(side, host),
            1 => What::End(side, host),
            _ => What::Reset(host),
        };
        plan.fault(when, what);
    }
    // What was not synced is lost, journals among it, or torn.
    if random.random_bool(0.3) {
        let side = Side::Client;
        let byte = random.random_range(0..length);
        plan.fault(When::Byte { client: client as u32, dial: 0, side, byte }, What::PowerLossServer);
        plan.fault(When::After(random.random_range(1..600)), What::StartServer);
    }
}
