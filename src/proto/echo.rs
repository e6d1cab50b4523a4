//! RFC 862 over a stream: what comes in goes out. The smallest machine, and the first to read.

use core::convert::Infallible;

use bytes::Bytes;

use super::machine::{Effect, End, Input, Machine, Out};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::states::state_names;
use crate::time::{Duration, Time};
use crate::wire::Rope;

/// Echoes a stream until the peer ends it. Holds what the transport does not take, and reads nothing more while that
/// is above its limit, so that a peer that never reads costs a fixed amount of memory.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Echo {
    held: Rope,
    room: usize,
    phase: Phase,
    idle: Option<Duration>,
    deadline: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    /// The peer has ended its side; what is held is still sent.
    Ending,
    Closed,
}

/// How an echo connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoEnd {
    /// The peer ended it and has been sent everything.
    Orderly,
    /// The connection broke.
    Reset,
    /// Nothing moved for too long.
    Idle,
}

state_names!(pub Echo, STATES, state_name, phase, Phase: Open, Ending, Closed);

impl Echo {
    /// Bytes held at which reading stops.
    pub const HELD: usize = 64 * 1024;
    /// The longest chunk that a driver hands in.
    pub const CHUNK_MAX: usize = 1024 * 1024;

    /// An echo that gives up when nothing has moved for `idle`.
    pub fn new(now: Time, idle: Option<Duration>) -> Echo {
        let deadline = idle.map(|idle| now + idle);
        Echo { held: Rope::new(), room: 0, phase: Phase::Open, idle, deadline }
    }

    fn flush(&mut self, now: Time, out: &mut Out<Echo>) {
        if self.held.is_empty() || self.room == 0 {
            return;
        }
        let sent = self.held.split_to(self.room);
        self.room -= sent.len();
        sent.into_pieces().for_each(|bytes| out.push(Effect::Transmit((), bytes)));
        self.moved(now);
    }

    fn moved(&mut self, now: Time) {
        self.deadline = self.idle.map(|idle| now + idle);
    }

    fn close(&mut self, end: EchoEnd, out: &mut Out<Echo>) {
        self.phase = Phase::Closed;
        self.deadline = None;
        self.held = Rope::new();
        out.push(Effect::Close(end));
    }
}

impl Machine for Echo {
    type Link = ();
    type Rx = Bytes;
    type Tx = Bytes;
    type Command = Infallible;
    type Event = Infallible;
    type Outcome = EchoEnd;

    const RESERVE: usize = 0;

    fn step(&mut self, now: Time, input: Input<Echo>, out: &mut Out<Echo>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Received((), bytes) => {
                self.moved(now);
                // Nearly always all of it is taken at once, and is neither copied nor held.
                if self.held.is_empty() && bytes.len() <= self.room {
                    self.room -= bytes.len();
                    out.push(Effect::Transmit((), bytes));
                } else {
                    self.held.push(bytes);
                    self.flush(now, out);
                }
                mark_if(Mark::EchoStoppedReading, || self.held.len() >= Echo::HELD);
            }
            Input::Room((), room) => {
                self.room = room;
                self.flush(now, out);
            }
            Input::Ended((), End::Orderly) => {
                mark_if(Mark::EchoHeldAtEnd, || !self.held.is_empty());
                if planted(Bug::DropEchoTail) {
                    self.held = Rope::new();
                }
                self.phase = Phase::Ending;
                if planted(Bug::EndOnlyAfterBytes) {
                    self.deadline = None;
                    return;
                }
            }
            Input::Ended((), End::Reset) => return self.close(EchoEnd::Reset, out),
            Input::Elapsed if self.deadline.is_some_and(|deadline| deadline <= now) => {
                mark(Mark::EchoIdle);
                out.push(Effect::Hangup(()));
                return self.close(EchoEnd::Idle, out);
            }
            Input::Elapsed | Input::Dialed(()) | Input::DialFailed((), _) | Input::Stored(..) => {}
            Input::Command(never) => match never {},
        }
        if self.phase == Phase::Ending && self.held.is_empty() {
            out.push(Effect::Finish(()));
            self.close(EchoEnd::Orderly, out);
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn wants_read(&self, (): ()) -> bool {
        self.phase == Phase::Open && self.held.len() < Echo::HELD
    }

    fn footprint(&self) -> usize {
        self.held.footprint()
    }

    fn footprint_max(&self) -> usize {
        2 * (Echo::HELD + Echo::CHUNK_MAX)
    }

    fn rebase(&mut self, now: Time) {
        self.deadline = self.deadline.map(|deadline| Time::ZERO + deadline.since(now));
    }
}
