//! The bytes of a whole pairing, as a second implementation has computed them from docs/PROTOCOL.md (`tests/pairing.py`).

use towline::proto::PairLimits;
use towline::proto::listener::{ConnectionId, Source};
use towline::proto::machine::Effect;
use towline::proto::machine::{Input, Machine, Out};
use towline::proto::pairing::{
    Guest, GuestCommand, GuestEnd, Host, HostCommand, HostEnd, Introduction, PairCode, Seed,
};
use towline::time::Time;
use towline::wire::{PairMessage, PairReason, PairRefused};

use super::help::{CLIENT, SERVER, name, terms};

fn vector(name: &str) -> String {
    let line = include_str!("../../pairing.txt").lines().find_map(|line| line.strip_prefix(name));
    line.expect("a vector").trim().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a machine says in a step; a connection has no more than one message at a time.
fn said<M: Machine<Tx = bytes::Bytes>>(out: &Out<M>) -> bytes::Bytes {
    let sent = out.effects().iter().find_map(|effect| match effect {
        Effect::Transmit(_, bytes) => Some(bytes.clone()),
        _ => None,
    });
    sent.expect("it says something")
}

fn step<M: Machine<Tx = bytes::Bytes>>(machine: &mut M, input: Input<M>) -> Out<M> {
    let mut out = Out::new();
    machine.step(Time::ZERO, input, &mut out);
    out
}

#[test]
fn a_second_implementation_computes_the_same_bytes() {
    let code = PairCode::drawn([1, 2, 3, 250, 251]);
    assert_eq!(code.shown(), vector("code"));
    let met =
        |ours, theirs, seed| Introduction { ours, theirs, exporter: [0x33; 32], seed: Seed([seed; 32]) };
    let mut born = Out::new();
    let begun = (code, met(CLIENT, SERVER, 0x0a));
    let mut guest = Guest::new(Time::ZERO, begun, name(), &PairLimits::default(), &mut born);
    let start = said(&born);
    assert_eq!(hex(&start), vector("start"));
    let (mut host, link) = (Host::new(Time::ZERO, code, PairLimits::default()), ConnectionId(1));
    step(&mut host, Input::Command(HostCommand::Accepted(link, Source(0))));
    step(&mut host, Input::Command(HostCommand::Met(link, met(SERVER, CLIENT, 0x0b))));
    let answer = said(&step(&mut host, Input::Received(link, start)));
    assert_eq!(hex(&answer), vector("answer"));
    let confirm = said(&step(&mut guest, Input::Received((), answer)));
    assert_eq!(hex(&confirm), vector("confirm"));
    step(&mut host, Input::Received(link, confirm));
    let welcome = said(&step(&mut host, Input::Command(HostCommand::Kept(terms()))));
    assert_eq!(hex(&welcome), vector("welcome"));
    step(&mut guest, Input::Received((), welcome));
    let out = step(&mut guest, Input::Command(GuestCommand::Kept));
    assert_eq!(hex(&said(&out)), vector("done"));
    assert_eq!(out.effects().last(), Some(&Effect::Close(GuestEnd::Paired(terms()))));
    let out = step(&mut host, Input::Received(link, said(&out)));
    assert_eq!(out.effects().last(), Some(&Effect::Close(HostEnd::Paired(true))));
    let refused = PairRefused { reason: PairReason::WRONG_CODE, left: 2, versions: (1, 1) };
    assert_eq!(hex(&PairMessage::Refused(refused).to_bytes()), vector("refused"));
}
