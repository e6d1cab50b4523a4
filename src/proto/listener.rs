//! The listener: who is admitted, how many, and how a server stops. Knows connections by number only; the driver
//! accepts them and runs a session for each.

use std::collections::BTreeMap;

use super::ListenLimits;
use super::machine::{Effect, Input, Machine, Out};
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
    phase: Phase,
    shortage: Shortage,
}

/// Whether the system has files for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shortage {
    None,
    /// Nothing is accepted until then.
    Pausing(Time),
    /// It is tried again; if all is well until then, it is over. Each connection that ends gives a file back, so that one which is
    /// accepted shows nothing.
    Trying(Time),
}

impl Shortage {
    fn until(self) -> Option<Time> {
        match self {
            Shortage::Pausing(until) | Shortage::Trying(until) => Some(until),
            Shortage::None => None,
        }
    }
}

/// Refused connections are told so and go; they count against no cap but their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Admitted(Source),
    Refused,
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

/// Refused connections that may wait to be gone before nothing more is accepted.
const REFUSED_MAX: usize = 64;

state_names!(pub Listener, STATES, state_name, phase, Phase: Open, Draining, Aborting, Closed);

impl Listener {
    /// A listener that admits connections.
    pub fn new(limits: ListenLimits) -> Listener {
        let (connections, sources) = (BTreeMap::new(), BTreeMap::new());
        Listener { limits, connections, sources, phase: Phase::Open, shortage: Shortage::None }
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
        self.limits.connections.saturating_add(REFUSED_MAX)
    }

    fn on_accepted(&mut self, id: ConnectionId, source: Source, out: &mut Out<Listener>) {
        let from_source = self.sources.get(&source).copied().unwrap_or(0);
        let refusal = match self.phase {
            Phase::Draining(_) | Phase::Aborting | Phase::Closed => Some((Code::DRAINING, "")),
            Phase::Open if self.admitted() >= self.limits.connections => {
                mark(Mark::ListenerIsFull);
                Some((Code::BUSY, "too many connections"))
            }
            Phase::Open if from_source >= self.limits.per_source => {
                mark(Mark::SourceIsFull);
                Some((Code::BUSY, "too many connections from your address"))
            }
            Phase::Open => None,
        };
        let place = if refusal.is_none() { Place::Admitted(source) } else { Place::Refused };
        self.connections.insert(id, place);
        out.event(match refusal {
            None => {
                *self.sources.entry(source).or_default() += 1;
                ListenEvent::Admit(id)
            }
            Some((code, text)) => {
                let delay_ms = u32::try_from(self.limits.busy_delay.as_millis()).unwrap_or(u32::MAX);
                ListenEvent::Refuse(id, Failure { code, delay_ms, text: text.into() })
            }
        });
    }

    fn on_shortage_elapsed(&mut self, now: Time, out: &mut Out<Listener>) {
        match self.shortage {
            Shortage::Pausing(until) if until <= now => {
                self.shortage =
                    Shortage::Trying(now + self.limits.accept_pause.max(Duration::from_millis(1)));
            }
            Shortage::Trying(until) if until <= now => {
                self.shortage = Shortage::None;
                out.event(ListenEvent::Resumed);
            }
            Shortage::None | Shortage::Pausing(_) | Shortage::Trying(_) => {}
        }
    }

    fn on_closed(&mut self, id: ConnectionId) {
        if planted(Bug::ForgetClosed) {
            return;
        }
        let Some(Place::Admitted(source)) = self.connections.remove(&id) else { return };
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }

    fn abort(&mut self, out: &mut Out<Listener>) {
        self.phase = Phase::Aborting;
        out.event(ListenEvent::AbortAll(Failure::from(Code::DRAINING)));
    }

    fn on_command(&mut self, now: Time, input: ListenInput, out: &mut Out<Listener>) {
        match (input, self.phase) {
            (ListenInput::Accepted(id, source), _) => self.on_accepted(id, source, out),
            (ListenInput::Closed(id), _) => self.on_closed(id),
            (ListenInput::AcceptFailed, Phase::Open) => {
                mark(Mark::AcceptPaused);
                if self.shortage == Shortage::None {
                    out.event(ListenEvent::Paused);
                }
                self.shortage = Shortage::Pausing(now + self.limits.accept_pause);
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
                self.on_shortage_elapsed(now, out);
                if matches!(self.phase, Phase::Draining(Some(until)) if until <= now) {
                    self.abort(out);
                }
            }
            Input::Received((), never) => match never {},
            Input::Dialed(()) | Input::DialFailed((), _) | Input::Ended((), _) => {}
            Input::Room((), _) | Input::Stored(..) => {}
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
        match self.phase {
            Phase::Open => self.shortage.until(),
            Phase::Draining(until) => until,
            Phase::Aborting | Phase::Closed => None,
        }
    }

    /// False while nothing should be accepted.
    fn wants_read(&self, (): ()) -> bool {
        let pauses = matches!(self.shortage, Shortage::Pausing(_));
        self.phase == Phase::Open && !pauses && self.connections.len() < self.most()
    }

    fn footprint(&self) -> usize {
        self.connections.len() * size_of::<(ConnectionId, Place)>()
            + self.sources.len() * size_of::<(Source, usize)>()
    }

    fn footprint_max(&self) -> usize {
        // A driver may have accepted one more by the time it is told not to.
        let each = size_of::<(ConnectionId, Place)>() + size_of::<(Source, usize)>();
        self.most().saturating_add(1).saturating_mul(each)
    }

    fn rebase(&mut self, now: Time) {
        if let Shortage::Pausing(until) | Shortage::Trying(until) = &mut self.shortage {
            *until = Time::ZERO + until.since(now);
        }
        if let Phase::Draining(Some(until)) = &mut self.phase {
            *until = Time::ZERO + until.since(now);
        }
    }
}
