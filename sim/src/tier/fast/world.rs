//! The loop: the clock jumps to what happens next. At equal times what is on its way comes before a deadline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::proto::backoff::SplitMix;
use towline::proto::client::Client;
use towline::proto::machine::{Input, Machine};
use towline::proto::{Echo, Session};
use towline::time::{Duration, Time};

use super::super::facts::{Facts, Place};
use super::super::files::Folders;
use super::super::script::Script;
use super::super::stage::{Next, Stage};
use super::hosts::{ClientHost, ServerHost};
use super::net::{ConnId, Connection, Segment};
use crate::plan::{Cut, Plan};
use crate::streams::Streams;

/// More events than any plan needs: a loop that does not end is a failure of its seed.
const EVENTS_MAX: u64 = 20_000_000;

/// Happenings on their way.
#[derive(Debug)]
pub(super) enum Due {
    /// A client's wish to connect arrives at the server.
    Syn(ConnId),
    /// The answer to it arrives: true if somebody listens.
    Answer(ConnId, bool),
    Arrive(ConnId, Side, Segment),
    /// This side's system has a moment to write, and to read.
    Write(ConnId, Side),
    Read(ConnId, Side),
    /// A machine may be told of room.
    Room(ConnId, Side),
    /// Of the client with this number.
    ToClient(u32, Input<Client>),
    ToSession(ConnId, Input<Session>),
    /// The application of the client with this number goes on with this step.
    Step(u32, usize),
    /// What a closed machine had to send has had its time.
    FlushLimit(ConnId),
}

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Client,
    Listener,
    Session(ConnId),
    Echo(ConnId),
}

/// Everything there is.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) now: Time,
    pub(super) due: BTreeMap<(Time, u64), Due>,
    next_due: u64,
    pub(super) facts: Arc<Mutex<Facts>>,
    pub(super) folders: Folders,
    pub(super) script: Script,
    pub(super) conns: BTreeMap<ConnId, Connection>,
    /// Dials so far: to the protocol's port, to raw echo.
    pub(super) dials: [u32; 2],
    pub(super) cut: Option<Cut>,
    /// A machine that lost its power answers nothing until a process begins there, by side.
    pub(super) is_mute: [bool; 2],
    pub(super) gate: Option<(u32, Side, u64)>,
    pub(super) server: Option<ServerHost>,
    pub(super) client: Option<ClientHost>,
    /// Of a machine's steps, one in so many is observed with care.
    pub(super) observed_one_in: u64,
    /// For what belongs to no connection.
    pub(super) random: ChaCha8Rng,
}

/// One run in 64 has every step of its machines observed (see `Checked::drawn`), the others one in 64.
fn observed_one_in(seed: u64) -> u64 {
    if SplitMix(seed).next_u64().is_multiple_of(64) { 1 } else { 64 }
}

/// The facts, for a moment.
pub(super) fn lock(facts: &Mutex<Facts>) -> MutexGuard<'_, Facts> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(plan: Plan, facts: Arc<Mutex<Facts>>) -> World {
        World {
            now: Time::ZERO,
            due: BTreeMap::new(),
            next_due: 0,
            facts,
            folders: Folders::new(&plan),
            script: Script::new(&plan),
            conns: BTreeMap::new(),
            dials: [0, 0],
            cut: None,
            is_mute: [false, false],
            gate: None,
            server: None,
            client: None,
            observed_one_in: observed_one_in(plan.seed),
            random: Streams::new(plan.seed).part(Streams::BYTES, "fast world", 0),
            plan,
        }
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    pub(super) fn at(&mut self, at: Time, due: Due) {
        self.due.insert((at, self.next_due), due);
        self.next_due += 1;
    }

    pub(super) fn after(&mut self, after: Duration, due: Due) {
        self.at(self.now + after, due);
    }

    /// Runs the plan to its end, or to its bound.
    pub(super) fn run(&mut self) {
        let (bound, mut stage) = (Time::from_millis(self.plan.bound_ms()), Stage::Story);
        if self.plan.server_at_start {
            self.start_server();
        }
        self.start_client();
        for _ in 0..EVENTS_MAX {
            self.advance_script();
            let next = stage.next(&mut self.facts(), &self.script);
            let before = stage;
            stage = match next {
                Next::Over => return self.conclude(),
                Next::TellServer => {
                    self.drain_server();
                    Stage::Stop
                }
                Next::Stage(stage) => stage,
            };
            // What it waits for now may be there already.
            if stage != before {
                continue;
            }
            if self.now >= bound {
                let waiting = stage.waiting(&self.facts(), &self.script);
                self.facts().outcome.waiting = waiting;
                return self.conclude();
            }
            self.advance(stage, bound);
        }
        panic!("{EVENTS_MAX} events, and no end");
    }

    /// The next thing happens.
    fn advance(&mut self, stage: Stage, bound: Time) {
        let until = match stage {
            Stage::Aftermath(until) => Some(Time::from_millis(until)),
            Stage::Story | Stage::Quiet | Stage::Stop => None,
        };
        // What is due and waits for something else is no reason to stop.
        let scripted = self.script.due_ms().map(Time::from_millis).filter(|at| *at > self.now);
        let outer = [until, scripted].into_iter().flatten().fold(bound, Time::min);
        let deadline = self.deadline();
        let due = self.due.keys().next().map(|(at, _)| *at);
        match (due, deadline) {
            (Some(at), deadline) if at <= outer && deadline.is_none_or(|(deadline, _)| at <= deadline) => {
                self.jump(at);
                if let Some((_, due)) = self.due.pop_first() {
                    self.happen(due);
                }
            }
            (_, Some((at, who))) if at <= outer => {
                self.jump(at);
                self.elapse(who);
            }
            (Some(_) | None, _) => self.jump(outer),
        }
    }

    fn jump(&mut self, at: Time) {
        self.now = self.now.max(at);
        self.facts().now_ms = self.now.as_nanos() / 1_000_000;
    }

    fn deadline(&self) -> Option<(Time, Who)> {
        let client = self.client.as_ref().and_then(|host| host.machine.machine().deadline());
        let mut first = client.map(|at| (at, Who::Client));
        let mut see = |at: Option<Time>, who| {
            if let Some(at) = at {
                first = Some(first.map_or((at, who), |first| first.min((at, who))));
            }
        };
        if let Some(host) = &self.server {
            see(host.listener.machine().deadline(), Who::Listener);
            for (conn, session) in &host.sessions {
                see(session.machine().deadline(), Who::Session(*conn));
            }
            for (conn, echo) in &host.echoes {
                see(echo.machine().deadline(), Who::Echo(*conn));
            }
        }
        first
    }

    fn elapse(&mut self, who: Who) {
        match who {
            Who::Client => self.step_client(Input::Elapsed),
            Who::Listener => self.step_listener(Input::Elapsed),
            Who::Session(conn) => self.step_session(conn, Input::Elapsed),
            Who::Echo(conn) => self.step_echo(conn, Input::<Echo>::Elapsed),
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Syn(conn) => self.on_syn(conn),
            Due::Answer(conn, is_yes) => self.on_answer(conn, is_yes),
            Due::Arrive(conn, writer, segment) => self.on_arrival(conn, writer, segment),
            Due::Write(conn, side) => self.on_write(conn, side),
            Due::Read(conn, side) => self.on_read(conn, side),
            Due::Room(conn, side) => self.tell_room(conn, side),
            Due::ToClient(number, input) => {
                if self.client.as_ref().is_some_and(|host| host.number == number) {
                    self.step_client(input);
                }
            }
            Due::ToSession(conn, input) => self.step_session(conn, input),
            Due::Step(number, step) => {
                if self.client.as_ref().is_some_and(|host| host.number == number) {
                    self.begin_step(step);
                }
            }
            Due::FlushLimit(conn) => self.let_go(conn),
        }
    }

    /// Carries out what is due, and lets go of the streams that waited for it.
    fn advance_script(&mut self) {
        loop {
            let heard = |dial, side| {
                let of_dial = |conn: &&Connection| conn.place == Place::Files(dial);
                self.conns.values().find(of_dial).map(|conn| conn.heard(side))
            };
            let Some(what) = self.script.take(&mut lock(&self.facts), heard) else { break };
            self.carry_out(what);
        }
        let fuse = self.script.fuse(&self.facts());
        self.facts().fuse = fuse;
        let gate = self.script.gate();
        if gate != self.gate {
            self.gate = gate;
            for conn in self.conns.keys().copied().collect::<Vec<_>>() {
                self.kick(conn, Side::Client);
                self.kick(conn, Side::Server);
            }
        }
    }

    fn conclude(&mut self) {
        let leases = self.client.as_ref().map_or(0, |host| host.names.leases().count())
            + self.server.as_ref().map_or(0, |host| host.names.leases().count());
        let mut facts = lock(&self.facts);
        self.folders.conclude(&mut facts, leases);
        let of_protocol = |conn: &&Connection| matches!(conn.place, Place::Files(_)) && conn.is_up;
        facts.finish_taps(self.conns.values().filter(of_protocol).map(|conn| conn.tap(Side::Client)));
    }
}
