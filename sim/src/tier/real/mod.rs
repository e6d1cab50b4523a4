//! The real server and client on the system's loopback sockets and in real time, behind the shim that turmoil's tier has
//! too. Files are in memory, as everywhere. What happens within a run is not the same twice, and its trace neither; what
//! the applications see is.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the loop: a look at the world about each millisecond, then what the script says |
//! | `process` | a host's process: a thread with a runtime of its own, which can be killed |
//! | `net` | loopback sockets on ports that the system chose |

mod net;
mod process;

use std::time::{Duration, Instant};

use towline::probe::Bug;

use self::net::Loopback;
use self::process::Processes;
use super::driven::state::{Shared, lock};
use super::driven::{self, script};
use super::panics::caught;
use super::script::Script;
use super::stage::{Next, Stage};
use crate::outcome::Outcome;
use crate::plan::{Host, Numbers, Plan};
use crate::plant::Plant;

/// From one look at the world to the next, at least: a look is what counts as a millisecond in the trace and in the plan's
/// `after`.
const LOOK: Duration = Duration::from_millis(1);

/// How much longer deadlines are than the plan says: what else runs on this machine must not break them.
const PATIENCE: u64 = 10;

/// Runs a plan, and gives what was seen.
pub fn run(plan: &Plan) -> Outcome {
    run_with(plan, None, None, false)
}

/// Runs a plan, perhaps with a bug in the library, or a fault of the simulator's own; keeps the bytes of all streams if it is
/// to. Gives what was seen.
pub(super) fn run_with(plan: &Plan, bug: Option<Bug>, plant: Option<Plant>, keeps_bytes: bool) -> Outcome {
    let shared = Shared::new(patient(plan), plant);
    if keeps_bytes {
        lock(&shared).facts.outcome.trace.keep_bytes();
    }
    let panic = caught(|| go_through(&shared, bug));
    let mut outcome = shared.into_outcome();
    outcome.plan = plan.clone();
    outcome.panic = outcome.panic.or(panic);
    outcome
}

fn patient(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let Numbers { idle_ms, handshake_ms, linger_ms, .. } = &mut plan.limits;
    for deadline in [idle_ms, handshake_ms, linger_ms, &mut plan.retry.connect_ms] {
        *deadline *= PATIENCE;
    }
    plan
}

fn go_through(shared: &Shared, bug: Option<Bug>) {
    let plan = shared.plan();
    let network =
        Loopback::reserve(plan).unwrap_or_else(|error| panic!("no ports on the loopback interface: {error}"));
    let mut processes = Processes::new(shared.clone(), network, bug);
    let (begin, bound, mut stage) = (Instant::now(), Duration::from_millis(plan.bound_ms()), Stage::Story);
    processes.begin(Host::Server);
    // Processes begin in no order: who is to find a server waits for it.
    while plan.server_at_start && !lock(shared).facts.server.serves && begin.elapsed() < bound {
        if processes.has_ended(Host::Server) {
            break;
        }
        std::thread::sleep(LOOK);
    }
    (0..plan.clients.len() as u32).map(Host::Client).for_each(|host| processes.begin(host));
    let mut script = Script::new(plan);
    // The logs of the files stay: the server's thread reads there what it has renamed.
    for look in 0.. {
        lock(shared).facts.now_ms = look;
        script::advance(&mut script, &mut processes, shared);
        let next = stage.next(&mut lock(shared).facts, &script);
        stage = match next {
            Next::Stage(stage) => stage,
            Next::TellServer => {
                driven::stop(shared);
                Stage::Stop
            }
            Next::Over => break,
        };
        if lock(shared).facts.outcome.panic.is_some() {
            break;
        }
        if begin.elapsed() >= bound {
            let facts = &mut lock(shared).facts;
            facts.outcome.waiting = stage.waiting(facts, &script);
            break;
        }
        std::thread::sleep(LOOK);
    }
    driven::conclude(shared);
}
