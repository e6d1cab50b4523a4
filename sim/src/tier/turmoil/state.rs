//! What all parts of a run share. One thread runs them, so that the lock is never waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use rand::RngExt;
use tokio::sync::mpsc::UnboundedSender;
use towline::drive::Disk;
use towline::harness::Side;
use towline::proto::client::RetryPolicy;
use towline::proto::{Limits, ListenLimits};
use towline::store::memory::{MemoryFiles, Primitive};
use towline::time::Duration;

use super::server::Order;
use super::tap::Tap;
use crate::disk::{Power, PoweredFiles};
use crate::ledger::Rare;
use crate::outcome::{ContentId, Outcome, Published};
use crate::plan::{Operation, Plan};
use crate::plant::Plant;
use crate::streams::Streams;

/// A handle to the state. A clone is the same.
#[derive(Clone)]
pub(super) struct Shared {
    plan: Arc<Plan>,
    state: Arc<Mutex<State>>,
    served: MemoryFiles,
    local: MemoryFiles,
}

/// The state itself.
pub(super) struct State {
    /// Virtual time.
    pub(super) now_ms: u64,
    /// What was seen so far.
    pub(super) outcome: Outcome,
    pub(super) plant: Option<Plant>,
    pub(super) server: ServerState,
    pub(super) client: ClientState,
    /// Where a stream is held up until the script has gone on.
    pub(super) gate: Option<(u32, Side, u64)>,
    pub(super) gate_wakers: Vec<Waker>,
    /// A primitive of the server's at which its power is lost, and how many of its kind have run.
    pub(super) fuse: Option<(Primitive, u32)>,
    primitives: BTreeMap<Primitive, u32>,
    /// Bytes heard, by dial and by who said them.
    pub(super) heard: BTreeMap<(u32, Side), u64>,
    /// The connection that a client's address belongs to.
    pub(super) places: BTreeMap<SocketAddr, Place>,
    pub(super) dials: u32,
    pub(super) echo_dials: u32,
    pub(super) accepted: u64,
    /// What passes on each connection of the protocol, at its client.
    pub(super) taps: Vec<Arc<Mutex<Tap>>>,
}

/// Which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Of the protocol, by the client's dial.
    Files(u32),
    /// Of raw echo.
    Echo(u32),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Files(dial) => write!(f, "f{dial}"),
            Place::Echo(dial) => write!(f, "e{dial}"),
        }
    }
}

/// The server's host.
#[derive(Default)]
pub(super) struct ServerState {
    /// True once a server is to be there.
    pub(super) is_wanted: bool,
    /// True while one serves.
    pub(super) serves: bool,
    /// Counts the servers.
    pub(super) begun: u32,
    pub(super) power: Power,
    pub(super) orders: Option<UnboundedSender<Order>>,
    pub(super) disk: Option<Disk<PoweredFiles>>,
    pub(super) connections: BTreeSet<u64>,
    /// Uploads that a client began and that have not ended.
    pub(super) uploads: BTreeSet<(u64, u64)>,
    /// True if the power failed on its own, at the fuse.
    pub(super) is_dark: bool,
}

/// The client's host.
#[derive(Default)]
pub(super) struct ClientState {
    /// Counts the clients.
    pub(super) begun: u32,
    /// The step to go on with.
    pub(super) next_step: usize,
    pub(super) is_alive: bool,
    pub(super) is_done: bool,
    pub(super) power: Power,
    pub(super) disk: Option<Disk<PoweredFiles>>,
}

impl ClientState {
    /// True if no client does anything any more, and none `comes`.
    pub(super) fn is_over(&self, comes: &bool) -> bool {
        self.is_done || (!self.is_alive && self.begun > 0 && !comes)
    }
}

/// The state, for a moment.
pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A world in which nothing has happened.
    pub(super) fn new(plan: Plan, plant: Option<Plant>) -> Shared {
        let (served, local) = (MemoryFiles::volatile(), MemoryFiles::new());
        for (path, content) in &plan.served {
            served.put(path, &content.bytes());
        }
        served.sync_all();
        for (number, step) in plan.steps.iter().enumerate() {
            if let Operation::Put { content, .. } = &step.operation {
                local.put(&format!("up-{number}"), &content.bytes());
            }
        }
        let state = State {
            now_ms: 0,
            outcome: Outcome::of(plan.clone()),
            plant,
            server: ServerState { is_wanted: plan.server_at_start, ..ServerState::default() },
            client: ClientState::default(),
            gate: None,
            gate_wakers: Vec::new(),
            fuse: None,
            primitives: BTreeMap::new(),
            heard: BTreeMap::new(),
            places: BTreeMap::new(),
            dials: 0,
            echo_dials: 0,
            accepted: 0,
            taps: Vec::new(),
        };
        Shared { plan: Arc::new(plan), state: Arc::new(Mutex::new(state)), served, local }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The served files and the client's.
    pub(super) fn files(&self) -> (MemoryFiles, MemoryFiles) {
        (self.served.clone(), self.local.clone())
    }

    /// What was seen.
    pub(super) fn into_outcome(self) -> Outcome {
        lock(&self).outcome.clone()
    }

    /// The served disk keeps and loses what was not synced, each change by itself, as the plan's stream `disk` says.
    pub(super) fn rob_served_disk(&self) {
        let mut random = Streams::new(self.plan.seed).stream(Streams::DISK);
        let pending = self.served.pending();
        self.served.crash(|| random.random());
        let mut state = lock(self);
        state.event("server", &format!("its disk had {pending} changes that were not synced"));
        if pending > 0 {
            state.reach(Rare::DiskRobbed);
        }
    }

    /// The logs of the files would grow with the run.
    pub(super) fn forget_disk_logs(&self) {
        self.served.take_log();
        self.local.take_log();
    }

    pub(super) fn leases(&self) -> usize {
        let (server, client) = {
            let state = lock(self);
            (state.server.disk.clone(), state.client.disk.clone())
        };
        [server, client].into_iter().flatten().map(|disk| disk.leases()).sum()
    }

    /// The server's files as a new process sees them.
    pub(super) fn server_files(&self, power: &Power) -> PoweredFiles {
        let (shared, cut) = (self.clone(), power.clone());
        let before = move |primitive| shared.before_primitive(primitive, &cut);
        let shared = self.clone();
        let renamed = move |path: &str| shared.renamed(path);
        let plant = lock(self).plant;
        PoweredFiles::new(self.served.clone(), power.clone(), Arc::new(before), Arc::new(renamed), plant)
    }

    /// The client's.
    pub(super) fn client_files(&self, power: &Power) -> PoweredFiles {
        PoweredFiles::new(self.local.clone(), power.clone(), Arc::new(|_| {}), Arc::new(|_| {}), None)
    }

    fn before_primitive(&self, primitive: Primitive, power: &Power) {
        let mut state = lock(self);
        let count = state.primitives.entry(primitive).or_default();
        let passed = *count;
        *count += 1;
        if state.fuse.is_some_and(|(at, nth)| at == primitive && nth <= passed) {
            state.fuse = None;
            state.server.is_dark = true;
            state.event("server", &format!("loses its power before {primitive:?}"));
            match primitive {
                Primitive::Rename => state.reach(Rare::DiedBeforeRename),
                Primitive::SyncFolder => state.reach(Rare::DiedAfterRename),
                _ => {}
            }
            power.cut();
        }
    }

    fn renamed(&self, path: &str) {
        let content = ContentId::of(&self.served.get(path).unwrap_or_default());
        let mut state = lock(self);
        let at_ms = state.now_ms;
        state.event("server", &format!("publishes {path} as {content:?}"));
        state.outcome.published.push(Published { at_ms, path: path.to_owned(), content });
    }

    /// The deadlines as machines take them.
    pub(super) fn limits(&self) -> Limits {
        self.plan.limits()
    }

    pub(super) fn listen_limits(&self) -> ListenLimits {
        let drain = Some(Duration::from_millis(self.plan.limits.drain_ms));
        ListenLimits { drain, ..ListenLimits::default() }
    }

    pub(super) fn policy(&self) -> RetryPolicy {
        let retry = &self.plan.retry;
        RetryPolicy {
            attempts: retry.attempts,
            base: Duration::from_millis(retry.base_ms),
            cap: Duration::from_millis(retry.cap_ms),
            wait: retry.wait_ms.map(Duration::from_millis),
            connect: Some(Duration::from_millis(retry.connect_ms)),
        }
    }
}

impl State {
    /// Writes an event down.
    pub(super) fn event(&mut self, place: &str, what: &str) {
        self.outcome.trace.event(self.now_ms, place, what);
    }

    /// A rare state was reached.
    pub(super) fn reach(&mut self, rare: Rare) {
        self.outcome.reached.insert(rare);
    }

    /// Every path that the plan names.
    pub(super) fn paths(&self) -> Vec<String> {
        let plan = &self.outcome.plan;
        let put = plan.steps.iter().filter_map(|step| match &step.operation {
            Operation::Put { path, .. } => Some(path.clone()),
            _ => None,
        });
        let all: BTreeSet<String> = plan.served.iter().map(|(path, _)| path.clone()).chain(put).collect();
        all.into_iter().collect()
    }

    /// What the taps have gathered becomes facts.
    pub(super) fn finish_taps(&mut self) {
        for tap in std::mem::take(&mut self.taps) {
            let tap = tap.lock().unwrap_or_else(PoisonError::into_inner);
            self.outcome.conversations.push(tap.text().to_owned());
            self.outcome.echoes.extend(tap.echoes());
        }
    }
}
