//! The plan's faults, carried out between two steps of the network.

use turmoil::Sim;

use super::super::facts::{CLIENT, SERVER};
use super::super::script::Script;
use super::server::Order;
use super::state::{Shared, lock};
use crate::ledger::Rare;
use crate::plan::{Cut, What};
use crate::plant::Plant;

/// Carries out what is due, and lets go of the streams that waited for it.
pub(super) fn advance(script: &mut Script, sim: &mut Sim<'_>, shared: &Shared) {
    let due = |script: &mut Script| {
        let state = &mut *lock(shared);
        script.take(&mut state.facts, |dial, side| state.heard.get(&(dial, side)).copied())
    };
    while let Some(what) = due(script) {
        carry_out(what, sim, shared);
    }
    let wakers = {
        let mut state = lock(shared);
        state.facts.fuse = script.fuse(&state.facts);
        let gate = script.gate();
        if gate == state.gate {
            return;
        }
        state.gate = gate;
        std::mem::take(&mut state.gate_wakers)
    };
    wakers.into_iter().for_each(|waker| waker.wake());
}

fn carry_out(what: What, sim: &mut Sim<'_>, shared: &Shared) {
    match what {
        What::Partition(cut) => {
            match cut {
                Cut::Both => sim.partition(CLIENT, SERVER),
                Cut::ToServer => sim.partition_oneway(CLIENT, SERVER),
                Cut::ToClient => sim.partition_oneway(SERVER, CLIENT),
            }
            lock(shared).facts.reach_in_put(Rare::PartitionInPut);
        }
        What::Repair if lock(shared).facts.plant == Some(Plant::NeverHeal) => {}
        What::Repair => sim.repair(CLIENT, SERVER),
        What::KillServer => kill_server(sim, shared),
        What::PowerLossServer => {
            sim.partition(CLIENT, SERVER);
            kill_server(sim, shared);
            shared.folders.rob_served(&mut lock(shared).facts);
            sim.repair(CLIENT, SERVER);
        }
        What::StartServer => start_server(sim, shared),
        What::SecondServer => order(shared, Order::Second),
        What::DrainServer => {
            lock(shared).facts.reach_in_put(Rare::DrainInPut);
            order(shared, Order::Drain);
        }
        What::KillClient => kill_client(sim, shared),
        What::PowerLossClient => {
            sim.partition(CLIENT, SERVER);
            kill_client(sim, shared);
            sim.repair(CLIENT, SERVER);
        }
        What::StartClient => {
            lock(shared).facts.client.is_alive = true;
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
        lock(shared).facts.outcome.leftovers.leases += disk.leases();
    }
    sim.bounce(SERVER);
}

fn order(shared: &Shared, order: Order) {
    if let Some(orders) = &lock(shared).server.orders {
        // A server that has stopped needs no order.
        let _ = orders.send(order);
    }
}

/// The process is gone: its store does nothing any more, and what it knew is forgotten.
fn kill_server(sim: &mut Sim<'_>, shared: &Shared) {
    let disk = {
        let mut state = lock(shared);
        state.facts.reach_in_put(Rare::ServerDiedInPut);
        state.facts.server_died();
        state.server.power.cut();
        state.server.orders = None;
        state.server.disk.take()
    };
    // Its locks go with its files.
    drop(disk);
    sim.crash(SERVER);
}

fn kill_client(sim: &mut Sim<'_>, shared: &Shared) {
    let disk = {
        let mut state = lock(shared);
        state.facts.reach_in_put(Rare::ClientDiedInPut);
        state.facts.client_died();
        state.client.power.cut();
        state.client.disk.take()
    };
    drop(disk);
    sim.crash(CLIENT);
}
