//! The plan's faults, one after another, carried out between two steps of the network.

use turmoil::Sim;

use super::server::Order;
use super::state::{Shared, lock};
use super::{CLIENT, SERVER};
use crate::ledger::Rare;
use crate::plan::{Cut, Fault, Plan, What, When};
use crate::plant::Plant;

/// What is to come.
pub(super) struct Script {
    faults: Vec<Fault>,
    next: usize,
    last_ms: u64,
}

impl Script {
    pub(super) fn new(plan: &Plan) -> Script {
        Script { faults: plan.faults.clone(), next: 0, last_ms: 0 }
    }

    /// The next fault.
    pub(super) fn ahead(&self) -> Option<Fault> {
        self.faults.get(self.next).copied()
    }

    /// True if something will happen however little does.
    pub(super) fn has_timed_ahead(&self) -> bool {
        self.ahead().is_some_and(|fault| fault.when.is_timed())
    }

    /// True if a client is to begin.
    pub(super) fn client_comes(&self) -> bool {
        self.faults[self.next..].iter().any(|fault| fault.what == What::StartClient)
    }

    /// Carries out what is due, and lets go of the streams that waited for it.
    pub(super) fn advance(&mut self, sim: &mut Sim<'_>, shared: &Shared) {
        while let Some(fault) = self.ahead()
            && self.is_due(fault, shared)
        {
            let now = lock(shared).now_ms;
            self.next += 1;
            self.last_ms = now;
            {
                let mut state = lock(shared);
                state.event("fault", &format!("{:?}", fault.what));
                state.outcome.faults_at_ms.push(now);
            }
            carry_out(fault.what, sim, shared);
        }
        self.set_gate(shared);
    }

    fn is_due(&self, fault: Fault, shared: &Shared) -> bool {
        let state = lock(shared);
        let is_time = match fault.when {
            When::At(ms) => state.now_ms >= ms,
            When::After(ms) => state.now_ms >= self.last_ms + ms,
            When::Byte { dial, side, byte } => {
                state.heard.get(&(dial, side)).is_some_and(|heard| *heard >= byte)
            }
            When::Primitive { .. } => state.server.is_dark,
        };
        // A server begins when none is left.
        is_time && (fault.what != What::StartServer || !state.server.serves)
    }

    /// The partition that has just begun: until what comes after it, its byte is the last that was heard, although more
    /// may have arrived.
    fn parted(&self) -> Option<Fault> {
        let last = self.faults.get(self.next.checked_sub(1)?).copied()?;
        matches!(last.what, What::Partition(_)).then_some(last)
    }

    /// What the next fault waits for must not be missed between two steps.
    fn set_gate(&self, shared: &Shared) {
        let wakers = {
            let mut state = lock(shared);
            let gate = self.parted().or(self.ahead()).and_then(|fault| match fault.when {
                When::Byte { dial, side, byte } => Some((dial, side, byte)),
                When::At(_) | When::After(_) | When::Primitive { .. } => None,
            });
            state.fuse = match self.ahead().map(|fault| fault.when) {
                Some(When::Primitive { primitive, nth }) if !state.server.is_dark => Some((primitive, nth)),
                _ => None,
            };
            if gate == state.gate {
                return;
            }
            state.gate = gate;
            std::mem::take(&mut state.gate_wakers)
        };
        wakers.into_iter().for_each(|waker| waker.wake());
    }
}

fn carry_out(what: What, sim: &mut Sim<'_>, shared: &Shared) {
    match what {
        What::Partition(cut) => {
            match cut {
                Cut::Both => sim.partition(CLIENT, SERVER),
                Cut::ToServer => sim.partition_oneway(CLIENT, SERVER),
                Cut::ToClient => sim.partition_oneway(SERVER, CLIENT),
            }
            reach_in_put(shared, Rare::PartitionInPut);
        }
        What::Repair if lock(shared).plant == Some(Plant::NeverHeal) => {}
        What::Repair => sim.repair(CLIENT, SERVER),
        What::KillServer => kill_server(sim, shared),
        What::PowerLossServer => {
            sim.partition(CLIENT, SERVER);
            kill_server(sim, shared);
            shared.rob_served_disk();
            sim.repair(CLIENT, SERVER);
        }
        What::StartServer => start_server(sim, shared),
        What::SecondServer => order(shared, Order::Second),
        What::DrainServer => {
            reach_in_put(shared, Rare::DrainInPut);
            order(shared, Order::Drain);
        }
        What::KillClient => kill_client(sim, shared),
        What::PowerLossClient => {
            sim.partition(CLIENT, SERVER);
            kill_client(sim, shared);
            sim.repair(CLIENT, SERVER);
        }
        What::StartClient => {
            lock(shared).client.is_alive = true;
            sim.bounce(CLIENT);
        }
    }
}

/// The one before, if it stopped in order, must have left nothing open; its locks go with its files.
fn start_server(sim: &mut Sim<'_>, shared: &Shared) {
    let before = {
        let mut state = lock(shared);
        state.server.is_wanted = true;
        state.server.disk.take()
    };
    if let Some(disk) = before {
        lock(shared).outcome.leftovers.leases += disk.leases();
    }
    sim.bounce(SERVER);
}

fn order(shared: &Shared, order: Order) {
    if let Some(orders) = &lock(shared).server.orders {
        // A server that has stopped needs no order.
        let _ = orders.send(order);
    }
}

/// Counts a state if the server is receiving a file now.
fn reach_in_put(shared: &Shared, rare: Rare) {
    let mut state = lock(shared);
    if !state.server.uploads.is_empty() {
        state.reach(rare);
    }
}

/// The process is gone: its store does nothing any more, and what it knew is forgotten.
fn kill_server(sim: &mut Sim<'_>, shared: &Shared) {
    reach_in_put(shared, Rare::ServerDiedInPut);
    let disk = {
        let mut state = lock(shared);
        let server = &mut state.server;
        server.power.cut();
        server.connections.clear();
        server.uploads.clear();
        server.serves = false;
        server.is_dark = false;
        server.orders = None;
        server.disk.take()
    };
    // Its locks go with its files.
    drop(disk);
    sim.crash(SERVER);
}

fn kill_client(sim: &mut Sim<'_>, shared: &Shared) {
    reach_in_put(shared, Rare::ClientDiedInPut);
    let disk = {
        let mut state = lock(shared);
        state.client.power.cut();
        state.client.is_alive = false;
        let is_running = !state.client.is_done;
        if let Some(job) = state.outcome.jobs.last_mut().filter(|job| is_running && job.ended.is_none()) {
            job.cut_off = true;
        }
        state.client.disk.take()
    };
    drop(disk);
    sim.crash(CLIENT);
}
