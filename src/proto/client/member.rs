//! Who is in a team: the connections of one job, and how far each is.

use std::collections::BTreeMap;

use super::pace::Pace;
use super::{JobId, LinkId};
use crate::proto::limits::Connections;
use crate::proto::machine::earlier;
use crate::proto::op::Helper;
use crate::proto::session::Tag;
use crate::time::{Duration, Time};
use crate::wire::Get;

/// Operations from here on, and below the parts of trees, pull blocks for a job.
pub(super) const PULLS: u64 = 1 << 62;

/// The connections of a job.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Team {
    pub(super) job: JobId,
    /// The job's own connection.
    pub(super) own: LinkId,
    pub(super) get: Get,
    pub(super) length: u64,
    /// Bytes that are still to come.
    pub(super) left: u64,
    pub(super) members: BTreeMap<Helper, Member>,
    /// Connections at the most; 1 once the server has refused one.
    pub(super) most: u32,
    pub(super) spares: u32,
    pub(super) pace: Option<Pace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) link: LinkId,
    pub(super) state: MemberState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum MemberState {
    Dialing(Option<Time>),
    /// The connection stands; the server's `Hello` is awaited.
    Greeting,
    /// Its operation has begun, and is not answered.
    Asking,
    /// It brings blocks.
    Pulling,
}

impl Member {
    pub(super) fn brings(&self) -> bool {
        self.state == MemberState::Pulling
    }
}

impl Team {
    pub(super) fn named(&self, link: LinkId, state: impl Fn(MemberState) -> bool) -> Option<Helper> {
        let mut members = self.members.iter();
        members.find(|(_, member)| member.link == link && state(member.state)).map(|(helper, _)| *helper)
    }

    pub(super) fn bringing(&self) -> u32 {
        u32::try_from(self.members.values().filter(|member| member.brings()).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let dials = self.members.values().filter_map(|member| match member.state {
            MemberState::Dialing(limit) => limit,
            MemberState::Greeting | MemberState::Asking | MemberState::Pulling => None,
        });
        earlier(dials.min(), self.pace.as_ref().map(Pace::deadline))
    }

    pub(super) fn rebase(&mut self, now: Time) {
        for member in self.members.values_mut() {
            if let MemberState::Dialing(Some(limit)) = &mut member.state {
                *limit = Time::ZERO + limit.since(now);
            }
        }
        if let Some(pace) = &mut self.pace {
            pace.rebase(now);
        }
    }

    pub(super) fn footprint(&self) -> usize {
        self.members.len() * size_of::<(Helper, Member)>()
    }
}

pub(super) fn tag_of(helper: Helper) -> Tag {
    Tag(PULLS | u64::from(helper.0))
}

/// The helper whose operation it is.
pub(super) fn helper_of(tag: Tag) -> Option<Helper> {
    (tag.0 & !u64::from(u32::MAX) == PULLS).then_some(Helper(tag.0 as u32))
}

impl Connections {
    /// How many a path of this round-trip time may have.
    pub(super) fn most(self, rtt: Duration) -> u32 {
        match self {
            Connections::One => 1,
            Connections::Fixed(count) => count.min(Connections::MAX),
            Connections::Adaptive if rtt < Connections::RTT_MIN => 1,
            Connections::Adaptive => Connections::ADAPTIVE_MAX,
        }
    }

    /// True if so many missing bytes are worth more than one.
    pub(super) fn are_worth(self, missing: u64, adaptive_min: u64) -> bool {
        match self {
            Connections::One => false,
            Connections::Fixed(_) => true,
            Connections::Adaptive => missing >= adaptive_min,
        }
    }
}
