//! What the tests of pairs share.

use bytes::Bytes;
use towline::harness::{Fault, Lone, Pair, PairConfig};
use towline::proto::client::{JobError, RetryPolicy};
use towline::proto::op::{Moved, OpDone, OpEvent, Question};
use towline::proto::session::{Event, Request};
use towline::proto::{Limits, client};
use towline::time::{Duration, Time};
use towline::wire::{
    Attempt, Body, Capabilities, Code, Cv, Entry, Get, Hello, Modified, Offer, RelPath, Remove, RequestId,
    Start, block_size_for,
};

pub(crate) fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a good path")
}

pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = towline::proto::backoff::SplitMix(length as u64);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&state.next_u64().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A put to the same path, with a request id of its own for each name.
pub(crate) fn put(name: &str) -> Request {
    let request = name.bytes().fold(9, |id, byte| id * 257 + u128::from(byte));
    let attempt = Attempt::new(RequestId(request));
    Request::Put { root: Pair::ROOT, source: path(name), path: path(name), attempt }
}

pub(crate) fn fetch(name: &str) -> Request {
    let get = Get { path: path(name), version: 0 };
    Request::Fetch { root: Pair::ROOT, at: path(name), get, start: Start::Resume }
}

pub(crate) fn echo(bytes: impl Into<Bytes>) -> Request {
    Request::Ask(Question::Echo(bytes.into()))
}

pub(crate) fn stat(name: &str) -> Request {
    Request::Ask(Question::Stat(path(name)))
}

pub(crate) fn list(name: &str) -> Request {
    Request::Ask(Question::List(path(name)))
}

pub(crate) fn remove(name: &str, request: u128) -> Request {
    Request::Ask(Question::Remove(Remove { request: RequestId(request), path: path(name) }))
}

/// What a transfer of `content` succeeds with.
pub(crate) fn moved(content: &[u8], blocks_refused: u32) -> OpDone {
    OpDone::Moved(Moved { length: content.len() as u64, root: root(content), blocks_refused, skipped: 0 })
}

pub(crate) fn root(content: &[u8]) -> Cv {
    Cv(*blake3::hash(content).as_bytes())
}

pub(crate) fn pair() -> Pair {
    Pair::new(PairConfig::default())
}

pub(crate) fn pair_with(faults: Vec<Fault>) -> Pair {
    Pair::new(PairConfig { faults, ..PairConfig::default() })
}

/// A pair whose client never tries again.
pub(crate) fn pair_once(faults: Vec<Fault>) -> Pair {
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    Pair::new(PairConfig { faults, policy, ..PairConfig::default() })
}

/// The code that a job failed with.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, JobError>) -> Code {
    use towline::proto::session::SessionEnd;
    match result.expect_err("it should have failed") {
        JobError::Operation(error) => error.failure.code,
        JobError::Session(SessionEnd::Broken(failure) | SessionEnd::ByPeer(failure)) => failure.code,
        other => panic!("failed without a code: {other}"),
    }
}

/// The names that a listing gave.
pub(crate) fn entries(pair: &Pair) -> Vec<Entry> {
    let entries = pair.events.iter().filter_map(|event| match event {
        client::Event::Job(_, OpEvent::Entries(entries)) => Some(entries.clone()),
        _ => None,
    });
    entries.flatten().collect()
}

/// How often a job was tried again.
pub(crate) fn retries(pair: &Pair) -> usize {
    pair.events.iter().filter(|event| matches!(event, client::Event::Retrying { .. })).count()
}

/// Limits with short times, so that a table of deadlines is small.
pub(crate) fn limits() -> Limits {
    Limits {
        idle: Some(Duration::from_secs(4)),
        handshake: Some(Duration::from_secs(1)),
        ..Limits::default()
    }
}

pub(crate) fn hello() -> Hello {
    Hello {
        lowest: 1,
        highest: 1,
        capabilities: Capabilities::HOLES,
        window: 8 << 20,
        operations: 64,
        idle_ms: 0,
        tlvs: Vec::new(),
    }
}

/// A server that has shaken hands with whoever the test plays.
pub(crate) fn served() -> Lone {
    greeted(0)
}

/// A server whose peer has stated this idle time.
pub(crate) fn greeted(idle_ms: u32) -> Lone {
    let mut lone = Lone::server(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(Hello { idle_ms, ..hello() }));
    assert_eq!(lone.heard().len(), 1, "its Hello");
    lone
}

/// A client that has shaken hands with whoever the test plays.
pub(crate) fn client() -> Lone {
    let mut lone = Lone::client(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(hello()));
    assert_eq!(lone.heard().len(), 1, "its Hello");
    lone
}

pub(crate) fn offer(name: &str, length: u64) -> Offer {
    assert!(block_size_for(length) > 0);
    Offer {
        path: path(name),
        length,
        mode: 0o644,
        modified: Modified::default(),
        version: 0,
        attempt: Attempt::default(),
    }
}

/// The bodies that a session has sent since it was last asked.
pub(crate) fn bodies(lone: &mut Lone) -> Vec<Body> {
    lone.heard().into_iter().map(|frame| frame.body).collect()
}

/// The code with which a session ended the connection.
pub(crate) fn broken(lone: &mut Lone) -> Code {
    use towline::proto::session::SessionEnd;
    match lone.run_out() {
        SessionEnd::Broken(failure) => failure.code,
        end => panic!("it ended with {end:?}"),
    }
}

/// True if an operation of a lone session is over.
pub(crate) fn is_finished(lone: &Lone) -> bool {
    lone.events.iter().any(|event| matches!(event, Event::Finished(..)))
}

/// Every snapshot in `tests/snapshots`: one that is not here is a left-over, one that is here is asserted.
pub(crate) const SNAPSHOTS: &[&str] = &[
    "conversation_cancel",
    "conversation_drain",
    "conversation_get",
    "conversation_handshake_echo_put",
    "conversation_idle_timeout",
    "conversation_list",
    "conversation_not_found",
    "conversation_put",
    "conversation_version_refused",
    "rights",
    "states_answer",
    "states_ask",
    "states_client",
    "states_comparison",
    "states_datagram_echo",
    "states_echo",
    "states_intake",
    "states_listener",
    "states_pairing_guest",
    "states_pairing_host",
    "states_pourer",
    "states_printer",
    "states_prober_datagrams",
    "states_prober_stream",
    "states_puller",
    "states_pusher",
    "states_reader",
    "states_receiver",
    "states_sender",
    "states_session",
    "states_tree_job",
    "states_summary",
    "states_supplier",
    "states_taker",
];

/// Compares with `tests/snapshots/{name}.snap`.
pub(crate) fn snapshot(name: &str, text: &str) {
    assert!(SNAPSHOTS.contains(&name), "{name} is not in the list");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Any moment that is not the first.
pub(crate) const LATER: Time = Time::from_millis(500);
