//! Where a connection is between its handshake and its end.
//!
//! ```text
//! Handshake ─ Hello ─▶ Open ─ Drain, GoAway, Bye ─▶ Draining ─ no operation left ─▶ Parting ─ end ─▶ Gone ─▶ Closed
//!     │                 │                              │                               │
//!     └──── a broken rule, a deadline: last words ─────┴──▶ Ending ─ end, linger ──────┴──▶ Gone ─▶ Closed
//! ```

use super::lives::speak_after;
use super::table::SlotId;
use super::{Command, Event, Role, Session, SessionEnd};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::machine::{Effect, End, Out};
use crate::proto::op::OpInput;
use crate::proto::timers::Timer;
use crate::time::Time;
use crate::wire::{Body, Code, Failure, Hello, Refused, VERSION, agree};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The peer's `Hello` is awaited.
    Handshake,
    /// Operations may begin.
    Open,
    /// Nothing more begins; what runs is finished.
    Draining(Heard),
    /// This side has said goodbye and ended its stream; the peer's end is awaited.
    Parting {
        /// The peer has said goodbye.
        heard_bye: bool,
    },
    /// The last words are out and the stream is ended; the peer's end is awaited so that they are read.
    Ending(SessionEnd),
    /// The stream is gone; operations wait for their completions.
    Gone(SessionEnd),
    Closed,
}

/// How much of its end the peer has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Heard {
    Nothing,
    /// Its goodbye.
    Bye,
    /// Its goodbye and the end of its stream.
    End,
}

impl Phase {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Phase::Open)
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self, Phase::Draining(_))
    }

    /// Operations run, and life signs are kept.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self, Phase::Open | Phase::Draining(Heard::Nothing))
    }

    /// Frames of operations go out: a client's may ride behind its `Hello`.
    pub(super) fn speaks(&self, role: Role) -> bool {
        self.is_alive() || (role == Role::Client && matches!(self, Phase::Handshake))
    }

    /// What the peer says is of interest.
    pub(super) fn listens(&self) -> bool {
        match self {
            Phase::Handshake | Phase::Open => true,
            Phase::Draining(heard) => *heard == Heard::Nothing,
            Phase::Parting { heard_bye } => !heard_bye,
            Phase::Ending(_) | Phase::Gone(_) | Phase::Closed => false,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Phase::Closed)
    }

    pub(super) fn is_ready_to_close(&self, no_operations: bool) -> bool {
        no_operations && matches!(self, Phase::Gone(_))
    }

    /// The end of it all; `None` unless the stream is gone.
    pub(super) fn close(&mut self) -> Option<SessionEnd> {
        match core::mem::replace(self, Phase::Closed) {
            Phase::Gone(end) => Some(end),
            Phase::Handshake | Phase::Open | Phase::Closed => None,
            Phase::Draining(_) | Phase::Parting { .. } | Phase::Ending(_) => None,
        }
    }
}

impl Session {
    pub(super) fn send_hello(&mut self, out: &mut Out<Session>) {
        let idle_ms =
            self.limits.idle.map_or(0, |idle| u32::try_from(idle.as_millis()).unwrap_or(u32::MAX).max(1));
        let hello = Hello {
            lowest: VERSION,
            highest: VERSION,
            capabilities: self.limits.capabilities,
            window: self.limits.window,
            operations: self.limits.operations,
            idle_ms,
            tlvs: Vec::new(),
        };
        self.channel.preamble();
        self.send(Body::Hello(hello), out);
    }

    pub(super) fn on_handshake(&mut self, now: Time, body: Body, out: &mut Out<Session>) {
        match (self.role, body) {
            (_, Body::Hello(hello)) => self.on_hello(now, hello, out),
            (Role::Client, Body::Refused(refused)) => {
                let Refused { code, delay_ms, text, .. } = refused;
                self.gone(SessionEnd::ByPeer(Failure { code, delay_ms, text }), out);
            }
            (_, body) => {
                let text = format!("{:?} before Hello", body.kind());
                self.give_up(now, Failure::new(Code::UNEXPECTED, text), out);
            }
        }
    }

    fn on_hello(&mut self, now: Time, hello: Hello, out: &mut Out<Session>) {
        let Some(version) = agree((VERSION, VERSION), (hello.lowest, hello.highest)) else {
            let text = format!("this side speaks {VERSION}, the peer {} to {}", hello.lowest, hello.highest);
            return self.give_up(now, Failure::new(Code::VERSION, text), out);
        };
        if let Some(kind) = hello.unknown_critical() {
            return self.give_up(now, Failure::new(Code::CRITICAL, format!("extension {kind:#06x}")), out);
        }
        if let Role::Server { .. } = self.role {
            self.send_hello(out);
        }
        self.phase = Phase::Open;
        self.timers.set(Timer::Handshake, None);
        self.speak_after = speak_after(&hello);
        self.heard(now, self.channel.decoder.held());
        self.channel.outbound.grant(hello.window);
        self.table.peer_allows(hello.operations, hello.capabilities.both(self.limits.capabilities));
        out.event(Event::Ready { version, hello });
        // What rode behind this side's own hello goes on.
        let riding: Vec<SlotId> = self.table.open.keys().copied().collect();
        riding.into_iter().for_each(|slot| self.step_operation(now, slot, OpInput::Room(0), out));
    }

    pub(super) fn on_command(&mut self, now: Time, command: Command, out: &mut Out<Session>) {
        match command {
            Command::Start(tag, request) => self.start(now, tag, request, out),
            Command::Cancel(tag) => self.cancel(now, tag, out),
            Command::Share(tag, order) => self.share(now, tag, order, out),
            Command::Drain => self.drain(now, out),
            Command::Abort(failure) => self.give_up(now, failure, out),
            Command::Allow(bytes) => self.allow(now, bytes),
            Command::HangUp(failure) => {
                out.push(Effect::Hangup(()));
                self.gone(SessionEnd::Broken(failure), out);
            }
        }
    }

    fn drain(&mut self, now: Time, out: &mut Out<Session>) {
        match self.phase {
            Phase::Open => {
                if let Role::Server { .. } = self.role {
                    self.send(Body::GoAway(self.table.last()), out);
                }
                self.phase = Phase::Draining(Heard::Nothing);
            }
            Phase::Handshake => match self.role {
                Role::Client => self.gone(SessionEnd::Orderly, out),
                Role::Server { .. } => {
                    mark(Mark::RefusedInDrain);
                    self.refuse(now, Failure::from(Code::DRAINING), out);
                }
            },
            Phase::Draining(_) | Phase::Parting { .. } => {}
            Phase::Ending(_) | Phase::Gone(_) | Phase::Closed => {}
        }
    }

    pub(super) fn on_go_away(&mut self, out: &mut Out<Session>) {
        if self.phase.is_open() {
            mark_if(Mark::GoAwayWithWork, || !self.table.is_empty());
            self.phase = Phase::Draining(Heard::Nothing);
            out.event(Event::GoingAway);
        }
    }

    /// The peer has nothing more to say. What is still open ends here: nobody is left to hear of it.
    pub(super) fn on_bye(&mut self, now: Time, out: &mut Out<Session>) {
        match self.phase {
            Phase::Open | Phase::Draining(_) => {
                mark_if(Mark::ByeWithWork, || !self.table.is_empty());
                self.phase = Phase::Draining(Heard::Bye);
                self.end_operations(now, End::Orderly, out);
            }
            Phase::Parting { .. } => self.phase = Phase::Parting { heard_bye: true },
            Phase::Handshake | Phase::Ending(_) | Phase::Gone(_) | Phase::Closed => {}
        }
    }

    /// Draining with nothing left to do: says goodbye.
    pub(super) fn advance_phase(&mut self, now: Time, out: &mut Out<Session>) {
        let Phase::Draining(heard) = self.phase else { return };
        // An answer to what is over here is waited for no longer: it changes nothing, and may never come.
        if !self.table.open.is_empty() && !planted(Bug::DropOpenAtDrain) {
            return;
        }
        mark_if(Mark::ByeBeforeTheAnswer, || !self.table.leaving.is_empty());
        self.send(Body::Bye, out);
        self.finish(now, Phase::Parting { heard_bye: heard != Heard::Nothing }, out);
        if heard == Heard::End && self.channel.is_finished() {
            self.gone(SessionEnd::Orderly, out);
        }
    }

    fn finish(&mut self, now: Time, phase: Phase, out: &mut Out<Session>) {
        self.phase = phase;
        self.timers.clear();
        if !planted(Bug::ForgetLinger) {
            self.timers.set(Timer::Linger, Some(now + self.limits.linger));
        }
        self.channel.finish(out);
    }

    /// This side ends the connection and says why.
    pub(super) fn give_up(&mut self, now: Time, failure: Failure, out: &mut Out<Session>) {
        match (&self.phase, self.role) {
            (Phase::Handshake, Role::Server { .. }) => return self.refuse(now, failure, out),
            (Phase::Handshake | Phase::Open | Phase::Draining(_), _) => {}
            (Phase::Parting { .. } | Phase::Ending(_) | Phase::Gone(_) | Phase::Closed, _) => return,
        }
        self.send(Body::Failed(failure.clone()), out);
        self.finish(now, Phase::Ending(SessionEnd::Broken(failure)), out);
        self.end_operations(now, End::Reset, out);
    }

    /// Answers a handshake with no.
    pub(super) fn refuse(&mut self, now: Time, failure: Failure, out: &mut Out<Session>) {
        let Failure { code, delay_ms, text } = failure.clone();
        self.channel.preamble();
        self.send(Body::Refused(Refused { code, delay_ms, lowest: VERSION, highest: VERSION, text }), out);
        self.finish(now, Phase::Ending(SessionEnd::Broken(failure)), out);
    }

    pub(super) fn on_peer_gave_up(&mut self, failure: Failure, out: &mut Out<Session>) {
        self.gone(SessionEnd::ByPeer(failure), out);
    }

    pub(super) fn on_ended(&mut self, end: End, out: &mut Out<Session>) {
        let why = match core::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Parting { heard_bye: true } => SessionEnd::Orderly,
            Phase::Ending(why) | Phase::Gone(why) => why,
            // The peer's goodbye was the last of it; this side's own is still to come.
            Phase::Draining(Heard::Bye | Heard::End) if end == End::Orderly => {
                self.phase = Phase::Draining(Heard::End);
                return;
            }
            Phase::Draining(Heard::Bye | Heard::End) => SessionEnd::Orderly,
            Phase::Handshake
            | Phase::Open
            | Phase::Draining(Heard::Nothing)
            | Phase::Parting { heard_bye: false }
            | Phase::Closed => SessionEnd::Lost(end),
        };
        self.gone(why, out);
    }

    /// The peer took too long to end its side.
    pub(super) fn on_lingered(&mut self, out: &mut Out<Session>) {
        mark(Mark::LingerRanOut);
        let why = match core::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Ending(why) | Phase::Gone(why) => why,
            Phase::Handshake | Phase::Open | Phase::Closed => SessionEnd::Orderly,
            Phase::Draining(_) | Phase::Parting { .. } => SessionEnd::Orderly,
        };
        self.gone(why, out);
    }

    /// Nothing more is said or heard; operations give up and wait for their completions.
    pub(super) fn gone(&mut self, why: SessionEnd, out: &mut Out<Session>) {
        self.phase = Phase::Gone(why);
        self.timers.clear();
        self.channel.abandon();
        self.end_operations(Time::ZERO, End::Reset, out);
    }
}
