//! The client: its phase, its link, and its first job.

use bytes::Bytes;
use towline::proto::client::{Client, Command, JobId, LinkId, RetryPolicy};
use towline::proto::machine::{DialError, DialErrorKind, End, Input};
use towline::wire::{Body, Code, Failure, Frame, OperationId, PREAMBLE};

use super::{Bench, Row, Show, assert_table, frames, row, waits};
use crate::help::{echo, hello, limits};

const FIRST: LinkId = LinkId(0);

/// Every state of a phase, a link and a job.
const ALL: &[&str] = &[
    "Open",
    "Closing",
    "Closed",
    "Down",
    "Dialing",
    "Up",
    "Waiting",
    "Ready",
    "Running",
    "Cancelling",
    "Lost",
];

fn says(operation: u32, body: Body) -> Input<Client> {
    Input::Received(FIRST, Bytes::from(Frame::of(OperationId(operation), body).to_bytes()))
}

fn start(job: u64) -> Input<Client> {
    Input::Command(Command::Start(JobId(job), echo("one")))
}

fn rows() -> Vec<Row<Client>> {
    let error = |kind| DialError { kind, os: None };
    let mut rows = vec![
        row("Start job 2", start(2)),
        row("Cancel job 1", Input::Command(Command::Cancel(JobId(1)))),
        row("Close", Input::Command(Command::Close)),
        row("Dialed", Input::Dialed(FIRST)),
        row("DialFailed, refused", Input::DialFailed(FIRST, error(DialErrorKind::Refused))),
        row("DialFailed, no such name", Input::DialFailed(FIRST, error(DialErrorKind::NameNotFound))),
        row("Hello", says(0, Body::Hello(hello()))),
        row("GoAway", says(0, Body::GoAway(OperationId(1)))),
        row("Bye", says(0, Body::Bye)),
        row("EchoReply", says(1, Body::EchoReply(Bytes::from_static(b"one")))),
        row("Failed, it may pass", says(1, Body::Failed(Failure::from(Code::CHANGED)))),
        row("Failed, for good", says(1, Body::Failed(Failure::from(Code::NOT_FOUND)))),
        row("Ended, orderly", Input::Ended(FIRST, End::Orderly)),
        row("Ended, reset", Input::Ended(FIRST, End::Reset)),
        row("Room 0", Input::Room(FIRST, 0)),
    ];
    rows.extend(waits());
    rows
}

fn state(client: &Client) -> String {
    let job = client.job_name(JobId(1)).unwrap_or("-");
    format!("{} {} {job}", client.phase_name(), client.link_name())
}

#[test]
fn client() {
    let new = || Bench::new(Client::new(limits(), RetryPolicy::default(), 7));
    let dialing = || new().after(start(1));
    let shaking = || {
        let bench = dialing().after(Input::Dialed(FIRST)).after(Input::Room(FIRST, 1 << 20));
        bench.after(Input::Received(FIRST, Bytes::from_static(&PREAMBLE)))
    };
    let running = || shaking().after(says(0, Body::Hello(hello())));
    let idle = || running().after(says(1, Body::EchoReply(Bytes::from_static(b"one"))));
    let close = || Input::Command(Command::Close);
    let states = vec![
        ("nothing to do", new()),
        ("the connection is being made", dialing()),
        ("the handshake", shaking()),
        ("an echo runs", running()),
        ("connected, nothing to do", idle()),
        ("an echo was given up", running().after(Input::Command(Command::Cancel(JobId(1))))),
        ("the server goes away, an echo runs", running().after(says(0, Body::GoAway(OperationId(1))))),
        ("the connection broke, the echo waits", running().after(Input::Ended(FIRST, End::Reset))),
        ("told to close, an echo runs", running().after(close())),
        ("told to close, goodbye is said", idle().after(close())),
        ("over", new().after(close())),
    ];
    let show = Show { state, sent: frames, all: ALL };
    assert_table("states_client", states, rows(), &show);
    assert_eq!(ALL, [Client::PHASES, Client::LINKS, Client::JOBS].concat());
}
