//! One file to a server over several connections.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::{Command, Event, LinkId, RetryPolicy};
use towline::proto::op::{OpDone, OpEvent};
use towline::proto::{Connections, Limits, session};
use towline::time::{Duration, Time};
use towline::wire::Code;

use crate::help::{code, moved, noise, put, retries, root};

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

/// How many connections brought blocks at the same time, at the most.
fn connections(pair: &Pair) -> u32 {
    let counts = pair.events.iter().filter_map(|event| match event {
        Event::Job(_, OpEvent::Connections(count)) => Some(*count),
        _ => None,
    });
    counts.max().unwrap_or(0)
}

/// Bytes that the client has told of as moved.
fn progress(pair: &Pair) -> u64 {
    let bytes = pair.events.iter().filter_map(|event| match event {
        Event::Job(_, OpEvent::Progress(bytes)) => Some(*bytes),
        _ => None,
    });
    bytes.sum()
}

fn sent(pair: &Pair, links: u32) -> u64 {
    (0..links).map(|link| pair.sent(LinkId(link), Side::Client)).sum()
}

/// Puts the file, and asserts that it is whole and that nothing is left; gives how long it took.
fn puts(pair: &mut Pair, content: &[u8]) -> Duration {
    pair.local.put("file", content);
    let began = pair.now();
    assert_eq!(pair.carry_out(put("file")), Ok(moved(content, 0)));
    let took = pair.now().since(began);
    assert!(pair.served.get("file").as_deref() == Some(content), "another file stands there");
    assert_eq!(progress(pair), content.len() as u64);
    pair.close();
    took
}

#[test]
fn several_connections_take_a_file_in_less_time() {
    let content = noise(24 * MIB + 5);
    let mut one = several(Connections::One, vec![]);
    let alone = puts(&mut one, &content);
    assert_eq!(connections(&one), 0);
    let mut four = several(Connections::Fixed(4), vec![]);
    let together = puts(&mut four, &content);
    assert_eq!(connections(&four), 4);
    assert!(together < alone * 2 / 5, "{together:?} is not much less than {alone:?}");
    for link in 0..4 {
        let sent = four.sent(LinkId(link), Side::Client);
        assert!(sent > 4 * MIB as u64 && sent < 8 * MIB as u64, "connection {link} sent {sent}");
    }
}

#[test]
fn nothing_is_sent_twice() {
    let content = noise(9 * MIB + 77);
    let mut pair = several(Connections::Fixed(3), vec![]);
    puts(&mut pair, &content);
    let (sent, most) = (sent(&pair, 3), content.len() as u64 * 101 / 100);
    assert!((content.len() as u64..most).contains(&sent), "{sent} bytes for {}", content.len());
}

#[test]
fn no_more_connections_than_there_are_mebibytes() {
    for (length, most) in [(MIB, 0), (MIB + 1, 2), (2 * MIB + 1, 3), (9 * MIB, 8)] {
        let mut pair = several(Connections::Fixed(8), vec![]);
        puts(&mut pair, &noise(length));
        assert_eq!(connections(&pair), most, "{length}");
    }
}

#[test]
fn what_is_there_already_is_compared_and_not_handed_out() {
    let mut content = noise(12 * MIB);
    let mut pair = several(Connections::Fixed(3), vec![]);
    pair.served.put("file", &content[..8 * MIB]);
    content[3 * MIB] ^= 1;
    pair.local.put("file", &content);
    let Ok(OpDone::Moved(done)) = pair.carry_out(put("file")) else { panic!("it failed") };
    assert_eq!((done.root, done.skipped), (root(&content), 8 * MIB as u64 - (64 << 10)));
    assert!(connections(&pair) == 3 && sent(&pair, 3) < 5 * MIB as u64);
    assert!(pair.served.get("file") == Some(content));
    pair.close();
}

#[test]
fn a_hole_goes_as_a_hole() {
    let mut pair = several(Connections::Fixed(3), vec![]);
    pair.local.put_hollow("file", 40 * MIB as u64);
    let Ok(OpDone::Moved(done)) = pair.carry_out(put("file")) else { panic!("it failed") };
    assert_eq!(done.root, root(&vec![0; 40 * MIB]));
    assert!(sent(&pair, 3) < 10_000, "{}", sent(&pair, 3));
    pair.close();
}

#[test]
fn a_connection_that_is_lost_anywhere_costs_nothing_but_what_was_on_its_way() {
    let content = noise(6 * MIB + 3);
    for byte in [0, 8, 60, 100, 300, 70_000, 262_500, 600_000, MIB as u64 + 500, 2_000_000] {
        for fault in [
            Fault::Reset(1, Side::Client, byte),
            Fault::CutShort(1, Side::Client, byte),
            Fault::Silence(2, Side::Client, byte),
            Fault::Reset(2, Side::Server, byte.min(700)),
            Fault::Silence(2, Side::Server, byte.min(700)),
        ] {
            let mut pair = several(Connections::Fixed(3), vec![fault]);
            pair.local.put("file", &content);
            let done = pair.carry_out(put("file"));
            assert!(
                matches!(&done, Ok(OpDone::Moved(moved)) if moved.root == root(&content)),
                "{fault:?}: {done:?}"
            );
            assert!(pair.served.get("file").as_deref() == Some(&content[..]), "{fault:?}");
            assert_eq!(retries(&pair), 0, "{fault:?}");
            pair.close();
        }
    }
}

#[test]
fn all_others_may_be_lost() {
    let content = noise(8 * MIB);
    let faults = (1..20).map(|link| Fault::Reset(link, Side::Client, 200_000)).collect();
    let mut pair = several(Connections::Fixed(4), faults);
    puts(&mut pair, &content);
    assert_eq!(retries(&pair), 0);
}

#[test]
fn the_first_connection_may_be_lost_and_the_next_attempt_goes_on_from_what_all_brought() {
    let content = noise(24 * MIB);
    // The last one is in the fourth word of the server's about blocks that have landed.
    let faults = [70, 200, 100_000, MIB as u64].map(|byte| Fault::Reset(0, Side::Client, byte));
    for fault in faults.into_iter().chain([Fault::Reset(0, Side::Server, 2_000)]) {
        let mut pair = several(Connections::Fixed(3), vec![fault]);
        pair.local.put("file", &content);
        let done = pair.carry_out(put("file"));
        let Ok(OpDone::Moved(done)) = done else { panic!("{fault:?}: {done:?}") };
        assert_eq!((done.root, retries(&pair)), (root(&content), 1), "{fault:?}");
        if matches!(fault, Fault::Reset(_, Side::Server, _)) {
            assert!(done.skipped > 6 * MIB as u64, "{} of what three have brought", done.skipped);
        }
        assert!(pair.served.get("file").as_deref() == Some(&content[..]));
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
        puts(&mut pair, &content);
        assert_eq!((connections(&pair), retries(&pair)), (1, 0));
    }
    let mut pair = several(Connections::Fixed(4), vec![Fault::Busy(3, 1000)]);
    puts(&mut pair, &content);
    assert_eq!((connections(&pair), retries(&pair)), (3, 0));
}

#[test]
fn a_block_that_is_damaged_on_the_way_is_sent_again() {
    let content = noise(6 * MIB);
    // Well within the payload of a frame.
    for link in [0, 1] {
        let mut pair = several(Connections::Fixed(3), vec![Fault::Flip(link, Side::Client, 8 * 100_000)]);
        pair.local.put("file", &content);
        assert_eq!(pair.carry_out(put("file")), Ok(moved(&content, 1)));
        assert_eq!(retries(&pair), 0);
        pair.close();
    }
}

#[test]
fn a_source_that_changes_is_begun_again() {
    let (content, other) = (noise(8 * MIB), noise(8 * MIB + 9));
    let mut pair = several(Connections::Fixed(3), vec![]);
    pair.local.put("file", &content);
    let job = pair.start(put("file"));
    pair.run_until(|pair| pair.sent(LinkId(1), Side::Client) > MIB as u64);
    pair.local.put("file", &other);
    pair.run_until(|pair| pair.result(job).is_some());
    assert!(matches!(pair.result(job), Some(Ok(OpDone::Moved(done))) if done.root == root(&other)));
    assert!(pair.served.get("file") == Some(other));
    pair.close();
}

#[test]
fn a_cancelled_job_leaves_no_connection_behind() {
    let content = noise(16 * MIB);
    let mut pair = several(Connections::Fixed(4), vec![]);
    pair.local.put("file", &content);
    let job = pair.start(put("file"));
    pair.run_until(|pair| progress(pair) > 4 * MIB as u64);
    pair.command(Command::Cancel(job));
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(code(pair.result(job).expect("it is over")), Code::CANCELLED);
    pair.close_keeping(1);
}

#[test]
fn a_server_that_stops_finishes_what_it_has_begun() {
    let content = noise(8 * MIB);
    let mut pair = several(Connections::Fixed(3), vec![]);
    pair.local.put("file", &content);
    let job = pair.start(put("file"));
    pair.run_until(|pair| pair.sent(LinkId(2), Side::Client) > MIB as u64);
    pair.command_server(session::Command::Drain);
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(pair.result(job), Some(Ok(moved(&content, 0))));
    pair.close();
}

#[test]
fn a_first_connection_that_is_lost_for_good_leaves_what_all_brought() {
    let content = noise(24 * MIB);
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let faults = vec![Fault::Reset(0, Side::Server, 2_000)];
    let (latency, limits) = (Duration::from_millis(25), limits(Connections::Fixed(3)));
    let config =
        PairConfig { policy, limits, faults, latency, bytes_per_ms: Some(4_000), ..PairConfig::default() };
    let mut pair = Pair::new(config);
    pair.local.put("file", &content);
    assert!(pair.carry_out(put("file")).is_err());
    pair.close_keeping(1);
}

#[test]
fn a_long_path_gets_more_connections_while_that_is_faster() {
    let content = noise(96 * MIB);
    let mut pair = several(Connections::Adaptive, vec![]);
    let took = puts(&mut pair, &content);
    assert_eq!(connections(&pair), 8);
    assert!(took < Duration::from_secs(8), "{took:?}, where one connection takes 25 s");
}

#[test]
fn memory_is_bounded_by_credit_over_all_connections() {
    let content = noise(40 * MIB);
    // A disk that is slower than what comes: 200 ms for each extent.
    let limits = limits(Connections::Fixed(8));
    let config = PairConfig { limits, store: Duration::from_millis(200), ..PairConfig::default() };
    let mut pair = Pair::new(config);
    puts(&mut pair, &content);
    assert!(pair.now() > Time::ZERO);
    let (client, server) = pair.footprint_peaks();
    assert!(
        client < 60 * MIB && server < 20 * MIB,
        "the client held {client} bytes, a server's session {server}"
    );
}
