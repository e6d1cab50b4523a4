//! The client's jobs: dials, runs each job as an operation of a session, and tries again what a passing failure broke.
//! Over one connection for now; links are named so that there can be more.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Limits;
use super::backoff::Backoff;
use super::machine::{DialError, DialErrorKind, Effect, End, Input, Machine, Out, earlier};
use super::op::{OpDone, OpError, OpEvent, Party};
use super::session::{self, Request, Session, SessionEnd, Tag};
use super::storage::Ticket;
use crate::time::{Duration, Time};
use crate::wire::{Class, Code, Hello};

/// Names a connection of a client; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Names a job; the application's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// How often and how soon a client tries again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// Attempts of a job in all; at least 1.
    pub attempts: u32,
    /// The first delay is at most this.
    pub base: Duration,
    /// No delay is longer.
    pub cap: Duration,
    /// How long to keep dialling a server that was never reached; `None`: the first failure to reach it is final.
    pub wait: Option<Duration>,
    /// How long one dial may take; `None`: as long as the system tries.
    pub connect: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(10),
            wait: None,
            connect: Some(Duration::from_secs(10)),
        }
    }
}

/// What the application asks of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Carry out a job.
    Start(JobId, Request),
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
    /// A job got on.
    Job(JobId, OpEvent),
    /// A job failed in a way that may pass; it begins again after `delay`.
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

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum JobError {
    /// The server could not be reached.
    Dial(DialError),
    /// The connection ended before the job did.
    Session(SessionEnd),
    /// The job itself failed.
    Operation(OpError),
}

impl core::fmt::Display for JobError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            JobError::Dial(error) => write!(f, "the server could not be reached ({:?})", error.kind),
            JobError::Session(SessionEnd::Orderly) => write!(f, "the server ended the connection"),
            JobError::Session(SessionEnd::Lost(End::Orderly)) => {
                write!(f, "the server closed the connection")
            }
            JobError::Session(SessionEnd::Lost(End::Reset)) => write!(f, "the connection broke"),
            JobError::Session(SessionEnd::Broken(failure)) => write!(f, "{failure}"),
            JobError::Session(SessionEnd::ByPeer(failure)) => write!(f, "the server says: {failure}"),
            JobError::Operation(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for JobError {}

impl JobError {
    /// True if trying again may help: the connection, or something that passes.
    fn is_passing(&self) -> bool {
        match self {
            JobError::Dial(error) => match error.kind {
                DialErrorKind::Refused | DialErrorKind::TimedOut | DialErrorKind::Unreachable => true,
                DialErrorKind::Other => true,
                DialErrorKind::NameNotFound | DialErrorKind::NotAllowed => false,
            },
            JobError::Session(SessionEnd::Orderly | SessionEnd::Lost(_)) => true,
            JobError::Session(SessionEnd::Broken(failure) | SessionEnd::ByPeer(failure)) => {
                failure.code.class() == Class::Retryable
                    || matches!(failure.code, Code::IDLE_TIMEOUT | Code::HANDSHAKE_TIMEOUT | Code::CHECKSUM)
            }
            JobError::Operation(error) => {
                error.by == Party::Link || error.failure.code.class() == Class::Retryable
            }
        }
    }

    /// How long the peer asked to wait.
    fn delay(&self) -> Duration {
        let failure = match self {
            JobError::Operation(error) => &error.failure,
            JobError::Session(SessionEnd::ByPeer(failure)) => failure,
            JobError::Dial(_) | JobError::Session(SessionEnd::Orderly) => return Duration::ZERO,
            JobError::Session(SessionEnd::Lost(_) | SessionEnd::Broken(_)) => return Duration::ZERO,
        };
        Duration::from_millis(u64::from(failure.delay_ms))
    }
}

/// Carries out jobs against one server. See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Client {
    limits: Limits,
    policy: RetryPolicy,
    backoff: Backoff,
    jobs: BTreeMap<JobId, Job>,
    sessions: BTreeMap<LinkId, Session>,
    link: Link,
    next_link: u32,
    tickets: BTreeMap<Ticket, (LinkId, Ticket)>,
    next_ticket: u64,
    /// When dialling a server that was never reached is given up; `None` once it was reached.
    first_contact: Option<Contact>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Job {
    request: Request,
    attempts: u32,
    state: JobState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum JobState {
    /// Not before this moment.
    Waiting(Time),
    /// As soon as there is a connection.
    Ready,
    Running(LinkId),
    /// The connection was lost; why is told when its session closes.
    Lost(LinkId),
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
struct Contact {
    give_up: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    Closing,
    Closed,
}

impl Client {
    /// A client that dials when it has something to do. `seed` is for jitter.
    pub fn new(now: Time, limits: Limits, policy: RetryPolicy, seed: u64) -> Client {
        let backoff = Backoff::new(policy.base, policy.cap, seed);
        let first_contact = Some(Contact { give_up: policy.wait.map(|wait| now + wait) });
        Client {
            limits,
            policy,
            backoff,
            jobs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            link: Link::Down,
            next_link: 0,
            tickets: BTreeMap::new(),
            next_ticket: 0,
            first_contact,
            phase: Phase::Open,
        }
    }

    fn on_command(&mut self, now: Time, command: Command, out: &mut Out<Client>) {
        match command {
            Command::Start(job, request) => {
                if self.phase != Phase::Open || self.jobs.contains_key(&job) {
                    let error =
                        OpError::us(Code::UNSUPPORTED, "the client is closing, or the job is there already");
                    return out.event(Event::Finished(job, Err(JobError::Operation(error))));
                }
                self.jobs.insert(job, Job { request, attempts: 0, state: JobState::Ready });
            }
            Command::Cancel(job) => self.cancel(now, job, out),
            Command::Close => self.phase = Phase::Closing,
        }
    }

    fn cancel(&mut self, now: Time, id: JobId, out: &mut Out<Client>) {
        match self.jobs.get(&id).map(|job| job.state) {
            Some(JobState::Running(link)) => {
                self.step_session(now, link, Input::Command(session::Command::Cancel(Tag(id.0))), out);
            }
            Some(JobState::Waiting(_) | JobState::Ready | JobState::Lost(_)) => {
                let error = JobError::Operation(OpError::us(Code::CANCELLED, ""));
                self.jobs.remove(&id);
                out.event(Event::Finished(id, Err(error)));
            }
            None => {}
        }
    }

    /// Dials if a job is due, starts the jobs that are due, says goodbye when there is nothing left.
    fn advance(&mut self, now: Time, out: &mut Out<Client>) {
        for job in self.jobs.values_mut() {
            if matches!(job.state, JobState::Waiting(at) if at <= now) {
                job.state = JobState::Ready;
            }
        }
        let due: Vec<JobId> = self.ready().collect();
        match self.link {
            Link::Down if !due.is_empty() => {
                let link = LinkId(self.next_link);
                self.next_link += 1;
                self.link = Link::Dialing(link, self.policy.connect.map(|limit| now + limit));
                out.push(Effect::Dial(link));
            }
            Link::Up(link) if self.sessions.get(&link).is_some_and(Session::is_open) => {
                let space = self.limits.operations as usize;
                for id in due.into_iter().take(space.saturating_sub(self.running())) {
                    self.begin(now, link, id, out);
                }
                if self.phase == Phase::Closing && self.jobs.is_empty() {
                    self.link = Link::Down;
                    self.step_session(now, link, Input::Command(session::Command::Drain), out);
                }
            }
            Link::Down | Link::Dialing(..) | Link::Up(_) => {}
        }
        self.settle(now, out);
    }

    fn settle(&mut self, now: Time, out: &mut Out<Client>) {
        if self.phase != Phase::Closing || !self.jobs.is_empty() {
            return;
        }
        match self.link {
            Link::Dialing(link, _) => {
                out.push(Effect::Hangup(link));
                self.link = Link::Down;
            }
            Link::Up(link) => {
                self.link = Link::Down;
                self.step_session(now, link, Input::Command(session::Command::Drain), out);
            }
            Link::Down => {}
        }
        if self.sessions.is_empty() && self.phase == Phase::Closing {
            self.phase = Phase::Closed;
            out.push(Effect::Close(()));
        }
    }

    fn ready(&self) -> impl Iterator<Item = JobId> {
        self.jobs.iter().filter(|(_, job)| job.state == JobState::Ready).map(|(id, _)| *id)
    }

    fn running(&self) -> usize {
        self.jobs.values().filter(|job| matches!(job.state, JobState::Running(_))).count()
    }

    fn begin(&mut self, now: Time, link: LinkId, id: JobId, out: &mut Out<Client>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.attempts += 1;
        job.state = JobState::Running(link);
        let start = session::Command::Start(Tag(id.0), job.request.clone());
        self.step_session(now, link, Input::Command(start), out);
    }

    /// Steps a session and carries its effects out under the link's name.
    fn step_session(&mut self, now: Time, link: LinkId, input: Input<Session>, out: &mut Out<Client>) {
        let Some(session) = self.sessions.get_mut(&link) else { return };
        let mut inner = Out::new();
        session.step(now, input, &mut inner);
        self.carry_out(now, link, inner, out);
    }

    fn carry_out(&mut self, now: Time, link: LinkId, mut inner: Out<Session>, out: &mut Out<Client>) {
        for effect in inner.drain() {
            match effect {
                Effect::Transmit((), bytes) => out.push(Effect::Transmit(link, bytes)),
                Effect::Finish(()) => out.push(Effect::Finish(link)),
                Effect::Hangup(()) => out.push(Effect::Hangup(link)),
                Effect::Store(ticket, op) => {
                    let outer = Ticket(self.next_ticket);
                    self.next_ticket += 1;
                    self.tickets.insert(outer, (link, ticket));
                    out.push(Effect::Store(outer, op));
                }
                Effect::Event(event) => self.on_session_event(now, link, event, out),
                Effect::Close(end) => self.on_session_closed(now, link, end, out),
                Effect::Dial(()) => unreachable!("a session does not dial"),
            }
        }
    }

    fn on_session_event(&mut self, now: Time, link: LinkId, event: session::Event, out: &mut Out<Client>) {
        match event {
            session::Event::Ready { version, hello } => {
                self.backoff.reset();
                self.first_contact = None;
                out.event(Event::Connected { version, hello });
            }
            session::Event::Op(tag, event) => out.event(Event::Job(JobId(tag.0), event)),
            session::Event::Finished(tag, Err(OpError { by: Party::Link, .. })) => {
                if let Some(job) = self.jobs.get_mut(&JobId(tag.0)) {
                    job.state = JobState::Lost(link);
                }
            }
            session::Event::Finished(tag, result) => {
                let result = result.map_err(JobError::Operation);
                self.on_attempt_over(now, JobId(tag.0), result, out);
            }
            session::Event::GoingAway => {
                if self.link == Link::Up(link) {
                    self.link = Link::Down;
                }
            }
            session::Event::Began(..) => unreachable!("a server begins no operations"),
        }
    }

    fn on_session_closed(&mut self, now: Time, link: LinkId, end: SessionEnd, out: &mut Out<Client>) {
        self.sessions.remove(&link);
        out.push(Effect::Hangup(link));
        let is_current = self.link == Link::Up(link);
        if is_current {
            self.link = Link::Down;
        }
        let lost = self.jobs.iter().filter(|(_, job)| job.state == JobState::Lost(link)).map(|(id, _)| *id);
        for id in lost.collect::<Vec<_>>() {
            self.on_attempt_over(now, id, Err(JobError::Session(end.clone())), out);
        }
        // A connection that ended before its handshake takes the place of the attempts that it was for.
        if is_current && end != SessionEnd::Orderly {
            self.fail_ready(now, &JobError::Session(end), out);
        }
    }

    /// An attempt of every job that waits for the connection has failed.
    fn fail_ready(&mut self, now: Time, error: &JobError, out: &mut Out<Client>) {
        let waiting: Vec<JobId> = self.ready().collect();
        for id in waiting {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.attempts += 1;
            }
            self.on_attempt_over(now, id, Err(error.clone()), out);
        }
    }

    fn on_attempt_over(
        &mut self,
        now: Time,
        id: JobId,
        result: Result<OpDone, JobError>,
        out: &mut Out<Client>,
    ) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let error = match result {
            Ok(done) => {
                self.jobs.remove(&id);
                return out.event(Event::Finished(id, Ok(done)));
            }
            Err(error) => error,
        };
        let never_reached = matches!(error, JobError::Dial(_)) && self.first_contact.is_some();
        let again = match self.first_contact {
            Some(Contact { give_up }) if never_reached => give_up.is_some_and(|until| now < until),
            Some(_) | None => job.attempts < self.policy.attempts,
        };
        if !error.is_passing() || !again {
            self.jobs.remove(&id);
            return out.event(Event::Finished(id, Err(error)));
        }
        let delay = self.backoff.next_delay(error.delay());
        job.state = JobState::Waiting(now + delay);
        out.event(Event::Retrying { job: id, attempt: job.attempts, delay, error });
    }

    fn on_dial_failed(&mut self, now: Time, link: LinkId, error: DialError, out: &mut Out<Client>) {
        if matches!(self.link, Link::Dialing(dialing, _) if dialing == link) {
            self.link = Link::Down;
            self.fail_ready(now, &JobError::Dial(error), out);
        }
    }

    fn on_elapsed(&mut self, now: Time, out: &mut Out<Client>) {
        if let Link::Dialing(link, Some(limit)) = self.link
            && limit <= now
        {
            out.push(Effect::Hangup(link));
            self.on_dial_failed(now, link, DialError { kind: DialErrorKind::TimedOut, os: None }, out);
        }
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
                let mut inner = Out::new();
                let session = Session::client(now, self.limits.clone(), &mut inner);
                self.sessions.insert(link, session);
                self.carry_out(now, link, inner, out);
            }
            Input::Dialed(_) => {}
            Input::DialFailed(link, error) => self.on_dial_failed(now, link, error, out),
            Input::Received(link, bytes) => self.step_session(now, link, Input::Received((), bytes), out),
            Input::Ended(link, end) => self.step_session(now, link, Input::Ended((), end), out),
            Input::Room(link, room) => self.step_session(now, link, Input::Room((), room), out),
            Input::Elapsed => self.on_elapsed(now, out),
            Input::Stored(ticket, stored) => {
                if let Some((link, ticket)) = self.tickets.remove(&ticket) {
                    self.step_session(now, link, Input::Stored(ticket, stored), out);
                }
            }
        }
        self.advance(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        let dialing = match self.link {
            Link::Dialing(_, limit) => limit,
            Link::Down | Link::Up(_) => None,
        };
        let retry = self.jobs.values().filter_map(Job::not_before).min();
        let sessions = self.sessions.values().filter_map(Session::deadline).min();
        earlier(earlier(dialing, retry), sessions)
    }

    fn wants_read(&self, link: LinkId) -> bool {
        self.sessions.get(&link).is_none_or(|session| session.wants_read(()))
    }

    fn footprint(&self) -> usize {
        let sessions: usize = self.sessions.values().map(Session::footprint).sum();
        sessions + self.jobs.len() * size_of::<(JobId, Job)>()
    }

    fn footprint_max(&self) -> usize {
        let sessions: usize = self.sessions.values().map(Session::footprint_max).sum();
        sessions + self.jobs.len() * size_of::<(JobId, Job)>()
    }

    fn size(tx: &Bytes) -> usize {
        tx.len()
    }

    fn rebase(&mut self, now: Time) {
        let shift = |at: &mut Time| *at = Time::ZERO + at.since(now);
        self.sessions.values_mut().for_each(|session| session.rebase(now));
        if let Link::Dialing(_, Some(limit)) = &mut self.link {
            shift(limit);
        }
        if let Some(Contact { give_up: Some(until) }) = &mut self.first_contact {
            shift(until);
        }
        for job in self.jobs.values_mut() {
            if let JobState::Waiting(at) = &mut job.state {
                shift(at);
            }
        }
    }
}

impl Job {
    fn not_before(&self) -> Option<Time> {
        match self.state {
            JobState::Waiting(at) => Some(at),
            JobState::Ready | JobState::Running(_) | JobState::Lost(_) => None,
        }
    }
}
