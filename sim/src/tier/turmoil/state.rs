//! What all parts of a run share. One thread runs them, so that the lock is never waited for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::mpsc::UnboundedSender;
use towline::drive::Disk;
use towline::harness::Side;

use super::super::facts::{Facts, Place};
use super::super::files::Folders;
use super::super::tap::Tap;
use super::server::Order;
use crate::disk::{Power, PoweredFiles};
use crate::outcome::{ContentId, Outcome};
use crate::plan::Plan;
use crate::plant::Plant;

/// A handle to the state. A clone is the same.
#[derive(Clone)]
pub(super) struct Shared {
    plan: Arc<Plan>,
    state: Arc<Mutex<State>>,
    pub(super) folders: Folders,
}

/// The state itself.
pub(super) struct State {
    pub(super) facts: Facts,
    pub(super) server: ServerState,
    pub(super) client: ClientState,
    /// Where a stream is held up until the script has gone on.
    pub(super) gate: Option<(u32, Side, u64)>,
    pub(super) gate_wakers: Vec<Waker>,
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

/// The server's host.
#[derive(Default)]
pub(super) struct ServerState {
    /// True once a server is to be there.
    pub(super) is_wanted: bool,
    pub(super) power: Power,
    pub(super) orders: Option<UnboundedSender<Order>>,
    pub(super) disk: Option<Disk<PoweredFiles>>,
}

/// The client's host.
#[derive(Default)]
pub(super) struct ClientState {
    pub(super) power: Power,
    pub(super) disk: Option<Disk<PoweredFiles>>,
}

/// The state, for a moment.
pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A world in which nothing has happened.
    pub(super) fn new(plan: Plan, plant: Option<Plant>) -> Shared {
        let folders = Folders::new(&plan);
        let state = State {
            facts: Facts::new(plan.clone(), plant),
            server: ServerState { is_wanted: plan.server_at_start, ..ServerState::default() },
            client: ClientState::default(),
            gate: None,
            gate_wakers: Vec::new(),
            heard: BTreeMap::new(),
            places: BTreeMap::new(),
            dials: 0,
            echo_dials: 0,
            accepted: 0,
            taps: Vec::new(),
        };
        Shared { plan: Arc::new(plan), state: Arc::new(Mutex::new(state)), folders }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was seen.
    pub(super) fn into_outcome(self) -> Outcome {
        lock(&self).facts.take_outcome()
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
        let before = move |primitive| lock(&shared).facts.before_primitive(primitive, &cut);
        let shared = self.clone();
        let renamed = move |path: &str| {
            let content = shared.folders.served_at(path).unwrap_or_else(|| ContentId::of(&[]));
            lock(&shared).facts.renamed(path, content);
        };
        let plant = lock(self).facts.plant;
        let served = self.folders.served.clone();
        PoweredFiles::new(served, power.clone(), Arc::new(before), Arc::new(renamed), plant)
    }

    /// The client's.
    pub(super) fn client_files(&self, power: &Power) -> PoweredFiles {
        PoweredFiles::new(self.folders.local.clone(), power.clone(), Arc::new(|_| {}), Arc::new(|_| {}), None)
    }
}
