//! The listener: who is admitted, how many, and how a server stops. Knows connections by number only; the driver
//! accepts them and runs a session for each.
//!
//! A connection that has not greeted costs its peer nothing, and is told apart: of those there are few, each may take so long and
//! no longer, whatever the driver does with it before its session begins, and the oldest gives way to a new one, so that
//! thousands that stall lock nobody out.

mod doorstep;
mod pacing;
mod shortage;

use std::collections::BTreeMap;

use self::doorstep::Doorstep;
use self::pacing::Pacing;
use self::shortage::Shortage;
use super::machine::{Effect, Input, Machine, Out, earlier};
use super::storage::Owner;
use super::{Limits, ListenLimits, Session};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::states::state_names;
use crate::time::{Duration, Time};
use crate::wire::{Code, Failure};

/// Names a connection of a listener; the driver counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Where a connection comes from, as far as caps are concerned: an IP address in 16 bytes (IPv4 mapped), or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub u128);

/// What happens at a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenInput {
    /// A connection was accepted.
    Accepted(ConnectionId, Source),
    /// A connection has said who it is, as far as it is asked, and greeted.
    Ready(ConnectionId),
    /// A connection has said who it is, and its key has a rate: its session is [paced](Session::paced).
    Paced {
        /// Which one.
        id: ConnectionId,
        /// Whose.
        owner: Owner,
        /// Data bytes a second of all connections of theirs.
        rate: u64,
    },
    /// What such a session has told by [`session::Event::Spent`](super::session::Event).
    Spent {
        /// Which one.
        id: ConnectionId,
        /// Data bytes.
        bytes: u64,
        /// It waits for more.
        more: bool,
    },
    /// The system has no file or no memory left for a connection.
    AcceptFailed,
    /// A connection's session is over.
    Closed(ConnectionId),
    /// Stop: accept nothing more, let what runs finish.
    Drain,
    /// Stop now.
    Abort,
}

/// What a listener decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenEvent {
    /// Run a session.
    Admit(ConnectionId),
    /// Run a session that refuses with this.
    Refuse(ConnectionId, Failure),
    /// A connection has taken too long to greet: tell it so, and let it go.
    Overdue(ConnectionId, Failure),
    /// A connection that has not greeted gives way to a new one: drop it at once, since there may be thousands.
    Cut(ConnectionId, Failure),
    /// So many data bytes more may pass over a connection.
    Allow(ConnectionId, u64),
    /// Nothing is accepted for a while, since the system ran out of files. Told once, however often that is tried in vain.
    Paused,
    /// It was tried again, and did not fail for a while.
    Resumed,
    /// Tell every session to drain.
    DrainAll,
    /// Tell every session to end now.
    AbortAll(Failure),
}

/// How a listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenEnd {
    /// Everything was finished.
    Drained,
    /// What ran was cut off.
    Aborted,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Listener {
    limits: ListenLimits,
    connections: BTreeMap<ConnectionId, Place>,
    sources: BTreeMap<Source, usize>,
    doorstep: Doorstep,
    pacing: Pacing,
    /// What the buffers of a connection may take, in bytes.
    each: usize,
    phase: Phase,
    shortage: Shortage,
}

/// Connections that leave (they were refused, took too long, or gave way) are told so and go; they count against no cap but their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Admitted(Source),
    Leaving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    /// Until when the sessions may go on.
    Draining(Option<Time>),
    /// Sessions have been told to end now.
    Aborting,
    Closed,
}

/// Connections that leave and may wait to be gone before nothing more is accepted.
const LEAVING_MAX: usize = 64;

state_names!(pub Listener, STATES, state_name, phase, Phase: Open, Draining, Aborting, Closed);

impl Listener {
    /// A listener that admits connections; `each` are the limits of one, whose handshake begins when it is accepted.
    pub fn new(limits: ListenLimits, each: &Limits) -> Listener {
        let (connections, sources) = (BTreeMap::new(), BTreeMap::new());
        let patience = each.handshake.filter(|_| !planted(Bug::ForgetHandshakeDeadline));
        let (phase, shortage) = (Phase::Open, Shortage::None);
        let pacing = Pacing::new(limits.connections.saturating_add(LEAVING_MAX).saturating_add(1));
        let (doorstep, each) = (Doorstep::new(patience), Session::buffers_max(each));
        Listener { limits, connections, sources, doorstep, pacing, each, phase, shortage }
    }

    /// How many connections there are, refused ones included until they are closed.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    fn admitted(&self) -> usize {
        self.sources.values().sum()
    }

    /// The most connections that there may be, refused ones included, before nothing is accepted.
    fn most(&self) -> usize {
        self.limits.connections.saturating_add(LEAVING_MAX)
    }

    fn on_accepted(&mut self, now: Time, id: ConnectionId, source: Source, out: &mut Out<Listener>) {
        if self.phase == Phase::Open {
            self.make_way(source, out);
        }
        let from_source = self.sources.get(&source).copied().unwrap_or(0);
        let refusal = match self.phase {
            Phase::Draining(_) | Phase::Aborting | Phase::Closed => Some((Code::DRAINING, "")),
            Phase::Open if self.admitted() >= self.limits.connections => {
                mark(Mark::ListenerIsFull);
                Some((Code::BUSY, "too many connections"))
            }
            Phase::Open if self.each.saturating_mul(self.admitted() + 1) > self.limits.memory => {
                Some((Code::BUSY, "no memory is left for one more connection"))
            }
            Phase::Open if from_source >= self.limits.per_source => {
                mark(Mark::SourceIsFull);
                Some((Code::BUSY, "too many connections from your address"))
            }
            Phase::Open => None,
        };
        let place = if refusal.is_none() { Place::Admitted(source) } else { Place::Leaving };
        self.connections.insert(id, place);
        out.event(match refusal {
            None => {
                *self.sources.entry(source).or_default() += 1;
                self.doorstep.enter(now, id, source);
                ListenEvent::Admit(id)
            }
            Some((code, text)) => ListenEvent::Refuse(id, self.later(code, text)),
        });
    }

    fn later(&self, code: Code, text: &str) -> Failure {
        let delay_ms = u32::try_from(self.limits.busy_delay.as_millis()).unwrap_or(u32::MAX);
        Failure { code, delay_ms, text: text.into() }
    }

    /// Cuts the oldest of those that have not greeted, where there are as many as may be.
    fn make_way(&mut self, source: Source, out: &mut Out<Listener>) {
        let ListenLimits { connections, per_source, greeting, greeting_per_source, .. } = self.limits;
        let oldest = if self.doorstep.of(source) >= greeting_per_source.min(per_source).max(1) {
            self.doorstep.oldest_of(source)
        } else if self.doorstep.len() >= greeting.min(connections).max(1) {
            self.doorstep.oldest_of_most()
        } else {
            None
        };
        if let Some(id) = oldest {
            mark(Mark::GaveWay);
            self.doorstep.leave(id);
            self.leave(id);
            out.event(ListenEvent::Cut(id, self.later(Code::BUSY, "too many connections that do not greet")));
        }
    }

    /// From now on it counts against no cap; its end is still awaited.
    fn leave(&mut self, id: ConnectionId) {
        let Some(place) = self.connections.get_mut(&id) else { return };
        match core::mem::replace(place, Place::Leaving) {
            Place::Admitted(source) => self.give_back(source),
            Place::Leaving => {}
        }
    }

    fn give_back(&mut self, source: Source) {
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// Those that have taken too long to greet.
    fn on_overdue(&mut self, now: Time, out: &mut Out<Listener>) {
        while let Some(id) = self.doorstep.overdue(now) {
            mark(Mark::HandshakeTimedOut);
            self.leave(id);
            out.event(ListenEvent::Overdue(id, Failure::from(Code::HANDSHAKE_TIMEOUT)));
        }
    }

    /// Each failure in a row makes the pause twice as long.
    fn pause(&mut self, now: Time, out: &mut Out<Listener>) {
        let ListenLimits { accept_pause, accept_pause_max, .. } = self.limits;
        let pause = match self.shortage {
            Shortage::None => {
                out.event(ListenEvent::Paused);
                accept_pause
            }
            // Several sockets may find it at once.
            Shortage::Pausing(_, pause) => pause,
            Shortage::Trying(_, pause) => (pause * 2).min(accept_pause_max.max(accept_pause)),
        };
        self.shortage = Shortage::Pausing(now + pause, pause);
    }

    fn on_shortage_elapsed(&mut self, now: Time, out: &mut Out<Listener>) {
        match self.shortage {
            Shortage::Pausing(until, pause) if until <= now => {
                self.shortage = Shortage::Trying(now + pause.max(Duration::from_millis(1)), pause);
            }
            Shortage::Trying(until, _) if until <= now => {
                self.shortage = Shortage::None;
                out.event(ListenEvent::Resumed);
            }
            Shortage::None | Shortage::Pausing(..) | Shortage::Trying(..) => {}
        }
    }

    fn on_closed(&mut self, id: ConnectionId) {
        if planted(Bug::ForgetClosed) {
            return;
        }
        self.doorstep.leave(id);
        self.pacing.leave(id);
        if let Some(Place::Admitted(source)) = self.connections.remove(&id) {
            self.give_back(source);
        }
    }

    fn abort(&mut self, out: &mut Out<Listener>) {
        self.phase = Phase::Aborting;
        out.event(ListenEvent::AbortAll(Failure::from(Code::DRAINING)));
    }

    fn on_command(&mut self, now: Time, input: ListenInput, out: &mut Out<Listener>) {
        match (input, self.phase) {
            (ListenInput::Accepted(id, source), _) => self.on_accepted(now, id, source, out),
            (ListenInput::Ready(id), _) => {
                self.doorstep.leave(id);
            }
            (ListenInput::Closed(id), _) => self.on_closed(id),
            (ListenInput::Paced { id, owner, rate }, _) if self.connections.contains_key(&id) => {
                self.pacing.enter(now, id, owner, rate);
            }
            (ListenInput::Paced { .. }, _) => {}
            (ListenInput::Spent { id, bytes, more }, _) => self.pacing.spent(now, id, bytes, more),
            (ListenInput::AcceptFailed, Phase::Open) => {
                mark(Mark::AcceptPaused);
                self.pause(now, out);
            }
            (ListenInput::Drain, Phase::Open) => {
                self.shortage = Shortage::None;
                let limit = self.limits.drain.filter(|_| !planted(Bug::ForgetDrainDeadline));
                self.phase = Phase::Draining(limit.map(|limit| now + limit));
                out.event(ListenEvent::DrainAll);
            }
            (ListenInput::Abort, Phase::Open | Phase::Draining(_)) => {
                self.shortage = Shortage::None;
                self.abort(out);
            }
            (ListenInput::AcceptFailed | ListenInput::Drain | ListenInput::Abort, _) => {}
        }
    }
}

impl Machine for Listener {
    type Link = ();
    type Rx = core::convert::Infallible;
    type Tx = core::convert::Infallible;
    type Command = ListenInput;
    type Event = ListenEvent;
    type Outcome = ListenEnd;

    const RESERVE: usize = 0;

    fn step(&mut self, now: Time, input: Input<Listener>, out: &mut Out<Listener>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Command(input) => self.on_command(now, input, out),
            Input::Elapsed => {
                self.on_overdue(now, out);
                self.on_shortage_elapsed(now, out);
                if matches!(self.phase, Phase::Draining(Some(until)) if until <= now) {
                    self.abort(out);
                }
            }
            Input::Received((), never) => match never {},
            Input::Dialed(()) | Input::DialFailed((), _) | Input::Ended((), _) => {}
            Input::Room((), _) | Input::Stored(..) => {}
        }
        for (id, bytes) in self.pacing.allow(now) {
            out.event(ListenEvent::Allow(id, bytes));
        }
        let end = match self.phase {
            Phase::Draining(_) => ListenEnd::Drained,
            Phase::Aborting => ListenEnd::Aborted,
            Phase::Open | Phase::Closed => return,
        };
        if self.connections.is_empty() {
            self.phase = Phase::Closed;
            out.push(Effect::Close(end));
        }
    }

    fn deadline(&self) -> Option<Time> {
        let phase = match self.phase {
            Phase::Open => self.shortage.until(),
            Phase::Draining(until) => until,
            Phase::Aborting => None,
            Phase::Closed => return None,
        };
        earlier(phase, earlier(self.doorstep.deadline(), self.pacing.deadline()))
    }

    /// False while nothing should be accepted.
    fn wants_read(&self, (): ()) -> bool {
        let pauses = matches!(self.shortage, Shortage::Pausing(..));
        self.phase == Phase::Open && !pauses && self.connections.len() < self.most()
    }

    fn footprint(&self) -> usize {
        self.connections.len() * size_of::<(ConnectionId, Place)>()
            + self.sources.len() * size_of::<(Source, usize)>()
            + self.doorstep.footprint()
            + self.pacing.footprint()
    }

    fn footprint_max(&self) -> usize {
        // A driver may have accepted one more by the time it is told not to.
        let each =
            size_of::<(ConnectionId, Place)>() + size_of::<(Source, usize)>() + Doorstep::EACH + Pacing::EACH;
        self.most().saturating_add(1).saturating_mul(each)
    }

    fn rebase(&mut self, now: Time) {
        self.doorstep.rebase(now);
        self.pacing.rebase(now);
        if let Shortage::Pausing(until, _) | Shortage::Trying(until, _) = &mut self.shortage {
            *until = Time::ZERO + until.since(now);
        }
        if let Phase::Draining(Some(until)) = &mut self.phase {
            *until = Time::ZERO + until.since(now);
        }
    }
}
