//! A client and its server on a virtual clock, with files in memory: the default test. Bytes take a latency, arrive in
//! pieces, and meet scripted faults; the clock jumps from one happening to the next.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::files::carry_out;
use super::paced::Pacer;
use super::{Checked, Fault, Log, MemoryStreams, PairConfig, Side, Trace, partials, strays};
use crate::proto::client::{Client, Command, Event, JobError, JobId, LinkId};
use crate::proto::machine::{DialError, DialErrorKind, Effect, End, Input, Machine, Out};
use crate::proto::op::OpDone;
use crate::proto::session::{self, Request, Session, SessionEnd};
use crate::proto::storage::{RootId, StoreOp, Ticket};
use crate::proto::tree_job::TreeRequest;

use crate::store::Names;
use crate::store::memory::MemoryFiles;
use crate::time::{Duration, Time};
use crate::wire::{Code, Failure};

/// Happenings on their way.
#[derive(Clone, Debug)]
pub(super) enum Due {
    ToClient(Input<Client>),
    ToServer(LinkId, Input<Session>),
    Dial(LinkId),
    Arrive(LinkId, Side, Bytes),
    End(LinkId, Side),
}

/// One connection's two streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// Bytes that were sent, for faults' addresses, by [`Side`].
    pub(super) sent: [u64; 2],
    pub(super) queued: [usize; 2],
    /// When the direction has carried all that was sent.
    pub(super) busy_until: [Time; 2],
    pub(super) is_dead: bool,
}

/// The two ends and what is between them.
pub struct Pair {
    pub(super) config: PairConfig,
    now: Time,
    due: BTreeMap<(Time, u64), Due>,
    next: u64,
    client: Checked<Client>,
    servers: BTreeMap<LinkId, Checked<Session>>,
    pub(super) streams: BTreeMap<LinkId, Stream>,
    stores: [Names<MemoryFiles>; 2],
    gone: BTreeSet<LinkId>,
    next_job: u64,
    /// Where the client has a rate.
    pub(super) pacer: Option<Pacer>,
    /// What the client's application reads and writes in order.
    pub streams_of_client: MemoryStreams,
    /// The server's files.
    pub served: MemoryFiles,
    /// The client's files.
    pub local: MemoryFiles,
    /// What was said, as the client saw it.
    pub trace: Trace,
    /// What the client told the application.
    pub events: Vec<Event>,
    /// What the server told the application.
    pub served_events: Vec<session::Event>,
    /// How the server's sessions ended.
    pub ends: Vec<SessionEnd>,
    /// Every input of the client, if `record` is set.
    pub client_log: Log<Client>,
    /// Every input of each session of the server, if `record` is set.
    pub server_logs: BTreeMap<LinkId, Log<Session>>,
}

impl Pair {
    /// The server's root, and the client's.
    pub const ROOT: RootId = RootId(0);

    /// Two ends that have not met, with no files.
    pub fn new(config: PairConfig) -> Pair {
        Pair::over(config, 1, MemoryFiles::new(), MemoryFiles::new())
    }

    /// The same with the files of another pair's, which is gone: `life` tells the two apart.
    pub fn over(config: PairConfig, life: u64, local: MemoryFiles, served: MemoryFiles) -> Pair {
        let store = |nonce, files: &MemoryFiles| {
            let mut names = Names::new(nonce);
            names.add_root(files.clone()).expect("memory can be read");
            names
        };
        let stores = [store(2 * life - 1, &local), store(2 * life, &served)];
        let client = Client::new(config.limits.clone(), config.policy.clone(), 7);
        let (client, _) = Checked::new(Time::ZERO, client, Out::new());
        Pair {
            pacer: Pacer::new(&config),
            config,
            now: Time::ZERO,
            due: BTreeMap::new(),
            next: 0,
            client,
            servers: BTreeMap::new(),
            streams: BTreeMap::new(),
            stores,
            gone: BTreeSet::new(),
            streams_of_client: MemoryStreams::new(),
            next_job: 0,
            served,
            local,
            trace: Trace::new(),
            events: Vec::new(),
            served_events: Vec::new(),
            ends: Vec::new(),
            client_log: Log::new(),
            server_logs: BTreeMap::new(),
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The most that the ends ever held, in bytes: client, then the largest session that still runs.
    pub fn footprint_peaks(&self) -> (usize, usize) {
        let servers = self.servers.values().map(Checked::footprint_peak).max().unwrap_or(0);
        (self.client.footprint_peak(), servers)
    }

    /// Leases that the stores hold open: none, once all is over.
    pub fn leases(&self) -> usize {
        self.stores.iter().map(|store| store.leases().count()).sum()
    }

    /// Asks the client for something; the job's number counts from 0.
    pub fn start(&mut self, request: Request) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        self.step_client(Input::Command(Command::Start(job, request)));
        job
    }

    /// Asks the client to move trees.
    pub fn start_tree(&mut self, request: TreeRequest) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        self.step_client(Input::Command(Command::StartTree(job, request)));
        job
    }

    /// Asks the client for something and runs until that is over.
    pub fn carry_out(&mut self, request: Request) -> Result<OpDone, JobError> {
        let job = self.start(request);
        self.run_until(|pair| pair.result(job).is_some());
        self.result(job)
            .unwrap_or_else(|| panic!("job {job:?} never ended; the trace:\n{}", self.trace.text()))
    }

    /// How a job ended, if it has.
    pub fn result(&self, job: JobId) -> Option<Result<OpDone, JobError>> {
        self.events.iter().find_map(|event| match event {
            Event::Finished(id, result) if *id == job => Some(result.clone()),
            Event::Finished(..) | Event::Connected { .. } | Event::Job(..) | Event::Retrying { .. } => None,
            Event::Tree(..) => None,
        })
    }

    /// A command to the client.
    pub fn command(&mut self, command: Command) {
        self.step_client(Input::Command(command));
    }

    /// Bytes that a side has sent on a connection.
    pub fn sent(&self, link: LinkId, side: Side) -> u64 {
        self.streams.get(&link).map_or(0, |stream| stream.sent[side as usize])
    }

    /// A command to every session of the server.
    pub fn command_server(&mut self, command: session::Command) {
        let links: Vec<LinkId> = self.servers.keys().copied().collect();
        for link in links {
            self.step_server(link, Input::Command(command.clone()));
        }
    }

    /// Closes the client and runs to the end of everything; both ends must have closed then, and nothing be left.
    pub fn close(&mut self) {
        self.close_keeping(0);
    }

    /// The same, where so many partials are kept for another attempt.
    pub fn close_keeping(&mut self, kept: usize) {
        self.close_keeping_any();
        let left = [&self.local, &self.served].map(partials).concat();
        assert_eq!(left.len(), 2 * kept, "{left:?}:\n{}", self.trace.text());
    }

    /// The same, however many partials are kept, as long as somebody can go on with each.
    pub fn close_keeping_any(&mut self) {
        self.close_leaving_any();
        let strays = [&self.local, &self.served].map(strays).concat();
        assert!(strays.is_empty(), "{strays:?}");
    }

    /// The same on disks that fail, so that something may be left that the next who starts there clears away.
    pub fn close_leaving_any(&mut self) {
        self.command(Command::Close);
        self.run();
        assert!(self.client.is_closed(), "the client did not close:\n{}", self.trace.text());
        assert!(self.servers.is_empty(), "a session did not close:\n{}", self.trace.text());
        assert_eq!(self.leases(), 0, "a lease was left:\n{}", self.trace.text());
    }

    /// Runs until nothing is on its way and no deadline is set.
    pub fn run(&mut self) {
        self.run_until(|_| false);
    }

    /// Runs until `done`, or until nothing is left to happen; an hour of virtual time is the most.
    pub fn run_until(&mut self, done: impl Fn(&Pair) -> bool) {
        while !done(self) && self.advance() {
            assert!(self.now < Time::from_millis(3_600_000), "an hour has passed:\n{}", self.trace.text());
        }
    }

    /// Lets the next thing happen; false if there is none. At equal times what is on its way comes before a deadline.
    pub fn advance(&mut self) -> bool {
        let due = self.due.keys().next().copied();
        let client = self.client.machine().deadline();
        let server = self
            .servers
            .iter()
            .filter_map(|(link, server)| Some((server.machine().deadline()?, *link)))
            .min();
        let pacer = self.pacer.as_ref().and_then(Pacer::deadline);
        let deadline = [client, server.map(|(at, _)| at), pacer].into_iter().flatten().min();
        match (due, deadline) {
            (Some((at, _)), deadline) if deadline.is_none_or(|deadline| at <= deadline) => {
                self.now = self.now.max(at);
                if let Some((_, due)) = self.due.pop_first() {
                    self.happen(due);
                }
            }
            (_, Some(deadline)) => {
                self.now = self.now.max(deadline);
                match server {
                    Some((at, link)) if at == deadline => self.step_server(link, Input::Elapsed),
                    Some(_) | None if pacer == Some(deadline) => self.pacer_elapsed(),
                    Some(_) | None => self.step_client(Input::Elapsed),
                }
            }
            (_, None) => return false,
        }
        true
    }

    pub(super) fn schedule(&mut self, after: Duration, due: Due) {
        self.due.insert((self.now + after, self.next), due);
        self.next += 1;
    }

    fn happen(&mut self, due: Due) {
        let Some(due) = self.unless_held_back(due) else { return };
        let told = if let Due::ToServer(link, _) = &due { Some(*link) } else { None };
        self.happen_now(due);
        told.into_iter().for_each(|link| self.resume(link));
    }

    pub(super) fn happen_now(&mut self, due: Due) {
        match due {
            Due::ToClient(input) => self.step_client(input),
            Due::ToServer(link, input) => self.step_server(link, input),
            Due::Dial(link) => self.dial(link),
            Due::Arrive(link, side, bytes) => self.arrive(link, side, bytes),
            Due::End(link, side) => self.end(link, side, End::Orderly),
        }
    }

    fn dial(&mut self, link: LinkId) {
        if self.gone.contains(&link) {
            return;
        }
        if self.config.faults.contains(&Fault::Refuse(link.0)) {
            let error = DialError { kind: DialErrorKind::Refused, os: None };
            return self.step_client(Input::DialFailed(link, error));
        }
        self.streams.insert(link, Stream::default());
        self.trace.connection();
        let mut born = Out::new();
        let limits = self.config.serves.clone().unwrap_or_else(|| self.config.limits.clone());
        let busy = self.config.faults.iter().find_map(|fault| {
            let Fault::Busy(dial, delay_ms) = fault else { return None };
            (*dial == link.0).then_some(*delay_ms)
        });
        let session = match busy {
            None => Session::server(self.now, Pair::ROOT, self.config.rights.clone(), limits),
            Some(delay_ms) => {
                let failure = Failure { code: Code::BUSY, delay_ms, text: String::new() };
                Session::refusing(self.now, failure, limits, &mut born)
            }
        };
        let session = if self.paces(link) { session.paced() } else { session };
        let (server, born) = Checked::new(self.now, session, born);
        self.servers.insert(link, server);
        self.carry_out_server(link, born);
        self.step_client(Input::Dialed(link));
        self.step_client(Input::Room(link, self.config.room));
        self.step_server(link, Input::Room((), self.config.room));
    }

    pub(super) fn step_client(&mut self, input: Input<Client>) {
        if self.client.is_closed() {
            return;
        }
        if self.config.record {
            self.client_log.push((self.now, input.clone()));
        }
        for effect in self.client.step(self.now, input) {
            match effect {
                Effect::Dial(link) => self.schedule(self.config.latency, Due::Dial(link)),
                Effect::Transmit(link, bytes) => self.transmit(link, Side::Client, bytes),
                Effect::Finish(link) => self.finish(link, Side::Client),
                Effect::Hangup(link) => self.hang_up(link),
                Effect::Store(ticket, op) => {
                    let stored = carry_out(&mut self.stores[0], &mut self.streams_of_client, op);
                    self.schedule(self.config.store, Due::ToClient(Input::Stored(ticket, stored)));
                }
                Effect::Event(event) => self.events.push(event),
                Effect::Close(()) => {}
            }
        }
    }

    /// The client's side of a connection is dropped: its server sees the stream end.
    fn hang_up(&mut self, link: LinkId) {
        let is_dead = self.streams.get(&link).is_none_or(|stream| stream.is_dead);
        if self.gone.insert(link) && !is_dead {
            self.schedule(self.config.latency, Due::ToServer(link, Input::Ended((), End::Reset)));
        }
    }

    pub(super) fn step_server(&mut self, link: LinkId, input: Input<Session>) {
        let Some(server) = self.servers.get_mut(&link) else { return };
        if self.config.record {
            self.server_logs.entry(link).or_default().push((self.now, input.clone()));
        }
        let effects = server.step(self.now, input);
        self.carry_out_server(link, effects);
    }

    fn carry_out_server(&mut self, link: LinkId, effects: Vec<Effect<Session>>) {
        for effect in effects {
            match effect {
                Effect::Transmit((), bytes) => self.transmit(link, Side::Server, bytes),
                Effect::Finish(()) => self.finish(link, Side::Server),
                Effect::Hangup(()) => {}
                Effect::Store(ticket, op) => self.store_served(link, ticket, op),
                Effect::Event(event) => {
                    self.note_spent(link, &event);
                    self.served_events.push(event);
                }
                Effect::Close(end) => {
                    self.paced_is_gone(link);
                    self.ends.push(end);
                    self.servers.remove(&link);
                    self.finish(link, Side::Server);
                }
                Effect::Dial(()) => unreachable!("a server does not dial"),
            }
        }
    }

    /// True where the server takes what comes over this connection.
    pub(super) fn server_reads(&self, link: LinkId) -> bool {
        self.servers.get(&link).is_none_or(|server| server.machine().wants_read(()))
    }

    fn store_served(&mut self, link: LinkId, ticket: Ticket, op: StoreOp) {
        let stored = carry_out(&mut self.stores[1], &mut MemoryStreams::new(), op);
        self.schedule(self.config.store, Due::ToServer(link, Input::Stored(ticket, stored)));
    }
}
