//! A pairing's server side, to which anything happens on four connections: honest clients with the code and without it, any bytes, ends,
//! silence. Nobody is let in who does not have the code, no guess is free, and no client is paired with a server that is not.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::harness::Checked;
use crate::proto::listener::{ConnectionId, Source};
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::proto::pairing::{
    Guest, GuestCommand, GuestEnd, GuestEvent, Host, HostCommand, HostEvent, Introduction, PairCode, Seed,
    Terms,
};
use crate::proto::{PairLimits, Rights};
use crate::time::{Duration, Time};
use crate::wire::{PairDecoder, PairMessage, PairName};

const TRIES: u8 = 3;
/// Most happenings of an input that are carried out.
const STEPS_MAX: usize = 96;

/// Happenings of one byte each: three bits say which connection, and five what happens to it; bytes on it are length and content.
pub fn pairing(input: &[u8]) {
    decode(input);
    let mut world = World::new();
    let mut rest = input;
    for _ in 0..STEPS_MAX {
        let Some((&step, behind)) = rest.split_first() else { break };
        rest = world.happen(step, behind);
    }
    world.run_out();
}

/// The same messages however the bytes are cut, and one encoding of each.
fn decode(input: &[u8]) {
    let parse = |piece: usize| {
        let (mut decoder, mut found) = (PairDecoder::default(), Vec::new());
        for chunk in input.chunks(piece) {
            let mut bytes = Bytes::copy_from_slice(chunk);
            loop {
                match decoder.next(&mut bytes) {
                    Ok(Some(message)) => found.push(message),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
                assert!(decoder.footprint() <= PairMessage::MAX);
            }
        }
        (found, None)
    };
    let (whole, error) = parse(input.len().max(1));
    assert_eq!(parse(1), (whole.clone(), error), "how a stream was cut shows");
    let encoded: Vec<u8> = whole.iter().flat_map(|message| message.to_bytes().to_vec()).collect();
    assert!(input.starts_with(&encoded), "a message has a second encoding");
}

struct World {
    now: Time,
    host: Checked<Host>,
    /// What the host has said on each connection, and its client has not heard.
    said: BTreeMap<ConnectionId, Vec<u8>>,
    guests: BTreeMap<ConnectionId, Honest>,
    next: u64,
    wrong: u8,
    proved: Option<ConnectionId>,
    is_over: bool,
}

/// A client that does what it should.
struct Honest {
    machine: Checked<Guest>,
    has_code: bool,
    said: Vec<u8>,
    end: Option<GuestEnd>,
}

fn code(has_code: bool) -> PairCode {
    PairCode::drawn([if has_code { 1 } else { 2 }; 5])
}

fn met(is_host: bool, id: u64) -> Introduction {
    let (host, client) = ([0x55; 32], [0xc1; 32]);
    let (ours, theirs) = if is_host { (host, client) } else { (client, host) };
    let seed = blake3::hash(&[u8::from(is_host), id as u8]);
    Introduction { ours, theirs, exporter: [id as u8; 32], seed: Seed(seed.into()) }
}

fn terms() -> Terms {
    Terms::new(8695, &Rights::READ_ONLY)
}

impl World {
    fn new() -> World {
        let limits = PairLimits { tries: TRIES, connections: 4, ..PairLimits::default() };
        let (host, _) = Checked::new(Time::ZERO, Host::new(Time::ZERO, code(true), limits), Out::new());
        let (said, guests) = (BTreeMap::new(), BTreeMap::new());
        World { now: Time::ZERO, host, said, guests, next: 0, wrong: 0, proved: None, is_over: false }
    }

    /// Does what a byte says; gives what is left behind what it used.
    fn happen<'a>(&mut self, step: u8, behind: &'a [u8]) -> &'a [u8] {
        // One of the latest connections.
        let id = ConnectionId(self.next.saturating_sub(u64::from(step & 3)));
        match step >> 2 & 7 {
            0 => self.enter(step & 0x20 != 0),
            1 => self.introduce(id),
            2 => self.listen_to(id),
            3 => self.answer(id),
            4 => {
                let (length, content) =
                    behind.split_first().map_or((0, behind), |(length, rest)| (*length, rest));
                let (content, rest) = content.split_at(content.len().min(usize::from(length)));
                self.step(Input::Received(id, Bytes::copy_from_slice(content)));
                return rest;
            }
            5 => self.step(Input::Ended(id, if step & 0x20 == 0 { End::Orderly } else { End::Reset })),
            6 => {
                self.now = self.now + Duration::from_millis(u64::from(step >> 5) * 1500);
                self.step(Input::Elapsed);
            }
            _ => {
                let kept = if step & 0x20 == 0 { HostCommand::Kept(terms()) } else { HostCommand::NotKept };
                self.step(Input::Command(kept));
            }
        }
        behind
    }

    fn enter(&mut self, has_code: bool) {
        self.next += 1;
        let id = ConnectionId(self.next);
        let mut born = Out::new();
        let name = PairName::new("anna").expect("a name");
        let begun = (code(has_code), met(false, id.0));
        let guest = Guest::new(self.now, begun, name, &PairLimits::default(), &mut born);
        let (machine, effects) = Checked::new(self.now, guest, born);
        let mut honest = Honest { machine, has_code, said: Vec::new(), end: None };
        honest.carry_out(self.now, effects);
        self.guests.insert(id, honest);
        self.step(Input::Command(HostCommand::Accepted(id, Source(u128::from(id.0 % 3)))));
    }

    fn introduce(&mut self, id: ConnectionId) {
        self.step(Input::Command(HostCommand::Met(id, met(true, id.0))));
    }

    /// What the client has to say reaches the host.
    fn listen_to(&mut self, id: ConnectionId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        let said = core::mem::take(&mut guest.said);
        self.step(Input::Received(id, said.into()));
    }

    /// And the other way.
    fn answer(&mut self, id: ConnectionId) {
        let (Some(guest), Some(said)) = (self.guests.get_mut(&id), self.said.remove(&id)) else { return };
        if guest.end.is_none() {
            let effects = guest.machine.step(self.now, Input::Received((), said.into()));
            guest.carry_out(self.now, effects);
        }
        if let Some(GuestEnd::Paired(_)) = guest.end {
            assert_eq!(self.proved, Some(id), "it was paired with somebody who was not");
        }
    }

    fn step(&mut self, input: Input<Host>) {
        if self.is_over {
            return;
        }
        for effect in self.host.step(self.now, input) {
            match effect {
                Effect::Transmit(id, bytes) => self.said.entry(id).or_default().extend_from_slice(&bytes),
                Effect::Event(HostEvent::Wrong(_, left)) => {
                    self.wrong += 1;
                    assert_eq!(self.wrong + left, TRIES, "a guess was free");
                }
                Effect::Event(HostEvent::Proved(id, key, _)) => {
                    assert_eq!((self.proved, key), (None, [0xc1; 32]), "a code is for one");
                    assert!(self.wrong < TRIES, "the code was dead");
                    assert!(self.guests[&id].has_code, "it does not have the code");
                    self.proved = Some(id);
                }
                Effect::Event(HostEvent::Malformed(..) | HostEvent::OtherVersion(..)) => {}
                Effect::Close(_) => self.is_over = true,
                Effect::Finish(_) | Effect::Hangup(_) => {}
                Effect::Dial(_) | Effect::Store(..) => unreachable!("it asks for neither"),
            }
        }
    }

    /// The code dies at the latest when it is too old, or its one pairing is over.
    fn run_out(&mut self) {
        self.step(Input::Command(HostCommand::NotKept));
        while let (false, Some(deadline)) = (self.is_over, self.host.machine().deadline()) {
            self.now = self.now.max(deadline);
            self.step(Input::Elapsed);
        }
        assert!(self.is_over, "it waits for ever");
    }
}

impl Honest {
    fn carry_out(&mut self, now: Time, effects: Vec<Effect<Guest>>) {
        let mut kept = false;
        for effect in effects {
            match effect {
                Effect::Transmit((), bytes) => self.said.extend_from_slice(&bytes),
                Effect::Event(GuestEvent::Proved(_)) => kept = true,
                Effect::Close(end) => self.end = Some(end),
                Effect::Finish(()) | Effect::Hangup(()) | Effect::Dial(()) | Effect::Store(..) => {}
            }
        }
        if kept {
            let effects = self.machine.step(now, Input::Command(GuestCommand::Kept));
            self.carry_out(now, effects);
        }
    }
}
