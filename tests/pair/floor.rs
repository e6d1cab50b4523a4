//! A floor on progress: what holds its place without moving anything is dropped, and what is slow for a reason is not.

use towline::harness::{Lone, Pair, PairConfig};
use towline::proto::client::RetryPolicy;
use towline::proto::machine::Input;
use towline::proto::op::OpDone;
use towline::proto::session::{Floor, Request, SessionEnd};
use towline::proto::{Limits, Rights};
use towline::time::Duration;
use towline::wire::{Body, Code, Data, Get};

use crate::help::*;

const FLOOR: Floor = Floor { bytes: 10_000, within: Duration::from_secs(60) };

fn served() -> Lone {
    let limits = Limits { idle: None, floor: Some(FLOOR), ..Limits::default() };
    let mut lone = Lone::server_for(Rights::ALL, limits);
    lone.preamble();
    lone.hear(0, Body::Hello(hello()));
    lone.heard();
    lone
}

/// It pings, every so often, for so long; gives what the server said last, if it ended the connection.
fn pings(lone: &mut Lone, times: u64) -> Option<Code> {
    for number in 0..times {
        lone.wait(Duration::from_secs(10));
        lone.hear(0, Body::Ping(number));
        for frame in lone.heard() {
            if let (0, Body::Failed(failure)) = (frame.operation.0, frame.body) {
                return Some(failure.code);
            }
        }
    }
    None
}

#[test]
fn a_peer_that_never_reads_and_keeps_pinging_is_dropped() {
    let mut lone = served();
    lone.files.put("file", &noise(20 << 20));
    lone.hear(1, Body::Get(Get { path: path("file"), version: 0 }));
    lone.settle();
    lone.step(Input::Room((), 0));
    // What went out before there was no room counts for the first minute.
    assert_eq!(pings(&mut lone, 13), Some(Code::TOO_SLOW));
    lone.peer_ends(towline::proto::machine::End::Reset);
    assert!(matches!(lone.run_out(), SessionEnd::Broken(failure) if failure.code == Code::TOO_SLOW));
}

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_dropped() {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 100_000)));
    lone.settle();
    for at in 0..7 {
        lone.wait(Duration::from_secs(9));
        let payload = towline::wire::Rope::from(bytes::Bytes::from_static(b"x"));
        lone.hear(1, Body::Data(Data { offset: at, cv: None, payload }));
        lone.settle();
    }
    let dropped = lone.heard().into_iter().any(|frame| {
        matches!(frame.body, Body::Failed(failure) if frame.operation.0 == 0 && failure.code == Code::TOO_SLOW)
    });
    assert!(dropped);
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}

#[test]
fn a_peer_that_asks_for_no_more_of_a_listing_is_dropped() {
    let mut lone = served();
    (0..600).for_each(|i| lone.files.put(&format!("{i:03}{}", "x".repeat(240)), b""));
    lone.hear(1, Body::List(path("")));
    lone.settle();
    assert_eq!(pings(&mut lone, 13), Some(Code::TOO_SLOW));
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}

#[test]
fn whoever_has_nothing_open_or_only_an_echo_has_all_the_time() {
    let mut lone = served();
    assert_eq!(pings(&mut lone, 100), None);
    lone.step(Input::Room((), 0));
    lone.hear(1, Body::Echo(noise(60_000).into()));
    assert_eq!(pings(&mut lone, 100), None);
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}

/// The store of a server that never answers is not its client's fault.
#[test]
fn time_in_which_the_store_works_does_not_count() {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 100_000)));
    assert_eq!(lone.asked.len(), 1);
    assert_eq!(pings(&mut lone, 100), None);
    lone.settle();
    assert_eq!(pings(&mut lone, 7), Some(Code::TOO_SLOW));
    lone.peer_ends(towline::proto::machine::End::Reset);
    lone.run_out();
}

/// At the very rate that is asked for, and over a path where nothing but round trips takes time.
#[test]
fn what_is_slow_and_moves_enough_goes_on() {
    let content = noise(400_000);
    for (bytes_per_ms, latency) in [(Some(1), Duration::from_millis(5)), (None, Duration::from_secs(2))] {
        let limits = Limits { idle: None, handshake: None, floor: Some(FLOOR), ..Limits::default() };
        let policy = RetryPolicy { attempts: 1, connect: None, ..RetryPolicy::default() };
        let config =
            PairConfig { limits, policy, bytes_per_ms, latency, piece: 1000, ..PairConfig::default() };
        let mut pair = Pair::new(config);
        pair.local.put("up", &content);
        (0..60).for_each(|i| pair.served.put(&format!("small{i}"), b"small"));
        assert_eq!(pair.carry_out(put("up")), Ok(moved(&content, 0)));
        for i in 0..60 {
            assert_eq!(pair.carry_out(fetch(&format!("small{i}"))), Ok(moved(b"small", 0)));
        }
        pair.close();
    }
}

#[test]
fn a_listing_that_is_longer_than_can_be_held_is_given_up() {
    let limits = Limits { listed_max: 100_000, ..Limits::default() };
    let mut pair = Pair::new(PairConfig { limits, ..PairConfig::default() });
    (0..300).for_each(|i| pair.served.put(&format!("few/{i:03}{}", "x".repeat(240)), b""));
    (0..900).for_each(|i| pair.served.put(&format!("many/{i:03}{}", "x".repeat(240)), b""));
    assert_eq!(pair.carry_out(Request::List(path("few"))), Ok(OpDone::Listed));
    assert_eq!(code(pair.carry_out(Request::List(path("many")))), Code::LISTING_TOO_LONG);
    let held: usize = entries(&pair).iter().map(towline::wire::Entry::encoded_len).sum();
    assert!(held < 2 * 100_000, "{held}");
    // The connection goes on, and so does whoever holds no names.
    assert_eq!(pair.carry_out(list("many")), Ok(OpDone::Listed));
    assert_eq!(retries(&pair), 0);
    pair.close();
}
