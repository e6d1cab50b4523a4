//! The loop: the clock jumps to what happens next. At equal times what is on its way comes before a deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::proto::backoff::SplitMix;
use towline::proto::client::Client;
use towline::proto::datagram::Datagram;
use towline::proto::listener::ListenInput;
use towline::proto::machine::Input;
use towline::proto::storage::{StoreOp, Ticket};
use towline::time::{Duration, Time};

use super::super::facts::{Facts, Place};
use super::super::files::Folders;
use super::super::script::{Gate, Script};
use super::super::stage::{Next, Stage};
use super::conns::Connections;
use super::datagrams::DatagramNet;
use super::deadlines::Who;
use super::hosts::{ClientHost, ServerHost};
use super::memory::Memory;
use super::net::{ConnId, Connection, Segment, cuts};
use super::queue::Queue;
use super::strangers::Players;
use crate::plan::{Cut, Host, Plan, Whom};
use crate::plant::Plant;
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
    ToClient(Life, Box<Input<Client>>),
    /// The server's store carries out what this connection's session asked for.
    Store(ConnId, Ticket, Box<StoreOp>),
    /// A client's application goes on with this step.
    Step(Life, usize),
    /// It gives this one up.
    GiveUp(Life, usize),
    /// A client's application begins for the first time.
    Begin(u32),
    /// A stranger dials.
    Stranger(u32),
    /// One that keeps no rules goes on at this end.
    Play(ConnId, Side),
    /// What a closed machine had to send has had its time.
    FlushLimit(ConnId),
    /// The server is told to finish what runs.
    Drain,
    /// The server is told to stop at once.
    Abort,
    /// A raw echo's client looks whether anything has moved beyond this.
    RawQuiet(Life, ConnId, usize),
    /// A datagram arrives that this side of this client sent.
    Datagram(u32, Side, Datagram),
    /// A client's application sends its next one, or has waited for the last.
    SendDatagram(Life, usize),
    DatagramsOver(Life, usize),
}

/// One life of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) client: u32,
    pub(super) number: u32,
}

/// Everything there is.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) now: Time,
    pub(super) due: Queue<Due>,
    /// Whose deadline comes first, while it is known: whatever may move one forgets it.
    pub(super) deadline: Option<Option<(Time, Who)>>,
    /// How far the script was when what waits for it was told so.
    scripted: Option<(usize, usize)>,
    /// All that tells whether a fault is due, as it was when none was.
    stood: Option<(u64, usize, usize, bool, u64)>,
    /// Counts what may bring a fault at a byte about: bytes up to a gate, and dials that are answered.
    pub(super) stirs: u64,
    pub(super) facts: Arc<Mutex<Facts>>,
    pub(super) plant: Option<Plant>,
    pub(super) folders: Folders,
    pub(super) script: Script,
    pub(super) conns: Connections,
    /// Ends of connections at which somebody keeps no rules.
    pub(super) players: Players,
    pub(super) memory: Memory,
    /// Dials so far of each client: to the protocol's port, to raw echo.
    pub(super) dials: Vec<[u32; 2]>,
    /// Partitions that have not healed.
    pub(super) cuts: Vec<(Cut, Whom)>,
    /// Machines that lost their power and answer nothing until a process begins there.
    pub(super) mute: BTreeSet<Host>,
    /// Whose messages wait on their way.
    pub(super) holds: Vec<Whom>,
    /// Those messages.
    pub(super) waiting: Vec<Due>,
    /// Whose processes stand still.
    pub(super) paused: BTreeSet<Host>,
    /// What waits for them.
    pub(super) asleep: Vec<(Host, Due)>,
    /// Whose processes read nothing.
    pub(super) deaf: BTreeSet<Host>,
    /// How far the hosts' clocks are ahead of the world's.
    pub(super) clocks: BTreeMap<Host, Duration>,
    pub(super) gates: Vec<Gate>,
    pub(super) datagrams: DatagramNet,
    pub(super) server: Option<ServerHost>,
    /// Of a machine's steps, one in so many is observed with care.
    pub(super) observed_one_in: u64,
    /// By their places in the plan.
    pub(super) clients: Vec<Option<ClientHost>>,
    /// For what belongs to no connection.
    pub(super) random: ChaCha8Rng,
}

/// One run in 256 has every step of its machines observed (see `Checked::drawn`), the others one in 256.
fn observed_one_in(seed: u64) -> u64 {
    if SplitMix(seed).next_u64().is_multiple_of(256) { 1 } else { 256 }
}

/// The facts, for a moment.
pub(super) fn lock(facts: &Mutex<Facts>) -> MutexGuard<'_, Facts> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(plan: Plan, facts: Arc<Mutex<Facts>>) -> World {
        let plant = lock(&facts).plant;
        World {
            now: Time::ZERO,
            due: Queue::new(),
            deadline: None,
            scripted: None,
            stood: None,
            stirs: 0,
            plant,
            facts,
            folders: Folders::new(&plan),
            script: Script::new(&plan),
            conns: Connections::default(),
            players: Players::new(),
            memory: Memory::default(),
            dials: vec![[0, 0]; plan.clients.len()],
            cuts: Vec::new(),
            mute: BTreeSet::new(),
            holds: Vec::new(),
            waiting: Vec::new(),
            paused: BTreeSet::new(),
            asleep: Vec::new(),
            deaf: BTreeSet::new(),
            clocks: BTreeMap::new(),
            gates: Vec::new(),
            datagrams: DatagramNet::new(&plan),
            server: None,
            observed_one_in: observed_one_in(plan.seed),
            clients: plan.clients.iter().map(|_| None).collect(),
            random: Streams::new(plan.seed).part(Streams::BYTES, "fast world", 0),
            plan,
        }
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    pub(super) fn at(&mut self, at: Time, due: Due) {
        self.due.push(self.now, at, due);
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
        for (client, application) in (0..).zip(self.plan.clients.clone()) {
            self.at(Time::from_millis(application.begins_ms), Due::Begin(client));
        }
        for (number, stranger) in (0..).zip(self.plan.strangers.clone()) {
            self.at(Time::from_millis(stranger.begins_ms), Due::Stranger(number));
        }
        for _ in 0..EVENTS_MAX {
            let next = self.consider(stage);
            let before = stage;
            stage = match next {
                Next::Over => return self.conclude(),
                Next::TellServer => {
                    self.happen(Due::Drain);
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
        let now_ms = self.now.as_nanos() / 1_000_000;
        let scripted = self.script.due_ms(now_ms).map(Time::from_millis);
        let outer = [until, scripted].into_iter().flatten().fold(bound, Time::min);
        let next = self.due.next_at();
        // What is due now comes before any deadline.
        let deadline = if next.is_some_and(|at| at <= self.now) { None } else { self.deadline() };
        match (next, deadline) {
            // A deadline may have passed while its process stood still, or as its clock leapt.
            (Some(at), deadline)
                if at <= outer && deadline.is_none_or(|(deadline, _)| at <= deadline.max(self.now)) =>
            {
                self.jump(at);
                if let Some(due) = self.due.pop() {
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
        if at <= self.now {
            return;
        }
        self.now = at;
        let (ms, nanos) = (self.now.as_nanos() / 1_000_000, self.now.as_nanos() % 1_000_000);
        let mut facts = self.facts();
        (facts.now_ms, facts.now_nanos) = (ms, nanos as u32);
    }

    /// Happens, or waits for a network or a process that stands still.
    pub(super) fn happen(&mut self, due: Due) {
        if !self.holds.is_empty() && self.is_held_up(&due) {
            return self.waiting.push(due);
        }
        if !self.paused.is_empty()
            && let Some(host) = self.sleeper(&due)
        {
            return self.asleep.push((host, due));
        }
        match due {
            Due::Syn(conn) => self.on_syn(conn),
            Due::Answer(conn, is_yes) => self.on_answer(conn, is_yes),
            Due::Arrive(conn, writer, segment) => self.on_arrival(conn, writer, segment),
            Due::Write(conn, side) => self.on_write(conn, side),
            Due::Read(conn, side) => self.on_read(conn, side),
            Due::Room(conn, side) => self.tell_room(conn, side),
            Due::ToClient(life, input) => {
                if self.lives(life) {
                    self.step_client(life.client, *input);
                }
            }
            Due::Store(conn, ticket, op) => self.on_store_served(conn, ticket, *op),
            Due::Step(life, step) => {
                if self.lives(life) {
                    self.begin_group(life, step);
                }
            }
            Due::GiveUp(life, step) => {
                if self.lives(life) {
                    self.give_up(life, step);
                }
            }
            Due::Begin(client) => {
                // The script may have killed it before it was born.
                if self.facts().clients[client as usize].begun == 0 {
                    self.start_client(client);
                }
            }
            Due::Stranger(number) => self.begin_stranger(number),
            Due::Play(conn, side) => self.player_wakes(conn, side),
            Due::FlushLimit(conn) => self.let_go(conn),
            Due::Drain => self.drain_server(),
            Due::Abort => self.step_listener(Input::Command(ListenInput::Abort)),
            Due::RawQuiet(life, conn, moved) => {
                if self.lives(life) {
                    self.watch_raw_echo(life, conn, moved);
                }
            }
            Due::Datagram(client, writer, datagram) => self.on_datagram(client, writer, datagram),
            Due::SendDatagram(life, step) => {
                if self.lives(life) {
                    self.send_datagram(life, step);
                }
            }
            Due::DatagramsOver(life, step) => {
                if self.lives(life) {
                    self.end_datagrams(life, step);
                }
            }
        }
    }

    /// True while this life of a client lasts.
    fn lives(&self, life: Life) -> bool {
        self.clients[life.client as usize].as_ref().is_some_and(|host| host.life == life)
    }

    /// True if what `writer` sends on this client's connections is lost now.
    pub(super) fn is_cut(&self, client: u32, writer: Side) -> bool {
        self.cuts.iter().any(|(cut, whom)| whom.means(client) && cuts(*cut, writer))
    }

    /// Carries out what is due, lets go of the streams that waited for it, and looks where the run stands.
    fn consider(&mut self, stage: Stage) -> Next {
        loop {
            let heard = |dial, side| {
                let of_dial = |conn: &&Connection| conn.place == Place::Files(dial) && conn.is_up;
                self.conns.values().find(of_dial).map(|conn| conn.heard(side))
            };
            let mut facts = lock(&self.facts);
            let (blown, is_stopping) = (facts.blown.len(), facts.server.is_stopping);
            let stands = Some((facts.now_ms, blown, self.script.happened(), is_stopping, self.stirs));
            if stands != self.stood || self.observed_one_in == 1 {
                if let Some(what) = self.script.take(&mut facts, heard) {
                    assert!(stands != self.stood, "{what:?} was due and not noticed");
                    drop(facts);
                    self.carry_out(what);
                    continue;
                }
                self.stood = stands;
            }
            let scripted = Some((self.script.happened(), facts.blown.len()));
            if scripted == self.scripted {
                return stage.next(&mut facts, &self.script);
            }
            self.scripted = scripted;
            facts.fuses = self.script.fuses(&facts);
            drop(facts);
            self.set_gates();
        }
    }

    fn set_gates(&mut self) {
        let gates = self.script.gates();
        if gates != self.gates {
            self.gates = gates;
            for conn in self.conns.ids() {
                self.kick(conn, Side::Client);
                self.kick(conn, Side::Server);
            }
        }
    }

    fn conclude(&mut self) {
        let clients = self.clients.iter().flatten();
        let leases = clients.map(|host| host.names.leases().count()).sum::<usize>()
            + self.server.as_ref().map_or(0, |host| host.names.leases().count());
        let mut facts = lock(&self.facts);
        self.folders.conclude(&mut facts, leases);
        for (host, peak) in std::mem::take(&mut self.memory.peaks) {
            facts.event("end", &format!("{host:?}'s machines held {peak}"));
            facts.outcome.peaks.insert(host, peak);
        }
        let plan = &self.plan;
        let of_protocol = |conn: &&Connection| conn.is_up && conn.place.keeps_rules(plan);
        facts.finish_taps(self.conns.values().filter(of_protocol).map(|conn| conn.tap(Side::Client)));
    }
}
