//! What is known of a run while it goes on: the clock, the trace, the facts that invariants judge. Every tier writes it.

use std::collections::{BTreeMap, BTreeSet};

use towline::harness::Side;
use towline::proto::listener::ListenEnd;
use towline::proto::op::Party;
use towline::proto::session::{Began, Event, SessionEnd};
use towline::wire::Code;

use super::disks::Rotting;
pub(super) use super::fuses::Fuse;
use super::fuses::Primitives;
use super::known::Known;
pub(super) use super::place::{Dial, Place};
use super::script::Script;
use super::tap::Tap;
use crate::ledger::Rare;
use crate::outcome::{Bound, Drain, Ended, Job, Outcome, Traffic, Visit};
use crate::plan::{Host, Plan};
use crate::plant::Plant;
use crate::trace::{self, Connection, Door, Frame, Kind, Lane, Network, Part, Recorded};

/// The server's name.
pub(super) const SERVER: &str = "server";

/// The names of the clients' hosts, by their places in the plan; of those beyond, who keep no rules, the same.
pub(super) fn client_name(client: u32) -> &'static str {
    const NAMES: [&str; Plan::CLIENTS_MAX] =
        ["client", "client1", "client2", "client3", "client4", "client5", "client6", "client7"];
    NAMES.get(client as usize).copied().unwrap_or("stranger")
}

/// See the [module](self).
pub(super) struct Facts {
    /// Virtual time.
    pub(super) now_ms: u64,
    /// Nanoseconds beyond `now_ms`, where the tier has them.
    pub(super) now_nanos: u32,
    /// What was seen so far.
    pub(super) outcome: Outcome,
    pub(super) known: Known,
    pub(super) plant: Option<Plant>,
    pub(super) server: Serving,
    pub(super) clients: Vec<Working>,
    /// Primitives at which a fault waits.
    pub(super) fuses: Vec<Fuse>,
    /// Those that were reached.
    pub(super) blown: Vec<Fuse>,
    /// What has run: of the server, and behind it of each client.
    pub(super) primitives: Vec<Primitives>,
    /// Counts beginnings and ends of jobs.
    order: u64,
    /// How much slower hosts' disks are than they should be.
    pub(super) slow_ms: BTreeMap<Host, u64>,
    /// Connections for which the server's system has no files.
    pub(super) accept_failures: u32,
    /// Counts strangers that have dialed.
    pub(super) strangers_begun: usize,
    /// Counts what rots.
    pub(super) rots: u64,
    /// What rotted of files that have no name yet.
    pub(super) rotting: Vec<Rotting>,
}

/// The server's host.
#[derive(Default)]
pub(super) struct Serving {
    /// True while one serves.
    pub(super) serves: bool,
    /// Counts the servers.
    pub(super) begun: u32,
    pub(super) connections: BTreeSet<u64>,
    /// Uploads that a client began and that have not ended.
    pub(super) uploads: BTreeSet<(u64, u64)>,
    /// True once it was told to stop.
    pub(super) is_stopping: bool,
}

/// A client's host.
#[derive(Default)]
pub(super) struct Working {
    /// Counts its lives.
    pub(super) begun: u32,
    /// The step to go on with, or the first of those that begin together with it.
    pub(super) next_step: usize,
    /// The steps that this life's machine was asked for, by the numbers of their jobs.
    pub(super) asked: Vec<usize>,
    pub(super) is_alive: bool,
    pub(super) is_done: bool,
}

impl Facts {
    /// Nothing has happened.
    pub(super) fn new(plan: Plan, plant: Option<Plant>) -> Facts {
        let (hosts, mut known) = (plan.clients.len(), Known::default());
        let clients = plan.clients.iter().map(|_| Working::default()).collect();
        Facts {
            now_ms: 0,
            now_nanos: 0,
            outcome: Outcome::known(plan, |content| known.id(&content.bytes())),
            known,
            plant,
            server: Serving::default(),
            clients,
            fuses: Vec::new(),
            blown: Vec::new(),
            primitives: vec![Primitives::default(); 1 + hosts],
            order: 0,
            slow_ms: BTreeMap::new(),
            accept_failures: 0,
            strangers_begun: 0,
            rots: 0,
            rotting: Vec::new(),
        }
    }

    /// Writes a note down: what is told in words only. `place` is a host, and a connection if there is one.
    pub(super) fn event(&mut self, place: &str, what: &str) {
        self.outcome.trace.record(trace::Event::note(self.at_nanos(), place, what));
    }

    /// Writes an event down.
    pub(super) fn record(&mut self, lane: Lane, connection: Option<Connection>, kind: Kind) {
        let at_nanos = self.at_nanos();
        self.outcome.trace.record(trace::Event { at_nanos, lane, connection, kind });
    }

    /// What happens to a connection of a client's, as its client sees it.
    pub(super) fn network(&mut self, connection: Connection, network: Network) {
        let kind = Kind::Network(network);
        self.record(Lane::Client(connection.client), Some(connection), kind);
    }

    /// Frames that passed the end of `side`.
    pub(super) fn frames(&mut self, side: Side, connection: Connection, frames: Vec<Frame>) {
        for frame in frames {
            self.record(connection.end(side), Some(connection), Kind::Frame(frame));
        }
    }

    /// Keeps what passed the end of `side`, if the run is asked to.
    pub(super) fn keep(&mut self, side: Side, connection: Connection, recorded: impl FnOnce() -> Recorded) {
        let (at_nanos, lane) = (self.at_nanos(), connection.end(side));
        if let Some(recording) = self.outcome.trace.recording_mut() {
            recording.parts.push(Part { at_nanos, lane, connection, recorded: recorded() });
        }
    }

    fn at_nanos(&self) -> u64 {
        self.now_ms * 1_000_000 + u64::from(self.now_nanos)
    }

    /// A rare state was reached.
    pub(super) fn reach(&mut self, rare: Rare) {
        self.outcome.reached.insert(rare);
    }

    /// A stream's end took so many bytes of its process.
    pub(super) fn wrote(&mut self, side: Side, bytes: usize) {
        self.outcome.traffic[side as usize] += Traffic { writes: 1, bytes: bytes as u64 };
    }

    /// Counts a state if the server is receiving a file now.
    pub(super) fn reach_in_put(&mut self, rare: Rare) {
        if !self.server.uploads.is_empty() {
            self.reach(rare);
        }
    }

    /// The next place in the order of beginnings and ends.
    pub(super) fn next_in_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// True if no client does anything any more, and none is to come.
    pub(super) fn clients_are_over(&self, script: &Script) -> bool {
        let is_over = |(client, working): (usize, &Working)| {
            let Working { begun, is_alive, is_done, .. } = *working;
            is_done || (!is_alive && begun > 0 && !script.client_comes(client as u32))
        };
        self.clients.iter().enumerate().all(is_over)
    }

    /// The last time that a client began a step.
    pub(super) fn job_of(&mut self, client: u32, step: usize) -> Option<&mut Job> {
        self.outcome.jobs.iter_mut().rev().find(|job| (job.client, job.step) == (client, step))
    }

    /// Every path that the plan names.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let plan = &self.outcome.plan;
        let put = plan.steps().flat_map(|step| step.operation.puts()).map(|(path, _)| path);
        plan.served.iter().map(|(path, _)| path.clone()).chain(put).collect()
    }

    /// A server wanted its port.
    pub(super) fn bound(&mut self, second: bool, error: Option<String>) {
        let what =
            error.as_deref().map_or("takes its port".to_owned(), |error| format!("cannot begin: {error}"));
        self.event(if second { "server 2nd" } else { SERVER }, &what);
        if second && error.is_some() {
            self.reach(Rare::PortTaken);
        }
        self.outcome.bound.push(Bound { second, error });
    }

    /// A store was opened that found so many partials, and left so many.
    pub(super) fn opened_store(&mut self, before: usize, after: usize) {
        if before > 0 && after == 0 {
            self.event(SERVER, &format!("sweeps {before} partials"));
            self.reach(Rare::Swept);
        }
    }

    /// The server is told to finish what runs.
    pub(super) fn server_stops(&mut self) {
        self.server.is_stopping = self.server.serves;
        if !self.server.serves {
            return;
        }
        // With one client that does one thing at a time it is known whose the files are.
        let does_one = self.clients.len() == 1
            && !self.outcome.plan.steps().any(|step| step.together || step.give_up_ms.is_some());
        let is_known = does_one && !self.server.uploads.is_empty();
        let running = self.outcome.jobs.iter().enumerate().filter(|(_, job)| is_known && job.ended.is_none());
        let in_flight = running.map(|(index, job)| (index, job.retries)).collect();
        self.outcome.drains.push(Drain { told_ms: self.now_ms, stopped: None, in_flight });
    }

    /// The server has stopped in order.
    pub(super) fn stopped(&mut self, end: ListenEnd) {
        self.server.serves = false;
        self.server.is_stopping = false;
        let stopped = Some((self.now_ms, end == ListenEnd::Drained));
        if let Some(drain) = self.outcome.drains.last_mut() {
            drain.stopped = stopped;
        }
        self.event(SERVER, &format!("has stopped: {end:?}"));
        if end == ListenEnd::Aborted {
            self.reach(Rare::DrainCutOff);
        }
    }

    /// The server accepted a connection, for this.
    pub(super) fn accepted(&mut self, connection: u64, door: Door) {
        self.server.connections.insert(connection);
        let network = Network::Accepted { number: connection, door };
        self.record(Lane::Server, None, Kind::Network(network));
    }

    /// True if the system has no files for a connection now.
    pub(super) fn cannot_accept(&mut self) -> bool {
        let cannot = self.accept_failures > 0;
        self.accept_failures = self.accept_failures.saturating_sub(1);
        if cannot {
            self.event(SERVER, "cannot accept: too many open files");
        }
        cannot
    }

    /// A connection's session is over.
    pub(super) fn closed(&mut self, connection: u64, end: &SessionEnd) {
        self.server.connections.remove(&connection);
        self.server.uploads.retain(|(of, _)| *of != connection);
        self.over(connection, Door::Files, end);
        if matches!(end, SessionEnd::Broken(failure) if failure.code == Code::IDLE_TIMEOUT) {
            self.reach(Rare::Silence);
        }
    }

    /// A raw echo is over.
    pub(super) fn echo_closed(&mut self, connection: u64, end: &dyn std::fmt::Debug) {
        self.server.connections.remove(&connection);
        self.over(connection, Door::Echo, end);
    }

    fn over(&mut self, number: u64, door: Door, end: &dyn std::fmt::Debug) {
        let network = Network::Over { number, door, end: format!("{end:?}") };
        self.record(Lane::Server, None, Kind::Network(network));
    }

    /// A session of the server's told something.
    pub(super) fn served(&mut self, connection: u64, event: Event) {
        match event {
            Event::Began(tag, Began::Offer(path) | Began::Stream(path)) => {
                self.server.uploads.insert((connection, tag.0));
                self.event(SERVER, &format!("connection {connection} begins to receive {path}"));
            }
            Event::Finished(tag, result) => {
                self.server.uploads.remove(&(connection, tag.0));
                if let Err(error) = result {
                    let who = if error.by == Party::Link { "the link" } else { "a side" };
                    let what = format!("operation {} failed by {who}: {error}", tag.0);
                    self.event(SERVER, &format!("connection {connection} {what}"));
                }
            }
            Event::Began(..) | Event::Ready { .. } | Event::Op(..) => {}
            Event::GoingAway | Event::Spent { .. } => {}
        }
    }

    /// The server's process is gone, and what it knew.
    pub(super) fn server_died(&mut self) {
        let Serving { serves, begun: _, connections, uploads, is_stopping } = &mut self.server;
        connections.clear();
        uploads.clear();
        (*serves, *is_stopping) = (false, false);
    }

    /// A client's process is gone.
    pub(super) fn client_died(&mut self, client: u32) {
        self.clients[client as usize].is_alive = false;
        for job in self.outcome.jobs.iter_mut().filter(|job| job.client == client) {
            match job.ended {
                None => job.cut_off = true,
                Some(Ended::GivenUp) => job.died_unanswered |= job.replies == 0,
                Some(Ended::Done | Ended::Refused(_) | Ended::Failed(_)) => {}
            }
        }
    }

    /// A stranger is connected.
    pub(super) fn stranger_connected(&mut self, stranger: u32) {
        self.outcome.visits.push(Visit { stranger, end: None });
    }

    /// The server's session with a stranger is over.
    pub(super) fn visit_is_over(&mut self, stranger: u32, end: &SessionEnd) {
        self.reach(Rare::StrangerGone);
        if let Some(visit) = self.outcome.visits.iter_mut().rev().find(|visit| visit.stranger == stranger) {
            visit.end = Some(format!("{end:?}"));
        }
    }

    /// What the taps have gathered becomes facts.
    pub(super) fn finish_taps<'a>(&mut self, taps: impl IntoIterator<Item = &'a Tap>) {
        for tap in taps {
            self.outcome.echoes.extend(tap.echoes());
        }
    }
}
