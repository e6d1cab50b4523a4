//! A session alone: its peer is whatever bytes a test hands it, and its store operations are carried out when the test
//! says so, on files in memory.

use std::collections::VecDeque;

use bytes::Bytes;

use super::files::{MemoryStreams, carry_out};
use super::{Checked, strays};
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::proto::session::{Event, Session, SessionEnd};
use crate::proto::storage::{RootId, StoreOp, Ticket};
use crate::proto::{Limits, Rights};
use crate::store::Names;
use crate::store::memory::MemoryFiles;
use crate::time::{Duration, Time};
use crate::wire::{Body, Decoder, Frame, OperationId, PREAMBLE};

/// A session, what it was told and what it said.
pub struct Lone {
    session: Checked<Session>,
    names: Names<MemoryFiles>,
    now: Time,
    decoder: Decoder,
    /// What its application reads and writes in order.
    pub streams: MemoryStreams,
    /// Its files.
    pub files: MemoryFiles,
    /// Store operations that it has asked for and that are not carried out yet.
    pub asked: VecDeque<(Ticket, StoreOp)>,
    /// All that it has sent.
    pub sent: Vec<u8>,
    /// What it told the application.
    pub events: Vec<Event>,
    /// True once it has ended its stream.
    pub is_finished: bool,
    /// How it closed, if it has.
    pub end: Option<SessionEnd>,
}

impl Lone {
    /// Its root.
    pub const ROOT: RootId = RootId(0);

    /// A server that awaits its client's first bytes; its transport takes anything.
    pub fn server(limits: Limits) -> Lone {
        Lone::server_for(Rights::ALL, limits)
    }

    /// The same where its client has these rights.
    pub fn server_for(rights: Rights, limits: Limits) -> Lone {
        Lone::new(Session::server(Time::ZERO, Lone::ROOT, rights, limits), Out::new())
    }

    /// A client that has said `Hello`.
    pub fn client(limits: Limits) -> Lone {
        let mut born = Out::new();
        let session = Session::client(Time::ZERO, limits, &mut born);
        Lone::new(session, born)
    }

    fn new(session: Session, born: Out<Session>) -> Lone {
        let files = MemoryFiles::new();
        let mut names = Names::new(1);
        names.add_root(files.clone()).expect("memory can be read");
        let (session, born) = Checked::new(Time::ZERO, session, born);
        let mut lone = Lone {
            session,
            names,
            now: Time::ZERO,
            decoder: Decoder::new(),
            streams: MemoryStreams::new(),
            files,
            asked: VecDeque::new(),
            sent: Vec::new(),
            events: Vec::new(),
            is_finished: false,
            end: None,
        };
        lone.note(born);
        lone.step(Input::Room((), 1 << 40));
        lone
    }

    /// The machine.
    pub fn session(&self) -> &Session {
        self.session.machine()
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The most that it ever held, in bytes.
    pub fn footprint_peak(&self) -> usize {
        self.session.footprint_peak()
    }

    /// An input; nothing if it has closed.
    pub fn step(&mut self, input: Input<Session>) {
        if self.end.is_none() {
            let effects = self.session.step(self.now, input);
            self.note(effects);
        }
    }

    /// Bytes from the peer; false, and they are lost, where it does not want to read.
    pub fn receive(&mut self, bytes: impl Into<Bytes>) -> bool {
        let bytes = bytes.into();
        let wants_read = self.session.machine().wants_read(());
        if !bytes.is_empty() && wants_read {
            self.step(Input::Received((), bytes));
        }
        wants_read
    }

    /// The peer's preamble.
    pub fn preamble(&mut self) {
        self.receive(&PREAMBLE[..]);
    }

    /// A frame of the peer's.
    pub fn hear(&mut self, operation: u32, body: Body) {
        self.receive(Frame::of(OperationId(operation), body).to_bytes());
    }

    /// The peer's stream ends.
    pub fn peer_ends(&mut self, end: End) {
        self.step(Input::Ended((), end));
    }

    /// Carries out one of the store operations that were asked for; false if there is none of this number.
    pub fn complete(&mut self, number: usize) -> bool {
        let Some((ticket, op)) = self.asked.remove(number) else { return false };
        let stored = carry_out(&mut self.names, &mut self.streams, op);
        self.step(Input::Stored(ticket, stored));
        true
    }

    /// Carries out every store operation, and those that follow from them.
    pub fn settle(&mut self) {
        while self.complete(0) {}
    }

    /// Lets the next deadline come; false if there is none.
    pub fn elapse(&mut self) -> bool {
        let Some(deadline) = self.session.machine().deadline() else { return false };
        self.now = self.now.max(deadline);
        self.step(Input::Elapsed);
        true
    }

    /// Lets time pass, and every deadline in it.
    pub fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.session.machine().deadline().is_some_and(|deadline| deadline <= until) {
            self.elapse();
        }
        self.now = until;
    }

    /// Runs to the end: the store completes, and deadlines come; it must close then, and leave nothing.
    pub fn run_out(&mut self) -> SessionEnd {
        self.settle();
        while self.elapse() {
            self.settle();
        }
        assert_eq!(self.names.leases().count(), 0, "a lease was left");
        assert_eq!(strays(&self.files), Vec::<String>::new());
        self.end.clone().unwrap_or_else(|| panic!("it did not close: {:?}", self.session.machine()))
    }

    /// The frames that it has sent since the last call.
    pub fn heard(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.decoder.next().expect("it sends frames") {
            frames.push(frame);
        }
        frames
    }

    fn note(&mut self, effects: Vec<Effect<Session>>) {
        for effect in effects {
            match effect {
                Effect::Transmit((), bytes) => {
                    self.sent.extend_from_slice(&bytes);
                    self.decoder.push(bytes);
                }
                Effect::Store(ticket, op) => self.asked.push_back((ticket, op)),
                Effect::Event(event) => self.events.push(event),
                Effect::Finish(()) => self.is_finished = true,
                Effect::Close(end) => self.end = Some(end),
                Effect::Hangup(()) => {}
                Effect::Dial(()) => unreachable!("a session does not dial"),
            }
        }
    }
}
