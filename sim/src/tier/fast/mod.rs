//! All the machines in one event loop that jumps to the next event: a listener, a session for each connection, the
//! client with its retries, each observed by the contract (`towline::harness::Checked`); simulated streams, and files on
//! a disk that can lose its power. No tokio, no threads.
//!
//! | file | what |
//! |---|---|
//! | `world` | the loop, the clock, what is on its way |
//! | `queue`, `deadlines` | what is to happen, in its order |
//! | `net`, `pieces`, `conns` | connections as the systems hold them, their buffers, and all of them |
//! | `notes` | what passes at their ends, written down |
//! | `wires` | bytes from machine to machine, partitions, ends |
//! | `breaks` | resets, early ends, half-open streams, messages held up |
//! | `pipes` | what applications write and read in order |
//! | `processes` | processes that stand still or do not read, clocks that differ |
//! | `datagrams` | datagrams, their echo, and what becomes of them on their way |
//! | `strangers` | peers that keep no rules |
//! | `memory` | what machines hold |
//! | `hosts`, `server`, `client` | what runs on the two hosts |
//! | `stored` | the server's store, and whose turn it is there |

mod breaks;
mod client;
mod conns;
mod datagrams;
mod deadlines;
mod hosts;
mod memory;
mod net;
mod notes;
mod pieces;
mod pipes;
mod processes;
mod queue;
mod server;
mod stored;
mod strangers;
mod wires;
mod world;

use std::sync::{Arc, Mutex, PoisonError};

use towline::harness::Side;
use towline::proto::machine::{Input, Machine};
use towline::proto::session::Session;

use self::net::ConnId;
use self::world::{Due, World, lock};
use super::facts::{Facts, Place};
use super::panics::caught;
use super::tripwire::strict;
use crate::ledger::Rare;
use crate::outcome::Outcome;
use crate::plan::{Host, Plan, What, Whom};
use crate::plant::Plant;

/// There is nothing that a plan can ask for and this world cannot do.
pub(super) fn cannot(_: &Plan) -> Vec<&'static str> {
    Vec::new()
}

/// Runs a plan on this thread, and gives what was seen.
pub fn run(plan: &Plan) -> Outcome {
    run_with(plan, None, false)
}

/// The same, perhaps with a fault of the simulator's own; keeps the bytes of all streams if it is to.
pub(super) fn run_with(plan: &Plan, plant: Option<Plant>, keeps_bytes: bool) -> Outcome {
    let mut facts = Facts::new(plan.clone(), plant);
    if keeps_bytes {
        facts.outcome.trace.keep_bytes();
    }
    let facts = Arc::new(Mutex::new(facts));
    let (panic, impure) = strict(|| caught(|| World::new(plan.clone(), Arc::clone(&facts)).run()));
    let mut facts = into_inner(facts);
    facts.outcome.elapsed_ms = facts.now_ms;
    facts.outcome.panic = panic;
    facts.outcome.impure = impure;
    facts.outcome
}

/// The facts, once the world that shared them is gone.
fn into_inner(facts: Arc<Mutex<Facts>>) -> Facts {
    let facts = Arc::into_inner(facts).expect("the world is gone, and its stores with it");
    facts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// A fault happens.
    fn carry_out(&mut self, what: What) {
        match what {
            What::Partition(cut, whom) => {
                self.part(cut, whom);
                self.facts().reach_in_put(Rare::PartitionInPut);
            }
            What::Repair if self.facts().plant == Some(Plant::NeverHeal) => {}
            What::Repair => self.heal(),
            What::KillServer => {
                self.facts().reach_in_put(Rare::ServerDiedInPut);
                self.kill_server();
                self.release_all(Side::Server, Whom::All);
            }
            What::PowerLossServer => {
                self.facts().reach_in_put(Rare::ServerDiedInPut);
                self.kill_server();
                self.lose_power(Host::Server);
                self.folders.rob(Host::Server, &mut lock(&self.facts));
            }
            What::StartServer => self.start_server(),
            What::SecondServer => self.second_server(),
            What::DrainServer => {
                // A process that stands still has been told all the same.
                self.facts().server_stops();
                self.facts().reach_in_put(Rare::DrainInPut);
                self.happen(Due::Drain);
            }
            What::AbortServer => {
                self.facts().server_stops();
                self.happen(Due::Abort);
            }
            What::Forged(forged) => self.forged(forged),
            What::KillClient(client) => {
                self.facts().reach_in_put(Rare::ClientDiedInPut);
                self.kill_client(client);
                self.release_all(Side::Client, Whom::Client(client));
            }
            What::PowerLossClient(client) => {
                self.facts().reach_in_put(Rare::ClientDiedInPut);
                self.kill_client(client);
                self.lose_power(Host::Client(client));
                self.folders.rob(Host::Client(client), &mut lock(&self.facts));
            }
            What::StartClient(client) => self.start_client(client),
            What::AcceptFails(times) => self.facts().accept_failures += times,
            What::Hold(whom) => self.hold(whom),
            What::Release => self.let_pass(),
            What::Reset(whom) => self.reset(whom),
            What::End(side, whom) => self.end_early(side, whom),
            What::Mute(side, whom) => self.mute_streams(side, whom),
            // A machine is told of no error of its writes: what it says is lost.
            What::BreakWrites(side, whom) => self.mute_streams(side, whom),
            What::Damage(side, whom) => self.damage(side, whom),
            What::Pause(host) => self.pause(host),
            What::Resume(host) => self.resume(host),
            What::StopReading(host) => self.stop_reading(host),
            What::StartReading(host) => self.start_reading(host),
            What::ClockJump(host, ms) => self.leap(host, ms),
            What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => self.strike(what),
            What::SlowDisk(..) | What::BitRot(..) | What::SourceChanges { .. } => self.strike(what),
            What::Meddle(..) | What::NoteRots(..) => self.strike(what),
        }
    }

    fn strike(&self, what: What) {
        self.folders.strike(what, &mut lock(&self.facts));
    }

    /// A process's connections are closed by its system.
    fn release_all(&mut self, side: Side, whom: Whom) {
        let of_whom = self.conns.iter().filter(|(_, conn)| whom.means(conn.place.client()));
        let conns: Vec<ConnId> = of_whom.map(|(conn, _)| conn).collect();
        conns.into_iter().for_each(|conn| self.release(conn, side));
    }

    /// A machine is gone without a word; it comes back at once, or when a process begins there.
    fn lose_power(&mut self, host: Host) {
        use rand::RngExt;
        match host {
            Host::Server => self.vanish(Side::Server, Whom::All),
            Host::Client(client) => self.vanish(Side::Client, Whom::Client(client)),
        }
        if self.random.random_bool(0.5) {
            self.mute.insert(host);
        }
    }

    /// Hands a process what its system has for it.
    fn deliver(&mut self, conn: ConnId, side: Side, input: Input<Session>) {
        if self.players.contains_key(&(conn, side)) {
            return self.player_hears(conn, side, input);
        }
        let Some((place, link)) = self.conns.get(&conn).map(|conn| (conn.place, conn.link)) else { return };
        match (side, place) {
            (Side::Server, Place::Files(_)) => self.step_session(conn, input),
            (Side::Server, Place::Echo(_)) => match input {
                Input::Received((), bytes) => self.step_echo(conn, Input::Received((), bytes)),
                Input::Ended((), end) => self.step_echo(conn, Input::Ended((), end)),
                Input::Room((), room) => self.step_echo(conn, Input::Room((), room)),
                _ => {}
            },
            (Side::Client, Place::Echo(_)) => self.hear_raw_echo(place.client(), input),
            (Side::Client, Place::Files(_)) => match input {
                Input::Received((), bytes) => self.step_client(place.client(), Input::Received(link, bytes)),
                Input::Ended((), end) => self.step_client(place.client(), Input::Ended(link, end)),
                Input::Room((), room) => self.step_client(place.client(), Input::Room(link, room)),
                _ => {}
            },
        }
    }

    /// True if the process at this end wants to read.
    fn wants_read(&self, conn: ConnId, side: Side) -> bool {
        let Some(connection) = self.conns.get(&conn) else { return false };
        if let Some(player) = self.players.get(&(conn, side)) {
            return player.reads();
        }
        if self.deaf.contains(&wires::host(side, connection.place)) {
            return false;
        }
        match (side, connection.place) {
            (Side::Client, Place::Echo(_)) => true,
            (Side::Client, Place::Files(dial)) => {
                // A stranger that has left is no client.
                let host = self.clients.get(dial.client as usize).and_then(Option::as_ref);
                host.is_some_and(|host| host.machine.machine().wants_read(connection.link))
            }
            (Side::Server, _) => self.server.as_ref().is_some_and(|host| {
                host.sessions.get(&conn).is_some_and(|session| session.machine().wants_read(()))
                    || host.echoes.get(&conn).is_some_and(|echo| echo.machine().wants_read(()))
            }),
        }
    }
}
