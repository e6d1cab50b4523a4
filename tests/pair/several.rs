//! One file over several connections.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::{Event, LinkId, RetryPolicy};
use towline::proto::op::{OpDone, OpEvent};
use towline::proto::session;
use towline::proto::{CAPABILITIES, Connections, Limits};
use towline::time::{Duration, Time};
use towline::wire::{Capabilities, Code};

use crate::help::{code, fetch, moved, noise, put, retries, root};

const MIB: usize = 1 << 20;

fn limits(connections: Connections) -> Limits {
    Limits { connections, ..Limits::default() }
}

/// A path of 50 ms that carries 4 MB/s each way over each connection.
fn several(connections: Connections, faults: Vec<Fault>) -> Pair {
    let limits = limits(connections);
    let latency = Duration::from_millis(25);
    Pair::new(PairConfig { limits, faults, latency, bytes_per_ms: Some(4_000), ..PairConfig::default() })
}

fn serve(pair: &Pair, content: &[u8]) {
    pair.served.put("file", content);
}

/// How many connections brought blocks at the same time, at the most.
fn connections(pair: &Pair) -> u32 {
    let counts = pair.events.iter().filter_map(|event| match event {
        Event::Job(_, OpEvent::Connections(count)) => Some(*count),
        _ => None,
    });
    counts.max().unwrap_or(0)
}

/// Bytes that the client has verified.
fn stored(pair: &Pair) -> u64 {
    let bytes = pair.events.iter().filter_map(|event| match event {
        Event::Job(_, OpEvent::Progress(bytes)) => Some(*bytes),
        _ => None,
    });
    bytes.sum()
}

fn local(pair: &Pair) -> Option<Vec<u8>> {
    pair.local.get("file")
}

/// Gets the file, and asserts that it is whole and that nothing is left; gives how long it took.
fn gets(pair: &mut Pair, content: &[u8]) -> Duration {
    serve(pair, content);
    let began = pair.now();
    assert_eq!(pair.carry_out(fetch("file")), Ok(moved(content, 0)));
    let took = pair.now().since(began);
    assert_eq!(local(pair).as_deref(), Some(content));
    pair.close();
    took
}

#[test]
fn several_connections_bring_a_file_in_less_time() {
    let content = noise(24 * MIB + 5);
    let mut one = several(Connections::One, vec![]);
    let alone = gets(&mut one, &content);
    assert_eq!(connections(&one), 0);
    let mut four = several(Connections::Fixed(4), vec![]);
    let together = gets(&mut four, &content);
    assert_eq!(connections(&four), 4);
    assert!(together < alone * 2 / 5, "{together:?} is not much less than {alone:?}");
    for link in 0..4 {
        let sent = four.sent(LinkId(link), Side::Server);
        assert!(sent > 4 * MIB as u64 && sent < 8 * MIB as u64, "connection {link} sent {sent}");
    }
}

#[test]
fn nothing_is_sent_twice() {
    let content = noise(9 * MIB + 77);
    let mut pair = several(Connections::Fixed(3), vec![]);
    gets(&mut pair, &content);
    let sent: u64 = (0..3).map(|link| pair.sent(LinkId(link), Side::Server)).sum();
    let most = content.len() as u64 * 101 / 100;
    assert!((content.len() as u64..most).contains(&sent), "{sent} bytes for {}", content.len());
}

#[test]
fn no_more_connections_than_there_are_mebibytes() {
    for (length, most) in [(MIB, 0), (MIB + 1, 2), (2 * MIB + 1, 3), (9 * MIB, 8)] {
        let mut pair = several(Connections::Fixed(8), vec![]);
        gets(&mut pair, &noise(length));
        assert_eq!(connections(&pair), most, "{length}");
    }
}

#[test]
fn what_is_here_already_is_not_shared_out() {
    let content = noise(12 * MIB);
    let mut pair = several(Connections::Fixed(3), vec![]);
    pair.local.put("file", &content[..8 * MIB]);
    serve(&pair, &content);
    let Ok(OpDone::Moved(done)) = pair.carry_out(fetch("file")) else { panic!("it failed") };
    assert_eq!((done.root, done.skipped), (root(&content), 8 * MIB as u64));
    let sent: u64 = (0..3).map(|link| pair.sent(LinkId(link), Side::Server)).sum();
    assert!(sent < 5 * MIB as u64, "{sent}");
    pair.close();
}

#[test]
fn a_version_that_stands_there_and_differs_is_put_right_by_the_own_connection() {
    let mut content = noise(12 * MIB);
    let mut pair = several(Connections::Fixed(3), vec![]);
    pair.local.put("file", &content[..8 * MIB]);
    content[3 * MIB] ^= 1;
    serve(&pair, &content);
    let Ok(OpDone::Moved(done)) = pair.carry_out(fetch("file")) else { panic!("it failed") };
    assert_eq!((done.root, done.skipped), (root(&content), 8 * MIB as u64 - (64 << 10)));
    pair.close();
}

#[test]
fn a_connection_that_is_lost_anywhere_costs_nothing_but_what_was_on_its_way() {
    let content = noise(6 * MIB + 3);
    for byte in [0, 8, 60, 100, 300, 70_000, 262_500, 600_000, MIB as u64 + 500, 2_500_000] {
        for fault in [
            Fault::Reset(1, Side::Server, byte),
            Fault::CutShort(1, Side::Server, byte),
            Fault::Silence(2, Side::Server, byte),
            Fault::Reset(2, Side::Client, byte.min(400)),
        ] {
            let mut pair = several(Connections::Fixed(3), vec![fault]);
            gets(&mut pair, &content);
            assert_eq!(retries(&pair), 0, "{fault:?}");
        }
    }
}

#[test]
fn all_others_may_be_lost() {
    let content = noise(8 * MIB);
    let faults = (1..20).map(|link| Fault::Reset(link, Side::Server, 200_000)).collect();
    let mut pair = several(Connections::Fixed(4), faults);
    gets(&mut pair, &content);
    assert_eq!(retries(&pair), 0);
}

#[test]
fn the_first_connection_may_be_lost_and_the_next_attempt_goes_on() {
    let content = noise(8 * MIB);
    for byte in [70, 200, 500, 100_000, MIB as u64, 2 * MIB as u64] {
        let mut pair = several(Connections::Fixed(3), vec![Fault::Reset(0, Side::Server, byte)]);
        serve(&pair, &content);
        let done = pair.carry_out(fetch("file"));
        assert!(done.is_ok(), "{byte}: {done:?}");
        assert_eq!(local(&pair), Some(content.clone()));
        assert_eq!(retries(&pair), 1, "{byte}");
        pair.close();
    }
}

#[test]
fn a_server_that_takes_no_more_connections_is_left_with_those_that_it_took() {
    let content = noise(8 * MIB);
    for faults in [
        vec![Fault::Busy(1, 1000), Fault::Busy(2, 1000), Fault::Busy(3, 1000)],
        vec![Fault::Refuse(1), Fault::Refuse(2), Fault::Refuse(3)],
    ] {
        let mut pair = several(Connections::Fixed(4), faults);
        gets(&mut pair, &content);
        assert_eq!((connections(&pair), retries(&pair)), (1, 0));
    }
    let mut pair = several(Connections::Fixed(4), vec![Fault::Busy(3, 1000)]);
    gets(&mut pair, &content);
    assert_eq!((connections(&pair), retries(&pair)), (3, 0));
}

#[test]
fn a_block_that_is_damaged_on_the_way_is_asked_for_again() {
    let content = noise(6 * MIB);
    // Well within the payload of a frame.
    let mut pair = several(Connections::Fixed(3), vec![Fault::Flip(1, Side::Server, 8 * 100_000)]);
    serve(&pair, &content);
    assert_eq!(pair.carry_out(fetch("file")), Ok(moved(&content, 1)));
    assert_eq!(retries(&pair), 0);
    pair.close();
}

#[test]
fn a_file_that_changes_is_begun_again() {
    let content = noise(8 * MIB);
    let other = noise(8 * MIB + 9);
    let mut pair = several(Connections::Fixed(3), vec![]);
    serve(&pair, &content);
    let job = pair.start(fetch("file"));
    pair.run_until(|pair| pair.sent(LinkId(1), Side::Server) > MIB as u64);
    serve(&pair, &other);
    pair.run_until(|pair| pair.result(job).is_some());
    assert!(matches!(pair.result(job), Some(Ok(OpDone::Moved(done))) if done.root == root(&other)));
    assert_eq!(local(&pair), Some(other));
    pair.close();
}

#[test]
fn a_file_that_is_replaced_before_the_others_ask_comes_over_the_first() {
    let content = noise(8 * MIB);
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let (latency, limits) = (Duration::from_millis(25), limits(Connections::Fixed(3)));
    let config = PairConfig { policy, limits, latency, bytes_per_ms: Some(4_000), ..PairConfig::default() };
    let mut pair = Pair::new(config);
    serve(&pair, &content);
    let job = pair.start(fetch("file"));
    pair.run_until(|pair| pair.sent(LinkId(0), Side::Client) > 100);
    pair.run_until(|pair| pair.sent(LinkId(1), Side::Client) > 0);
    serve(&pair, &noise(5 * MIB));
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(code(pair.result(job).expect("it is over")), Code::CHANGED);
    assert_eq!(local(&pair), None);
    pair.close_keeping(1);
}

#[test]
fn a_cancelled_job_leaves_no_connection_behind() {
    let content = noise(16 * MIB);
    let mut pair = several(Connections::Fixed(4), vec![]);
    serve(&pair, &content);
    let job = pair.start(fetch("file"));
    pair.run_until(|pair| stored(pair) > 4 * MIB as u64);
    pair.command(towline::proto::client::Command::Cancel(job));
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(code(pair.result(job).expect("it is over")), Code::CANCELLED);
    pair.close_keeping(1);
}

#[test]
fn a_server_that_stops_finishes_what_it_has_begun() {
    let content = noise(8 * MIB);
    let mut pair = several(Connections::Fixed(3), vec![]);
    serve(&pair, &content);
    let job = pair.start(fetch("file"));
    pair.run_until(|pair| pair.sent(LinkId(2), Side::Server) > MIB as u64);
    pair.command_server(session::Command::Drain);
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(pair.result(job), Some(Ok(moved(&content, 0))));
    pair.close();
}

#[test]
fn a_long_path_gets_more_connections_while_that_is_faster() {
    let content = noise(96 * MIB);
    let mut pair = several(Connections::Adaptive, vec![]);
    let took = gets(&mut pair, &content);
    assert_eq!(connections(&pair), 8);
    assert!(took < Duration::from_secs(8), "{took:?}, where one connection takes 25 s");
}

#[test]
fn a_short_path_and_a_short_file_get_one() {
    let config = PairConfig {
        latency: Duration::from_millis(2),
        bytes_per_ms: Some(4_000),
        limits: limits(Connections::Adaptive),
        ..PairConfig::default()
    };
    let mut near = Pair::new(config);
    gets(&mut near, &noise(40 * MIB));
    assert_eq!(connections(&near), 0);
    let mut short = several(Connections::Adaptive, vec![]);
    gets(&mut short, &noise(31 * MIB));
    assert_eq!(connections(&short), 0);
}

#[test]
fn memory_is_bounded_by_credit_over_all_connections() {
    let content = noise(40 * MIB);
    // A disk that is slower than what comes: 200 ms for each extent.
    let limits = limits(Connections::Fixed(8));
    let config = PairConfig { limits, store: Duration::from_millis(200), ..PairConfig::default() };
    let mut pair = Pair::new(config);
    gets(&mut pair, &content);
    assert!(pair.now() > Time::ZERO);
    let (client, _) = pair.footprint_peaks();
    assert!(client < 40 * MIB, "the client held {client} bytes");
}

/// How many connections were made, to a server that was sent anything.
fn dials(pair: &Pair) -> usize {
    (0..8).filter(|link| pair.sent(LinkId(*link), Side::Client) > 0).count()
}

/// A path like that of the others, to a server that can do no more than `capabilities`.
fn to_an_older_server(capabilities: Capabilities) -> Pair {
    let limits = limits(Connections::Fixed(4));
    let serves = Some(Limits { capabilities, ..limits.clone() });
    let latency = Duration::from_millis(25);
    Pair::new(PairConfig { limits, serves, latency, bytes_per_ms: Some(4_000), ..PairConfig::default() })
}

#[test]
fn a_server_that_does_not_know_of_pulls_is_asked_over_one_connection() {
    let content = noise(24 * MIB + 5);
    let mut pair = to_an_older_server(Capabilities::HOLES.and(Capabilities::PUSHES));
    gets(&mut pair, &content);
    assert_eq!(dials(&pair), 1);
    let mut pair = to_an_older_server(CAPABILITIES);
    gets(&mut pair, &content);
    assert_eq!(dials(&pair), 4, "it is the capability that decides");
}

#[test]
fn a_server_that_does_not_know_of_pushes_is_sent_to_over_one_connection() {
    let content = noise(24 * MIB + 5);
    for (capabilities, expected) in [(Capabilities::HOLES.and(Capabilities::PULLS), 1), (CAPABILITIES, 4)] {
        let mut pair = to_an_older_server(capabilities);
        pair.local.put("file", &content);
        assert_eq!(pair.carry_out(put("file")), Ok(moved(&content, 0)));
        assert_eq!(pair.served.get("file"), Some(content.clone()));
        pair.close();
        assert_eq!(dials(&pair), expected, "{capabilities:?}");
    }
}
