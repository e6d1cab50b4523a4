//! Credit, windows, room, and what a session may hold.

use towline::harness::{Pair, PairConfig};
use towline::proto::machine::{End, Input, Machine};
use towline::proto::session::Command;
use towline::proto::session::Tag;
use towline::time::Duration;
use towline::wire::{Body, Code, Data, Hello, Hole, Rope, limits::WINDOW_MIN};

use crate::help::*;

fn data(offset: u64, length: usize) -> Body {
    Body::Data(Data { offset, cv: Some(root(b"")), payload: Rope::from(bytes::Bytes::from(noise(length))) })
}

#[test]
fn a_peer_that_exceeds_its_window_is_cut_off() {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 100 << 20)));
    lone.complete(0);
    let window = limits().window / 65_536;
    for block in 0..window {
        lone.hear(1, data(block * 65_536, 65_536));
        assert_eq!(lone.end, None, "block {block} is within the window");
    }
    lone.hear(1, data(window * 65_536, 65_536));
    assert_eq!(broken(&mut lone), Code::CREDIT);
    assert!(lone.footprint_peak() < 16 << 20);
}

/// What was not granted is not sent; what is granted later is sent then.
#[test]
fn a_sender_never_exceeds_its_credit() {
    let mut lone = towline::harness::Lone::client(limits());
    lone.files.put("file", &noise(5_000_000));
    lone.preamble();
    lone.hear(0, Body::Hello(Hello { window: WINDOW_MIN, ..hello() }));
    lone.step(Input::Command(Command::Start(Tag(1), put("file"))));
    lone.settle();
    let have = towline::wire::HavePage { upload: Default::default(), first: 0, cvs: Vec::new(), last: true };
    lone.hear(1, Body::Have(have));
    lone.settle();
    let mut sent = 0;
    let mut count = |lone: &mut towline::harness::Lone| -> u64 {
        sent += bodies(lone).iter().map(Body::credit).sum::<u64>();
        sent
    };
    let first = count(&mut lone);
    assert!(first <= WINDOW_MIN && first > WINDOW_MIN - 65_536, "{first} sent of {WINDOW_MIN} granted");
    for limit in [1, WINDOW_MIN, WINDOW_MIN + 1, WINDOW_MIN + 70_000, 3 << 20] {
        lone.hear(0, Body::Credit(limit));
        lone.settle();
        let sent = count(&mut lone);
        assert!(sent <= limit.max(WINDOW_MIN), "{sent} sent of {limit} granted");
    }
    assert!(count(&mut lone) > (3 << 20) - 65_536);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// A long file does not hold up another one: at an extent's end it is the other's turn, however much room there is.
#[test]
fn senders_take_turns_at_the_ends_of_extents() {
    let mut lone = towline::harness::Lone::client(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(hello()));
    // More room than is ever used, so that nothing but turns divides them.
    lone.step(Input::Room((), 64 << 20));
    for (tag, name) in [(1, "one"), (2, "two")] {
        lone.files.put(name, &noise(3 << 20));
        lone.step(Input::Command(Command::Start(Tag(tag), put(name))));
        lone.settle();
    }
    // Both are told at once, before a read completes.
    for operation in [1, 2] {
        let have =
            towline::wire::HavePage { upload: Default::default(), first: 0, cvs: Vec::new(), last: true };
        lone.hear(operation, Body::Have(have));
    }
    lone.step(Input::Room((), 0));
    lone.settle();
    lone.step(Input::Room((), 64 << 20));
    lone.settle();
    let sent = lone.heard().into_iter().filter(|frame| frame.body.credit() > 0);
    let mut turns: Vec<(u32, u64)> = Vec::new();
    for frame in sent {
        match turns.last_mut() {
            Some((of, bytes)) if *of == frame.operation.0 => *bytes += frame.body.credit(),
            _ => turns.push((frame.operation.0, frame.body.credit())),
        }
    }
    assert!(turns.len() >= 6, "{turns:?}");
    assert!(turns.iter().all(|(_, bytes)| *bytes == 1 << 20), "an extent each: {turns:?}");
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// A peer that asks and never reads: control is held up to a limit, then nothing more is read.
#[test]
fn a_flood_of_pings_stops_the_reading() {
    let mut lone = served();
    lone.step(Input::Room((), 0));
    let mut pings = 0;
    while lone.session().wants_read(()) {
        lone.hear(0, Body::Ping(pings));
        pings += 1;
        assert!(pings < 100_000, "it reads for ever");
    }
    assert!(lone.footprint_peak() < 1 << 20);
    assert!(bodies(&mut lone).len() * 24 <= 8 * 1024, "more than the reserve was sent without room");
    lone.step(Input::Room((), 1 << 20));
    assert!(lone.session().wants_read(()));
    assert!(bodies(&mut lone).len() > 10_000);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// Zeros cost no credit, and each asks the store for something.
#[test]
fn a_flood_of_holes_stops_the_reading() {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 1 << 32)));
    lone.complete(0);
    let mut holes = 0;
    while lone.session().wants_read(()) {
        lone.hear(1, Body::Hole(Hole { offset: holes * 65_536, length: 65_536 }));
        holes += 1;
        assert!(holes < 65_536, "it reads for ever");
    }
    assert!(lone.asked.len() <= limits().store_operations);
    lone.settle();
    assert!(lone.session().wants_read(()));
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// The credit of data that waits for the store is not given back with zeros that were quicker.
#[test]
fn zeros_give_no_credit_back() {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 100 << 20)));
    lone.complete(0);
    bodies(&mut lone);
    for block in 0..32 {
        lone.hear(1, data(2 * block * 65_536, 65_536));
        lone.hear(1, Body::Hole(Hole { offset: (2 * block + 1) * 65_536, length: 65_536 }));
    }
    let zeros = |lone: &towline::harness::Lone| {
        let is_zero = |op: &towline::proto::storage::StoreOp| format!("{op:?}").contains("Zero");
        lone.asked.iter().position(|(_, op)| is_zero(op))
    };
    while let Some(number) = zeros(&lone) {
        lone.complete(number);
    }
    assert_eq!(bodies(&mut lone), [], "2 MiB of data are held, none is stored");
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// However slow the store: the ends hold no more than they may, and finish.
#[test]
fn a_slow_store_holds_the_sender_back() {
    let mut pair = Pair::new(PairConfig { store: Duration::from_millis(50), ..PairConfig::default() });
    let content = noise(40_000_000);
    pair.local.put("up", &content);
    assert_eq!(pair.carry_out(put("up")), Ok(moved(&content, 0)));
    let (client, server) = pair.footprint_peaks();
    assert!(client < 20 << 20 && server < 20 << 20, "{client} and {server} bytes held");
    pair.close();
}
