//! RFC 862 over streams and over datagrams, and the listener.

use bytes::Bytes;
use towline::proto::datagram::{Address, Allowance, Datagram};
use towline::proto::listener::{ConnectionId, ListenInput, Listener, Source};
use towline::proto::machine::{End, Input};
use towline::proto::storage::Owner;
use towline::proto::{DatagramEcho, Echo, Limits, ListenLimits};
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
fn datagram_echo() {
    let new = || Bench::new(DatagramEcho::new(Allowance::default()));
    let here = Address::v4([10, 0, 0, 1], 8697);
    let there = Address::v4([10, 0, 0, 2], 50_000);
    let way = |from, to, payload: &'static [u8]| {
        Input::Received((), Datagram { from, to, payload: Bytes::from_static(payload) })
    };
    let from_port = |port| way(Address { port, ..there }, here, b"abc");
    let states = vec![
        ("there is no room", new()),
        ("there is room for 11 bytes", new().after(Input::Room((), 11))),
        ("there is room", new().after(Input::Room((), 1000))),
        ("over", new().after(Input::Ended((), End::Orderly))),
    ];
    let mut rows = vec![
        row("Received abc", way(there, here, b"abc")),
        row("Received abcd", way(there, here, b"abcd")),
        row("Received nothing", way(there, here, b"")),
        row("from no port", from_port(0)),
        row("from port 7", from_port(7)),
        row("from port 1023", from_port(1023)),
        row("from port 1024", from_port(1024)),
        row("from port 11211", from_port(11211)),
        row("from its own port", from_port(here.port)),
        row("from itself", way(here, here, b"abc")),
        row("from 255.255.255.255", way(Address::v4([255; 4], 50_000), here, b"abc")),
        row("from 0.0.0.0", way(Address::v4([0; 4], 50_000), here, b"abc")),
        row("from ff02::1", way(Address { host: 0xff02 << 112 | 1, port: 50_000 }, here, b"abc")),
        row("from ::", way(Address { host: 0, port: 50_000 }, here, b"abc")),
        row("from fe80::1", way(Address { host: 0xfe80 << 112 | 1, port: 50_000 }, here, b"abc")),
        row("to 224.0.0.1", way(there, Address::v4([224, 0, 0, 1], here.port), b"abc")),
        row("Room 0", Input::Room((), 0)),
        row("Room 100", Input::Room((), 100)),
        row("Ended, orderly", Input::Ended((), End::Orderly)),
        row("Ended, reset", Input::Ended((), End::Reset)),
    ];
    rows.extend(waits());
    let show = Show {
        state: |echo: &DatagramEcho| echo.state_name().into(),
        sent: |sent| {
            let way = |Datagram { from, to, payload }: &Datagram| {
                format!("{:?} from port {} to {:x}, {}", payload, from.port, to.host, to.port)
            };
            sent.iter().map(way).collect::<Vec<_>>().join(", ")
        },
        all: DatagramEcho::STATES,
    };
    assert_table("states_datagram_echo", states, rows, &show);
}

#[test]
fn listener() {
    let limits = ListenLimits { connections: 3, per_source: 2, greeting: 2, ..ListenLimits::default() };
    let new = || Bench::new(Listener::new(limits.clone(), &Limits::default()));
    let accepted = |id, source| Input::Command(ListenInput::Accepted(ConnectionId(id), Source(source)));
    let command = |input| Input::Command(input);
    let ready = |id| command(ListenInput::Ready(ConnectionId(id)));
    let paced = |id| ListenInput::Paced { id: ConnectionId(id), owner: Owner([1; 32]), rate: 1000 };
    let owes = || ListenInput::Spent { id: ConnectionId(1), bytes: 5000, more: true };
    let one = || new().after(accepted(1, 1));
    let greeted = || one().after(ready(1));
    let two = || greeted().after(accepted(2, 1)).after(ready(2));
    let states = vec![
        ("nobody is there", new()),
        ("one has not greeted", one()),
        ("two have not greeted, the most", one().after(accepted(2, 2))),
        ("one has greeted", greeted()),
        ("it is paced", greeted().after(command(paced(1)))),
        ("it owes", greeted().after(command(paced(1))).after(command(owes()))),
        ("two have, the most from one address", two()),
        ("three have, the most", two().after(accepted(3, 3)).after(ready(3))),
        ("nothing is accepted for a while", greeted().after(command(ListenInput::AcceptFailed))),
        ("it is tried again", greeted().after(command(ListenInput::AcceptFailed)).elapsed()),
        ("one has not greeted", one().after(command(ListenInput::Drain))),
        ("one has greeted", greeted().after(command(ListenInput::Drain))),
        ("one has not greeted", one().after(command(ListenInput::Abort))),
        ("over", new().after(command(ListenInput::Drain))),
    ];
    let mut rows = vec![
        row("Accepted, same source", accepted(8, 1)),
        row("Accepted, other source", accepted(9, 9)),
        row("Ready", ready(1)),
        row("Paced", command(paced(1))),
        row("Spent, more", command(ListenInput::Spent { id: ConnectionId(1), bytes: 10, more: true })),
        row("Spent, at the end", command(ListenInput::Spent { id: ConnectionId(1), bytes: 10, more: false })),
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
