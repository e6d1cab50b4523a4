//! The plan's faults, carried out between two steps of the network.

use turmoil::Sim;

use super::super::facts::{SERVER, client_name};
use super::super::script::Script;
use super::server::Order;
use super::state::{Shared, lock};
use crate::ledger::Rare;
use crate::plan::{Cut, Host, What, Whom};
use crate::plant::Plant;

/// Carries out what is due, and lets go of the streams that waited for it.
pub(super) fn advance(script: &mut Script, sim: &mut Sim<'_>, shared: &Shared) {
    let due = |script: &mut Script| {
        let state = &mut *lock(shared);
        let heard = &state.heard;
        script.take(&mut state.facts, |dial, side| heard.get(&(dial, side)).copied())
    };
    while let Some(what) = due(script) {
        carry_out(what, sim, shared);
    }
    let wakers = {
        let mut state = lock(shared);
        state.facts.fuses = script.fuses(&state.facts);
        let gates = script.gates();
        if gates == state.gates {
            return;
        }
        state.gates = gates;
        std::mem::take(&mut state.gate_wakers)
    };
    wakers.into_iter().for_each(|waker| waker.wake());
}

fn carry_out(what: What, sim: &mut Sim<'_>, shared: &Shared) {
    match what {
        What::Partition(cut, whom) => {
            for client in named(whom, shared) {
                match cut {
                    Cut::Both => sim.partition(client, SERVER),
                    Cut::ToServer => sim.partition_oneway(client, SERVER),
                    Cut::ToClient => sim.partition_oneway(SERVER, client),
                }
            }
            lock(shared).facts.reach_in_put(Rare::PartitionInPut);
        }
        What::Repair if lock(shared).facts.plant == Some(Plant::NeverHeal) => {}
        What::Repair => named(Whom::All, shared).into_iter().for_each(|client| sim.repair(client, SERVER)),
        What::KillServer => kill_server(sim, shared),
        What::PowerLossServer => {
            let clients = named(Whom::All, shared);
            clients.iter().for_each(|client| sim.partition(*client, SERVER));
            kill_server(sim, shared);
            shared.folders.rob(Host::Server, &mut lock(shared).facts);
            clients.iter().for_each(|client| sim.repair(*client, SERVER));
        }
        What::StartServer => start_server(sim, shared),
        What::SecondServer => order(shared, Order::Second),
        What::DrainServer => {
            {
                let facts = &mut lock(shared).facts;
                facts.reach_in_put(Rare::DrainInPut);
                facts.server_stops();
            }
            order(shared, Order::Drain);
        }
        What::KillClient(client) => kill_client(sim, shared, client),
        What::PowerLossClient(client) => {
            sim.partition(client_name(client), SERVER);
            kill_client(sim, shared, client);
            shared.folders.rob(Host::Client(client), &mut lock(shared).facts);
            sim.repair(client_name(client), SERVER);
        }
        What::StartClient(client) => {
            lock(shared).facts.clients[client as usize].is_alive = true;
            sim.bounce(client_name(client));
        }
        What::Hold(_) | What::Release | What::Reset(_) | What::End(..) | What::Mute(..) => {}
        What::Pause(_) | What::Resume(_) | What::StopReading(_) | What::StartReading(_) => {}
        What::ClockJump(..) => {}
        What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => strike(what, shared),
        What::SlowDisk(..) | What::BitRot(..) => strike(what, shared),
    }
}

fn strike(what: What, shared: &Shared) {
    shared.folders.strike(what, &mut lock(shared).facts);
}

/// The hosts of these clients.
fn named(whom: Whom, shared: &Shared) -> Vec<&'static str> {
    let clients = 0..shared.plan().clients.len() as u32;
    clients.filter(|client| whom.means(*client)).map(client_name).collect()
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

fn kill_client(sim: &mut Sim<'_>, shared: &Shared, client: u32) {
    let disk = {
        let mut state = lock(shared);
        state.facts.reach_in_put(Rare::ClientDiedInPut);
        state.facts.client_died(client);
        let host = &mut state.clients[client as usize];
        host.power.cut();
        host.disk.take()
    };
    drop(disk);
    sim.crash(client_name(client));
}
