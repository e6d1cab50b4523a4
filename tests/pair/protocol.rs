//! Handcrafted frames: versions, extensions, ignorable frames, and frames at the wrong time.

use towline::harness::Lone;
use towline::proto::machine::{End, Input};
use towline::proto::session::{Command, SessionEnd, Tag};
use towline::wire::{Body, Code, Commit, Frame, Get, Header, Hello, Refused, Start, Tlv};

use crate::help::*;

/// What a server answers to this `Hello`.
fn greet(hello: Hello) -> (Vec<Body>, Lone) {
    let mut lone = Lone::server(limits());
    lone.preamble();
    lone.hear(0, Body::Hello(hello));
    (bodies(&mut lone), lone)
}

#[test]
fn a_version_that_is_not_spoken_is_refused_with_those_that_are() {
    let (said, mut lone) = greet(Hello { lowest: 2, highest: 9, ..hello() });
    let [Body::Refused(no)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((no.code, no.lowest, no.highest), (Code::VERSION, 1, 1));
    assert_eq!(broken(&mut lone), Code::VERSION);
}

#[test]
fn a_wider_range_of_versions_agrees_on_ours() {
    let (said, mut lone) = greet(Hello { lowest: 1, highest: 9, ..hello() });
    assert!(matches!(&said[..], [Body::Hello(_)]));
    lone.peer_ends(End::Reset);
    lone.run_out();
}

#[test]
fn an_unknown_critical_extension_is_refused_and_another_passed_over() {
    let with = |kind| Hello { tlvs: vec![Tlv { kind, value: b"value".to_vec() }], ..hello() };
    let (said, mut lone) = greet(with(0x8001));
    assert!(matches!(&said[..], [Body::Refused(no)] if no.code == Code::CRITICAL), "{said:?}");
    assert_eq!(broken(&mut lone), Code::CRITICAL);
    let (said, mut lone) = greet(with(0x0001));
    assert!(matches!(&said[..], [Body::Hello(_)]), "{said:?}");
    lone.peer_ends(End::Reset);
    lone.run_out();
}

#[test]
fn a_client_hears_that_it_is_refused() {
    let mut lone = Lone::client(limits());
    lone.preamble();
    let refused = Refused { code: Code::VERSION, delay_ms: 0, lowest: 2, highest: 3, text: "too old".into() };
    lone.hear(0, Body::Refused(refused));
    let end = lone.run_out();
    assert!(matches!(end, SessionEnd::ByPeer(failure) if failure.code == Code::VERSION));
}

#[test]
fn an_unknown_ignorable_frame_is_skipped_in_the_middle_of_a_conversation() {
    let mut lone = served();
    let body = noise(1000);
    let header = Header { length: 1000, kind: 0xee, flags: 0x55, operation: 77, crc: 0 };
    lone.hear(1, Body::Echo(noise(5).into()));
    lone.receive([&header.encode(&body)[..], &body].concat());
    lone.hear(2, Body::Echo(noise(6).into()));
    assert_eq!(bodies(&mut lone), [Body::EchoReply(noise(5).into()), Body::EchoReply(noise(6).into())]);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// Each ends the connection with a reason: what comes before it, and the frame.
#[test]
fn frames_at_the_wrong_time_end_the_connection() {
    let wrong: &[(&str, Vec<(u32, Body)>)] = &[
        ("a second Hello", vec![(0, Body::Hello(hello()))]),
        ("an operation that begins with Cancel", vec![(1, Body::Cancel)]),
        ("an operation that begins with Commit", vec![(1, Body::Commit(Commit { root: root(b"") }))]),
        ("an id that was used", vec![(5, Body::Echo(noise(1).into())), (5, Body::Echo(noise(1).into()))]),
        ("an id below one that was used", vec![(5, Body::Echo(noise(1).into())), (4, Body::Stat(path("a")))]),
        ("a question within an answer", vec![(1, Body::List(path(""))), (1, Body::Stat(path("a")))]),
        (
            "a commit within a block",
            vec![
                (1, Body::Offer(offer("a", 100))),
                (1, Body::Commit(Commit { root: root(b"") })),
                (1, Body::Next),
            ],
        ),
        ("a reply", vec![(1, Body::Get(Get { path: path("a"), version: 0 })), (1, Body::Done)]),
    ];
    for (what, frames) in wrong {
        let mut lone = served();
        for (operation, body) in frames {
            lone.hear(*operation, body.clone());
        }
        lone.settle();
        let said = bodies(&mut lone);
        assert!(
            matches!(said.last(), Some(Body::Failed(no)) if no.code == Code::UNEXPECTED),
            "{what}: {said:?}"
        );
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
}

#[test]
fn one_operation_too_many_is_refused_and_the_others_go_on() {
    let mut lone = served();
    lone.files.put("file", b"content");
    (1..=257).for_each(|id| lone.hear(id, Body::Stat(path("file"))));
    lone.settle();
    let said = bodies(&mut lone);
    assert!(matches!(&said[0], Body::Failed(no) if no.code == Code::TOO_MANY_OPERATIONS));
    assert_eq!(said.iter().filter(|body| matches!(body, Body::Metadata(_))).count(), 256);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// The last page is the answer; that the folder is still being closed is the server's own matter.
#[test]
fn an_answered_operation_takes_no_place() {
    let mut lone = served();
    for id in 1..=100 {
        lone.hear(id, Body::List(path("")));
        lone.complete(lone.asked.len() - 1);
        lone.complete(lone.asked.len() - 1);
        let said = bodies(&mut lone);
        assert!(matches!(&said[..], [Body::Page(_)]), "{id}: {said:?}");
    }
    lone.settle();
    lone.peer_ends(End::Reset);
    lone.run_out();
}

#[test]
fn a_client_takes_only_the_version_that_it_asked_for() {
    for (asked, given, is_taken) in [(0, 7, true), (7, 7, true), (7, 8, false)] {
        let mut lone = client();
        let get = Get { path: path("file"), version: asked };
        let request = towline::proto::session::Request::Fetch {
            root: Lone::ROOT,
            at: path("here"),
            get,
            start: Start::Resume,
        };
        lone.step(Input::Command(Command::Start(Tag(1), request)));
        let answer = towline::wire::Offer { version: given, ..offer("file", 100_000) };
        lone.receive(Frame::of(towline::wire::OperationId(1), Body::Offer(answer)).to_bytes());
        assert_eq!(lone.asked.len(), usize::from(is_taken), "asked for {asked}, given {given}");
        lone.peer_ends(End::Reset);
        lone.run_out();
    }
}

/// The client distrusts the server as much as the reverse.
#[test]
fn a_server_cannot_send_what_was_not_asked_for() {
    let unasked = [
        Body::Offer(offer("file", 10)),
        Body::Echo(noise(1).into()),
        Body::Get(Get { path: path("a"), version: 0 }),
    ];
    for body in unasked {
        let mut lone = client();
        lone.hear(1, body);
        assert_eq!(broken(&mut lone), Code::UNEXPECTED);
        assert!(lone.asked.is_empty());
    }
}

#[test]
fn a_finished_operation_is_told_once() {
    let mut lone = served();
    lone.hear(1, Body::Echo(noise(1).into()));
    assert!(is_finished(&lone));
    lone.peer_ends(End::Reset);
    lone.run_out();
}
