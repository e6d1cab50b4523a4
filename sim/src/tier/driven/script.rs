//! The plan's faults, carried out between two looks at the world: what happens to connections and processes here, what
//! happens to machines and links by the network.

use towline::harness::Side;

use super::super::facts::Place;
use super::super::script::Script;
use super::mail;
use super::server::Order;
use super::shim::Wire;
use super::state::{Shared, lock};
use crate::ledger::Rare;
use crate::plan::{Cut, Host, What, Whom};
use crate::plant::Plant;

/// The hosts as the world has them.
pub(in crate::tier) trait Hosts {
    /// A process is gone; its system closes its connections.
    fn crash(&mut self, host: Host);

    /// A process begins, and none is left of one before.
    fn start(&mut self, host: Host);

    /// Something happens between a client and the server.
    fn link(&mut self, client: u32, what: Link);
}

/// What happens between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tier) enum Link {
    /// Nothing passes; what is on its way is lost.
    Cut(Cut),
    /// All passes again.
    Repair,
    /// What is sent waits on its way.
    Hold,
    /// It goes on.
    Release,
}

/// Carries out what is due, and lets go of the streams that waited for it.
pub(in crate::tier) fn advance(script: &mut Script, hosts: &mut impl Hosts, shared: &Shared) {
    let due = |script: &mut Script| {
        let state = &mut *lock(shared);
        let wires = &state.wires;
        let heard = |dial, side| wires.get(&Place::Files(dial)).map(|wire| wire.heard(side));
        script.take(&mut state.facts, heard)
    };
    while let Some(what) = due(script) {
        carry_out(what, hosts, shared);
        wake(shared);
    }
    {
        let mut state = lock(shared);
        state.facts.fuses = script.fuses(&state.facts);
        let gates = script.gates();
        if gates == state.gates {
            return;
        }
        state.gates = gates;
    }
    wake(shared);
}

fn wake(shared: &Shared) {
    let wakers = lock(shared).take_waiting();
    wakers.into_iter().for_each(|waker| waker.wake());
}

fn carry_out(what: What, hosts: &mut impl Hosts, shared: &Shared) {
    match what {
        What::Partition(cut, whom) => {
            named(whom, shared).for_each(|client| hosts.link(client, Link::Cut(cut)));
            lock(shared).facts.reach_in_put(Rare::PartitionInPut);
        }
        What::Repair if lock(shared).facts.plant == Some(Plant::NeverHeal) => {}
        What::Repair => named(Whom::All, shared).for_each(|client| hosts.link(client, Link::Repair)),
        What::Hold(whom) => named(whom, shared).for_each(|client| hosts.link(client, Link::Hold)),
        What::Release => named(Whom::All, shared).for_each(|client| hosts.link(client, Link::Release)),
        What::Reset(whom) => each_wire(whom, shared, Wire::reset),
        What::End(side, whom) => each_wire(whom, shared, |wire| wire.end(side)),
        What::Mute(side, whom) => each_wire(whom, shared, |wire| wire.mute(side)),
        What::BreakWrites(side, whom) => each_wire(whom, shared, |wire| wire.break_writes(side)),
        What::Damage(side, whom) => damage(side, whom, shared),
        What::KillServer => kill_server(hosts, shared),
        What::PowerLossServer => {
            // Nobody is told.
            named(Whom::All, shared).for_each(|client| hosts.link(client, Link::Cut(Cut::Both)));
            kill_server(hosts, shared);
            shared.folders.rob(Host::Server, &mut lock(shared).facts);
            named(Whom::All, shared).for_each(|client| hosts.link(client, Link::Repair));
        }
        What::StartServer => start_server(hosts, shared),
        What::SecondServer => order(shared, Order::Second),
        What::DrainServer => {
            {
                let facts = &mut lock(shared).facts;
                facts.reach_in_put(Rare::DrainInPut);
                facts.server_stops();
            }
            order(shared, Order::Drain);
        }
        What::AbortServer => {
            lock(shared).facts.server_stops();
            order(shared, Order::Abort);
        }
        What::KillClient(client) => kill_client(hosts, shared, client),
        What::PowerLossClient(client) => {
            hosts.link(client, Link::Cut(Cut::Both));
            kill_client(hosts, shared, client);
            shared.folders.rob(Host::Client(client), &mut lock(shared).facts);
            hosts.link(client, Link::Repair);
        }
        What::StartClient(client) => {
            lock(shared).facts.clients[client as usize].is_alive = true;
            begins(shared, Host::Client(client));
            hosts.start(Host::Client(client));
        }
        What::AcceptFails(times) => lock(shared).facts.accept_failures += times,
        What::StopReading(host) => drop(lock(shared).not_reading.insert(host)),
        What::StartReading(host) => drop(lock(shared).not_reading.remove(&host)),
        What::Forged(forged) => mail::forge(forged, shared),
        // Neither world can: see `Tier::cannot`.
        What::Pause(_) | What::Resume(_) | What::ClockJump(..) => {}
        What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => strike(what, shared),
        What::SlowDisk(..) | What::BitRot(..) | What::SourceChanges { .. } => strike(what, shared),
        What::Meddle(..) | What::NoteRots(..) => strike(what, shared),
    }
}

fn strike(what: What, shared: &Shared) {
    shared.folders.strike(what, &mut lock(shared).facts);
}

/// These clients.
fn named(whom: Whom, shared: &Shared) -> impl Iterator<Item = u32> + use<> {
    let clients = 0..shared.plan().clients.len() as u32;
    clients.filter(move |client| whom.means(*client))
}

/// Does something to each connection that these clients have now.
fn each_wire(whom: Whom, shared: &Shared, mut does: impl FnMut(&mut Wire)) {
    let mut state = lock(shared);
    let wires = state.wires.iter_mut().filter(|(place, _)| place.is_of(whom));
    wires.for_each(|(_, wire)| does(wire));
}

/// A bit of what this side says next on these clients' connections is inverted.
fn damage(side: Side, whom: Whom, shared: &Shared) {
    let seed = shared.plan().seed;
    let mut state = lock(shared);
    let wires = state.wires.iter_mut().filter(|(place, _)| place.is_of(whom));
    for (place, wire) in wires {
        let heard = wire.heard(side);
        wire.damage(side).add(seed, *place, side, heard);
    }
}

/// A new process reads.
fn begins(shared: &Shared, host: Host) {
    lock(shared).not_reading.remove(&host);
}

/// The one before, if it stopped in order, must have left nothing open; its locks go with its files.
fn start_server(hosts: &mut impl Hosts, shared: &Shared) {
    let before = {
        let mut state = lock(shared);
        state.server.is_wanted = true;
        state.server.disk.take()
    };
    if let Some(disk) = before {
        lock(shared).facts.outcome.leftovers.leases += disk.leases();
    }
    begins(shared, Host::Server);
    hosts.start(Host::Server);
}

/// Tells the server something; one that has stopped needs no order.
pub(in crate::tier) fn order(shared: &Shared, order: Order) {
    if let Some(orders) = &lock(shared).server.orders {
        let _ = orders.send(order);
    }
}

/// The process is gone: its store does nothing any more, and what it knew is forgotten.
fn kill_server(hosts: &mut impl Hosts, shared: &Shared) {
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
    hosts.crash(Host::Server);
}

/// One that has not begun is no process, and begins at its time.
fn kill_client(hosts: &mut impl Hosts, shared: &Shared, client: u32) {
    if lock(shared).facts.clients[client as usize].begun == 0 {
        return;
    }
    let disk = {
        let mut state = lock(shared);
        state.facts.reach_in_put(Rare::ClientDiedInPut);
        state.facts.client_died(client);
        let host = &mut state.clients[client as usize];
        host.power.cut();
        host.disk.take()
    };
    drop(disk);
    hosts.crash(Host::Client(client));
}
