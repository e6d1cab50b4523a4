//! Life signs: the idle timeout, the ping before it, and that any byte counts.

use towline::harness::{Fault, Lone, Pair, PairConfig, Side};
use towline::proto::Limits;
use towline::proto::client::LinkId;
use towline::proto::machine::{Input, Machine};
use towline::proto::session::SessionEnd;
use towline::time::{Duration, Time};
use towline::wire::{Body, Code, Frame, OperationId};

use crate::help::*;
use towline::proto::op::{Moved, OpDone};
use towline::proto::session::Request;

#[test]
fn a_silent_peer_is_asked_first_and_then_taken_for_dead() {
    let mut lone = served();
    assert!(lone.elapse());
    assert_eq!(lone.now().as_nanos(), 2_000_000_000);
    assert_eq!(bodies(&mut lone), [Body::Ping(1)]);
    assert!(lone.elapse());
    assert_eq!(lone.now().as_nanos(), 4_000_000_000);
    let end = lone.end.clone().expect("closed");
    assert!(matches!(end, SessionEnd::Broken(failure) if failure.code == Code::IDLE_TIMEOUT));
}

/// The bytes of an echo: a part of them is heard, and there is nothing to answer.
fn large_frame(length: usize) -> Vec<u8> {
    Frame::of(OperationId(1), Body::Echo(noise(length).into())).to_bytes()
}

/// Liveness counts bytes, not frames: part of a large frame is a sign of life.
#[test]
fn every_byte_is_a_sign_of_life() {
    let mut lone = served();
    for byte in large_frame(100) {
        lone.elapse();
        lone.receive(vec![byte]);
        assert_eq!(lone.end, None);
    }
    assert!(bodies(&mut lone).iter().any(|body| matches!(body, Body::EchoReply(_))));
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}

#[test]
fn an_idle_connection_is_kept_by_pings() {
    let limits = Limits { idle: Some(Duration::from_secs(10)), ..Limits::default() };
    let mut pair = Pair::new(PairConfig { limits, ..PairConfig::default() });
    pair.carry_out(echo("first")).expect("an echo");
    let until = pair.now() + Duration::from_secs(600);
    pair.run_until(|pair| pair.now() >= until);
    assert_eq!(pair.carry_out(echo("second")), Ok(OpDone::Echoed));
    assert!(pair.trace.text().matches("Ping").count() > 50);
    assert_eq!(retries(&pair), 0);
    assert_eq!(pair.trace.text().matches("Hello").count(), 2, "one connection");
    pair.close();
}

/// What is queued takes longer than the idle time to go out, whichever side it waits at: the other side speaks meanwhile.
#[test]
fn a_transfer_over_a_slow_path_is_not_taken_for_dead() {
    let content = noise(3_000_000);
    for request in [put("file"), fetch("file")] {
        let mut pair = Pair::new(PairConfig {
            limits: Limits { idle: Some(Duration::from_secs(4)), ..Limits::default() },
            bytes_per_ms: Some(100),
            piece: 1_500,
            ..PairConfig::default()
        });
        let source = if matches!(request, Request::Put { .. }) { &pair.local } else { &pair.served };
        source.put("file", &content);
        assert_eq!(pair.carry_out(request), Ok(moved(&content, 0)));
        assert_eq!(retries(&pair), 0);
        assert_eq!(pair.trace.text().matches("Hello").count(), 2, "one connection");
        assert_eq!(pair.trace.text().matches("Ping").count(), 0, "nobody needs to ask");
        pair.close();
    }
}

/// A peer that sends is told that it is heard, in a third of the time that it stated.
#[test]
fn a_peer_that_sends_is_spoken_to_in_time() {
    let mut lone = greeted(3_000);
    let mut said = Vec::new();
    for piece in large_frame(10_000).chunks(300).take(30) {
        lone.receive(piece.to_vec());
        lone.wait(Duration::from_millis(300));
        said.extend(bodies(&mut lone).into_iter().map(|body| (lone.now(), body)));
    }
    // A second after the first piece that it has not answered; the next one comes 200 ms later.
    let credit = Body::Credit(limits().window);
    let expected: Vec<_> = (1..=7).map(|i| (Time::from_millis(1_200 * i), credit.clone())).collect();
    assert_eq!(said, expected);
}

/// Whoever speaks anyway owes nothing.
#[test]
fn an_answer_is_a_word_too() {
    let mut lone = greeted(3_000);
    for number in 1..10 {
        lone.hear(number, Body::Echo(noise(300).into()));
        lone.wait(Duration::from_millis(1_500));
        assert!(matches!(bodies(&mut lone)[..], [Body::EchoReply(_)]));
    }
}

/// A frame that never ends since its length was damaged: the peer's pings are swallowed, and it must find out.
#[test]
fn a_peer_that_says_little_has_to_ask() {
    let mut lone = greeted(3_000);
    for piece in large_frame(10_000).chunks(24).take(10) {
        lone.receive(piece.to_vec());
        lone.wait(Duration::from_millis(1_500));
        assert_eq!(bodies(&mut lone), []);
    }
}

/// A peer cannot make us speak as often as it likes, nor make us hold words that it does not read.
#[test]
fn a_peer_is_not_spoken_to_at_its_pleasure() {
    let mut lone = greeted(1);
    for piece in large_frame(60_000).chunks(300).take(100) {
        lone.receive(piece.to_vec());
        lone.wait(Duration::from_millis(10));
    }
    assert_eq!(bodies(&mut lone).len(), 20, "in a second");

    let mut lone = greeted(1);
    lone.step(Input::Room((), 100));
    for piece in large_frame(60_000).chunks(300).take(100) {
        lone.receive(piece.to_vec());
        lone.wait(Duration::from_secs(1));
    }
    assert!(bodies(&mut lone).len() <= 5, "more than was read");
    lone.step(Input::Room((), 1000));
    lone.wait(Duration::from_millis(50));
    assert_eq!(bodies(&mut lone), [Body::Credit(limits().window)], "it reads again");
}

#[test]
fn silence_in_the_middle_is_noticed_by_both_ends_and_the_retry_succeeds() {
    let content = noise(5_000_000);
    for side in [Side::Client, Side::Server] {
        let at = if side == Side::Client { 2_000_000 } else { 100 };
        let mut pair = pair_with(vec![Fault::Silence(0, side, at)]);
        pair.local.put("file", &content);
        let job = pair.start(put("file"));
        pair.run_until(|pair| retries(pair) == 1);
        assert_eq!(pair.served.get("file"), None, "nothing is published");
        pair.run_until(|pair| pair.result(job).is_some());
        let Some(Ok(OpDone::Moved(done))) = pair.result(job) else { panic!("{:?}", pair.result(job)) };
        assert_eq!(OpDone::Moved(Moved { skipped: 0, ..done }), moved(&content, 0));
        pair.close();
        assert!(pair.sent(LinkId(0), side) >= at);
    }
}

#[test]
fn nothing_is_set_for_ever() {
    let mut lone = Lone::server(Limits { idle: None, handshake: None, ..Limits::default() });
    assert_eq!(lone.session().deadline(), None);
    lone.preamble();
    lone.hear(0, Body::Hello(hello()));
    assert_eq!(lone.session().deadline(), None, "whoever wants no deadline has none");
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}
