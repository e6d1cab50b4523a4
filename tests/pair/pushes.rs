//! Pushes, one side at a time: what is refused, and what is in breach.

use bytes::Bytes;
use towline::harness::Lone;
use towline::proto::machine::Input;
use towline::proto::op::{OpEvent, Pushed, ShareEvent, ShareOrder};
use towline::proto::session::{Command, Event, Request, Tag};
use towline::proto::storage::{Extent, RootId};
use towline::store::blocks::cvs;
use towline::wire::{
    Body, Capabilities, Code, Commit, Cv, Data, HavePage, Hello, Hole, Push, Range, Rope, UploadId,
};

use crate::help::{bodies, broken, hello, is_finished, limits, noise, offer, path, root, served};

const BLOCK: usize = 64 * 1024;
const BLOCKS: usize = 20;

fn pushes() -> Hello {
    Hello { capabilities: Capabilities::PUSHES.and(Capabilities::HOLES), ..hello() }
}

fn content() -> Vec<u8> {
    noise(BLOCKS * BLOCK)
}

/// A block of `bytes`, whole.
fn block(bytes: &[u8], number: usize) -> Data {
    let payload = Bytes::copy_from_slice(&bytes[number * BLOCK..][..BLOCK]);
    let offset = (number * BLOCK) as u64;
    let extent = Extent { offset, length: BLOCK as u32, unit: BLOCK as u32, whole: false };
    let cv = cvs(extent, std::slice::from_ref(&payload))[0];
    Data { offset, cv: Some(cv), payload: Rope::from(payload) }
}

fn damaged(number: usize) -> Body {
    let other = vec![7; BLOCKS * BLOCK];
    Body::Data(Data { cv: block(&content(), number).cv, ..block(&other, number) })
}

/// A server with an upload under way, under operation 1: its name.
fn server() -> (Lone, UploadId) {
    let mut lone = Lone::server(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(pushes()));
    assert_eq!(lone.heard().len(), 1, "its Hello");
    lone.step(Input::Room((), 4 << 20));
    lone.hear(1, Body::Offer(offer("file", (BLOCKS * BLOCK) as u64)));
    lone.settle();
    let [Body::Have(page)] = &bodies(&mut lone)[..] else { panic!("no page") };
    let upload = page.upload;
    (lone, upload)
}

fn push(upload: UploadId) -> Push {
    Push { upload, length: (BLOCKS * BLOCK) as u64, path: path("file") }
}

/// The same with a push that is open, under operation 2.
fn pushed() -> (Lone, UploadId) {
    let (mut lone, upload) = server();
    lone.hear(2, Body::Push(push(upload)));
    lone.settle();
    assert_eq!(bodies(&mut lone), []);
    (lone, upload)
}

fn have(upload: UploadId, first: u32, cvs: Vec<Option<Cv>>) -> Body {
    Body::Have(HavePage { upload, first, cvs, last: false })
}

fn says(lone: &mut Lone, operation: u32, said: impl IntoIterator<Item = Body>) -> Vec<Body> {
    said.into_iter().for_each(|body| lone.hear(operation, body));
    lone.settle();
    lone.step(Input::Room((), 4 << 20));
    lone.settle();
    let credit = |body: &Body| matches!(body, Body::Credit(_));
    bodies(lone).into_iter().filter(|body| !credit(body)).collect()
}

fn blocks(range: std::ops::Range<usize>) -> impl Iterator<Item = Body> {
    range.map(|number| Body::Data(block(&content(), number)))
}

fn commit() -> Body {
    Body::Commit(Commit { root: root(&content()) })
}

#[test]
fn what_others_have_brought_is_published() {
    let (mut lone, upload) = pushed();
    let cvs = |range: std::ops::Range<usize>| range.map(|n| block(&content(), n).cv).collect::<Vec<_>>();
    assert_eq!(says(&mut lone, 2, blocks(0..16)), [have(upload, 0, cvs(0..16))]);
    assert_eq!(says(&mut lone, 2, blocks(16..18)), [], "an extent is not whole");
    assert_eq!(says(&mut lone, 2, [Body::Next]), [have(upload, 16, cvs(16..18))]);
    assert_eq!(says(&mut lone, 2, [Body::Done]), [Body::Done]);
    let missing = Body::Want(vec![Range { first: 18, count: 2 }]);
    assert_eq!(says(&mut lone, 1, [commit()]), [missing]);
    let rest: Vec<Body> = blocks(18..20).chain([commit()]).collect();
    assert_eq!(says(&mut lone, 1, rest), [Body::Committed(root(&content()))]);
    assert!(lone.files.get("file") == Some(content()));
}

#[test]
fn blocks_may_come_before_the_upload_is_found_and_a_hole_is_one() {
    let (mut lone, upload) = server();
    let zeros = vec![0; BLOCKS * BLOCK];
    let hole = Body::Hole(Hole { offset: 0, length: 16 * BLOCK as u64 });
    let cvs = |range: std::ops::Range<usize>| range.map(|n| block(&zeros, n).cv).collect::<Vec<_>>();
    let said = [Body::Push(push(upload)), hole, Body::Data(block(&zeros, 17)), Body::Done];
    let answer = says(&mut lone, 2, said);
    assert_eq!(answer, [have(upload, 0, cvs(0..16)), have(upload, 17, cvs(17..18)), Body::Done]);
}

#[test]
fn a_block_that_is_damaged_is_told_of_as_not_held_and_three_times_is_too_much() {
    let (mut lone, upload) = pushed();
    for _ in 0..2 {
        assert_eq!(says(&mut lone, 2, [damaged(3), Body::Next]), [have(upload, 3, vec![None])]);
    }
    let said = says(&mut lone, 2, [damaged(3), Body::Next]);
    assert!(matches!(&said[..], [Body::Failed(failure)] if failure.code == Code::BLOCK_DAMAGED), "{said:?}");
}

#[test]
fn an_upload_that_is_not_under_way_is_refused_clearly() {
    let (mut lone, upload) = server();
    let foreign = [
        Push { upload: UploadId(upload.0 ^ 1), ..push(upload) },
        Push { length: 5, ..push(upload) },
        Push { path: path("other"), ..push(upload) },
    ];
    for (operation, push) in (2..).zip(foreign) {
        let said = says(&mut lone, operation, [Body::Push(push)]);
        let [Body::Failed(failure)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(failure.code, Code::NOT_FOUND);
        assert!(failure.text.contains("no upload of this name"), "{}", failure.text);
    }
    says(&mut lone, 1, blocks(0..20).chain([commit()]));
    let said = says(&mut lone, 9, [Body::Push(push(upload))]);
    assert!(matches!(&said[..], [Body::Failed(failure)] if failure.code == Code::NOT_FOUND), "{said:?}");
}

#[test]
fn once_the_first_connection_has_committed_nothing_is_taken() {
    let (mut lone, _) = pushed();
    assert!(matches!(says(&mut lone, 1, [commit()])[..], [Body::Want(_)]));
    let said = says(&mut lone, 2, [Body::Data(block(&content(), 0)), Body::Next]);
    assert!(matches!(&said[..], [Body::Failed(failure)] if failure.code == Code::SUPERSEDED), "{said:?}");
}

/// Whoever writes over what the own connection has brought, before its commit, spoils its own upload and nothing else.
#[test]
fn what_others_write_over_is_looked_at_again() {
    let (mut lone, upload) = pushed();
    says(&mut lone, 1, blocks(0..20));
    let lie = Body::Data(block(&vec![7; BLOCKS * BLOCK], 4));
    assert!(matches!(says(&mut lone, 2, [lie, Body::Next])[..], [Body::Have(_)]));
    assert_eq!(says(&mut lone, 1, [commit()]), [Body::Want(vec![Range { first: 4, count: 1 }])]);
    let again: Vec<Body> = blocks(4..5).chain([commit()]).collect();
    assert_eq!(says(&mut lone, 1, again), [Body::Committed(root(&content()))]);
    assert!(lone.files.get("file") == Some(content()));
    assert!(upload != UploadId(0));
}

#[test]
fn two_that_write_the_same_block_leave_what_was_written_last_to_be_hashed() {
    let (mut lone, upload) = pushed();
    says(&mut lone, 2, blocks(0..20));
    let said = says(&mut lone, 3, [Body::Push(push(upload)), Body::Data(block(&content(), 4)), Body::Done]);
    assert_eq!(said.last(), Some(&Body::Done));
    assert_eq!(says(&mut lone, 1, [commit()]), [Body::Committed(root(&content()))]);
}

#[test]
fn a_client_that_breaks_a_rule_of_it_is_in_breach() {
    let part = |length: usize| Data {
        cv: None,
        payload: Rope::from(Bytes::from(vec![0; length])),
        ..block(&content(), 0)
    };
    let holes = || {
        (0..2 * BLOCKS)
            .map(|i| Body::Hole(Hole { offset: (i % BLOCKS * BLOCK) as u64, length: BLOCK as u64 }))
    };
    let breaches: Vec<(&str, Vec<Body>)> = vec![
        ("a block that came", blocks(0..16).chain(blocks(3..4)).collect()),
        ("an end within a block", vec![Body::Data(part(100)), Body::Done]),
        ("a question within a block", vec![Body::Data(part(100)), Body::Next]),
        ("a hole twice", holes().collect()),
        ("a commit", vec![commit()]),
        (
            "a block that is not there",
            vec![Body::Hole(Hole { offset: (BLOCKS * BLOCK) as u64, length: BLOCK as u64 })],
        ),
    ];
    for (what, frames) in breaches {
        let (mut lone, _) = pushed();
        // What is over is nobody's concern any more: pages wait.
        lone.step(Input::Room((), 0));
        frames.into_iter().for_each(|body| lone.hear(2, body));
        lone.settle();
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
    let mut without = served();
    without.hear(1, Body::Push(push(UploadId(1))));
    assert_eq!(broken(&mut without), Code::UNEXPECTED, "a push without the capability");
}

/// A client that has sent the first two blocks of a file.
fn client() -> Lone {
    let mut lone = Lone::client(limits());
    lone.files.put("file", &content());
    lone.preamble();
    lone.hear(0, Body::Hello(pushes()));
    lone.step(Input::Room((), 4 << 20));
    let version = version();
    let what = Pushed { root: RootId(0), source: path("file"), version, push: push(UploadId(7)) };
    lone.step(Input::Command(Command::Start(Tag(1), Request::Push(what))));
    lone.settle();
    lone.step(Input::Command(Command::Share(Tag(1), ShareOrder::Want(vec![Range { first: 0, count: 2 }]))));
    lone.settle();
    lone
}

/// The version of the file, as a server would tell it: the store is the same.
fn version() -> u128 {
    let mut lone = Lone::server(limits());
    lone.files.put("file", &content());
    lone.preamble();
    lone.hear(0, Body::Hello(hello()));
    lone.hear(1, Body::Get(towline::wire::Get { path: path("file"), version: 0 }));
    lone.settle();
    let offer = bodies(&mut lone).into_iter().find_map(|body| match body {
        Body::Offer(offer) => Some(offer.version),
        _ => None,
    });
    offer.expect("an offer")
}

fn shared(lone: &Lone) -> Vec<ShareEvent> {
    let events = lone.events.iter().filter_map(|event| match event {
        Event::Op(_, OpEvent::Share(event)) => Some(event.clone()),
        _ => None,
    });
    events.collect()
}

#[test]
fn a_client_tells_what_has_landed_and_sends_again_what_has_not() {
    let mut lone = client();
    let said = bodies(&mut lone);
    assert!(matches!(said[..], [_, Body::Push(_), Body::Data(_), Body::Data(_), Body::Next]), "{said:?}");
    lone.hear(1, have(UploadId(7), 0, vec![None, block(&content(), 1).cv]));
    lone.settle();
    assert!(matches!(bodies(&mut lone)[..], [Body::Data(_), Body::Next]));
    let landed =
        ShareEvent::Landed { first: 1, cvs: vec![block(&content(), 1).cv.unwrap()], bytes: BLOCK as u64 };
    assert_eq!(shared(&lone), [ShareEvent::Ready, landed, ShareEvent::Damaged]);
    lone.hear(1, have(UploadId(7), 0, vec![block(&content(), 0).cv]));
    lone.step(Input::Command(Command::Share(Tag(1), ShareOrder::Finish)));
    assert_eq!(bodies(&mut lone), [Body::Done]);
    lone.hear(1, Body::Done);
    lone.settle();
    assert!(is_finished(&lone));
}

#[test]
fn a_server_that_says_something_else_is_in_breach() {
    let cv = block(&content(), 0).cv;
    let breaches: Vec<(&str, Body)> = vec![
        ("a block that was not given", have(UploadId(7), 2, vec![cv])),
        ("another upload", have(UploadId(8), 0, vec![cv])),
        ("a last page", Body::Have(HavePage { upload: UploadId(7), first: 0, cvs: vec![cv], last: true })),
        ("an end that nobody asked for", Body::Done),
        ("data", Body::Data(block(&content(), 0))),
    ];
    for (what, body) in breaches {
        let mut lone = client();
        lone.heard();
        lone.hear(1, body);
        lone.settle();
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
}

#[test]
fn a_server_that_never_has_a_block_is_given_up() {
    let mut lone = client();
    for _ in 0..17 {
        assert!(!is_finished(&lone));
        lone.hear(1, have(UploadId(7), 0, vec![None]));
        lone.settle();
    }
    assert!(is_finished(&lone));
}
