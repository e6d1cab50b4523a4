//! What goes wrong beneath a store and beneath a driver, where no other plan thinks of it: somebody takes names out of the
//! folder for partial files, notes rot, barriers and logs fail, signals come, pipes break, a client is dropped. Drawn after
//! all else, from a stream of its own.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::store::memory::Primitive;

use super::Scenario;
use crate::plan::{
    Application, Content, DiskFailure, Expect, Host, Meddling, Obstacle, Operation, Plan, Step, What, When,
    Whom,
};

/// Of a thousand plans that may have it.
const SIGNALS: u32 = 200;
const FLUSHES: u32 = 200;
const MEDDLING: u32 = 100;
const BARRIER: u32 = 60;
const LOG: u32 = 60;
const NOTE: u32 = 500;
const BROKEN: u32 = 60;
const LEAVES: u32 = 50;
const ABORT: u32 = 70;
const NARROW_DOOR: u32 = 80;
const TWICE: u32 = 80;
const LOG_BLOCKED: u32 = 300;

/// What a store runs between which a name may go.
const BETWEEN: [Primitive; 12] = [
    Primitive::OpenOwn,
    Primitive::Status,
    Primitive::CreateFile,
    Primitive::CreateFolder,
    Primitive::OpenFolder,
    Primitive::Lock,
    Primitive::FileStatus,
    Primitive::WriteAt,
    Primitive::Sync,
    Primitive::Rename,
    Primitive::RemoveFile,
    Primitive::NextNames,
];
/// What a group of publications waits for, and what comes between.
const OF_GROUPS: [Primitive; 5] = [
    Primitive::SyncFileSystem,
    Primitive::SyncFileSystem,
    Primitive::Sync,
    Primitive::SyncFolder,
    Primitive::Rename,
];
/// What writing a log anew takes.
const ANEW: [Primitive; 5] =
    [Primitive::OpenOwn, Primitive::SetLen, Primitive::WriteAt, Primitive::Rename, Primitive::Lock];
/// A file that comes block by block is longer.
const ONE_BREATH: u64 = 1 << 20;

pub(super) fn meddlers(plan: &mut Plan, scenario: Scenario, random: &mut ChaCha8Rng) {
    if random.random_ratio(SIGNALS, 1_000) {
        plan.shape.interrupted_permille = random.random_range(1..60);
    }
    if random.random_ratio(FLUSHES, 1_000) {
        plan.shape.flush_permille = random.random_range(1..200);
    }
    if random.random_ratio(NOTE, 1_000) {
        rotten_notes(plan, random);
    }
    if scenario == Scenario::Clean && random.random_ratio(NARROW_DOOR, 1_000) {
        narrow_door(plan, random);
    }
    if scenario == Scenario::ServerCrash && random.random_ratio(TWICE, 1_000) {
        twice_named(plan, random);
    }
    if scenario != Scenario::Swarm {
        return;
    }
    if random.random_ratio(MEDDLING, 1_000) {
        meddle(plan, random);
    }
    if random.random_ratio(BARRIER, 1_000) {
        barriers(plan, random);
    }
    if random.random_ratio(LOG, 1_000) {
        failing_log(plan, random);
    }
    if random.random_ratio(BROKEN, 1_000) {
        broken_pipes(plan, random);
    }
    if random.random_ratio(ABORT, 1_000) {
        abort(plan, random);
    }
    if random.random_ratio(LEAVES, 1_000) {
        leave(plan, random);
    }
    if random.random_ratio(LOG_BLOCKED, 1_000) {
        block_log(plan);
    }
}

/// Whatever becomes of it.
fn doubt(plan: &mut Plan) {
    plan.clients.iter_mut().flat_map(|client| &mut client.steps).for_each(|step| step.expect = Expect::Any);
}

fn host(plan: &Plan, random: &mut ChaCha8Rng) -> Host {
    match random.random_bool(0.7) {
        true => Host::Server,
        false => Host::Client(random.random_range(0..plan.clients.len() as u32)),
    }
}

fn meddle(plan: &mut Plan, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..4) {
        let host = host(plan, random);
        let when = if random.random_bool(0.3) {
            When::At(random.random_range(0..400))
        } else {
            let primitive = BETWEEN[random.random_range(0..BETWEEN.len())];
            When::Primitive { host, primitive, nth: random.random_range(0..12) }
        };
        let meddling = Meddling::ALL[random.random_range(0..Meddling::ALL.len())];
        plan.fault(when, What::Meddle(host, meddling));
    }
    doubt(plan);
}

/// True if nothing in the plan lets a put fail for good.
fn is_sure(plan: &Plan) -> bool {
    let is_lasting = |what: What| {
        matches!(what, What::DiskFull(_) | What::DiskError { .. } | What::BitRot(..) | What::Meddle(..))
    };
    plan.obstacles.is_empty()
        && plan.impostors.is_empty()
        && !plan.faults.iter().any(|fault| is_lasting(fault.what))
}

/// Two clients where there is room for one: the second is refused, and comes again.
fn narrow_door(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let content = Content { length: random.random_range(0..100_000), noise: random.random() };
    let path = "second/own".to_owned();
    let put = Step::new(Operation::Put { path: path.clone(), content }, Expect::Success);
    let steps = vec![put, Step::new(Operation::Get { path }, Expect::Success)];
    plan.clients.push(Application { begins_ms: random.random_range(0..60), steps, leaves: false });
    plan.limits.connections = 1;
    // An echo of its own port has no words for a refusal, and nobody who comes again.
    for step in plan.clients.iter_mut().flat_map(|client| &mut client.steps) {
        if matches!(step.operation, Operation::RawEcho(_)) {
            step.expect = Expect::Any;
        }
    }
}

/// A long file is published, and a loss of power brings the name back that it had before; the next server cannot remove that
/// as it sweeps, and is sent the file again.
fn twice_named(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let length = ONE_BREATH + random.random_range(1..ONE_BREATH);
    let mut again = Content { length, noise: random.random() };
    for step in &mut plan.clients[0].steps {
        if let Operation::Put { path, content } = &mut step.operation
            && path == "file"
        {
            content.length = length;
            if random.random_bool(0.5) {
                again = *content;
            }
        }
    }
    let put = Operation::Put { path: "file".to_owned(), content: again };
    plan.clients[0].steps.push(Step::new(put, Expect::Any));
    (plan.shape.write_max, plan.shape.read_max) = (65_536, 65_536);
    plan.network.window = plan.network.window.max(65_536);
    plan.limits.note_every = 64 * 1024;
    plan.faults.clear();
    let (host, primitive, nth) = (Host::Server, Primitive::Rename, random.random_range(1..6));
    plan.fault(When::Primitive { host, primitive, nth }, What::PowerLossServer);
    let (primitive, times) = (Primitive::RemoveFile, random.random_range(1..4));
    plan.fault(When::After(0), What::DiskError { host, primitive, times, how: DiskFailure::Io });
    plan.fault(When::After(random.random_range(10..600)), What::StartServer);
    doubt(plan);
}

/// Many small files at once, so that their publications go together; and what they wait for fails, or not.
fn barriers(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len());
    let is_sure = is_sure(plan);
    let (length_max, folders) = (random.random_range(1..3_000), random.random_range(1..8));
    for number in 0..random.random_range(5..13) {
        let content = Content { length: random.random_range(0..length_max), noise: random.random() };
        let path = format!("many{client}/{}/{number}", number % folders);
        let expect = if is_sure { Expect::Success } else { Expect::Any };
        let step = Step::new(Operation::Put { path, content }, expect);
        plan.clients[client].steps.push(Step { together: number > 0, ..step });
    }
    if random.random_bool(0.4) {
        plan.disks.latency_us.max = plan.disks.latency_us.max.max(3_000);
    }
    if random.random_bool(0.8) {
        let primitive = OF_GROUPS[random.random_range(0..OF_GROUPS.len())];
        let when = When::Primitive { host: Host::Server, primitive, nth: random.random_range(0..3) };
        let (times, how) = (random.random_range(1..3), DiskFailure::Io);
        plan.fault(when, What::DiskError { host: Host::Server, primitive, times, how });
        doubt(plan);
    }
}

/// The log of requests cannot be synced, and at times not be written anew either.
fn failing_log(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let host = Host::Server;
    let error = |primitive, times| What::DiskError { host, primitive, times, how: DiskFailure::Io };
    let nth = random.random_range(0..8);
    plan.fault(When::Primitive { host, primitive: Primitive::Sync, nth }, error(Primitive::Sync, 1));
    if random.random_bool(0.5) {
        let primitive = ANEW[random.random_range(0..ANEW.len())];
        plan.fault(When::After(random.random_range(0..60)), error(primitive, random.random_range(1..3)));
    }
    doubt(plan);
}

/// Where long files break off, a note rots before it is read again. It is a hint: what must succeed still must.
fn rotten_notes(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let is_long =
        |step: &Step| matches!(step.operation, Operation::Put { content, .. } if content.length > ONE_BREATH);
    if !plan.steps().any(is_long) || plan.faults.is_empty() {
        return;
    }
    let host = match plan.faults[0].what {
        What::KillClient(client) | What::PowerLossClient(client) => Host::Client(client),
        _ => Host::Server,
    };
    let (primitive, nth) = match random.random_bool(0.5) {
        true => (Primitive::OpenOwn, random.random_range(2..9)),
        false => (Primitive::ReadAt, random.random_range(0..9)),
    };
    let pick = random.random_range(0..4);
    plan.fault(When::Primitive { host, primitive, nth }, What::NoteRots(host, pick));
}

fn broken_pipes(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len() as u32);
    for dial in 0..random.random_range(1..3) {
        let side = if random.random_bool(0.5) { Side::Client } else { Side::Server };
        let most = [40, 400, 4_000, 100_000][random.random_range(0..4)];
        let by = if random.random_bool(0.5) { Side::Client } else { Side::Server };
        let when = When::Byte { client, dial, side: by, byte: random.random_range(0..most) };
        plan.fault(when, What::BreakWrites(side, Whom::Client(client)));
    }
}

/// A server that is told to stop at once while it does all that it can do.
fn abort(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len());
    let content = Content { length: random.random_range(0..200_000), noise: random.random() };
    plan.clients[client].steps.insert(0, Step::new(Operation::RawEcho(content), Expect::Any));
    for fault in &mut plan.faults {
        if let What::SourceChanges { client: of, step, .. } = &mut fault.what
            && *of as usize == client
        {
            *step += 1;
        }
    }
    let when = When::At(random.random_range(0..200));
    plan.fault(when, What::AbortServer);
    plan.fault(When::After(random.random_range(10..1_000)), What::StartServer);
}

/// A client begins something, gives it up, and is dropped while its disk works on that.
fn leave(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len());
    let (host, path) = (Host::Client(client as u32), format!("left{client}"));
    let length_max = if random.random_bool(0.5) { 200_000 } else { 2 * ONE_BREATH };
    let content = Content { length: random.random_range(0..length_max), noise: random.random() };
    let put = Step::new(Operation::Put { path, content }, Expect::Any);
    let application = &mut plan.clients[client];
    application.steps.push(Step { give_up_ms: Some(random.random_range(0..40)), ..put });
    application.leaves = true;
    if random.random_bool(0.7) {
        plan.fault(When::At(0), What::SlowDisk(host, random.random_range(5..40)));
        plan.fault(When::After(3_000), What::SlowDisk(host, 0));
    }
}

/// Where a folder was to stand at the lock, it stands at the log.
fn block_log(plan: &mut Plan) {
    for (path, obstacle) in &mut plan.obstacles {
        if path == ".towline/lock" && *obstacle == Obstacle::Folder {
            *path = ".towline/requests".to_owned();
        }
    }
}
