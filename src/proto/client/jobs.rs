//! Jobs: which run, and which are tried again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, Contact, Event, JobError, JobId, LinkId};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::machine::{End, Input, Out};
use crate::proto::op::{OpDone, OpEvent};
use crate::proto::session::{self, Request, SessionEnd, Tag};
use crate::proto::states::state_names;
use crate::proto::storage::REPLAY_MAX;
use crate::time::{Duration, Time};
use crate::wire::Code;

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
    /// How long an operation of the application's may take in all, attempts and delays included; `None`: as long as it takes.
    pub operation: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(10),
            wait: None,
            connect: Some(Duration::from_secs(10)),
            operation: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) attempts: u32,
    /// More was read of a stream than can be read again.
    pub(super) is_spent: bool,
    state: JobState,
}

/// The jobs that are not over, with those that are ready and those that wait at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct JobTable {
    all: BTreeMap<JobId, Job>,
    ready: BTreeSet<JobId>,
    waiting: BTreeSet<(Time, JobId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum JobState {
    /// Not before this moment.
    Waiting(Time),
    /// As soon as there is a connection.
    Ready,
    Running(LinkId),
    /// It runs, and has been given up: whatever becomes of it, it is not tried again.
    Cancelling(LinkId),
    /// The connection was lost; why is told when its session closes.
    Lost(LinkId),
}

state_names!(
    pub(super) Job, STATES, state_name, state, JobState: Waiting, Ready, Running, Cancelling, Lost);

impl JobTable {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn contains_key(&self, id: &JobId) -> bool {
        self.all.contains_key(id)
    }

    pub(super) fn state(&self, id: JobId) -> Option<JobState> {
        self.all.get(&id).map(|job| job.state)
    }

    #[cfg(feature = "harness")]
    pub(super) fn get(&self, id: JobId) -> Option<&Job> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.all.get_mut(&id)
    }

    /// A job that is to begin as soon as it can.
    pub(super) fn insert(&mut self, id: JobId, request: Request) {
        self.all.insert(id, Job { request, attempts: 0, is_spent: false, state: JobState::Ready });
        self.ready.insert(id);
    }

    pub(super) fn remove(&mut self, id: JobId) {
        if let Some(job) = self.all.remove(&id) {
            self.forget(id, job.state);
        }
    }

    pub(super) fn set(&mut self, id: JobId, state: JobState) {
        let Some(job) = self.all.get_mut(&id) else { return };
        let before = core::mem::replace(&mut job.state, state);
        self.forget(id, before);
        match state {
            JobState::Ready => drop(self.ready.insert(id)),
            JobState::Waiting(at) => drop(self.waiting.insert((at, id))),
            JobState::Running(_) | JobState::Cancelling(_) | JobState::Lost(_) => {}
        }
    }

    fn forget(&mut self, id: JobId, before: JobState) {
        match before {
            JobState::Ready => drop(self.ready.remove(&id)),
            JobState::Waiting(at) => drop(self.waiting.remove(&(at, id))),
            JobState::Running(_) | JobState::Cancelling(_) | JobState::Lost(_) => {}
        }
    }

    /// Those that have waited long enough are ready.
    pub(super) fn wake(&mut self, now: Time) {
        while let Some((_, id)) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.set(id, JobState::Ready);
        }
    }

    /// When the next one has waited long enough.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.waiting.first().map(|(at, _)| *at)
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = JobId> {
        self.ready.iter().copied()
    }

    /// Those that ran on a connection that was lost.
    pub(super) fn lost(&self, link: LinkId) -> impl Iterator<Item = JobId> {
        self.all.iter().filter(move |(_, job)| job.state == JobState::Lost(link)).map(|(id, _)| *id)
    }

    pub(super) fn rebase(&mut self, now: Time) {
        let waiting = core::mem::take(&mut self.waiting);
        for (at, id) in waiting {
            self.set(id, JobState::Waiting(Time::ZERO + at.since(now)));
        }
    }
}

impl Job {
    /// What an attempt has come to that the next one begins with.
    pub(super) fn note(&mut self, event: &OpEvent) {
        match (event, &mut self.request) {
            (OpEvent::Printed(_), _) if planted(Bug::ForgetPrinted) => {}
            (OpEvent::Printed(so_far), Request::Print { printed, .. }) => printed.clone_from(so_far),
            (OpEvent::Taken(bytes), _) => self.is_spent = *bytes > REPLAY_MAX,
            _ => {}
        }
    }

    /// True if what has been printed cannot be gone on with: its version is gone, and will not come back.
    fn is_hopeless(&self, error: &JobError) -> bool {
        match (&self.request, error) {
            (Request::Print { printed, .. }, JobError::Operation(error)) => {
                printed.version != 0 && error.failure.code == Code::CHANGED
            }
            _ => false,
        }
    }

    /// The server is told which attempt it is.
    fn number(&mut self) {
        match &mut self.request {
            Request::Put { attempt, .. } => attempt.number = self.attempts,
            Request::Pour { to, .. } => to.attempt = self.attempts,
            Request::List(_) => {}
            Request::Ask(_) | Request::Fetch { .. } | Request::Print { .. } | Request::Compare { .. } => {}
            Request::Pull { .. } | Request::Push(_) => {}
        }
    }
}

impl Client {
    pub(super) fn begin(&mut self, now: Time, link: LinkId, id: JobId, out: &mut Out<Client>) {
        self.jobs.set(id, JobState::Running(link));
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.attempts += 1;
        job.number();
        let request = job.request.clone();
        let start = session::Command::Start(Tag(id.0), request.clone());
        self.step_session(now, link, Input::Command(start), out);
        self.may_share(link, id, &request);
    }

    /// An attempt of every job that waits for the connection has failed.
    pub(super) fn fail_ready(&mut self, now: Time, error: &JobError, out: &mut Out<Client>) {
        let waiting: Vec<JobId> = self.jobs.ready().collect();
        for id in waiting {
            if let Some(job) = self.jobs.get_mut(id) {
                job.attempts += 1;
            }
            self.on_attempt_over(now, id, Err(error.clone()), out);
        }
    }

    pub(super) fn on_attempt_over(
        &mut self,
        now: Time,
        id: JobId,
        result: Result<OpDone, JobError>,
        out: &mut Out<Client>,
    ) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let error = match result {
            Ok(done) => {
                if job.attempts > 1 && planted(Bug::AnswerTwice) {
                    out.event(Event::Finished(id, Ok(done.clone())));
                }
                self.jobs.remove(id);
                return self.finished(id, Ok(done), out);
            }
            Err(error) => error,
        };
        let never_reached = matches!(error, JobError::Dial(_)) && self.first_contact.is_some();
        let again = match self.first_contact {
            Some(Contact::Until(give_up)) if never_reached => give_up.is_some_and(|until| now < until),
            Some(_) | None => job.attempts < self.policy.attempts,
        };
        mark_if(Mark::GaveUpFirstContact, || never_reached && !again);
        mark_if(Mark::StreamSpent, || error.is_passing() && again && job.is_spent);
        if !error.is_passing()
            || !again
            || job.is_spent
            || job.is_hopeless(&error)
            || matches!(job.state, JobState::Cancelling(_))
        {
            self.jobs.remove(id);
            return self.finished(id, Err(error), out);
        }
        let delay = self.backoff.delay(job.attempts, error.delay());
        let attempt = job.attempts;
        self.jobs.set(id, JobState::Waiting(now + delay));
        note_retry(&error);
        self.retrying(id, attempt, delay, error, out);
    }
}

/// What a retry was for, where that is seldom.
fn note_retry(error: &JobError) {
    match error {
        JobError::Session(SessionEnd::Orderly) => mark(Mark::RetriedAfterGoAway),
        JobError::Session(SessionEnd::Lost(End::Reset)) => mark(Mark::RetriedAfterReset),
        JobError::Session(SessionEnd::Lost(End::Orderly) | SessionEnd::Broken(_) | SessionEnd::ByPeer(_)) => {
        }
        JobError::Dial(_) | JobError::Operation(_) | JobError::Overdue => {}
    }
}
