//! The session, at both ends.

use bytes::Bytes;
use towline::proto::machine::{End, Input, Out};
use towline::proto::session::{Command, Tag};
use towline::proto::storage::RootId;
use towline::proto::{Rights, Session};
use towline::time::Time;
use towline::wire::{Body, Code, Failure, Frame, Hello, OperationId, PREAMBLE, Refused};

use super::{Bench, Row, Show, assert_table, frames, row, waits};
use crate::help::{echo, hello, limits, offer, path};

fn says(operation: u32, body: Body) -> Input<Session> {
    Input::Received((), Bytes::from(Frame::of(OperationId(operation), body).to_bytes()))
}

fn server() -> Bench<Session> {
    let server = Session::server(Time::ZERO, RootId(0), Rights::ALL, limits());
    let bench = Bench::new(server).after(Input::Room((), 1 << 20));
    bench.after(Input::Received((), Bytes::from_static(&PREAMBLE)))
}

/// Its data is paced.
fn paced() -> Bench<Session> {
    let server = Session::server(Time::ZERO, RootId(0), Rights::ALL, limits()).paced();
    let bench = Bench::new(server).after(Input::Room((), 1 << 20));
    bench.after(Input::Received((), Bytes::from_static(&PREAMBLE)))
}

fn client() -> Bench<Session> {
    let mut born = Out::new();
    let client = Session::client(Time::ZERO, limits(), &mut born);
    let bench = Bench::born(client, born).after(Input::Room((), 1 << 20));
    bench.after(Input::Received((), Bytes::from_static(&PREAMBLE)))
}

fn rows() -> Vec<Row<Session>> {
    let refused = Refused { code: Code::BUSY, delay_ms: 1, lowest: 1, highest: 1, text: String::new() };
    let failed = || Body::Failed(Failure::from(Code::DENIED));
    let hears = |label: &str, operation, body| row(label, says(operation, body));
    let mut rows = vec![
        hears("Hello", 0, Body::Hello(hello())),
        hears("Hello, other version", 0, Body::Hello(Hello { lowest: 2, highest: 3, ..hello() })),
        hears("Refused", 0, Body::Refused(refused)),
        hears("Ping", 0, Body::Ping(1)),
        hears("Pong", 0, Body::Pong(1)),
        hears("Credit", 0, Body::Credit(1 << 30)),
        hears("GoAway", 0, Body::GoAway(OperationId(0))),
        hears("Bye", 0, Body::Bye),
        hears("Failed", 0, failed()),
        hears("Echo", 7, Body::Echo(Bytes::from_static(b"echo"))),
        hears("Stat", 7, Body::Stat(path("file"))),
        hears("Cancel, of 1", 1, Body::Cancel),
        hears("Failed, of 1", 1, failed()),
        hears("EchoReply, of 1", 1, Body::EchoReply(Bytes::from_static(b"one"))),
        hears("Done, of 9", 9, Body::Done),
        row("part of a frame", Input::Received((), Bytes::from_static(&[1, 0, 0]))),
        row("no frame", Input::Received((), Bytes::from_static(&[0xff; 16]))),
        row("Ended, orderly", Input::Ended((), End::Orderly)),
        row("Ended, reset", Input::Ended((), End::Reset)),
        row("Room 0", Input::Room((), 0)),
        row("Start an echo", Input::Command(Command::Start(Tag(5), echo("five")))),
        row("Cancel job 1", Input::Command(Command::Cancel(Tag(1)))),
        row("Drain", Input::Command(Command::Drain)),
        row("Abort", Input::Command(Command::Abort(Failure::from(Code::DRAINING)))),
        row("Allow", Input::Command(Command::Allow(10))),
        row("HangUp", Input::Command(Command::HangUp(Failure::from(Code::BUSY)))),
    ];
    rows.extend(waits());
    rows
}

#[test]
fn session() {
    let open = || server().after(says(0, Body::Hello(hello())));
    let offered = || open().after(says(1, Body::Offer(offer("file", 100_000))));
    let drain = || Input::Command(Command::Drain);
    let asking = || client().after(says(0, Body::Hello(hello())));
    let asked = || asking().after(Input::Command(Command::Start(Tag(1), echo("one"))));
    let reset = || Input::Ended((), End::Reset);
    let states = vec![
        ("server", server()),
        ("server, paced", paced()),
        ("server, paced and allowed", paced().after(Input::Command(Command::Allow(10)))),
        ("client", client()),
        ("server", open()),
        ("server, an offer is open", offered()),
        ("client", asking()),
        ("client, an echo is open", asked()),
        ("server, an offer is open", offered().after(drain())),
        ("server, an offer is open and the client has said goodbye", offered().after(says(0, Body::Bye))),
        ("client, an echo is open", asked().after(drain())),
        ("server", open().after(drain())),
        ("client, the server has said goodbye", asking().after(drain()).after(says(0, Body::Bye))),
        ("server, the client broke a rule", open().after(says(9, Body::Done))),
        ("server, an offer is open and the connection broke", offered().after(reset())),
        ("server", open().after(reset())),
    ];
    let show =
        Show { state: |session: &Session| session.state_name().into(), sent: frames, all: Session::STATES };
    assert_table("states_session", states, rows(), &show);
}
