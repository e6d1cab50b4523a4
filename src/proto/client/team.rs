//! One long file over several connections: which there are, and what their operations have to say to each other. One job
//! at a time has a team. Its own connection is the first member; the others are dialled for it, bring blocks as long as
//! there are any, and say goodbye. Whatever becomes of them, the job goes on with those that are left.

use std::collections::BTreeMap;

use super::member::{Member, MemberState, Team, Way, tag_of};
use super::pace::Pace;
use super::{Client, JobId, LinkId};
use crate::probe::{Mark, mark};
use crate::proto::limits::Connections;
use crate::proto::machine::{Effect, Input, Out};
use crate::proto::op::{Helper, OpEvent, ShareEvent, ShareOrder};
use crate::proto::session::{self, Request, Session, Tag};
use crate::time::Time;
use crate::wire::limits::EXTENT;

/// How many lost connections of a team are replaced.
const SPARES: u32 = 4;

/// What the connections beyond the first hold together of what is not stored, in windows of the first.
const WINDOWS: u64 = 3;

/// The least that a `Hello` may state.
const WINDOW_MIN: u64 = 2 * EXTENT;

impl Client {
    /// A job begins on a connection: its file may go over several, if there is no team yet.
    pub(super) fn may_share(&mut self, link: LinkId, id: JobId, request: &Request) {
        let Some(way) = Way::of(request) else { return };
        let most = self.limits.connections.most(self.rtt);
        if most < 2 || self.team.is_some() {
            return;
        }
        self.team = Some(Team {
            job: id,
            own: link,
            way,
            left: 0,
            members: BTreeMap::new(),
            most,
            spares: SPARES,
            pace: None,
        });
        self.relay(link, session::Command::Share(Tag(id.0), ShareOrder::Open));
    }

    /// For the next time that nothing else is under way.
    fn relay(&mut self, link: LinkId, command: session::Command) {
        self.relays.push_back((link, command));
    }

    pub(super) fn run_relays(&mut self, now: Time, out: &mut Out<Client>) {
        while let Some((link, command)) = self.relays.pop_front() {
            self.step_session(now, link, Input::Command(command), out);
        }
    }

    /// To the operation that receives the team's file, or sends it.
    fn tell_transfer(&mut self, order: ShareOrder) {
        if let Some(team) = &self.team {
            let (link, tag) = (team.own, Tag(team.job.0));
            self.relay(link, session::Command::Share(tag, order));
        }
    }

    /// The operation that moves a job's file has something to say; true if nobody else is to hear of it.
    pub(super) fn on_transfer(
        &mut self,
        now: Time,
        id: JobId,
        event: &OpEvent,
        out: &mut Out<Client>,
    ) -> bool {
        let Some(team) = self.team.as_mut().filter(|team| team.job == id) else {
            return matches!(event, OpEvent::Share(_));
        };
        match event {
            OpEvent::Progress(bytes) => {
                team.left = team.left.saturating_sub(*bytes);
                return false;
            }
            OpEvent::Share(ShareEvent::Shares { version, length, missing, upload }) => {
                team.way.knows(*version, *length, *upload);
                team.left = *missing;
                self.gather(now, out);
            }
            OpEvent::Share(ShareEvent::Ask(helper, ranges)) => {
                if let Some(member) = team.members.get(helper).copied() {
                    let want = ShareOrder::Want(ranges.clone());
                    self.relay(member.link, session::Command::Share(tag_of(*helper), want));
                }
            }
            OpEvent::Share(ShareEvent::Stored(helper, bytes)) => {
                if let Some(member) = team.members.get(helper).copied() {
                    let stored = ShareOrder::Stored(*bytes);
                    self.relay(member.link, session::Command::Share(tag_of(*helper), stored));
                }
            }
            OpEvent::Share(ShareEvent::Whole) => self.dissolve(out),
            OpEvent::Share(ShareEvent::Ready | ShareEvent::Brings(_) | ShareEvent::Paused) => {}
            OpEvent::Share(ShareEvent::Landed { .. } | ShareEvent::Damaged) => {}
            OpEvent::Consumed(_) | OpEvent::Skipped(_) | OpEvent::Started { .. } | OpEvent::Taken(_) => {
                return false;
            }
            OpEvent::Printed(_) | OpEvent::Waited(_) | OpEvent::Entries(_) | OpEvent::Connections(_) => {
                return false;
            }
        }
        true
    }

    /// It is known what is missing: the first members.
    fn gather(&mut self, now: Time, out: &mut Out<Client>) {
        let Some(team) = &mut self.team else { return };
        let (connections, left) = (self.limits.connections, team.left);
        let can = self.sessions.get(&team.own).is_some_and(|session| team.way.can(session));
        team.most = team.most.min(u32::try_from(left.div_ceil(EXTENT)).unwrap_or(u32::MAX));
        if !can || team.most < 2 || !connections.are_worth(left, self.limits.adaptive_min) {
            self.tell_transfer(ShareOrder::Alone);
            self.team = None;
            return;
        }
        let own = team.own;
        let first = match connections {
            Connections::Adaptive => {
                team.pace = Some(Pace::new(now, self.rtt, self.limits.adaptive_min));
                team.most.min(Connections::ADAPTIVE_FIRST)
            }
            Connections::One | Connections::Fixed(_) => team.most,
        };
        if self.sessions.get(&own).is_some_and(|session| session.spaces() > 0) {
            let helper = self.join(own, MemberState::Asking);
            self.begin_helper(helper, own);
        }
        self.grow(now, first, out);
        self.note_empty();
    }

    fn join(&mut self, link: LinkId, state: MemberState) -> Helper {
        let helper = Helper(self.next_helper);
        self.next_helper = self.next_helper.wrapping_add(1);
        if let Some(team) = &mut self.team {
            team.members.insert(helper, Member { link, state });
        }
        helper
    }

    fn begin_helper(&mut self, helper: Helper, link: LinkId) {
        let Some(team) = &self.team else { return };
        let request = team.way.request();
        self.relay(link, session::Command::Start(tag_of(helper), request));
    }

    /// Dials until there are `count` connections.
    fn grow(&mut self, now: Time, count: u32, out: &mut Out<Client>) {
        while self.team.as_ref().is_some_and(|team| (team.members.len() as u32) < count.min(team.most)) {
            let link = self.name_link();
            let limit = self.policy.connect.map(|limit| now + limit);
            self.join(link, MemberState::Dialing(limit));
            out.push(Effect::Dial(link));
        }
    }

    /// A connection that was dialled for the team stands; true if it is one.
    pub(super) fn on_member_dialed(&mut self, now: Time, link: LinkId, out: &mut Out<Client>) -> bool {
        let dialing = |state| matches!(state, MemberState::Dialing(_));
        let Some(team) = &mut self.team else { return false };
        let Some(helper) = team.named(link, dialing) else { return false };
        let others = u64::from(team.most - 1).max(1);
        team.members.insert(helper, Member { link, state: MemberState::Riding });
        let window = (WINDOWS * self.limits.window / others).clamp(WINDOW_MIN, self.limits.window);
        let limits = super::Limits { window, ..self.limits.clone() };
        let mut inner = Out::new();
        let session = Session::client(now, limits, &mut inner);
        self.sessions.insert(link, session);
        self.carry_out(now, link, inner, out);
        // The server is the one that the first connection leads to: what it can is known.
        self.begin_helper(helper, link);
        true
    }

    /// A server has said hello.
    pub(super) fn on_member_ready(&mut self, link: LinkId, out: &mut Out<Client>) {
        let Some(team) = &mut self.team else { return };
        let Some(helper) = team.named(link, |state| state != state.greeted()) else { return };
        self.moves_on(helper, MemberState::greeted, out);
    }

    /// A member has come a step further.
    fn moves_on(&mut self, helper: Helper, step: fn(MemberState) -> MemberState, out: &mut Out<Client>) {
        let Some(team) = &mut self.team else { return };
        let Some(member) = team.members.get_mut(&helper) else { return };
        member.state = step(member.state);
        if member.brings() {
            let (job, count) = (team.job, team.bringing());
            self.got_on(job, OpEvent::Connections(count), out);
        }
    }

    /// An operation that brings blocks has something to say.
    pub(super) fn on_helper(&mut self, link: LinkId, helper: Helper, event: OpEvent, out: &mut Out<Client>) {
        let Some(team) = &mut self.team else { return };
        let (job, is_own) = (team.job, team.own == link);
        if !team.members.contains_key(&helper) {
            return;
        }
        match event {
            OpEvent::Share(ShareEvent::Ready) => {
                self.tell_transfer(ShareOrder::Join(helper));
                self.moves_on(helper, MemberState::ready, out);
            }
            OpEvent::Share(ShareEvent::Brings(brought)) => {
                if let Some(pace) = &mut team.pace {
                    pace.moved(brought.credit());
                }
                self.tell_transfer(ShareOrder::Brought(helper, brought));
            }
            OpEvent::Share(ShareEvent::Landed { first, cvs, bytes }) => {
                if let Some(pace) = &mut team.pace {
                    pace.moved(bytes);
                }
                self.tell_transfer(ShareOrder::Landed { helper, first, cvs });
            }
            OpEvent::Share(ShareEvent::Damaged) => self.tell_transfer(ShareOrder::Damaged),
            OpEvent::Share(ShareEvent::Paused) => self.tell_transfer(ShareOrder::Flush(helper)),
            // What held the job's own connection up held the job up.
            OpEvent::Waited(waits) if is_own => self.got_on(job, OpEvent::Waited(waits), out),
            OpEvent::Share(_) | OpEvent::Consumed(_) | OpEvent::Progress(_) | OpEvent::Skipped(_) => {}
            OpEvent::Started { .. } | OpEvent::Taken(_) | OpEvent::Printed(_) | OpEvent::Waited(_) => {}
            OpEvent::Entries(_) | OpEvent::Connections(_) => {}
        }
    }

    /// Such an operation is over.
    pub(super) fn on_helper_over(&mut self, now: Time, link: LinkId, helper: Helper, out: &mut Out<Client>) {
        let Some(team) = &self.team else { return };
        if team.own != link && team.members.contains_key(&helper) {
            self.relay(link, session::Command::Drain);
        }
        self.drop_member(now, helper, out);
    }

    /// A connection is gone, or could not be had; nothing if it is not the team's.
    pub(super) fn on_member_lost(&mut self, now: Time, link: LinkId, out: &mut Out<Client>) {
        if let Some(helper) = self.team.as_ref().and_then(|team| team.named(link, |_| true)) {
            self.drop_member(now, helper, out);
        }
    }

    /// One that has brought blocks is replaced, a few times; one that never came about is the last that is tried.
    fn drop_member(&mut self, now: Time, helper: Helper, out: &mut Out<Client>) {
        let Some(team) = &mut self.team else { return };
        let Some(member) = team.members.remove(&helper) else { return };
        let count = team.members.len() as u32;
        if member.brings() {
            mark(Mark::HelperLost);
            self.tell_transfer(ShareOrder::Leave(helper));
            if let Some(team) = &mut self.team
                && team.spares > 0
                && member.link != team.own
            {
                team.spares -= 1;
                self.grow(now, count + 1, out);
            }
        } else {
            mark(Mark::HelperRefused);
            team.most = count.max(1);
            team.pace = None;
            if member.state == MemberState::Early {
                self.tell_transfer(ShareOrder::Leave(helper));
            }
        }
        self.note_empty();
    }

    /// With nobody left the job's own operation receives the rest.
    fn note_empty(&mut self) {
        if self.team.as_ref().is_some_and(|team| team.members.is_empty()) {
            self.tell_transfer(ShareOrder::Alone);
            self.team = None;
        }
    }

    /// The job's operation is over.
    pub(super) fn on_job_over(&mut self, id: JobId, out: &mut Out<Client>) {
        if self.team.as_ref().is_some_and(|team| team.job == id) {
            self.dissolve(out);
        }
    }

    /// The team has done what it was for.
    fn dissolve(&mut self, out: &mut Out<Client>) {
        let Some(team) = self.team.take() else { return };
        for (helper, member) in team.members {
            match member.state {
                MemberState::Dialing(_) => out.push(Effect::Hangup(member.link)),
                MemberState::Riding | MemberState::Early | MemberState::Asking | MemberState::Bringing => {
                    let finish = session::Command::Share(tag_of(helper), ShareOrder::Finish);
                    self.relay(member.link, finish);
                }
            }
            if member.link != team.own && !matches!(member.state, MemberState::Dialing(_)) {
                self.relay(member.link, session::Command::Drain);
            }
        }
    }

    /// Dials that took too long are given up; a window of the pace is judged.
    pub(super) fn on_team_elapsed(&mut self, now: Time, out: &mut Out<Client>) {
        let Some(team) = &mut self.team else { return };
        let late = team.members.iter().filter_map(|(helper, member)| match member.state {
            MemberState::Dialing(Some(limit)) if limit <= now => Some((*helper, member.link)),
            MemberState::Dialing(_) | MemberState::Riding | MemberState::Early => None,
            MemberState::Asking | MemberState::Bringing => None,
        });
        let late: Vec<(Helper, LinkId)> = late.collect();
        let (left, count) = (team.left, team.members.len() as u32);
        let is_gathering = team.bringing() < count;
        let more = team.pace.as_mut().and_then(|pace| {
            if is_gathering && pace.deadline() <= now {
                pace.postpone(now);
            }
            pace.judge(now, left, count)
        });
        if team.pace.as_ref().is_some_and(Pace::is_settled) {
            team.pace = None;
        }
        for (helper, link) in late {
            out.push(Effect::Hangup(link));
            self.drop_member(now, helper, out);
        }
        if let Some(more) = more {
            self.grow(now, more, out);
        }
    }
}
