//! What is known of a run while it goes on: the clock, the trace, the facts that invariants judge. Every tier writes it.

use std::collections::{BTreeMap, BTreeSet};

use towline::harness::Side;
use towline::proto::listener::ListenEnd;
use towline::proto::op::Party;
use towline::proto::session::{Began, Event, SessionEnd};
use towline::store::memory::Primitive;
use towline::wire::Code;

use super::script::Script;
use super::tap::Tap;
use crate::disk::Power;
use crate::ledger::Rare;
use crate::outcome::{Bound, ContentId, Outcome, Published, Traffic};
use crate::plan::{Operation, Plan};
use crate::plant::Plant;

/// The hosts' names.
pub(super) const SERVER: &str = "server";
pub(super) const CLIENT: &str = "client";

/// See the [module](self).
pub(super) struct Facts {
    /// Virtual time.
    pub(super) now_ms: u64,
    /// What was seen so far.
    pub(super) outcome: Outcome,
    pub(super) plant: Option<Plant>,
    pub(super) server: Serving,
    pub(super) client: Working,
    /// A primitive of the server's at which its power is lost, and how many of its kind have run.
    pub(super) fuse: Option<(Primitive, u32)>,
    primitives: BTreeMap<Primitive, u32>,
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
    /// True if the power failed on its own, at the fuse.
    pub(super) is_dark: bool,
}

/// The client's host.
#[derive(Default)]
pub(super) struct Working {
    /// Counts the clients.
    pub(super) begun: u32,
    /// The step to go on with.
    pub(super) next_step: usize,
    pub(super) is_alive: bool,
    pub(super) is_done: bool,
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

impl Facts {
    /// Nothing has happened.
    pub(super) fn new(plan: Plan, plant: Option<Plant>) -> Facts {
        Facts {
            now_ms: 0,
            outcome: Outcome::of(plan),
            plant,
            server: Serving::default(),
            client: Working::default(),
            fuse: None,
            primitives: BTreeMap::new(),
        }
    }

    /// Writes an event down.
    pub(super) fn event(&mut self, place: &str, what: &str) {
        self.outcome.trace.event(self.now_ms, place, what);
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

    /// True if no client does anything any more, and none is to come.
    pub(super) fn client_is_over(&self, script: &Script) -> bool {
        let Working { begun, next_step: _, is_alive, is_done } = self.client;
        is_done || (!is_alive && begun > 0 && !script.client_comes())
    }

    /// Every path that the plan names.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let plan = &self.outcome.plan;
        let put = plan.steps.iter().filter_map(|step| match &step.operation {
            Operation::Put { path, .. } => Some(path.clone()),
            _ => None,
        });
        plan.served.iter().map(|(path, _)| path.clone()).chain(put).collect()
    }

    /// The server's store is about to run this: the power may be lost first.
    pub(super) fn before_primitive(&mut self, primitive: Primitive, power: &Power) {
        let count = self.primitives.entry(primitive).or_default();
        let passed = *count;
        *count += 1;
        if self.fuse.is_some_and(|(at, nth)| at == primitive && nth <= passed) {
            self.fuse = None;
            self.server.is_dark = true;
            self.event(SERVER, &format!("loses its power before {primitive:?}"));
            match primitive {
                Primitive::Rename => self.reach(Rare::DiedBeforeRename),
                Primitive::SyncFolder => self.reach(Rare::DiedAfterRename),
                _ => {}
            }
            power.cut();
        }
    }

    /// The server's store gave a file its name.
    pub(super) fn renamed(&mut self, path: &str, content: ContentId) {
        let at_ms = self.now_ms;
        self.event(SERVER, &format!("publishes {path} as {content:?}"));
        self.outcome.published.push(Published { at_ms, path: path.to_owned(), content });
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

    /// The server has stopped in order.
    pub(super) fn stopped(&mut self, end: ListenEnd) {
        self.server.serves = false;
        self.event(SERVER, &format!("has stopped: {end:?}"));
        if end == ListenEnd::Aborted {
            self.reach(Rare::DrainCutOff);
        }
    }

    /// The server accepted a connection, for this.
    pub(super) fn accepted(&mut self, connection: u64, door: &dyn std::fmt::Debug) {
        self.server.connections.insert(connection);
        self.event(SERVER, &format!("accepts connection {connection} for {door:?}"));
    }

    /// A connection's session is over.
    pub(super) fn closed(&mut self, connection: u64, end: &SessionEnd) {
        self.server.connections.remove(&connection);
        self.server.uploads.retain(|(of, _)| *of != connection);
        self.event(SERVER, &format!("connection {connection} is over: {end:?}"));
        if matches!(end, SessionEnd::Broken(failure) if failure.code == Code::IDLE_TIMEOUT) {
            self.reach(Rare::Silence);
        }
    }

    /// A raw echo is over.
    pub(super) fn echo_closed(&mut self, connection: u64, end: &dyn std::fmt::Debug) {
        self.server.connections.remove(&connection);
        self.event(SERVER, &format!("echo connection {connection} is over: {end:?}"));
    }

    /// A session of the server's told something.
    pub(super) fn served(&mut self, connection: u64, event: Event) {
        match event {
            Event::Began(tag, Began::Offer(path)) => {
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
            Event::Began(..) | Event::Ready { .. } | Event::Op(..) | Event::GoingAway => {}
        }
    }

    /// The server's process is gone, and what it knew.
    pub(super) fn server_died(&mut self) {
        let Serving { serves, begun: _, connections, uploads, is_dark } = &mut self.server;
        connections.clear();
        uploads.clear();
        (*serves, *is_dark) = (false, false);
    }

    /// The client's process is gone.
    pub(super) fn client_died(&mut self) {
        self.client.is_alive = false;
        let is_running = !self.client.is_done;
        if let Some(job) = self.outcome.jobs.last_mut().filter(|job| is_running && job.ended.is_none()) {
            job.cut_off = true;
        }
    }

    /// What the taps have gathered becomes facts.
    pub(super) fn finish_taps<'a>(&mut self, taps: impl IntoIterator<Item = &'a Tap>) {
        for tap in taps {
            self.outcome.conversations.push(tap.text().to_owned());
            self.outcome.echoes.extend(tap.echoes());
        }
    }
}
