//! Pulls, one side at a time: what is refused, and what is in breach.

use towline::harness::Lone;
use towline::proto::machine::{End, Input};
use towline::proto::op::ShareOrder;
use towline::proto::session::{Command, Request, SessionEnd, Tag};
use towline::wire::{Body, Capabilities, Code, Data, Get, Hello, Offer, Range, Rope};

use crate::help::{bodies, broken, hello, is_finished, limits, noise, offer, path, served};

const BLOCK: usize = 64 * 1024;

fn pulls() -> Hello {
    Hello { capabilities: Capabilities::PULLS, ..hello() }
}

/// A server that serves `file`, of 20 blocks, to a client that can pull.
fn server() -> Lone {
    let mut lone = Lone::server(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(pulls()));
    assert_eq!(lone.heard().len(), 1, "its Hello");
    lone.files.put("file", &noise(20 * BLOCK));
    lone.step(Input::Room((), 4 << 20));
    lone
}

/// The version of the file, as a transfer tells it.
fn version(lone: &mut Lone) -> u128 {
    lone.hear(1, Body::Get(Get { path: path("file"), version: 0 }));
    lone.settle();
    let said = bodies(lone);
    let Some(Body::Offer(offer)) = said.first() else { panic!("{said:?}") };
    let version = offer.version;
    lone.hear(1, Body::Cancel);
    lone.settle();
    bodies(lone);
    version
}

/// A server with a pull that is open.
fn pulled() -> Lone {
    let mut lone = server();
    let version = version(&mut lone);
    lone.hear(2, Body::Pull(Get { path: path("file"), version }));
    lone.settle();
    assert!(matches!(&bodies(&mut lone)[..], [Body::Offer(offer)] if offer.version == version));
    lone
}

fn range(first: u32, count: u32) -> Range {
    Range { first, count }
}

/// The blocks whose last segments these are.
fn blocks(said: &[Body]) -> Vec<u64> {
    let last = said.iter().filter_map(|body| match body {
        Body::Data(data) => data.cv.map(|_| data.offset / BLOCK as u64),
        _ => None,
    });
    last.collect()
}

#[test]
fn blocks_come_in_the_order_in_which_they_were_asked_for() {
    let mut lone = pulled();
    lone.hear(2, Body::Want(vec![range(3, 2), range(19, 1)]));
    lone.hear(2, Body::Want(vec![range(0, 1)]));
    lone.settle();
    assert_eq!(blocks(&bodies(&mut lone)), [3, 4, 19, 0]);
    lone.hear(2, Body::Want(vec![range(4, 1)]));
    lone.settle();
    assert_eq!(blocks(&bodies(&mut lone)), [4], "once more");
    lone.hear(2, Body::Done);
    lone.settle();
    assert_eq!(bodies(&mut lone), [Body::Done]);
}

#[test]
fn another_version_than_the_one_that_stands_there_is_refused() {
    let mut lone = server();
    lone.hear(1, Body::Pull(Get { path: path("file"), version: 1 }));
    lone.hear(2, Body::Pull(Get { path: path("nothing"), version: 1 }));
    lone.settle();
    // What is not there is known before what is there is looked at.
    let codes = bodies(&mut lone).into_iter().map(|body| match body {
        Body::Failed(failure) => failure.code,
        other => panic!("{other:?}"),
    });
    assert_eq!(codes.collect::<Vec<_>>(), [Code::NOT_FOUND, Code::CHANGED]);
}

#[test]
fn a_file_that_changed_meanwhile_is_told_at_the_end() {
    let mut lone = pulled();
    lone.hear(2, Body::Want(vec![range(0, 1)]));
    lone.settle();
    bodies(&mut lone);
    lone.files.put("file", &noise(20 * BLOCK + 1));
    lone.hear(2, Body::Done);
    lone.settle();
    assert!(matches!(&bodies(&mut lone)[..], [Body::Failed(failure)] if failure.code == Code::CHANGED));
}

#[test]
fn a_client_that_breaks_a_rule_of_it_is_in_breach() {
    let every_other = || (0..10).map(|i| range(2 * i, 1)).collect::<Vec<_>>();
    let breaches: Vec<(&str, Vec<Body>)> = vec![
        ("a block that is not there", vec![Body::Want(vec![range(20, 1)])]),
        ("more ranges than may wait", (0..200).map(|_| Body::Want(every_other())).collect()),
        ("an end before all is sent", vec![Body::Want(vec![range(0, 1)]), Body::Done]),
        ("a commit", vec![Body::Next]),
    ];
    for (what, frames) in breaches {
        let mut lone = pulled();
        lone.step(Input::Room((), 0));
        frames.into_iter().for_each(|body| lone.hear(2, body));
        lone.step(Input::Room((), 4 << 20));
        lone.settle();
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
    let mut without = served();
    without.hear(1, Body::Pull(Get { path: path("file"), version: 1 }));
    assert_eq!(broken(&mut without), Code::UNEXPECTED, "a pull without the capability");
}

/// A client that has asked for the first two blocks of a file of 20.
fn asked() -> Lone {
    let mut lone = Lone::client(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(pulls()));
    let get = Get { path: path("file"), version: 7 };
    let length = 20 * BLOCK as u64;
    lone.step(Input::Command(Command::Start(Tag(1), Request::Pull { get, length })));
    lone.hear(1, Body::Offer(Offer { version: 7, ..offer("file", length) }));
    lone.step(Input::Command(Command::Share(Tag(1), ShareOrder::Want(vec![range(0, 2)]))));
    lone.heard();
    lone
}

fn segment(offset: usize, length: usize, is_last: bool) -> Body {
    let payload = Rope::from(bytes::Bytes::from(vec![0; length]));
    let cv = is_last.then_some(crate::help::root(b"a"));
    Body::Data(Data { offset: offset as u64, cv, payload })
}

#[test]
fn a_server_that_sends_something_else_is_in_breach() {
    let breaches: Vec<(&str, Vec<Body>)> = vec![
        ("another block", vec![segment(2 * BLOCK, BLOCK, true)]),
        ("the second block first", vec![segment(BLOCK, BLOCK, true)]),
        ("a block that goes on elsewhere", vec![segment(0, 100, false), segment(101, 100, false)]),
        ("two blocks at once", vec![segment(0, 2 * BLOCK, true)]),
        ("a value too early", vec![segment(0, 100, true)]),
        ("no value", vec![segment(0, BLOCK, false)]),
        ("a block again", vec![segment(0, BLOCK, true), segment(0, BLOCK, true)]),
        ("a block too many", (0..3).map(|i| segment(i * BLOCK, BLOCK, true)).collect()),
        ("a second offer", vec![Body::Offer(offer("file", 100))]),
        ("an end that nobody asked for", vec![Body::Done]),
    ];
    for (what, frames) in breaches {
        let mut lone = asked();
        frames.into_iter().for_each(|body| lone.hear(1, body));
        lone.settle();
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
}

#[test]
fn credit_comes_back_when_what_came_is_stored_or_the_pull_is_over() {
    let credit = |lone: &mut Lone| {
        let total = |body: Body| if let Body::Credit(total) = body { Some(total) } else { None };
        bodies(lone).into_iter().filter_map(total).max()
    };
    let mut lone = asked();
    // Enough for a grant to be worth a frame: a quarter of the window.
    let count = 36;
    let want = (0..count / 2).map(|_| ShareOrder::Want(vec![range(0, 2)]));
    want.for_each(|want| lone.step(Input::Command(Command::Share(Tag(1), want))));
    (0..count).for_each(|i| lone.hear(1, segment(i % 2 * BLOCK, BLOCK, true)));
    assert_eq!(credit(&mut lone), None);
    let stored = ShareOrder::Stored((count * BLOCK) as u64);
    lone.step(Input::Command(Command::Share(Tag(1), stored)));
    assert_eq!(credit(&mut lone), Some(limits().window + (count * BLOCK) as u64));
    assert!(!is_finished(&lone));
    lone.step(Input::Command(Command::Share(Tag(1), ShareOrder::Finish)));
    assert!(is_finished(&lone), "what is on its way is not waited for");
}

/// A server that is there and never answers: nobody waits for what it says of what was called off, and it may come all the same.
#[test]
fn an_answer_to_what_was_called_off_is_not_waited_for() {
    let mut lone = asked();
    lone.step(Input::Command(Command::Share(Tag(1), ShareOrder::Finish)));
    lone.step(Input::Command(Command::Drain));
    assert_eq!(bodies(&mut lone), [Body::Cancel, Body::Bye]);
    lone.hear(1, segment(0, BLOCK, true));
    lone.hear(1, Body::Done);
    assert_eq!(lone.end, None);
    lone.hear(0, Body::Bye);
    lone.peer_ends(End::Orderly);
    assert_eq!(lone.end, Some(SessionEnd::Orderly));
}
