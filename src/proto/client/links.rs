//! The client's connections: their sessions are stepped here, and what they say is carried out.

use bytes::Bytes;

use super::member::helper_of;
use super::{Client, Contact, Event, JobError, JobId, JobState, Link, LinkId, Owner, Phase};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::op::{OpError, Party};
use crate::proto::session::{self, Session, SessionEnd};
use crate::time::Time;
use crate::wire::Code;

impl Client {
    /// Frame by frame: what follows from one is begun before the next is looked at, however many came at once.
    pub(super) fn on_bytes(&mut self, now: Time, link: LinkId, bytes: Bytes, out: &mut Out<Client>) {
        let Some(session) = self.sessions.get_mut(&link) else { return };
        session.push(now, bytes);
        loop {
            let Some(session) = self.sessions.get_mut(&link) else { return };
            let mut inner = Out::new();
            let more = session.next_frame(now, &mut inner);
            // From part of a frame nothing follows.
            if !more && inner.effects().is_empty() {
                return;
            }
            self.carry_out(now, link, inner, out);
            self.advance(now, out);
            if !more {
                return;
            }
        }
    }

    /// Steps a session and carries its effects out under the link's name.
    pub(super) fn step_session(
        &mut self,
        now: Time,
        link: LinkId,
        input: Input<Session>,
        out: &mut Out<Client>,
    ) {
        let Some(session) = self.sessions.get_mut(&link) else { return };
        let mut inner = Out::new();
        session.step(now, input, &mut inner);
        self.carry_out(now, link, inner, out);
    }

    pub(super) fn carry_out(
        &mut self,
        now: Time,
        link: LinkId,
        mut inner: Out<Session>,
        out: &mut Out<Client>,
    ) {
        for effect in inner.drain() {
            match effect {
                Effect::Transmit((), bytes) => out.push(Effect::Transmit(link, bytes)),
                Effect::Finish(()) => out.push(Effect::Finish(link)),
                Effect::Hangup(()) => out.push(Effect::Hangup(link)),
                Effect::Store(ticket, op) => {
                    self.store(Owner::Link(link, ticket), op, out);
                }
                Effect::Event(event) => self.on_session_event(now, link, event, out),
                Effect::Close(end) => self.on_session_closed(now, link, end, out),
                Effect::Dial(()) => unreachable!("a session does not dial"),
            }
        }
    }

    pub(super) fn on_session_event(
        &mut self,
        now: Time,
        link: LinkId,
        event: session::Event,
        out: &mut Out<Client>,
    ) {
        match event {
            session::Event::Ready { version, hello } => {
                self.first_contact = None;
                if self.link == Link::Up(link)
                    && let Some(since) = self.waits.take()
                {
                    self.rtt = self.rtt.min(now.since(since));
                }
                self.on_member_ready(link, out);
                out.event(Event::Connected { version, hello });
            }
            session::Event::Op(tag, event) => {
                if let Some(helper) = helper_of(tag) {
                    return self.on_helper(link, helper, event, out);
                }
                let id = JobId(tag.0);
                if self.on_transfer(now, id, &event, out) {
                    return;
                }
                if let Some(job) = self.jobs.get_mut(id) {
                    job.note(&event);
                }
                self.got_on(id, event, out);
            }
            session::Event::Finished(tag, _) if helper_of(tag).is_some() => {
                if let Some(helper) = helper_of(tag) {
                    self.on_helper_over(now, link, helper, out);
                }
            }
            session::Event::Finished(tag, Err(OpError { by: Party::Link, .. })) => {
                let id = JobId(tag.0);
                self.on_job_over(id, out);
                match self.jobs.state(id) {
                    Some(JobState::Cancelling(_)) => {
                        let error = JobError::Operation(OpError::us(Code::CANCELLED, ""));
                        self.on_attempt_over(now, id, Err(error), out);
                    }
                    Some(_) => self.jobs.set(id, JobState::Lost(link)),
                    None => {}
                }
            }
            session::Event::Finished(tag, result) => {
                self.on_job_over(JobId(tag.0), out);
                let result = result.map_err(JobError::Operation);
                self.on_attempt_over(now, JobId(tag.0), result, out);
            }
            session::Event::GoingAway => {
                if self.link == Link::Up(link) {
                    self.link = Link::Down;
                }
            }
            session::Event::Began(..) => unreachable!("a server begins no operations"),
            session::Event::Spent { .. } => unreachable!("a client's end is not paced"),
        }
    }

    pub(super) fn on_session_closed(
        &mut self,
        now: Time,
        link: LinkId,
        end: SessionEnd,
        out: &mut Out<Client>,
    ) {
        self.sessions.remove(&link);
        out.push(Effect::Hangup(link));
        self.on_member_lost(now, link, out);
        let is_current = self.link == Link::Up(link);
        if is_current && !planted(Bug::KeepDeadLink) {
            self.link = Link::Down;
        }
        let lost: Vec<JobId> = self.jobs.lost(link).collect();
        mark_if(Mark::ManyRetried, || lost.len() > 1);
        for id in lost {
            self.on_attempt_over(now, id, Err(JobError::Session(end.clone())), out);
        }
        // A connection that ended before its handshake takes the place of the attempts that it was for.
        if is_current && end != SessionEnd::Orderly {
            self.fail_ready(now, &JobError::Session(end), out);
        }
    }

    /// Dials if a job is due, starts the jobs that are due, says goodbye when there is nothing left.
    pub(super) fn advance_jobs(&mut self, now: Time, out: &mut Out<Client>) {
        self.jobs.wake(now);
        match self.link {
            Link::Down if self.jobs.ready().next().is_some() => {
                let link = self.name_link();
                let limit = self.policy.connect.filter(|_| !planted(Bug::ForgetDialDeadline));
                self.link = Link::Dialing(link, limit.map(|limit| now + limit));
                self.waits = Some(now);
                if self.first_contact == Some(Contact::Untried) {
                    self.first_contact = Some(Contact::Until(self.policy.wait.map(|wait| now + wait)));
                }
                out.push(Effect::Dial(link));
            }
            Link::Up(link) => {
                let session = self.sessions.get(&link);
                let (is_open, spaces) =
                    session.map_or((false, 0), |session| (session.is_open(), session.spaces()));
                let due: Vec<JobId> = self.jobs.ready().take(spaces).collect();
                for id in due {
                    self.begin(now, link, id, out);
                }
                if is_open && self.phase == Phase::Closing && self.is_idle() {
                    self.link = Link::Down;
                    self.step_session(now, link, Input::Command(session::Command::Drain), out);
                }
            }
            Link::Down | Link::Dialing(..) => {}
        }
        self.settle(now, out);
    }

    fn settle(&mut self, now: Time, out: &mut Out<Client>) {
        if self.phase != Phase::Closing || !self.is_idle() {
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
}
