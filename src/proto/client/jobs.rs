//! Jobs: which run, and which are tried again.

use super::{Client, Contact, Event, JobError, JobId, LinkId};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::machine::{End, Input, Out};
use crate::proto::op::{OpDone, OpEvent};
use crate::proto::session::{self, Request, SessionEnd, Tag};
use crate::proto::states::state_names;
use crate::proto::storage::REPLAY_MAX;
use crate::time::{Duration, Time};

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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) attempts: u32,
    /// More was read of a stream than can be read again.
    pub(super) is_spent: bool,
    pub(super) state: JobState,
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

impl Job {
    pub(super) fn not_before(&self) -> Option<Time> {
        match self.state {
            JobState::Waiting(at) => Some(at),
            JobState::Ready | JobState::Running(_) | JobState::Cancelling(_) | JobState::Lost(_) => None,
        }
    }
}

impl Job {
    /// What an attempt has come to that the next one begins with.
    pub(super) fn note(&mut self, event: &OpEvent) {
        match (event, &mut self.request) {
            (OpEvent::Printed(so_far), Request::Print { printed, .. }) => printed.clone_from(so_far),
            (OpEvent::Taken(bytes), _) => self.is_spent = *bytes > REPLAY_MAX,
            _ => {}
        }
    }

    /// The server is told which attempt it is.
    fn number(&mut self) {
        match &mut self.request {
            Request::Put { attempt, .. } => attempt.number = self.attempts,
            Request::Pour { to, .. } => to.attempt = self.attempts,
            Request::Ask(_) | Request::Fetch { .. } | Request::Print { .. } | Request::Compare { .. } => {}
        }
    }
}

impl Client {
    pub(super) fn ready(&self) -> impl Iterator<Item = JobId> {
        self.jobs.iter().filter(|(_, job)| job.state == JobState::Ready).map(|(id, _)| *id)
    }

    pub(super) fn begin(&mut self, now: Time, link: LinkId, id: JobId, out: &mut Out<Client>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.attempts += 1;
        job.state = JobState::Running(link);
        job.number();
        let start = session::Command::Start(Tag(id.0), job.request.clone());
        self.step_session(now, link, Input::Command(start), out);
    }

    /// An attempt of every job that waits for the connection has failed.
    pub(super) fn fail_ready(&mut self, now: Time, error: &JobError, out: &mut Out<Client>) {
        let waiting: Vec<JobId> = self.ready().collect();
        for id in waiting {
            if let Some(job) = self.jobs.get_mut(&id) {
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
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let error = match result {
            Ok(done) => {
                if job.attempts > 1 && planted(Bug::AnswerTwice) {
                    out.event(Event::Finished(id, Ok(done.clone())));
                }
                self.jobs.remove(&id);
                return self.finished(id, Ok(done), out);
            }
            Err(error) => error,
        };
        let never_reached = matches!(error, JobError::Dial(_)) && self.first_contact.is_some();
        let again = match self.first_contact {
            Some(Contact { give_up }) if never_reached => give_up.is_some_and(|until| now < until),
            Some(_) | None => job.attempts < self.policy.attempts,
        };
        mark_if(Mark::GaveUpFirstContact, || never_reached && !again);
        if !error.is_passing() || !again || job.is_spent || matches!(job.state, JobState::Cancelling(_)) {
            self.jobs.remove(&id);
            return self.finished(id, Err(error), out);
        }
        let delay = self.backoff.delay(job.attempts, error.delay());
        job.state = JobState::Waiting(now + delay);
        note_retry(&error);
        let attempt = job.attempts;
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
        JobError::Dial(_) | JobError::Operation(_) => {}
    }
}
