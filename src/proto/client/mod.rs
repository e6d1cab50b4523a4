//! The client's jobs: dials, runs each job as an operation of a session, and tries again what a passing failure broke.
//! Over one connection, but for one long file that may come over several (`team`). A tree of folders is one job to the application
//! (`trees`), and many to the connection.

mod error;
mod jobs;
mod links;
mod member;
mod overdue;
mod pace;
mod team;
mod trees;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::Limits;
use super::backoff::Backoff;
use super::machine::{DialError, DialErrorKind, Effect, Input, Machine, Out, earlier};
use super::op::{OpDone, OpError, OpEvent};
use super::session::{self, Request, Session, Tag};
use super::storage::{StoreOp, Ticket};
use super::tree_job::{self, PartId, Told, TreeJob, TreeRequest};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::states::state_names;
use crate::time::{Duration, Time};
use crate::wire::{Code, Hello};
pub use error::JobError;
pub use jobs::RetryPolicy;
use jobs::{Job, JobState, JobTable};
use member::Team;
use overdue::Overdue;

/// Names a connection of a client; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Names a job; the application's choice, below 2^62.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// What the application asks of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Carry out a job.
    Start(JobId, Request),
    /// Move trees of folders, as one job.
    StartTree(JobId, TreeRequest),
    /// Give a job up; it may succeed all the same.
    Cancel(JobId),
    /// Begin no more jobs, finish what runs, say goodbye.
    Close,
}

/// What a client tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session is open.
    Connected {
        /// The version in force.
        version: u16,
        /// What the server said of itself.
        hello: Hello,
    },
    /// A job got on; a tree with any of its files.
    Job(JobId, OpEvent),
    /// What became of an entry of a tree.
    Tree(JobId, Told),
    /// A job, or an operation of a tree, failed in a way that may pass; it begins again after `delay`.
    Retrying {
        /// Which job.
        job: JobId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// When the next begins.
        delay: Duration,
        /// Why.
        error: JobError,
    },
    /// A job is over.
    Finished(JobId, Result<OpDone, JobError>),
}

/// Carries out jobs against one server. See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Client {
    limits: Limits,
    policy: RetryPolicy,
    backoff: Backoff,
    jobs: JobTable,
    trees: BTreeMap<JobId, TreeJob>,
    /// The jobs that are parts of trees.
    parts: BTreeMap<JobId, (JobId, PartId)>,
    next_part: u64,
    /// What trees are to be told.
    orders: VecDeque<(JobId, tree_job::Order)>,
    sessions: BTreeMap<LinkId, Session>,
    link: Link,
    next_link: u32,
    tickets: BTreeMap<Ticket, Owner>,
    next_ticket: u64,
    /// When dialling a server that was never reached is given up; `None` once it was reached.
    first_contact: Option<Contact>,
    /// What the connection in use waits for, and since when: to be made, then for the server's `Hello`.
    waits: Option<Time>,
    /// The shorter of the two: a round trip, and hardly more.
    rtt: Duration,
    /// The connections of a long file.
    team: Option<Team>,
    next_helper: u32,
    /// What sessions are to be told.
    relays: VecDeque<(LinkId, session::Command)>,
    /// When operations have taken too long.
    overdue: Overdue,
    phase: Phase,
}

/// Whose store operation it is, and by which ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Link(LinkId, Ticket),
    Tree(JobId, Ticket),
}

/// The connection in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Link {
    Down,
    Dialing(LinkId, Option<Time>),
    Up(LinkId),
}

/// The server was never reached so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Contact {
    /// It was not dialled either: the time for that has not begun.
    Untried,
    /// It is given up then, if it may take time at all.
    Until(Option<Time>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    Closing,
    Closed,
}

state_names!(pub Client, PHASES, phase_name, phase, Phase: Open, Closing, Closed);
state_names!(pub Client, LINKS, link_name, link, Link: Down, Dialing, Up);

impl Client {
    /// A client that dials when it has something to do. `seed` is for jitter.
    pub fn new(limits: Limits, policy: RetryPolicy, seed: u64) -> Client {
        let backoff = Backoff::new(policy.base, policy.cap, seed);
        let first_contact = Some(Contact::Untried);
        Client {
            limits,
            policy,
            backoff,
            jobs: JobTable::default(),
            trees: BTreeMap::new(),
            parts: BTreeMap::new(),
            next_part: 0,
            orders: VecDeque::new(),
            sessions: BTreeMap::new(),
            link: Link::Down,
            next_link: 0,
            tickets: BTreeMap::new(),
            next_ticket: 0,
            first_contact,
            waits: None,
            rtt: Duration::ZERO,
            team: None,
            next_helper: 0,
            relays: VecDeque::new(),
            overdue: Overdue::default(),
            phase: Phase::Open,
        }
    }

    /// The names of the states that a job may be in.
    #[cfg(feature = "harness")]
    pub const JOBS: &'static [&'static str] = Job::STATES;

    /// The name of a job's state, while it is known.
    #[cfg(feature = "harness")]
    pub fn job_name(&self, job: JobId) -> Option<&'static str> {
        self.jobs.get(job).map(Job::state_name)
    }

    fn on_command(&mut self, now: Time, command: Command, out: &mut Out<Client>) {
        match command {
            Command::Start(job, _) | Command::StartTree(job, _) if !self.takes(job) => {
                let error =
                    OpError::us(Code::UNSUPPORTED, "the client is closing, or the job is there already");
                out.event(Event::Finished(job, Err(JobError::Operation(error))));
            }
            Command::Start(job, request) => {
                self.limit(now, job);
                self.jobs.insert(job, request);
            }
            Command::StartTree(job, request) => {
                self.limit(now, job);
                self.start_tree(job, request);
            }
            Command::Cancel(job) if self.trees.contains_key(&job) => {
                self.orders.push_back((job, tree_job::Order::Cancel));
            }
            Command::Cancel(job) => self.cancel(now, job, out),
            Command::Close => self.phase = Phase::Closing,
        }
    }

    fn takes(&self, job: JobId) -> bool {
        let is_there = self.jobs.contains_key(&job) || self.trees.contains_key(&job);
        self.phase == Phase::Open && job.is_free() && !is_there
    }

    fn store(&mut self, owner: Owner, op: StoreOp, out: &mut Out<Client>) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, owner);
        out.push(Effect::Store(ticket, op));
    }

    fn cancel(&mut self, now: Time, id: JobId, out: &mut Out<Client>) {
        match self.jobs.state(id) {
            Some(JobState::Running(link)) => {
                self.jobs.set(id, JobState::Cancelling(link));
                self.step_session(now, link, Input::Command(session::Command::Cancel(Tag(id.0))), out);
            }
            Some(JobState::Waiting(_) | JobState::Ready | JobState::Lost(_)) => {
                let error = JobError::Operation(OpError::us(Code::CANCELLED, ""));
                self.jobs.remove(id);
                self.finished(id, Err(error), out);
            }
            Some(JobState::Cancelling(_)) | None => {}
        }
    }

    /// Lets trees begin their parts, and what follows from that.
    fn advance(&mut self, now: Time, out: &mut Out<Client>) {
        loop {
            self.run_trees(now, out);
            self.run_relays(now, out);
            self.advance_jobs(now, out);
            if self.orders.is_empty() && self.relays.is_empty() {
                return;
            }
        }
    }

    fn name_link(&mut self) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        link
    }

    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.trees.is_empty()
    }

    fn on_dial_failed(&mut self, now: Time, link: LinkId, error: DialError, out: &mut Out<Client>) {
        if matches!(self.link, Link::Dialing(dialing, _) if dialing == link) {
            self.link = Link::Down;
            self.fail_ready(now, &JobError::Dial(error), out);
        } else {
            self.on_member_lost(now, link, out);
        }
    }

    fn on_elapsed(&mut self, now: Time, out: &mut Out<Client>) {
        if let Link::Dialing(link, Some(limit)) = self.link
            && limit <= now
        {
            mark(Mark::DialTimedOut);
            out.push(Effect::Hangup(link));
            self.on_dial_failed(now, link, DialError { kind: DialErrorKind::TimedOut, os: None }, out);
        }
        self.on_team_elapsed(now, out);
        self.on_overdue(now, out);
        let due: Vec<LinkId> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(link, _)| *link)
            .collect();
        due.into_iter().for_each(|link| self.step_session(now, link, Input::Elapsed, out));
    }
}

impl Machine for Client {
    type Link = LinkId;
    type Rx = Bytes;
    type Tx = Bytes;
    type Command = Command;
    type Event = Event;
    type Outcome = ();

    const RESERVE: usize = Session::RESERVE;

    fn step(&mut self, now: Time, input: Input<Client>, out: &mut Out<Client>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Command(command) => self.on_command(now, command, out),
            Input::Dialed(link) if matches!(self.link, Link::Dialing(dialing, _) if dialing == link) => {
                self.link = Link::Up(link);
                self.rtt = self.waits.replace(now).map_or(Duration::ZERO, |dialed| now.since(dialed));
                let mut inner = Out::new();
                let session = Session::client(now, self.limits.clone(), &mut inner);
                self.sessions.insert(link, session);
                self.carry_out(now, link, inner, out);
            }
            Input::Dialed(link) => drop(self.on_member_dialed(now, link, out)),
            Input::DialFailed(link, error) => self.on_dial_failed(now, link, error, out),
            Input::Received(link, bytes) => return self.on_bytes(now, link, bytes, out),
            Input::Ended(link, end) => self.step_session(now, link, Input::Ended((), end), out),
            Input::Room(link, room) => self.step_session(now, link, Input::Room((), room), out),
            Input::Elapsed => self.on_elapsed(now, out),
            Input::Stored(ticket, stored) => match self.tickets.remove(&ticket) {
                Some(Owner::Link(link, ticket)) => {
                    self.step_session(now, link, Input::Stored(ticket, stored), out);
                }
                Some(Owner::Tree(tree, ticket)) => {
                    self.step_tree(now, tree, Input::Stored(ticket, stored), out);
                }
                None => {}
            },
        }
        self.advance(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        let dialing = match self.link {
            Link::Dialing(_, limit) => limit,
            Link::Down | Link::Up(_) => None,
        };
        let retry = self.jobs.next_due().filter(|_| !planted(Bug::ForgetRetry));
        let sessions = self.sessions.values().filter_map(Session::deadline).min();
        let team = self.team.as_ref().and_then(Team::deadline);
        earlier(self.overdue.deadline(), earlier(earlier(dialing, retry), earlier(sessions, team)))
    }

    fn wants_read(&self, link: LinkId) -> bool {
        self.sessions.get(&link).is_none_or(|session| session.wants_read(()))
    }

    fn footprint(&self) -> usize {
        let sessions: usize = self.sessions.values().map(Session::footprint).sum();
        let trees: usize = self.trees.values().map(TreeJob::footprint).sum();
        let team = self.team.as_ref().map_or(0, Team::footprint);
        sessions + trees + team + self.jobs.len() * size_of::<(JobId, Job)>()
    }

    fn footprint_max(&self) -> usize {
        let sessions: usize = self.sessions.values().map(Session::footprint_max).sum();
        let trees: usize = self.trees.values().map(TreeJob::footprint_max).sum();
        let team = self.team.as_ref().map_or(0, Team::footprint);
        sessions + trees + team + self.jobs.len() * size_of::<(JobId, Job)>()
    }

    fn rebase(&mut self, now: Time) {
        let shift = |at: &mut Time| *at = Time::ZERO + at.since(now);
        self.sessions.values_mut().for_each(|session| session.rebase(now));
        if let Link::Dialing(_, Some(limit)) = &mut self.link {
            shift(limit);
        }
        if let Some(at) = &mut self.waits {
            shift(at);
        }
        if let Some(team) = &mut self.team {
            team.rebase(now);
        }
        if let Some(Contact::Until(Some(until))) = &mut self.first_contact {
            shift(until);
        }
        self.jobs.rebase(now);
        self.overdue.rebase(now);
    }
}
