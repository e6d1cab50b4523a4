//! What all parts of a run share. One thread runs them, so that the lock is never waited for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::mpsc::UnboundedSender;
use towline::drive::Disk;
use towline::harness::Side;

use super::super::facts::{Dial, Facts, Place};
use super::super::files::Folders;
use super::super::script::Gate;
use super::super::tap::Tap;
use super::server::Order;
use crate::disk::{Power, PoweredFiles};
use crate::outcome::Outcome;
use crate::plan::{Host, Plan};
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
    /// By their places in the plan.
    pub(super) clients: Vec<ClientState>,
    /// Where streams are held up until the script has gone on.
    pub(super) gates: Vec<Gate>,
    pub(super) gate_wakers: Vec<Waker>,
    /// Bytes heard, by dial and by who said them.
    pub(super) heard: BTreeMap<(Dial, Side), u64>,
    /// The connection that a client's address belongs to.
    pub(super) places: BTreeMap<SocketAddr, Place>,
    /// Dials so far of each client: to the protocol's port, to raw echo.
    pub(super) dials: Vec<[u32; 2]>,
    pub(super) accepted: u64,
    /// Who is at the other end of the server's connections.
    pub(super) peers: BTreeMap<u64, SocketAddr>,
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
            clients: plan.clients.iter().map(|_| ClientState::default()).collect(),
            gates: Vec::new(),
            gate_wakers: Vec::new(),
            heard: BTreeMap::new(),
            places: BTreeMap::new(),
            dials: vec![[0, 0]; plan.clients.len()],
            accepted: 0,
            peers: BTreeMap::new(),
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
        let disks: Vec<Disk<PoweredFiles>> = {
            let state = lock(self);
            let clients = state.clients.iter().map(|client| client.disk.clone());
            clients.chain([state.server.disk.clone()]).flatten().collect()
        };
        disks.iter().map(|disk| disk.leases()).sum()
    }

    /// A host's files as a new process sees them.
    pub(super) fn files(&self, host: Host, power: &Power) -> PoweredFiles {
        let shared = self.clone();
        self.folders.files(host, power, Arc::new(move |touch| touch(&mut lock(&shared).facts)))
    }

    /// The next dial of a client: to the protocol's port (0), to raw echo (1).
    pub(super) fn next_dial(&self, client: u32, port: usize) -> Dial {
        let next = &mut lock(self).dials[client as usize][port];
        *next += 1;
        Dial { client, number: *next - 1 }
    }
}
