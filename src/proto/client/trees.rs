//! Tree jobs: each is a machine of its own, whose operations at the server are jobs of the client like others, with the
//! same retries, and whose store operations are the client's.

use super::{Client, Event, JobError, JobId, Owner};
use crate::probe::{Bug, planted};
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::op::{OpDone, OpEvent};
use crate::proto::tree_job::{Order, PartId, TreeJob, TreeRequest, Wish};
use crate::time::{Duration, Time};

/// Jobs from here on are parts of trees; the application's are below.
const PARTS: u64 = 1 << 63;

impl JobId {
    /// True if the application may choose it.
    pub(super) fn is_free(self) -> bool {
        self.0 < super::member::HELPERS
    }
}

impl Client {
    pub(super) fn start_tree(&mut self, id: JobId, request: TreeRequest) {
        self.trees.insert(id, TreeJob::new(request, &self.limits));
        self.orders.push_back((id, Order::Begin));
    }

    /// Steps the trees with what has become of their parts.
    pub(super) fn run_trees(&mut self, now: Time, out: &mut Out<Client>) {
        while let Some((id, order)) = self.orders.pop_front() {
            self.step_tree(now, id, Input::Command(order), out);
        }
    }

    pub(super) fn step_tree(&mut self, now: Time, id: JobId, input: Input<TreeJob>, out: &mut Out<Client>) {
        let Some(tree) = self.trees.get_mut(&id) else { return };
        let mut inner = Out::new();
        tree.step(now, input, &mut inner);
        for effect in inner.drain() {
            match effect {
                Effect::Store(ticket, op) => self.store(Owner::Tree(id, ticket), op, out),
                Effect::Event(Wish::Start(part, request)) => {
                    let job = JobId(PARTS | self.next_part);
                    self.next_part += 1;
                    self.parts.insert(job, (id, part));
                    self.jobs.insert(job, request);
                }
                Effect::Event(Wish::Cancel(part)) => {
                    if let Some(job) = self.job_of(id, part) {
                        self.cancel(now, job, out);
                    }
                }
                Effect::Event(Wish::Tell(told)) => out.event(Event::Tree(id, told)),
                Effect::Close(result) => {
                    self.trees.remove(&id);
                    let result = self.limited(id, result.map(OpDone::Tree));
                    out.event(Event::Finished(id, result));
                }
                Effect::Dial(()) | Effect::Finish(()) | Effect::Hangup(()) => {
                    unreachable!("a tree has no connection of its own")
                }
                Effect::Transmit((), never) => match never {},
            }
        }
    }

    fn job_of(&self, tree: JobId, part: PartId) -> Option<JobId> {
        self.parts.iter().find(|(_, owner)| **owner == (tree, part)).map(|(job, _)| *job)
    }

    /// A job is over: the application or its tree hears of it.
    pub(super) fn finished(&mut self, id: JobId, result: Result<OpDone, JobError>, out: &mut Out<Client>) {
        match self.parts.remove(&id) {
            Some(_) if result.is_err() && planted(Bug::ForgetFailedPart) => {}
            Some((tree, part)) => self.orders.push_back((tree, Order::Over(part, result))),
            None => {
                let result = self.limited(id, result);
                out.event(Event::Finished(id, result));
            }
        }
    }

    /// A job got on.
    pub(super) fn got_on(&mut self, id: JobId, event: OpEvent, out: &mut Out<Client>) {
        match (self.parts.get(&id), event) {
            (Some((tree, part)), OpEvent::Entries(entries)) => {
                self.orders.push_back((*tree, Order::Entries(*part, entries)));
            }
            (Some((tree, _)), event) => out.event(Event::Job(*tree, event)),
            (None, event) => out.event(Event::Job(id, event)),
        }
    }

    /// A job is tried again after `delay`.
    pub(super) fn retrying(
        &mut self,
        id: JobId,
        attempt: u32,
        delay: Duration,
        error: JobError,
        out: &mut Out<Client>,
    ) {
        let mut job = id;
        if let Some((tree, part)) = self.parts.get(&id) {
            self.orders.push_back((*tree, Order::Again(*part)));
            job = *tree;
        }
        out.event(Event::Retrying { job, attempt, delay, error });
    }
}
