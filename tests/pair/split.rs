//! Split invariance: conversations of pairs, replayed into fresh machines with their bytes cut at every place, joined, and
//! cut at random.

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use towline::harness::split::{Done, Log, recut, replay};
use towline::harness::{Pair, PairConfig};
use towline::proto::client::{Client, RetryPolicy};
use towline::proto::machine::{Input, Machine, Out};
use towline::proto::op::Printed;
use towline::proto::session::Request;
use towline::proto::storage::StreamId;
use towline::proto::{Limits, Rights, Session};
use towline::store::streams::{MemoryPipe, Stream};
use towline::time::{Duration, Time};
use towline::wire;

use crate::help::*;

/// The inputs of both ends of a conversation.
fn conversation(content: usize) -> (Log<Client>, Log<Session>) {
    let mut pair = Pair::new(PairConfig {
        record: true,
        latency: Duration::from_millis(1),
        store: Duration::from_micros(700),
        ..PairConfig::default()
    });
    pair.local.put("up", &noise(content));
    pair.served.put("folder/down", &noise(content + 1));
    pair.local.put_folder("folder");
    pair.served.put("stays", &noise(content));
    let input = noise(content).into();
    for (stream, input) in [(0, input), (1, Bytes::new())] {
        let pipe = MemoryPipe { input, ..MemoryPipe::default() };
        pair.streams_of_client.insert(StreamId(stream), Stream::new(pipe));
    }
    let (root, source) = (Pair::ROOT, path("up"));
    let (mode, modified, request) = (0o644, wire::Modified::default(), wire::RequestId(11));
    let to = wire::Stream { path: path("poured"), mode, modified, request, attempt: 0 };
    let (span, printed) = (wire::Span::Rest { first: 0 }, Printed::default());
    let requests = [
        echo("one"),
        put("up"),
        fetch("folder/down"),
        stat("up"),
        echo(noise(300)),
        list(""),
        remove("folder/down", 3),
        stat("nothing"),
        put("missing"),
        Request::Compare { root, source, path: path("stays") },
        Request::Pour { stream: StreamId(0), to },
        Request::Print { stream: StreamId(1), path: path("stays"), span, printed },
    ];
    let jobs: Vec<_> = requests.into_iter().map(|request| pair.start(request)).collect();
    pair.run_until(|pair| jobs.iter().all(|job| pair.result(*job).is_some()));
    pair.close();
    let server = pair.server_logs.remove(&towline::proto::client::LinkId(0)).expect("a session");
    (std::mem::take(&mut pair.client_log), server)
}

fn new_client() -> (Client, Out<Client>) {
    (Client::new(Limits::default(), RetryPolicy::default(), 7), Out::new())
}

fn new_server(log: &Log<Session>) -> (Session, Out<Session>) {
    (Session::server(log[0].0, Pair::ROOT, Rights::ALL, Limits::default()), Out::new())
}

fn received<M: Machine<Rx = Bytes>>(log: &Log<M>) -> usize {
    let length = |input: &Input<M>| match input {
        Input::Received(_, bytes) => bytes.len(),
        _ => 0,
    };
    log.iter().map(|(_, input)| length(input)).sum()
}

/// Cuts the log at one place of all that was received, counted over all runs.
fn cut_at<M: Machine<Rx = Bytes>>(log: &Log<M>, place: usize) -> Log<M> {
    let mut before = 0;
    recut(log, |length| {
        let cut = place.checked_sub(before).filter(|cut| *cut < length);
        before += length;
        cut.into_iter().collect()
    })
}

/// What a machine does, but for how long it waited: that says when bytes came, which a cut changes.
fn play<M: Machine<Rx = Bytes, Tx = Bytes>>((machine, born): (M, Out<M>), log: &Log<M>) -> Done<M> {
    let mut done = replay(machine, born, log);
    done.others.retain(|effect| !format!("{effect:?}").contains("Waited("));
    done
}

/// The log as it was, joined, in single bytes, cut at every place, and at random.
fn assert_invariant<M: Machine<Rx = Bytes, Tx = Bytes>>(log: &Log<M>, new: impl Fn() -> (M, Out<M>)) {
    let play = |log: &Log<M>| play(new(), log);
    let expected = play(log);
    assert!(!expected.others.is_empty());
    let check = |recut: &Log<M>, what: &str| {
        assert_eq!(received(recut), received(log));
        let done = play(recut);
        for (i, (a, b)) in done.others.iter().zip(&expected.others).enumerate() {
            assert_eq!(a, b, "{what}: effect {i}");
        }
        assert!(done == expected, "{what}: it shows how the bytes were cut");
    };
    check(&recut(log, |_| vec![]), "joined");
    check(&recut(log, |length| vec![1; length]), "single bytes");
    (0..received(log)).for_each(|place| check(&cut_at(log, place), &format!("cut at {place}")));
    for seed in 0..50 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let cuts =
            |length: usize| (0..rng.random_range(0..9)).map(|_| rng.random_range(0..=length)).collect();
        check(&recut(log, cuts), &format!("seed {seed}"));
    }
}

#[test]
fn a_server_does_not_show_how_its_bytes_were_split() {
    let (_, log) = conversation(40);
    assert_invariant(&log, || new_server(&log));
}

#[test]
fn a_client_does_not_show_how_its_bytes_were_split() {
    let (log, _) = conversation(40);
    assert_invariant(&log, new_client);
}

/// The bytes of a conversation come all at once, before anything that the store has to say: whatever the machine makes of
/// it, it makes the same of the pieces.
#[test]
fn a_server_that_hears_all_at_once_does_not_show_how_it_was_split() {
    let (_, log) = conversation(40);
    let is_bytes = |(_, input): &&(Time, Input<Session>)| matches!(input, Input::Received(..));
    let (bytes, rest): (Vec<_>, Vec<_>) = log.iter().partition(is_bytes);
    let rooms = rest.iter().filter(|(_, input)| matches!(input, Input::Room(..)));
    let now = log[0].0;
    let log: Log<Session> = rooms.take(1).chain(&bytes).map(|(_, input)| (now, input.clone())).collect();
    assert_invariant(&log, || new_server(&log));
}

/// A transfer of blocks: too many places for each of them.
#[test]
fn large_transfers_do_not_show_how_their_bytes_were_split() {
    let (client, server) = conversation(200_000);
    for seed in 0..8 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cuts = |length: usize| {
            let pieces = 1 + length / 9000;
            (0..pieces).map(|_| rng.random_range(0..20_000)).collect()
        };
        let expected = play(new_server(&server), &server);
        assert!(play(new_server(&server), &recut(&server, &mut cuts)) == expected, "server, seed {seed}");
        let expected = play(new_client(), &client);
        assert!(play(new_client(), &recut(&client, &mut cuts)) == expected, "client, seed {seed}");
    }
}
