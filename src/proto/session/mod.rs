//! The session: the protocol's state on one connection, the same machine at both ends.
//!
//! It agrees on a version, takes frames apart, keeps credit and life signs, and hands each frame to the operation
//! that it belongs to (`proto::op`). An operation knows nothing of connections; the session knows nothing of files.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the machine: inputs in, timers, the order in which things go out |
//! | `phase.rs` | handshake, drain, the orderly and the other ends |
//! | `table.rs` | the open operations: how many, whose turn it is, which reads may begin |
//! | `dispatch.rs` | from frames to operations and back |
//! | `buffers.rs` | what all of it may take of memory |
//! | `channel.rs` | frames, room and credit of the stream |
//! | `request.rs` | what a client asks for |
//! | `waits.rs` | what transfers wait for |
//! | `lives.rs` | life signs, heard and given |
//! | `floor.rs` | what a peer has to move at least |
//! | `pace.rs` | what it may move at most |

mod buffers;
mod channel;
mod dispatch;
mod floor;
mod lives;
mod pace;
mod phase;
mod request;
mod table;
mod waits;

use bytes::Bytes;

use self::channel::Channel;
use self::phase::Phase;
use self::table::Table;
use super::machine::{Effect, Input, Machine, Out};
use super::op::{OpEvent, OpResult, ShareOrder};
use super::storage::{Owner, RootId};
use super::timers::{Timer, Timers};
use super::{Limits, Rights};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::states::state_names;
use crate::time::{Duration, Time};
use crate::wire::{Body, Capabilities, Failure, Frame, Hello};
pub use floor::Floor;
pub use request::{Began, Request};
pub use waits::Waits;

/// Which end of the connection a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Begins the connection, and the operations on it.
    Client,
    /// Serves what stands below a root.
    Server {
        /// The served folder.
        root: RootId,
    },
}

/// Names an operation to the application: the client's choice; at a server the operation's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

/// What the application asks of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Begin an operation (client only; a server answers with an error event).
    Start(Tag, Request),
    /// End an operation early; it may win all the same.
    Cancel(Tag),
    /// To an operation whose file comes over several connections.
    Share(Tag, ShareOrder),
    /// Begin nothing more, finish what runs, then end the connection in order.
    Drain,
    /// End the connection now, and tell the peer why.
    Abort(Failure),
    /// Drop the connection, without a word.
    HangUp(Failure),
    /// To a session that is [paced](Session::paced): so many data bytes more may pass.
    Allow(u64),
}

/// What a session tells the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is done: the version in force, and what the peer said of itself.
    Ready {
        /// The version that both speak.
        version: u16,
        /// The peer's `Hello`.
        hello: Hello,
    },
    /// An operation of the peer's has begun (server).
    Began(Tag, Began),
    /// An operation got on.
    Op(Tag, OpEvent),
    /// An operation is over.
    Finished(Tag, OpResult),
    /// The peer begins nothing more.
    GoingAway,
    /// Of a session that is [paced](Session::paced): so many data bytes have passed since this was told last.
    Spent {
        /// How many, also beyond what was allowed.
        bytes: u64,
        /// True where it waits for a [`Command::Allow`]; false at its end.
        more: bool,
    },
}

/// Why a session closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// Both sides said goodbye.
    Orderly,
    /// The stream ended without a goodbye.
    Lost(super::machine::End),
    /// This side gave up: the peer broke the protocol, was silent for too long, or the application said so.
    Broken(Failure),
    /// The peer gave up, or refused the connection.
    ByPeer(Failure),
}

/// The protocol on one connection. See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Session {
    role: Role,
    /// What the peer may do here.
    rights: Rights,
    /// Who it is, where that was asked.
    owner: Owner,
    limits: Limits,
    channel: Channel,
    phase: Phase,
    table: Table,
    timers: Timers,
    pings: u64,
    /// How long this side may say nothing to a peer that sends: as its `Hello` asks; `None`: for ever.
    speak_after: Option<Duration>,
    /// Bytes heard since this side spoke last, as far as they are counted.
    unanswered: usize,
    meter: waits::Meter,
    progress: floor::Progress,
    /// Where what it moves is paced.
    pace: Option<pace::Pace>,
}

state_names!(
    pub Session, STATES, state_name, phase, Phase: Handshake, Open, Draining, Parting, Ending, Gone, Closed
);

impl Session {
    /// A client's end; the handshake begins at once.
    pub fn client(now: Time, limits: Limits, out: &mut Out<Session>) -> Session {
        let mut session = Session::new(now, Role::Client, Rights::NONE, limits);
        session.send_hello(out);
        session.channel.flush(out);
        session.note_said(now, 0);
        session
    }

    /// A server's end, which waits for the handshake of a client that has these rights.
    pub fn server(now: Time, root: RootId, rights: Rights, limits: Limits) -> Session {
        Session::new(now, Role::Server { root }, rights, limits)
    }

    /// The same for a client who has shown who it is: what it leaves behind is its own alone.
    pub fn owned_by(self, owner: Owner) -> Session {
        Session { owner, ..self }
    }

    /// A server's end that says no: `Refused` with `failure`, and nothing else.
    pub fn refusing(now: Time, failure: Failure, limits: Limits, out: &mut Out<Session>) -> Session {
        let mut session = Session::new(now, Role::Server { root: RootId(0) }, Rights::NONE, limits);
        session.refuse(now, failure, out);
        session.note_said(now, 0);
        session
    }

    fn new(now: Time, role: Role, rights: Rights, limits: Limits) -> Session {
        let mut timers = Timers::default();
        if !planted(Bug::ForgetHandshakeDeadline) {
            timers.set(Timer::Handshake, limits.handshake.map(|limit| now + limit));
        }
        let channel = Channel::new(&limits);
        let table = Table::new(role, &limits);
        let progress = floor::Progress::new(limits.floor);
        Session {
            role,
            rights,
            owner: Owner::ANYBODY,
            limits,
            channel,
            phase: Phase::Handshake,
            table,
            timers,
            pings: 0,
            speak_after: None,
            unanswered: 0,
            meter: waits::Meter::default(),
            progress,
            pace: None,
        }
    }

    /// True once the handshake is done and operations may begin.
    pub fn is_open(&self) -> bool {
        self.phase.is_open()
    }

    /// How many more operations the peer takes now: in the handshake one, and none once the connection ends.
    pub fn spaces(&self) -> usize {
        if self.is_open() || self.phase == Phase::Handshake { self.table.spaces() } else { 0 }
    }

    /// True if blocks may be pulled over it.
    pub(super) fn pulls(&self) -> bool {
        self.is_open() && self.table.capabilities.has(Capabilities::PULLS)
    }

    /// True if blocks may be pushed over it.
    pub(super) fn pushes(&self) -> bool {
        self.is_open() && self.table.capabilities.has(Capabilities::PUSHES)
    }

    /// Takes bytes in; [`Session::next_frame`] takes them apart.
    pub(super) fn push(&mut self, now: Time, bytes: Bytes) {
        if self.phase.listens() {
            self.heard(now, bytes.len());
            self.channel.decoder.push(bytes);
        }
    }

    /// Handles one frame and all that follows from it, so that nothing depends on how many came at once; false if there
    /// is none.
    pub(super) fn next_frame(&mut self, now: Time, out: &mut Out<Session>) -> bool {
        if !self.phase.listens() {
            return false;
        }
        let more = match self.channel.decoder.next() {
            Ok(Some(frame)) => {
                self.on_frame(now, frame, out);
                true
            }
            Ok(None) => return false,
            Err(error) => {
                self.give_up(now, Failure::new(error.code(), error.to_string()), out);
                false
            }
        };
        self.settle(now, out);
        self.measure(now);
        self.note_said(now, self.channel.decoder.held());
        more
    }

    fn on_frame(&mut self, now: Time, frame: Frame, out: &mut Out<Session>) {
        if !self.channel.inbound.receive(frame.body.credit()) {
            return self.give_up(now, Failure::from(crate::wire::Code::CREDIT), out);
        }
        match (&self.phase, frame.body) {
            (Phase::Handshake, body) => self.on_handshake(now, body, out),
            (_, Body::Ping(number)) => self.send(Body::Pong(number), out),
            (_, Body::Pong(_)) => {}
            (_, Body::Credit(limit)) => self.channel.outbound.grant(limit),
            (_, Body::Bye) => self.on_bye(now, out),
            (_, Body::Failed(failure)) if frame.operation.0 == 0 => self.on_peer_gave_up(failure, out),
            (_, Body::GoAway(_) | Body::Failed(_)) if self.role != Role::Client => {
                let text = "a frame that only a server sends";
                self.give_up(now, Failure::new(crate::wire::Code::UNEXPECTED, text), out);
            }
            (_, Body::GoAway(_)) => self.on_go_away(out),
            (_, body @ (Body::Hello(_) | Body::Refused(_))) => {
                let text = format!("{:?} after the handshake", body.kind());
                self.give_up(now, Failure::new(crate::wire::Code::UNEXPECTED, text), out);
            }
            (_, body) => self.on_operation_frame(now, frame.operation, body, out),
        }
    }

    fn on_elapsed(&mut self, now: Time, out: &mut Out<Session>) {
        while let Some(timer) = self.timers.expired(now) {
            match timer {
                Timer::Handshake => {
                    mark(Mark::HandshakeTimedOut);
                    self.give_up(now, Failure::from(crate::wire::Code::HANDSHAKE_TIMEOUT), out);
                }
                Timer::Ping => self.ask(out),
                Timer::Speak => self.speak(now, out),
                Timer::Idle => self.on_silence(out),
                Timer::Floor => self.watch_progress(now, out),
                Timer::Linger => self.on_lingered(out),
            }
        }
    }

    fn send(&mut self, body: Body, out: &mut Out<Session>) {
        self.channel.send(crate::wire::OperationId::CONNECTION, body, out);
    }
}

impl Machine for Session {
    type Link = ();
    type Rx = Bytes;
    type Tx = Bytes;
    type Command = Command;
    type Event = Event;
    type Outcome = SessionEnd;

    /// A `Failed` with its text and a few short frames always go out.
    const RESERVE: usize = 8 * 1024;

    fn step(&mut self, now: Time, input: Input<Session>, out: &mut Out<Session>) {
        if self.phase.is_closed() {
            return;
        }
        match input {
            Input::Received((), bytes) => {
                self.push(now, bytes);
                // What follows from each frame has followed, and from part of one nothing does.
                while self.next_frame(now, out) {}
                mark_if(Mark::StoreIsFull, || self.table.is_clogged());
                return;
            }
            Input::Ended((), end) => self.on_ended(end, out),
            Input::Room((), room) => {
                let taken = self.channel.set_room(room);
                self.progress.moves(taken);
            }
            Input::Elapsed => self.on_elapsed(now, out),
            Input::Stored(ticket, stored) => self.on_stored(now, ticket, stored, out),
            Input::Command(command) => self.on_command(now, command, out),
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
        self.settle(now, out);
        self.measure(now);
        self.note_said(now, 0);
        mark_if(Mark::StoreIsFull, || self.table.is_clogged());
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    fn wants_read(&self, (): ()) -> bool {
        !self.channel.is_clogged() && !self.table.is_clogged() && !self.is_held_back()
    }

    fn footprint(&self) -> usize {
        self.channel.footprint() + self.table.footprint() + self.rights.footprint()
    }

    fn footprint_max(&self) -> usize {
        Session::channel_max(&self.limits) + self.table.footprint_max() + self.rights.footprint()
    }

    fn rebase(&mut self, now: Time) {
        self.timers.rebase(now);
        self.meter.rebase(now);
        self.progress.rebase(now);
    }
}

impl Session {
    /// Sends what waits: control first, then bulk in turns, as far as the room goes.
    fn take_turns(&mut self, now: Time, out: &mut Out<Session>) {
        self.channel.flush(out);
        while self.phase.speaks(self.role) && !self.is_held_back() {
            let budget = self.within_pace(self.channel.budget());
            let Some(operation) = self.table.next_turn(budget) else {
                mark_if(Mark::CreditWaits, || {
                    self.table.wanted().any(|bytes| self.channel.lacks_credit(bytes))
                });
                break;
            };
            self.step_operation(now, operation, super::op::OpInput::Room(budget), out);
            self.keep_pace(now, out);
        }
        self.channel.flush(out);
    }

    /// Sends what can be sent, and ends what has nothing left to do.
    fn settle(&mut self, now: Time, out: &mut Out<Session>) {
        if self.phase.is_closed() {
            return;
        }
        self.keep_pace(now, out);
        self.take_turns(now, out);
        self.advance_phase(now, out);
        self.watch_progress(now, out);
        self.channel.flush(out);
        if self.phase.is_ready_to_close(self.table.is_empty()) {
            self.timers.clear();
            if let Some(end) = self.phase.close() {
                self.settle_pace(out);
                out.push(Effect::Close(end));
            }
        }
    }
}
