//! RFC 862, and the listener.

use bytes::Bytes;
use towline::proto::listener::{ConnectionId, ListenInput, Listener, Source};
use towline::proto::machine::{End, Input};
use towline::proto::{Echo, ListenLimits};
use towline::time::{Duration, Time};

use super::{Bench, Show, assert_table, row, waits};

#[test]
fn echo() {
    let new = || Bench::new(Echo::new(Time::ZERO, Some(Duration::from_secs(1))));
    let held = || new().after(Input::Received((), Bytes::from_static(b"held")));
    let states = vec![
        ("nothing is held", new()),
        ("4 bytes are held", held()),
        ("the peer has ended its side", held().after(Input::Ended((), End::Orderly))),
        ("over", new().after(Input::Ended((), End::Reset))),
    ];
    let mut rows = vec![
        row("Received abc", Input::Received((), Bytes::from_static(b"abc"))),
        row("Room 0", Input::Room((), 0)),
        row("Room 2", Input::Room((), 2)),
        row("Room 100", Input::Room((), 100)),
        row("Ended, orderly", Input::Ended((), End::Orderly)),
        row("Ended, reset", Input::Ended((), End::Reset)),
    ];
    rows.extend(waits());
    let show = Show {
        state: |echo: &Echo| echo.state_name().into(),
        sent: |sent| sent.concat().escape_ascii().to_string(),
        all: Echo::STATES,
    };
    assert_table("states_echo", states, rows, &show);
}

#[test]
fn listener() {
    let limits = ListenLimits { connections: 2, per_source: 1, ..ListenLimits::default() };
    let new = || Bench::new(Listener::new(limits.clone()));
    let accepted = |id, source| Input::Command(ListenInput::Accepted(ConnectionId(id), Source(source)));
    let command = |input| Input::Command(input);
    let one = || new().after(accepted(1, 1));
    let states = vec![
        ("nobody is there", new()),
        ("one is there", one()),
        ("two are there, the most", one().after(accepted(2, 2))),
        ("nothing is accepted for a while", one().after(command(ListenInput::AcceptFailed))),
        ("one is there", one().after(command(ListenInput::Drain))),
        ("one is there", one().after(command(ListenInput::Abort))),
        ("over", new().after(command(ListenInput::Drain))),
    ];
    let mut rows = vec![
        row("Accepted, same source", accepted(8, 1)),
        row("Accepted, other source", accepted(9, 9)),
        row("Closed", command(ListenInput::Closed(ConnectionId(1)))),
        row("AcceptFailed", command(ListenInput::AcceptFailed)),
        row("Drain", command(ListenInput::Drain)),
        row("Abort", command(ListenInput::Abort)),
    ];
    rows.extend(waits());
    let show = Show {
        state: |listener: &Listener| listener.state_name().into(),
        sent: |_| String::new(),
        all: Listener::STATES,
    };
    assert_table("states_listener", states, rows, &show);
}
