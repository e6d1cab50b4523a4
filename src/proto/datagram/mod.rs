//! RFC 862 over datagrams: each that comes in goes out again, to where it came from. Nothing waits, nothing is remembered but how
//! much each source was answered lately, and nothing that could loop or serve for an attack on a third party is answered.

mod address;
mod budget;

use core::convert::Infallible;
use core::marker::PhantomData;

use bytes::Bytes;

pub use self::address::{Address, LocalName, Peer};
pub use self::budget::Allowance;
use self::budget::Budget;
use super::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::time::Time;

/// A datagram with both addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Datagram<P = Address> {
    /// Who sent it: what a forger likes to choose.
    pub from: P,
    /// Whom it was sent to.
    pub to: P,
    /// What it carries.
    pub payload: Bytes,
}

/// Why a datagram got no answer. An event for each is how they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unanswered {
    /// Its source port is reserved: no client's, but perhaps a server's that would answer the answer.
    ReservedPort,
    /// Its source port is the one that it was sent to: another echo's, or our own.
    OwnPort,
    /// Its source is no single host.
    NoSource,
    /// It was sent to many hosts, of which each would answer.
    ToMany,
    /// Its source was answered enough for now.
    OverBudget,
    /// The transport takes no more now.
    NoRoom,
}

/// Echoes datagrams for as long as its socket lasts.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct DatagramEcho<P = Address> {
    budget: Budget,
    room: usize,
    phase: Phase,
    peers: PhantomData<P>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    Open,
    Closed,
}

state_names!(pub DatagramEcho, STATES, state_name, phase, Phase: Open, Closed);

/// What a datagram takes of the room beyond its payload: the header of RFC 768, so that empty ones take some too.
pub const HEADER: usize = 8;

impl<P: Peer> DatagramEcho<P> {
    /// An echo on a socket that takes nothing yet.
    pub fn new(allowance: Allowance) -> DatagramEcho<P> {
        DatagramEcho { budget: Budget::new(allowance), room: 0, phase: Phase::Open, peers: PhantomData }
    }

    /// What speaks against an answer; what it takes of its source's budget is taken last.
    fn objection(&mut self, datagram: &Datagram<P>, now: Time) -> Option<Unanswered> {
        let (Datagram { from, to, .. }, size) = (datagram, datagram.bulk());
        if let Some(objection) = from.objection(to) {
            Some(objection)
        } else if size > self.room {
            Some(Unanswered::NoRoom)
        } else if from.source().is_some_and(|source| !self.budget.take(source, size, now)) {
            Some(Unanswered::OverBudget)
        } else {
            None
        }
    }
}

impl<P: Peer> Machine for DatagramEcho<P> {
    type Link = ();
    type Rx = Datagram<P>;
    type Tx = Datagram<P>;
    type Command = Infallible;
    type Event = Unanswered;
    type Outcome = ();

    const RESERVE: usize = 0;

    fn step(&mut self, now: Time, input: Input<DatagramEcho<P>>, out: &mut Out<DatagramEcho<P>>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Received((), datagram) => match self.objection(&datagram, now) {
                Some(why) => out.event(why),
                None => {
                    self.room -= datagram.bulk();
                    let Datagram { from, to, payload } = datagram;
                    out.push(Effect::Transmit((), Datagram { from: to, to: from, payload }));
                }
            },
            Input::Room((), room) => self.room = room,
            Input::Ended((), _) => {
                self.phase = Phase::Closed;
                out.push(Effect::Close(()));
            }
            Input::Elapsed | Input::Dialed(()) | Input::DialFailed((), _) | Input::Stored(..) => {}
            Input::Command(never) => match never {},
        }
    }

    /// What is not read is lost in the system, where nobody counts it.
    fn wants_read(&self, (): ()) -> bool {
        self.phase == Phase::Open
    }

    fn footprint(&self) -> usize {
        self.budget.footprint()
    }

    fn footprint_max(&self) -> usize {
        self.budget.footprint_max()
    }
}

impl<P> Bulk for Datagram<P> {
    fn bulk(&self) -> usize {
        HEADER + self.payload.len()
    }
}
