//! Plans about one thing that goes wrong, in the middle of a put mostly.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::store::memory::Primitive;

use super::workload::Workload;
use crate::plan::{Cut, Host, Operation, Plan, What, When, Whom};

/// More than a hello and the frames before the first data take.
const OPENING: u64 = 260;

pub(super) fn clean(plan: &mut Plan, workload: &mut Workload) {
    plan.retry.wait_ms = None;
    workload.mixed(plan);
    if workload.random.random_bool(0.5) {
        workload.bulk(plan);
    }
}

pub(super) fn port_taken(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    plan.retry.wait_ms = None;
    workload.mixed(plan);
    plan.fault(When::At(random.random_range(1..300)), What::SecondServer);
}

pub(super) fn refused(plan: &mut Plan, workload: &mut Workload) {
    plan.retry.wait_ms = None;
    plan.server_at_start = false;
    workload.refused(plan);
}

pub(super) fn late_server(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    plan.server_at_start = false;
    workload.mixed_on_files(plan);
    plan.fault(When::At(random.random_range(100..4_000)), What::StartServer);
}

/// Where the first connection's put breaks off: mostly among the data, at times in the frames before and after it.
fn within_put(length: u64, random: &mut ChaCha8Rng) -> When {
    let byte = match random.random_range(0..10) {
        0 => random.random_range(0..OPENING),
        1 => length + random.random_range(0..OPENING),
        _ => random.random_range(OPENING..OPENING + length.max(1)),
    };
    When::Byte { client: 0, dial: 0, side: Side::Client, byte }
}

pub(super) fn partition(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let length = workload.overwrite(plan);
    let when = within_put(length, random);
    let cut = match random.random_range(0..4) {
        0 => Cut::ToServer,
        1 => Cut::ToClient,
        _ => Cut::Both,
    };
    plan.fault(when, What::Partition(cut, Whom::All));
    plan.fault(When::After(random.random_range(10..3 * plan.limits.idle_ms)), What::Repair);
}

pub(super) fn server_crash(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let before = workload.payload();
    plan.step_of_first(Operation::Put { path: "folder/before".to_owned(), content: before });
    let length = workload.overwrite(plan) + before.length;
    let again = workload.content();
    plan.step_of_first(Operation::Put { path: "after".to_owned(), content: again });
    plan.step_of_first(Operation::Get { path: "folder/before".to_owned() });
    plan.step_of_first(Operation::List);
    plan.step_of_first(Operation::Remove { path: "after".to_owned() });
    // In the first puts.
    let nth = random.random_range(0..3);
    let primitive = match random.random_range(0..7) {
        0 => Some(Primitive::WriteAt),
        1 => Some(Primitive::Sync),
        2 => Some(Primitive::Rename),
        3 => Some(Primitive::SyncFolder),
        4 => Some(Primitive::RemoveFile),
        _ => None,
    };
    match primitive {
        Some(primitive) => {
            // There is one removal, the client's.
            // The first intents take two syncs of folders more, for the log's own name.
            let nth = match primitive {
                Primitive::RemoveFile => 0,
                Primitive::SyncFolder => 2 + nth,
                _ => nth,
            };
            plan.fault(When::Primitive { host: Host::Server, primitive, nth }, What::PowerLossServer)
        }
        None => {
            let what = if random.random_bool(0.5) { What::KillServer } else { What::PowerLossServer };
            plan.fault(within_put(length, random), what);
        }
    }
    plan.fault(When::After(random.random_range(10..3_000)), What::StartServer);
}

pub(super) fn client_crash(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let length = workload.overwrite(plan);
    let what = if random.random_bool(0.5) { What::KillClient(0) } else { What::PowerLossClient(0) };
    plan.fault(within_put(length, random), what);
    if random.random_bool(0.6) {
        plan.fault(When::After(random.random_range(10..3_000)), What::StartClient(0));
    }
}

pub(super) fn drain(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let length = workload.overwrite(plan);
    plan.step_of_first(Operation::List);
    if random.random_bool(0.5) {
        plan.limits.drain_ms = random.random_range(1..60);
    }
    plan.fault(within_put(length, random), What::DrainServer);
    plan.fault(When::After(random.random_range(10..2_000)), What::StartServer);
}
