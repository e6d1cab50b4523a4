//! Plans with each kind of fault or none (swarm testing: Groce and others, ISSTA 2012): each kind is on or off, and its
//! strength is drawn once. What goes wrong heals, and what can succeed then must.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::store::memory::Primitive;

use super::workload::Workload;
use crate::plan::{
    Application, Cut, DiskFailure, Expect, Host, Impostor, Operation, Plan, Step, Stranger, Trick, What,
    When, Whom,
};

/// When the last fault begins, at most, in milliseconds.
const FAULTS_UNTIL: u64 = 4_000;

/// Of [`Trick::ALL`], those that are drawn here; late breaches are drawn in `habits`.
const EARLY: usize = 8;

/// A kind of fault; the numbers in `KINDS` say how often it is on, in a hundred plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Partition,
    Hold,
    Reset,
    End,
    Mute,
    Pause,
    SlowReader,
    ClockJump,
    ServerCrash,
    ClientCrash,
    PowerLossAtPrimitive,
    Drain,
    DiskFull,
    DiskError,
    SlowDisk,
    BitRot,
    Stranger,
    Impostor,
    Damage,
}

const KINDS: [(Kind, u32); 19] = [
    (Kind::Partition, 25),
    (Kind::Hold, 20),
    (Kind::Reset, 25),
    (Kind::End, 15),
    (Kind::Mute, 15),
    (Kind::Pause, 20),
    (Kind::SlowReader, 20),
    (Kind::ClockJump, 15),
    (Kind::ServerCrash, 20),
    (Kind::ClientCrash, 20),
    (Kind::PowerLossAtPrimitive, 15),
    (Kind::Drain, 15),
    (Kind::DiskFull, 10),
    (Kind::DiskError, 15),
    (Kind::SlowDisk, 15),
    (Kind::BitRot, 10),
    (Kind::Stranger, 25),
    (Kind::Impostor, 10),
    (Kind::Damage, 20),
];

pub(super) fn swarm(
    plan: &mut Plan,
    workload: &mut Workload,
    world: &mut ChaCha8Rng,
    faults: &mut ChaCha8Rng,
) {
    narrow(plan, world);
    applications(plan, workload);
    let kinds = KINDS.iter().filter(|(_, percent)| faults.random_ratio(*percent, 100));
    let kinds: Vec<Kind> = kinds.map(|(kind, _)| *kind).collect();
    for kind in &kinds {
        for _ in 0..faults.random_range(1..3) {
            add(plan, *kind, faults);
        }
    }
    // Who is told that there is no place may try again, but not for ever.
    plan.limits.connections = plan.limits.connections.max(plan.clients.len());
    relax(plan, &kinds);
}

/// A network and limits that are narrower than is comfortable, at times.
fn narrow(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if random.random_bool(0.2) {
        plan.network.bytes_per_ms = Some([20, 200, 2_000][random.random_range(0..3)]);
    }
    if random.random_bool(0.2) {
        plan.network.window = [1_024, 4_096, 65_536][random.random_range(0..3)];
    }
    if random.random_bool(0.15) {
        plan.network.backlog = random.random_range(1..3);
    }
    if random.random_bool(0.15) {
        plan.limits.control = [1_024, 16_384][random.random_range(0..2)];
    }
    if random.random_bool(0.15) {
        plan.limits.connections = random.random_range(1..4);
    }
    if random.random_bool(0.2) {
        plan.datagrams.lost_percent = random.random_range(0..40);
        plan.datagrams.doubled_percent = random.random_range(0..40);
        plan.datagrams.late_percent = random.random_range(0..40);
    }
}

/// One to three clients, on paths of their own, and on one that they share.
fn applications(plan: &mut Plan, workload: &mut Workload) {
    if workload.random.random_bool(0.5) {
        let old = workload.content();
        plan.served.push(("shared".to_owned(), old));
    }
    let clients = workload.random.random_range(1..4);
    plan.clients = (0..clients).map(|client| application(client, workload)).collect();
}

fn application(client: u32, workload: &mut Workload) -> Application {
    let mut steps = Vec::new();
    let own = format!("{client}/own");
    let mut has_own = false;
    for _ in 0..workload.random.random_range(1..6) {
        let (operation, expect) = match workload.random.random_range(0..24) {
            0..8 => {
                has_own = true;
                (Operation::Put { path: own.clone(), content: workload.content() }, Expect::Success)
            }
            8..11 if has_own => (Operation::Get { path: own.clone() }, Expect::Success),
            8..12 => {
                let content = workload.content();
                (Operation::Put { path: "shared".to_owned(), content }, Expect::Success)
            }
            12..15 => (Operation::Get { path: "shared".to_owned() }, Expect::Any),
            15..17 => (Operation::Remove { path: "shared".to_owned() }, Expect::Any),
            17..19 => (Operation::List, Expect::Success),
            19..21 => (Operation::Echo(workload.payload()), Expect::Success),
            21..23 => (Operation::RawEcho(workload.content()), Expect::Any),
            _ => (datagrams(workload), Expect::Success),
        };
        steps.push(Step::new(operation, expect));
    }
    Application { begins_ms: workload.random.random_range(0..200) * u64::from(client), steps, leaves: false }
}

fn datagrams(workload: &mut Workload) -> Operation {
    Operation::DatagramEcho {
        count: workload.random.random_range(1..20),
        length: workload.random.random_range(8..1_200),
        gap_ms: workload.random.random_range(0..20),
    }
}

/// A fault of this kind, and what puts it right.
fn add(plan: &mut Plan, kind: Kind, random: &mut ChaCha8Rng) {
    let (when, lasts) = (when(plan, random), When::After(random.random_range(1..=2_500)));
    let client = random.random_range(0..plan.clients.len() as u32);
    let host = if random.random_bool(0.5) { Host::Server } else { Host::Client(client) };
    let noise = random.random();
    let (when, what, back) = match kind {
        Kind::Stranger => {
            let trick = Trick::ALL[random.random_range(0..EARLY)];
            let begins_ms = random.random_range(0..FAULTS_UNTIL);
            return plan.strangers.push(Stranger { begins_ms, trick, noise });
        }
        Kind::Impostor => {
            let (trick, dial) = (Trick::ALL[random.random_range(0..EARLY)], random.random_range(0..2));
            return plan.impostors.push(Impostor { client, dial, trick, noise });
        }
        Kind::Partition | Kind::Hold | Kind::Reset | Kind::End | Kind::Mute | Kind::Damage => {
            let (what, back) = of_network(kind, client, random);
            (when, what, back)
        }
        Kind::PowerLossAtPrimitive => {
            let (what, back) = match host {
                Host::Server => (What::PowerLossServer, What::StartServer),
                Host::Client(client) => (What::PowerLossClient(client), What::StartClient(client)),
            };
            (at_primitive(host, random), what, Some(back))
        }
        Kind::DiskFull | Kind::DiskError | Kind::SlowDisk | Kind::BitRot => {
            let (what, back) = of_disk(kind, host, random);
            (when, what, back)
        }
        Kind::Pause
        | Kind::SlowReader
        | Kind::ClockJump
        | Kind::ServerCrash
        | Kind::ClientCrash
        | Kind::Drain => {
            if kind == Kind::Drain && random.random_bool(0.5) {
                plan.limits.drain_ms = random.random_range(1..1_000);
            }
            let (what, back) = of_process(kind, host, client, random);
            (when, what, back)
        }
    };
    plan.fault(when, what);
    if let Some(back) = back {
        plan.fault(lasts, back);
    }
}

fn of_network(kind: Kind, client: u32, random: &mut ChaCha8Rng) -> (What, Option<What>) {
    let whom = if random.random_bool(0.5) { Whom::All } else { Whom::Client(client) };
    let side = if random.random_bool(0.5) { Side::Server } else { Side::Client };
    match kind {
        Kind::Hold => (What::Hold(whom), Some(What::Release)),
        Kind::Reset => (What::Reset(whom), None),
        Kind::End => (What::End(side, whom), None),
        Kind::Mute => (What::Mute(side, whom), None),
        Kind::Damage => (What::Damage(side, whom), None),
        _ => {
            let cut = [Cut::Both, Cut::ToServer, Cut::ToClient][random.random_range(0..3)];
            (What::Partition(cut, whom), Some(What::Repair))
        }
    }
}

fn of_process(kind: Kind, host: Host, client: u32, random: &mut ChaCha8Rng) -> (What, Option<What>) {
    let is_kill = random.random_bool(0.5);
    match kind {
        Kind::Pause => (What::Pause(host), Some(What::Resume(host))),
        Kind::SlowReader => (What::StopReading(host), Some(What::StartReading(host))),
        Kind::ClockJump => (What::ClockJump(host, random.random_range(1..5_000)), None),
        Kind::ServerCrash if is_kill => (What::KillServer, Some(What::StartServer)),
        Kind::ServerCrash => (What::PowerLossServer, Some(What::StartServer)),
        Kind::ClientCrash => {
            let what = if is_kill { What::KillClient(client) } else { What::PowerLossClient(client) };
            (what, random.random_bool(0.7).then_some(What::StartClient(client)))
        }
        _ => (What::DrainServer, Some(What::StartServer)),
    }
}

fn of_disk(kind: Kind, host: Host, random: &mut ChaCha8Rng) -> (What, Option<What>) {
    match kind {
        Kind::DiskFull => (What::DiskFull(host), Some(What::DiskFree(host))),
        Kind::DiskError => {
            let primitive = Primitive::ALL[random.random_range(0..Primitive::ALL.len())];
            (
                What::DiskError { host, primitive, times: random.random_range(1..4), how: DiskFailure::Io },
                None,
            )
        }
        Kind::SlowDisk => (What::SlowDisk(host, random.random_range(1..60)), Some(What::SlowDisk(host, 0))),
        _ => (What::BitRot(host, random.random_range(0..8)), None),
    }
}

/// At a time, or at a byte of one of the first dials.
fn when(plan: &Plan, random: &mut ChaCha8Rng) -> When {
    if random.random_bool(0.6) {
        // Most runs are short: the times are, too.
        let most = if random.random_bool(0.7) { 400 } else { FAULTS_UNTIL };
        return When::At(random.random_range(0..most));
    }
    let client = random.random_range(0..plan.clients.len() as u32);
    let side = if random.random_bool(0.5) { Side::Server } else { Side::Client };
    let most = [40, 400, 4_000, 100_000][random.random_range(0..4)];
    When::Byte { client, dial: random.random_range(0..2), side, byte: random.random_range(0..most) }
}

fn at_primitive(host: Host, random: &mut ChaCha8Rng) -> When {
    let primitive = Primitive::ALL[random.random_range(0..Primitive::ALL.len())];
    When::Primitive { host, primitive, nth: random.random_range(0..6) }
}

/// What may fail for good is expected to end, in whatever way.
fn relax(plan: &mut Plan, kinds: &[Kind]) {
    let is_lasting = |kind: &Kind| match kind {
        Kind::DiskFull | Kind::DiskError | Kind::BitRot | Kind::Impostor => true,
        Kind::Partition | Kind::Hold | Kind::Reset | Kind::End | Kind::Mute | Kind::Pause => false,
        Kind::SlowReader | Kind::ClockJump | Kind::ServerCrash | Kind::ClientCrash => false,
        Kind::PowerLossAtPrimitive | Kind::Drain | Kind::SlowDisk | Kind::Stranger => false,
        // What it makes of a preamble is judged by what happened.
        Kind::Damage => false,
    };
    if kinds.iter().any(is_lasting) {
        let steps = plan.clients.iter_mut().flat_map(|client| &mut client.steps);
        steps.for_each(|step| step.expect = Expect::Any);
    }
}
