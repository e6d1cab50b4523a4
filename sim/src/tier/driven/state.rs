//! What all parts of a run share. One thread runs them, so that the lock is never waited for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::mpsc::UnboundedSender;
use towline::drive::Disk;

use super::super::facts::{Dial, Facts, Place};
use super::super::files::Folders;
use super::super::script::Gate;
use super::super::tap::Tap;
use super::mail::{Datagram, End};
use super::server::Order;
use super::shim::Wire;
use crate::disk::{Power, PoweredFiles};
use crate::outcome::Outcome;
use crate::plan::{Host, Plan};
use crate::plant::Plant;

/// A handle to the state. A clone is the same.
#[derive(Clone)]
pub(in crate::tier) struct Shared {
    plan: Arc<Plan>,
    state: Arc<Mutex<State>>,
    pub(in crate::tier) folders: Folders,
}

/// The state itself.
pub(in crate::tier) struct State {
    pub(in crate::tier) facts: Facts,
    pub(in crate::tier) server: ServerState,
    /// By their places in the plan.
    pub(in crate::tier) clients: Vec<ClientState>,
    /// Where streams are held up until the script has gone on.
    pub(in crate::tier) gates: Vec<Gate>,
    /// All connections so far.
    pub(in crate::tier) wires: BTreeMap<Place, Wire>,
    /// Hosts whose processes read nothing.
    pub(in crate::tier) not_reading: BTreeSet<Host>,
    /// Who waits on a connection of which nobody knows whose it is.
    pub(in crate::tier) held: Vec<Waker>,
    /// The connection that a client's address belongs to.
    pub(in crate::tier) places: BTreeMap<SocketAddr, Place>,
    /// Dials so far of each client: to the protocol's port, to raw echo.
    pub(in crate::tier) dials: Vec<[u32; 2]>,
    pub(in crate::tier) accepted: u64,
    /// Who is at the other end of the server's connections.
    pub(in crate::tier) peers: BTreeMap<u64, SocketAddr>,
    /// What passes on each connection of the protocol, at its client.
    pub(in crate::tier) taps: Vec<Arc<Mutex<Tap>>>,
    pub(in crate::tier) mail: MailState,
}

/// What is known of datagrams.
#[derive(Default)]
pub(in crate::tier) struct MailState {
    /// Sockets so far.
    pub(in crate::tier) sockets: u64,
    /// Where the server's echo is, or was last.
    pub(in crate::tier) served: Option<End>,
    /// Clients' sockets.
    pub(in crate::tier) clients: Vec<End>,
    /// What the script has forged, and the server has not read.
    pub(in crate::tier) forged: VecDeque<Datagram>,
}

/// The server's host.
#[derive(Default)]
pub(in crate::tier) struct ServerState {
    /// True once a server is to be there.
    pub(in crate::tier) is_wanted: bool,
    pub(in crate::tier) power: Power,
    pub(in crate::tier) orders: Option<UnboundedSender<Order>>,
    pub(in crate::tier) disk: Option<Disk<PoweredFiles>>,
}

/// The client's host.
#[derive(Default)]
pub(in crate::tier) struct ClientState {
    pub(in crate::tier) power: Power,
    pub(in crate::tier) disk: Option<Disk<PoweredFiles>>,
}

/// The state, for a moment.
pub(in crate::tier) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// All who wait for the script: to be woken without the lock.
    pub(in crate::tier) fn take_waiting(&mut self) -> Vec<Waker> {
        let held = std::mem::take(&mut self.held);
        self.wires.values_mut().flat_map(Wire::take_waiting).chain(held).collect()
    }
}

impl Shared {
    /// A world in which nothing has happened.
    pub(in crate::tier) fn new(plan: Plan, plant: Option<Plant>) -> Shared {
        let folders = Folders::new(&plan);
        let state = State {
            facts: Facts::new(plan.clone(), plant),
            server: ServerState { is_wanted: plan.server_at_start, ..ServerState::default() },
            clients: plan.clients.iter().map(|_| ClientState::default()).collect(),
            gates: Vec::new(),
            wires: BTreeMap::new(),
            not_reading: BTreeSet::new(),
            held: Vec::new(),
            places: BTreeMap::new(),
            dials: vec![[0, 0]; plan.clients.len()],
            accepted: 0,
            peers: BTreeMap::new(),
            taps: Vec::new(),
            mail: MailState::default(),
        };
        Shared { plan: Arc::new(plan), state: Arc::new(Mutex::new(state)), folders }
    }

    pub(in crate::tier) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was seen.
    pub(in crate::tier) fn into_outcome(self) -> Outcome {
        // Others may still look at it.
        let outcome = &mut lock(&self).facts.outcome;
        let trace = std::mem::take(&mut outcome.trace);
        let mut seen = outcome.clone();
        seen.trace = trace;
        seen
    }

    pub(in crate::tier) fn leases(&self) -> usize {
        let disks: Vec<Disk<PoweredFiles>> = {
            let state = lock(self);
            let clients = state.clients.iter().map(|client| client.disk.clone());
            clients.chain([state.server.disk.clone()]).flatten().collect()
        };
        disks.iter().map(|disk| disk.leases()).sum()
    }

    /// A host's files as a new process sees them.
    pub(in crate::tier) fn files(&self, host: Host, power: &Power) -> PoweredFiles {
        let shared = self.clone();
        self.folders.files(host, power, Arc::new(move |touch| touch(&mut lock(&shared).facts)))
    }

    /// The next dial of a client: to the protocol's port (0), to raw echo (1).
    pub(in crate::tier) fn next_dial(&self, client: u32, port: usize) -> Dial {
        let next = &mut lock(self).dials[client as usize][port];
        *next += 1;
        Dial { client, number: *next - 1 }
    }
}
