//! Life signs: the idle timeout, the ping before it, and that any byte counts.

use towline::harness::{Fault, Lone, Pair, PairConfig, Side};
use towline::proto::Limits;
use towline::proto::client::LinkId;
use towline::proto::machine::Machine;
use towline::proto::op::OpDone;
use towline::proto::session::SessionEnd;
use towline::time::Duration;
use towline::wire::{Body, Code};

use crate::help::*;

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

/// Liveness counts bytes, not frames: part of a large frame is a sign of life.
#[test]
fn every_byte_is_a_sign_of_life() {
    let mut lone = served();
    let frame =
        towline::wire::Frame::of(towline::wire::OperationId(1), Body::Echo(noise(100).into())).to_bytes();
    for byte in frame {
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
        assert_eq!(pair.result(job), Some(Ok(moved(&content, 0))));
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
