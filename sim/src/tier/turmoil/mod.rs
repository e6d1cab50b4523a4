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
//! | `store` | the driver's store, on a disk that takes its time |
//! | `strangers` | peers that keep no rules |
//! | `shim` | streams that take and give a part of what they could |
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
mod store;
mod strangers;

use std::sync::PoisonError;
use std::time::{Duration, UNIX_EPOCH};

use towline::probe::Bug;

use self::state::{Shared, lock};
use super::facts::{SERVER, client_name};
use super::panics::caught;
use super::probed;
use super::script::Script;
use super::stage::{Next, Stage};
use super::tripwire::Polled;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::plant::Plant;

/// Where the server serves files.
const PORT: u16 = 8695;
/// Where it serves raw echo.
const ECHO_PORT: u16 = 8696;
/// One step of the network.
const TICK: Duration = Duration::from_millis(1);
/// Segments that a stream's receiver holds: more than are ever on their way, since a FIN that meets a full queue is lost.
const TCP_CAPACITY: usize = 4_096;

/// Runs a plan on a thread of its own, and gives what was seen.
pub fn run(plan: &Plan) -> Outcome {
    run_with(plan, None, None, false)
}

/// Runs a plan on a thread of its own, perhaps with a bug in the library, or a fault of the simulator's own; keeps the
/// bytes of all streams if it is to. Gives what was seen.
pub(super) fn run_with(plan: &Plan, bug: Option<Bug>, plant: Option<Plant>, keeps_bytes: bool) -> Outcome {
    let shared = Shared::new(plan.clone(), plant);
    if keeps_bytes {
        lock(&shared).facts.outcome.trace.keep_bytes();
    }
    let thread = std::thread::Builder::new().name(format!("plan {}", plan.seed));
    let world = shared.clone();
    let run = move || {
        probed(bug, || {
            let panic = caught(|| simulate(&world));
            lock(&world).facts.outcome.panic = panic;
            lock(&world).facts.outcome.impure = towline_tripwire::take();
            world.into_outcome()
        })
    };
    let running = thread.spawn(run).expect("a thread can be started");
    running.join().unwrap_or_else(|_| {
        lock(&shared).facts.outcome.panic = Some("a panic after the end".to_owned());
        shared.into_outcome()
    })
}

fn simulate(shared: &Shared) {
    let plan = shared.plan();
    let mut sim = turmoil::Builder::new()
        .epoch(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        .simulation_duration(Duration::from_secs(1_000_000))
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(plan.network.latency_ms.min))
        .max_message_latency(Duration::from_millis(plan.network.latency_ms.max))
        .tcp_capacity(TCP_CAPACITY)
        .rng_seed(plan.seed)
        .build();
    let server = shared.clone();
    sim.host(SERVER, move || Polled::new(server::run(server.clone())));
    for number in 0..plan.clients.len() as u32 {
        let client = shared.clone();
        sim.host(client_name(number), move || Polled::new(client::run(client.clone(), number)));
    }
    for number in 0..plan.strangers.len() as u32 {
        let stranger = shared.clone();
        sim.host(format!("stranger{number}"), move || strangers::stranger(stranger.clone(), number));
    }
    for number in 0..plan.impostors.len() as u32 {
        let impostor = shared.clone();
        sim.host(strangers::impostor_name(number), move || strangers::impostor(impostor.clone(), number));
    }
    let mut script = Script::new(plan);
    let (bound, mut stage) = (plan.bound_ms(), Stage::Story);
    for now in 0.. {
        lock(shared).facts.now_ms = now;
        sim.step().unwrap_or_else(|error| panic!("a host failed: {error}"));
        shared.folders.forget_logs();
        script::advance(&mut script, &mut sim, shared);
        let next = stage.next(&mut lock(shared).facts, &script);
        stage = match next {
            Next::Stage(stage) => stage,
            Next::TellServer => {
                stop(shared);
                Stage::Stop
            }
            Next::Over => break,
        };
        if now >= bound {
            let facts = &mut lock(shared).facts;
            facts.outcome.waiting = stage.waiting(facts, &script);
            break;
        }
    }
    conclude(shared);
}

fn stop(shared: &Shared) {
    lock(shared).facts.server_stops();
    if let Some(orders) = &lock(shared).server.orders {
        let _ended_already = orders.send(server::Order::Drain);
    }
}

/// Takes down what is there at the end.
fn conclude(shared: &Shared) {
    let leases = shared.leases();
    let mut state = lock(shared);
    shared.folders.conclude(&mut state.facts, leases);
    for tap in std::mem::take(&mut state.taps) {
        state.facts.finish_taps([&*tap.lock().unwrap_or_else(PoisonError::into_inner)]);
    }
}
