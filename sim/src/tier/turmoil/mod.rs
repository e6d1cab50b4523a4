//! The real server and client, with their driver, on turmoil's simulated network, through a shim that cuts and delays
//! streams. Nothing here decides anything: the plan does.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the loop: a step of the network, then what the script says |
//! | `state` | what all parts of a run share: the clock, the trace, the facts |
//! | `script` | the plan's faults, carried out between two steps |
//! | `server`, `client` | what runs on the two hosts |
//! | `net` | turmoil's sockets as the driver wants them |
//! | `shim` | streams that take and give a part of what they could |
//! | `tap` | what passes on a stream, written down |
//!
//! Deterministic, by what turmoil's source shows: the epoch is fixed, ticks are whole milliseconds, every draw comes
//! from the plan's streams, each run has a fresh thread, and tokio's scheduler is seeded (`tokio_unstable`).

// Documentation runs nothing, and is made without rustflags.
#[cfg(not(any(tokio_unstable, doc, doctest)))]
compile_error!(
    "tokio's scheduler is seeded only with `--cfg tokio_unstable`, which .cargo/config.toml sets; a RUSTFLAGS \
     variable overrides it: unset it, or build without the feature `turmoil`"
);

mod client;
mod net;
mod script;
mod server;
mod shim;
mod state;
mod tap;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use towline::store::{Files, Links};

use self::script::Script;
use self::state::{Shared, lock};
use crate::ledger::Rare;
use crate::outcome::{ContentId, Ended, Outcome};
use crate::plan::{Operation, Plan};
use crate::plant::Plant;

/// The hosts' names.
const SERVER: &str = "server";
const CLIENT: &str = "client";
/// Where the server serves files.
const PORT: u16 = 8695;
/// Where it serves raw echo.
const ECHO_PORT: u16 = 8696;
/// One step of the network.
const TICK: Duration = Duration::from_millis(1);
/// Segments that a stream's receiver holds: more than are ever on their way, since a FIN that meets a full queue is lost.
const TCP_CAPACITY: usize = 4_096;
/// Ticks after the end in which the last segments arrive.
const AFTERMATH_MS: u64 = 50;

/// The panic of a run's thread, as the hook saw it.
static PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
/// What the names of threads that run a plan begin with.
const THREAD: &str = "plan-";

/// Runs a plan on a thread of its own, and gives what was seen.
pub fn run(plan: &Plan) -> Outcome {
    run_planted(plan, None)
}

/// The same with a bug, for the tests that show that it is caught.
#[doc(hidden)]
pub fn run_planted(plan: &Plan, plant: Option<Plant>) -> Outcome {
    static RUNS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    listen_for_panics();
    let name = format!("{THREAD}{}", RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let shared = Shared::new(plan.clone(), plant);
    let world = shared.clone();
    let thread = std::thread::Builder::new().name(name.clone());
    let running = thread.spawn(move || {
        let ran = catch_unwind(AssertUnwindSafe(|| simulate(&world)));
        // What panics while a broken world is taken down is not another failure.
        ran.is_err()
    });
    let panicked = running.expect("a thread can be started").join().unwrap_or(true);
    let mut outcome = shared.into_outcome();
    if panicked {
        let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        let at = panics.iter().position(|(thread, _)| *thread == name);
        let text = at.map(|at| panics[at].1.clone());
        panics.retain(|(thread, _)| *thread != name);
        outcome.panic = Some(text.unwrap_or_else(|| "a panic without words".to_owned()));
    }
    outcome
}

/// Panics of runs are kept for their reports; all others are told as ever.
fn listen_for_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            match thread.name().filter(|name| name.starts_with(THREAD)) {
                Some(name) => {
                    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
                    panics.push((name.to_owned(), info.to_string().replace('\n', " ")));
                }
                None => before(info),
            }
        }));
    });
}

/// What the run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client's steps, and the script.
    Story,
    /// The server's connections, of which nobody is at the other end any more.
    Quiet,
    /// The server's end, once it was told to stop.
    Stop,
    /// The last segments.
    Aftermath(u64),
}

fn simulate(shared: &Shared) {
    let plan = shared.plan();
    let mut sim = turmoil::Builder::new()
        .epoch(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        .simulation_duration(Duration::from_secs(1_000_000))
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(plan.latency_ms.min))
        .max_message_latency(Duration::from_millis(plan.latency_ms.max))
        .tcp_capacity(TCP_CAPACITY)
        .rng_seed(plan.seed)
        .build();
    let (server, client) = (shared.clone(), shared.clone());
    sim.host(SERVER, move || server::run(server.clone()));
    sim.host(CLIENT, move || client::run(client.clone()));
    let mut script = Script::new(plan);
    let (bound, mut stage) = (plan.bound_ms(), Stage::Story);
    for now in 0.. {
        lock(shared).now_ms = now;
        sim.step().unwrap_or_else(|error| panic!("a host failed: {error}"));
        shared.forget_disk_logs();
        script.advance(&mut sim, shared);
        stage = match next_stage(stage, &script, shared, now) {
            Some(stage) => stage,
            None => break,
        };
        if now >= bound {
            let waiting = waiting(stage, &script, shared);
            lock(shared).outcome.waiting = waiting;
            break;
        }
    }
    conclude(shared);
}

/// Where the run stands after a step; `None` once it is over.
fn next_stage(stage: Stage, script: &Script, shared: &Shared, now: u64) -> Option<Stage> {
    let mut state = lock(shared);
    Some(match stage {
        Stage::Story => {
            let is_over = state.client.is_over(&script.client_comes()) && !script.has_timed_ahead();
            if is_over { Stage::Quiet } else { Stage::Story }
        }
        Stage::Quiet if !state.server.connections.is_empty() => Stage::Quiet,
        Stage::Quiet => {
            state.event("server", "is told to stop");
            if let Some(orders) = &state.server.orders {
                let _ended_already = orders.send(server::Order::Drain);
            }
            Stage::Stop
        }
        Stage::Stop if state.server.serves => Stage::Stop,
        Stage::Stop => Stage::Aftermath(now + AFTERMATH_MS),
        Stage::Aftermath(until) if now < until => stage,
        Stage::Aftermath(_) => return None,
    })
}

/// Who waits for what.
fn waiting(stage: Stage, script: &Script, shared: &Shared) -> Vec<String> {
    let state = lock(shared);
    let mut waiting = vec![format!("the run is in its stage {stage:?}")];
    if let Some(job) = state.outcome.jobs.iter().rev().find(|job| job.ended.is_none() && !job.cut_off) {
        let operation = &state.outcome.plan.steps[job.step].operation;
        waiting.push(format!("client {} waits for step {}, {operation:?}", job.client, job.step));
    }
    if !state.server.connections.is_empty() {
        waiting.push(format!("the server has connections {:?}", state.server.connections));
    }
    if let Some(fault) = script.ahead() {
        waiting.push(format!("the script waits for {fault:?}"));
    }
    waiting
}

/// Takes down what is there at the end.
fn conclude(shared: &Shared) {
    let (served, local) = shared.files();
    let mut partials = Vec::new();
    for (side, files) in [(SERVER, &served), (CLIENT, &local)] {
        partials.extend(
            names_in(files, b".towline")
                .into_iter()
                .filter(|name| name.ends_with(".partial"))
                .map(|name| format!("{side}: {name}")),
        );
    }
    let leases = shared.leases();
    let mut state = lock(shared);
    let paths: Vec<String> = state.paths();
    for path in paths {
        if let Some(bytes) = served.get(&path) {
            let id = ContentId::of(&bytes);
            state.event("end", &format!("{path} is {id:?}"));
            state.outcome.served.insert(path, id);
        }
    }
    state.outcome.leftovers.partials = partials;
    state.outcome.leftovers.leases += leases;
    state.outcome.leftovers.connections = state.server.connections.len();
    state.outcome.elapsed_ms = state.now_ms;
    let text = format!("{:?}, waiting {:?}", state.outcome.leftovers, state.outcome.waiting);
    state.event("end", &text);
    state.finish_taps();
    let retried = state.outcome.jobs.iter().any(|job| {
        let is_put = matches!(state.outcome.plan.steps[job.step].operation, Operation::Put { .. });
        is_put && job.retries > 0 && job.ended == Some(Ended::Done)
    });
    if retried {
        state.reach(Rare::RetriedPut);
    }
}

fn names_in(files: &towline::store::memory::MemoryFiles, folder: &[u8]) -> Vec<String> {
    let open = || {
        let folder = files.open_folder(&files.root().ok()?, folder, Links::None).ok()?;
        let mut listing = files.list(&folder).ok()?;
        files.next_names(&mut listing, usize::MAX).ok()
    };
    let names = open().unwrap_or_default();
    names.into_iter().map(|name| name.escape_ascii().to_string()).collect()
}
