//! Who is in a team: the connections of one job, and how far each is.

use std::collections::BTreeMap;

use super::pace::Pace;
use super::{JobId, LinkId};
use crate::proto::limits::Connections;
use crate::proto::machine::earlier;
use crate::proto::op::{Helper, Pushed};
use crate::proto::session::{Request, Session, Tag};
use crate::time::{Duration, Time};
use crate::wire::{Get, Push, UploadId};

/// Operations from here on, and below the parts of trees, move blocks for a job.
pub(super) const HELPERS: u64 = 1 << 62;

/// What the operations of the connections do.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Way {
    /// They ask for blocks of a file of this length.
    Pull(Get, u64),
    /// They bring blocks.
    Push(Pushed),
}

impl Way {
    /// What a job does with its file, if that may go over several connections.
    pub(super) fn of(request: &Request) -> Option<Way> {
        match request {
            Request::Fetch { get, .. } => Some(Way::Pull(get.clone(), 0)),
            Request::Put { root, source, path, .. } => {
                let push = Push { upload: UploadId::default(), length: 0, path: path.clone() };
                Some(Way::Push(Pushed { root: *root, source: source.clone(), version: 0, push }))
            }
            Request::List(_) => None,
            Request::Ask(_) | Request::Pour { .. } | Request::Print { .. } | Request::Compare { .. } => None,
            Request::Pull { .. } | Request::Push(_) => None,
        }
    }

    /// True if the server knows of it.
    pub(super) fn can(&self, session: &Session) -> bool {
        match self {
            Way::Pull(..) => session.pulls(),
            Way::Push(_) => session.pushes(),
        }
    }

    /// What the transfer has found out.
    pub(super) fn knows(&mut self, of_version: u128, of_length: u64, upload: UploadId) {
        match self {
            Way::Pull(get, length) => (get.version, *length) = (of_version, of_length),
            Way::Push(pushed) => {
                (pushed.version, pushed.push.length, pushed.push.upload) = (of_version, of_length, upload);
            }
        }
    }

    pub(super) fn request(&self) -> Request {
        match self {
            Way::Pull(get, length) => Request::Pull { get: get.clone(), length: *length },
            Way::Push(pushed) => Request::Push(pushed.clone()),
        }
    }
}

/// The connections of a job.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Team {
    pub(super) job: JobId,
    /// The job's own connection.
    pub(super) own: LinkId,
    pub(super) way: Way,
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
    /// The connection stands; its operation rides behind our `Hello`, and the server's is awaited.
    Riding,
    /// The same, and blocks are asked of it.
    Early,
    /// Its operation has begun, and is not ready.
    Asking,
    /// It brings blocks.
    Bringing,
}

impl MemberState {
    /// The server has said hello.
    pub(super) fn greeted(self) -> MemberState {
        match self {
            MemberState::Riding => MemberState::Asking,
            MemberState::Early => MemberState::Bringing,
            MemberState::Dialing(_) | MemberState::Asking | MemberState::Bringing => self,
        }
    }

    /// Its operation takes blocks.
    pub(super) fn ready(self) -> MemberState {
        match self {
            MemberState::Riding => MemberState::Early,
            MemberState::Asking => MemberState::Bringing,
            MemberState::Dialing(_) | MemberState::Early | MemberState::Bringing => self,
        }
    }
}

impl Member {
    pub(super) fn brings(&self) -> bool {
        self.state == MemberState::Bringing
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
            MemberState::Riding | MemberState::Early => None,
            MemberState::Asking | MemberState::Bringing => None,
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
    Tag(HELPERS | u64::from(helper.0))
}

/// The helper whose operation it is.
pub(super) fn helper_of(tag: Tag) -> Option<Helper> {
    (tag.0 & !u64::from(u32::MAX) == HELPERS).then_some(Helper(tag.0 as u32))
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
