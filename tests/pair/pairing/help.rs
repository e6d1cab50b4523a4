//! A host and its guests on a virtual clock, each under the contract's assertions.

use std::collections::BTreeMap;

use bytes::Bytes;
use towline::harness::Checked;
use towline::proto::listener::{ConnectionId, Source};
use towline::proto::machine::{Effect, End, Input, Machine, Out};
use towline::proto::pairing::{
    Guest, GuestCommand, GuestEnd, GuestEvent, Host, HostCommand, HostEnd, HostEvent, Introduction, PairCode,
    Seed, Terms,
};
use towline::proto::{PairLimits, Rights};
use towline::time::Time;
use towline::wire::{PairDecoder, PairMessage, PairName};

/// Public keys; nobody computes with them here.
pub(crate) const SERVER: [u8; 32] = [0x55; 32];
pub(crate) const CLIENT: [u8; 32] = [0xc1; 32];

pub(crate) fn code(number: u8) -> PairCode {
    PairCode::drawn([number; 5])
}

pub(crate) fn name() -> PairName {
    PairName::new("anna@laptop").expect("a name")
}

/// What one side is told of the session that both call `session`.
pub(crate) fn met(ours: [u8; 32], theirs: [u8; 32], session: u8) -> Introduction {
    // No two exchanges have the same seed.
    let seed = blake3::hash(&[&ours[..], &theirs[..], &[session]].concat());
    Introduction { ours, theirs, exporter: [session; 32], seed: Seed(seed.into()) }
}

/// One machine, and what it has done so far.
pub(crate) struct Side<M: Machine> {
    machine: Checked<M>,
    pub(crate) now: Time,
    said: BTreeMap<M::Link, Vec<u8>>,
    /// Connections on which it says nothing more, and those that it has cut.
    pub(crate) finished: Vec<M::Link>,
    pub(crate) cut: Vec<M::Link>,
    pub(crate) events: Vec<M::Event>,
    pub(crate) end: Option<M::Outcome>,
}

impl<M: Machine<Rx = Bytes, Tx = Bytes>> Side<M> {
    fn new(machine: M, born: Out<M>) -> Side<M> {
        let (machine, effects) = Checked::new(Time::ZERO, machine, born);
        let (said, finished, cut, events) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        let mut side = Side { machine, now: Time::ZERO, said, finished, cut, events, end: None };
        side.carry_out(effects);
        side
    }

    fn carry_out(&mut self, effects: Vec<Effect<M>>) {
        for effect in effects {
            match effect {
                Effect::Transmit(link, bytes) => self.said.entry(link).or_default().extend_from_slice(&bytes),
                Effect::Finish(link) => self.finished.push(link),
                Effect::Hangup(link) => self.cut.push(link),
                Effect::Event(event) => self.events.push(event),
                Effect::Close(end) => self.end = Some(end),
                Effect::Dial(_) | Effect::Store(..) => panic!("it asks for nothing"),
            }
        }
    }

    pub(crate) fn step(&mut self, input: Input<M>) {
        let effects = self.machine.step(self.now, input);
        self.carry_out(effects);
    }

    pub(crate) fn hear(&mut self, link: M::Link, bytes: impl Into<Bytes>) {
        self.step(Input::Received(link, bytes.into()));
    }

    pub(crate) fn hear_message(&mut self, link: M::Link, message: &PairMessage) {
        self.hear(link, message.to_bytes());
    }

    /// What it has said on a connection since it was asked last.
    pub(crate) fn heard(&mut self, link: M::Link) -> Vec<u8> {
        self.said.remove(&link).unwrap_or_default()
    }

    /// The same as messages.
    pub(crate) fn messages(&mut self, link: M::Link) -> Vec<PairMessage> {
        let (mut bytes, mut decoder) = (Bytes::from(self.heard(link)), PairDecoder::default());
        std::iter::from_fn(|| decoder.next(&mut bytes).expect("it speaks as it should")).collect()
    }

    /// Lets time pass to the next deadline.
    pub(crate) fn elapse(&mut self) {
        self.now = self.machine.machine().deadline().expect("it waits for something");
        self.step(Input::Elapsed);
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.machine.machine().deadline()
    }
}

pub(crate) fn host() -> Side<Host> {
    host_with(PairLimits::default())
}

pub(crate) fn host_with(limits: PairLimits) -> Side<Host> {
    Side::new(Host::new(Time::ZERO, code(1), limits), Out::new())
}

pub(crate) fn guest(code: PairCode, met: Introduction) -> Side<Guest> {
    let mut born = Out::new();
    let guest = Guest::new(Time::ZERO, (code, met), name(), &PairLimits::default(), &mut born);
    Side::new(guest, born)
}

pub(crate) fn terms() -> Terms {
    Terms::new(8695, &Rights::READ_ONLY)
}

/// A connection number `id` from an address of that number, on which the handshake is done.
pub(crate) fn come(host: &mut Side<Host>, id: u64) -> ConnectionId {
    let link = accept(host, id, id);
    introduce(host, link);
    link
}

pub(crate) fn accept(host: &mut Side<Host>, id: u64, source: u64) -> ConnectionId {
    let link = ConnectionId(id);
    host.step(Input::Command(HostCommand::Accepted(link, Source(u128::from(source)))));
    link
}

pub(crate) fn introduce(host: &mut Side<Host>, link: ConnectionId) {
    let met = met(SERVER, CLIENT, link.0 as u8);
    host.step(Input::Command(HostCommand::Met(link, met)));
}

/// A client's side of a connection that the host knows by that number.
pub(crate) fn come_as_guest(host: &mut Side<Host>, id: u64, code: PairCode) -> (ConnectionId, Side<Guest>) {
    let link = come(host, id);
    (link, guest(code, met(CLIENT, SERVER, link.0 as u8)))
}

/// Carries what each says to the other, in pieces of `piece` bytes, until nobody says anything; both applications keep what they are to keep.
pub(crate) fn converse(host: &mut Side<Host>, link: ConnectionId, guest: &mut Side<Guest>, piece: usize) {
    loop {
        let (to_host, to_guest) = (guest.heard(()), host.heard(link));
        if to_host.is_empty() && to_guest.is_empty() {
            break;
        }
        to_host.chunks(piece).for_each(|bytes| host.hear(link, bytes.to_vec()));
        if host.events.iter().any(|event| matches!(event, HostEvent::Proved(..))) {
            host.step(Input::Command(HostCommand::Kept(terms())));
        }
        to_guest.chunks(piece).for_each(|bytes| guest.hear((), bytes.to_vec()));
        if guest.events.iter().any(|event| matches!(event, GuestEvent::Proved(_))) {
            guest.step(Input::Command(GuestCommand::Kept));
        }
    }
    if guest.end.is_none() && (host.finished.contains(&link) || host.cut.contains(&link)) {
        guest.step(Input::Ended((), End::Orderly));
    }
}

/// Somebody who does not have the code makes a guess.
pub(crate) fn guess_wrong(host: &mut Side<Host>, id: u64) -> Option<GuestEnd> {
    let (link, mut guest) = come_as_guest(host, id, code(2));
    converse(host, link, &mut guest, usize::MAX);
    guest.end
}

/// Whoever has the code comes, and pairs.
pub(crate) fn pairs(host: &mut Side<Host>, id: u64) {
    let (link, mut guest) = come_as_guest(host, id, code(1));
    converse(host, link, &mut guest, usize::MAX);
    assert_eq!(guest.end, Some(GuestEnd::Paired(terms())));
    assert_eq!(host.end, Some(HostEnd::Paired(true)));
}
