//! How long an operation of the application's may take, however often it is tried again. One that takes longer is cancelled; a
//! server that does not answer to that loses its connection. What the disk here has begun by then is waited for, and put away.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, Command, JobError, JobId, Link};
use crate::proto::machine::{Effect, End, Input, Out};
use crate::proto::op::OpDone;
use crate::time::Time;

/// The operations that are not over, with when something is due for each.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub(super) struct Overdue {
    due: BTreeSet<(Time, JobId)>,
    stages: BTreeMap<JobId, Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
enum Stage {
    /// To be cancelled then.
    Running(Time),
    /// Was cancelled; the connection is dropped then.
    Cancelled(Time),
    /// Was cancelled, and its connection dropped: nothing else can hold it up.
    Abandoned,
}

impl Overdue {
    pub(super) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn rebase(&mut self, now: Time) {
        let due = core::mem::take(&mut self.due);
        for (at, job) in due {
            let at = Time::ZERO + at.since(now);
            self.due.insert((at, job));
            if let Some(Stage::Running(due) | Stage::Cancelled(due)) = self.stages.get_mut(&job) {
                *due = at;
            }
        }
    }

    fn set(&mut self, job: JobId, stage: Stage) {
        self.forget(job);
        self.stages.insert(job, stage);
        if let Stage::Running(at) | Stage::Cancelled(at) = stage {
            self.due.insert((at, job));
        }
    }

    fn forget(&mut self, job: JobId) -> Option<Stage> {
        let stage = self.stages.remove(&job)?;
        if let Stage::Running(at) | Stage::Cancelled(at) = stage {
            self.due.remove(&(at, job));
        }
        Some(stage)
    }
}

impl Client {
    /// An operation of the application's begins.
    pub(super) fn limit(&mut self, now: Time, job: JobId) {
        if let Some(limit) = self.policy.operation {
            self.overdue.set(job, Stage::Running(now + limit));
        }
    }

    /// An operation of the application's is over: one that was cancelled because of its time failed for want of that.
    pub(super) fn limited(
        &mut self,
        job: JobId,
        result: Result<OpDone, JobError>,
    ) -> Result<OpDone, JobError> {
        match (self.overdue.forget(job), result) {
            (Some(Stage::Cancelled(_) | Stage::Abandoned), Err(_)) => Err(JobError::Overdue),
            (_, result) => result,
        }
    }

    pub(super) fn on_overdue(&mut self, now: Time, out: &mut Out<Client>) {
        while let Some((_, job)) = self.overdue.due.first().copied().filter(|(at, _)| *at <= now) {
            match self.overdue.forget(job) {
                Some(Stage::Running(_)) => {
                    self.overdue.set(job, Stage::Cancelled(now + self.limits.linger));
                    self.on_command(now, Command::Cancel(job), out);
                }
                Some(Stage::Cancelled(_) | Stage::Abandoned) => {
                    self.overdue.set(job, Stage::Abandoned);
                    self.drop_link(now, out);
                }
                None => {}
            }
        }
    }

    /// What else runs over the connection is tried again over the next one.
    fn drop_link(&mut self, now: Time, out: &mut Out<Client>) {
        if let Link::Up(link) = self.link {
            out.push(Effect::Hangup(link));
            self.step_session(now, link, Input::Ended((), End::Reset), out);
        }
    }
}
