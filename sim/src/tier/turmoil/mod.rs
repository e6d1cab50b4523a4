//! The real server and client, with their driver, on turmoil's simulated network, through a shim that cuts and delays
//! streams. Nothing here decides anything: the plan does.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the loop: a step of the network, then what the script says |
//! | `hosts` | what the script does to hosts and to the links between them |
//! | `net` | its sockets |
//! | `strangers` | peers that keep no rules |
//!
//! Deterministic, by what turmoil's source shows: the epoch is fixed, ticks are whole milliseconds, every draw comes
//! from the plan's streams, each run has a fresh thread, and tokio's scheduler is seeded (`tokio_unstable`).

// Documentation runs nothing, and is made without rustflags.
#[cfg(not(any(tokio_unstable, doc, doctest)))]
compile_error!(
    "tokio's scheduler is seeded only with `--cfg tokio_unstable`, which .cargo/config.toml sets; a RUSTFLAGS \
     variable overrides it: unset it, or build without the feature `turmoil`"
);

mod hosts;
mod net;
mod strangers;

use std::time::{Duration, UNIX_EPOCH};

use towline::probe::Bug;

use self::hosts::TurmoilHosts;
use self::net::TurmoilNetwork;
use super::driven::state::{Shared, lock};
use super::driven::{self, client, script, server};
use super::facts::{SERVER, client_name};
use super::panics::caught;
use super::probed;
use super::script::Script;
use super::stage::{Next, Stage};
use super::tripwire::Polled;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::plant::Plant;

/// One step of the network.
const TICK: Duration = Duration::from_millis(1);
/// Segments that a stream's receiver holds, and connections that a listener does: more than there ever are, since a FIN that
/// meets a full queue is lost, and a connection that does is a panic.
const TCP_CAPACITY: usize = 65_536;
/// Datagrams that a socket holds for who does not read them.
const UDP_CAPACITY: usize = 1_024;

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
        .udp_capacity(UDP_CAPACITY)
        .rng_seed(plan.seed)
        .build();
    let world = (shared.clone(), TurmoilNetwork::new(plan.network.backlog));
    let (state, network) = world.clone();
    sim.host(SERVER, move || {
        let running = Polled::new(server::run(state.clone(), network.clone()));
        async { Ok(running.await?) }
    });
    for number in 0..plan.clients.len() as u32 {
        let (state, network) = world.clone();
        sim.host(client_name(number), move || {
            let running = Polled::new(client::run(state.clone(), network.clone(), number));
            async { Ok(running.await?) }
        });
    }
    for number in 0..plan.strangers.len() as u32 {
        let stranger = shared.clone();
        sim.host(format!("stranger{number}"), move || strangers::stranger(stranger.clone(), number));
    }
    for number in 0..plan.impostors.len() as u32 {
        let impostor = shared.clone();
        sim.host(strangers::impostor_name(number), move || strangers::impostor(impostor.clone(), number));
    }
    let mut hosts = TurmoilHosts::new(sim);
    let mut script = Script::new(plan);
    let (bound, mut stage) = (plan.bound_ms(), Stage::Story);
    for now in 0.. {
        lock(shared).facts.now_ms = now;
        hosts.sim.step().unwrap_or_else(|error| panic!("a host failed: {error}"));
        script::advance(&mut script, &mut hosts, shared);
        let next = stage.next(&mut lock(shared).facts, &script);
        stage = match next {
            Next::Stage(stage) => stage,
            Next::TellServer => {
                driven::stop(shared);
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
    driven::conclude(shared);
}
