//! Bytes of a file in order: ranges, what is printed when the connection breaks, versions, damage.

use towline::harness::{Fault, Lone, Pair, PairConfig, Side};
use towline::proto::client::{Command, LinkId, RetryPolicy};
use towline::proto::machine::{End, Input};
use towline::proto::op::{OpDone, Printed, PrintedPart};
use towline::proto::session::{self, Request, Tag};
use towline::proto::storage::StreamId;
use towline::store::FileErrorKind;
use towline::store::memory::Primitive;
use towline::store::streams::{MemoryPipe, Stream};
use towline::wire::{Body, Code, Cv, Data, Offer, Read, Rope, Span};

use crate::help::*;

const MIB: usize = 1 << 20;
const OUT: StreamId = StreamId(0);

fn print(span: Span) -> Request {
    Request::Print { stream: OUT, path: path("file"), span, printed: Printed::default() }
}

fn output() -> Stream<MemoryPipe> {
    Stream::new(MemoryPipe::default())
}

/// A pair whose server has `content`, and whose client an output.
fn prepared(config: PairConfig, content: &[u8]) -> Pair {
    let mut pair = Pair::new(config);
    pair.served.put("file", content);
    pair.streams_of_client.insert(OUT, output());
    pair
}

fn printed(pair: &Pair) -> &[u8] {
    &pair.streams_of_client[&OUT].pipe().output
}

const WHOLE: Span = Span::Rest { first: 0 };

#[test]
fn a_whole_file_is_printed_and_its_root_compared() {
    for length in [0, 1, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 77] {
        let content = noise(length);
        let mut pair = prepared(PairConfig::default(), &content);
        let part = PrintedPart {
            length: length as u64,
            bytes: length as u64,
            root: Some(root(&content)),
            blocks_refused: 0,
        };
        assert_eq!(pair.carry_out(print(WHOLE)), Ok(OpDone::Printed(part)), "{length}");
        assert!(printed(&pair) == content, "{length}");
        pair.close();
    }
}

#[test]
fn a_range_is_what_it_says_and_moves_only_the_blocks_that_cover_it() {
    let content = noise(5 * MIB + 77);
    let end = content.len();
    let range = |first: usize, last: u64| Span::Range { first: first as u64, last };
    let cases = [
        (range(0, 0), 0, 1, 1),
        (range(0, u64::MAX), 0, end, 6),
        (range(10, 19), 10, 20, 1),
        (range(MIB - 1, MIB as u64), MIB - 1, MIB + 1, 2),
        (range(2 * MIB, 3 * MIB as u64 - 1), 2 * MIB, 3 * MIB, 1),
        (range(end - 1, u64::MAX), end - 1, end, 1),
        (Span::Last { count: 1 }, end - 1, end, 1),
        (Span::Last { count: 78 }, end - 78, end, 2),
        (Span::Last { count: u64::MAX }, 0, end, 6),
    ];
    for (span, first, last, blocks) in cases {
        let mut pair = prepared(PairConfig::default(), &content);
        let Ok(OpDone::Printed(part)) = pair.carry_out(print(span)) else { panic!("{span:?}") };
        assert_eq!((part.bytes, part.root), ((last - first) as u64, None), "{span:?}");
        assert!(printed(&pair) == &content[first..last], "{span:?}");
        let moved = pair.trace.text().matches(" block ").count();
        assert_eq!(moved, blocks, "{span:?}");
        pair.close();
    }
}

#[test]
fn a_range_beyond_the_end_is_refused() {
    for (length, span) in [
        (0, Span::Range { first: 0, last: 9 }),
        (0, Span::Last { count: 1 }),
        (100, Span::Range { first: 100, last: u64::MAX }),
        (100, Span::Rest { first: 101 }),
    ] {
        let mut pair = prepared(PairConfig::default(), &noise(length));
        assert_eq!(code(pair.carry_out(print(span))), Code::RANGE, "{span:?}");
        assert!(printed(&pair).is_empty());
        pair.close();
    }
    let mut pair = pair();
    pair.streams_of_client.insert(OUT, output());
    assert_eq!(code(pair.carry_out(print(WHOLE))), Code::NOT_FOUND);
    pair.close();
}

/// Wherever the connection breaks, the next attempt goes on where the output stopped: every byte is printed once.
#[test]
fn a_lost_connection_prints_nothing_twice() {
    let content = noise(3 * MIB + 500_000);
    let last = (2 * MIB + 5) as u64;
    for span in [WHOLE, Span::Range { first: 300_000, last }, Span::Last { count: 1_200_000 }] {
        let (first, end) = span.within(content.len() as u64).expect("within");
        for after in (100..4_200_000).step_by(263_001) {
            let faults = vec![Fault::Reset(0, Side::Server, after), Fault::Reset(1, Side::Server, after / 2)];
            let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
            let result = pair.carry_out(print(span));
            let Ok(OpDone::Printed(part)) = result else { panic!("{span:?} at {after}: {result:?}") };
            assert!(printed(&pair) == &content[first as usize..end as usize], "{span:?} at {after}");
            assert_eq!(part.bytes, end - first);
            assert_eq!(part.root, (span == WHOLE).then(|| root(&content)));
            pair.close();
        }
    }
}

/// Near the end, where all is printed and only the answer is missing.
#[test]
fn a_lost_answer_is_asked_for_again() {
    let content = noise(MIB + 9);
    for span in [WHOLE, Span::Range { first: 5, last: 1_000_000 }] {
        let mut calm = prepared(PairConfig::default(), &content);
        calm.carry_out(print(span)).expect("printed");
        let all = calm.sent(towline::proto::client::LinkId(0), Side::Server);
        for before in 1..80 {
            let faults = vec![Fault::Reset(0, Side::Server, all - before)];
            let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
            let Ok(OpDone::Printed(part)) = pair.carry_out(print(span)) else { panic!("{before}") };
            assert_eq!(printed(&pair).len() as u64, part.bytes, "{before}");
            pair.close();
        }
        calm.close();
    }
}

#[test]
fn another_version_is_not_printed_behind_the_first() {
    let mut pair = prepared(
        PairConfig { faults: vec![Fault::Reset(0, Side::Server, 2_500_000)], ..PairConfig::default() },
        &noise(4 * MIB),
    );
    let job = pair.start(print(WHOLE));
    pair.run_until(|pair| retries(pair) == 1);
    let before = printed(&pair).to_vec();
    assert!(before == noise(4 * MIB)[..before.len()] && !before.is_empty());
    pair.served.put("file", &noise(4 * MIB + 1));
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(code(pair.result(job).expect("over")), Code::CHANGED);
    assert_eq!(retries(&pair), 1, "a version that is gone is not asked for again and again");
    assert_eq!(printed(&pair), before);
    pair.close();
}

#[test]
fn a_file_that_changes_in_the_middle_is_a_clear_error() {
    let policy = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let mut pair = prepared(PairConfig { policy, ..PairConfig::default() }, &noise(30 * MIB));
    let job = pair.start(print(WHOLE));
    pair.run_until(|pair| !printed(pair).is_empty());
    pair.served.put("file", b"another");
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(code(pair.result(job).expect("over")), Code::CHANGED);
    assert!(noise(30 * MIB).starts_with(printed(&pair)));
    pair.close();
}

#[test]
fn nothing_damaged_is_printed_and_the_block_comes_again() {
    let content = noise(2 * MIB);
    for bit in [8 * 700_000, 8 * 1_500_000] {
        let faults = vec![Fault::Flip(0, Side::Server, bit)];
        let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
        let Ok(OpDone::Printed(part)) = pair.carry_out(print(WHOLE)) else { panic!("not printed") };
        assert_eq!((part.blocks_refused, part.bytes), (1, content.len() as u64));
        assert!(printed(&pair) == content);
        pair.close();
    }
}

#[test]
fn an_output_that_fails_ends_it() {
    let mut pair = prepared(PairConfig::default(), &noise(3 * MIB));
    let pipe = MemoryPipe { capacity: Some(2 * MIB), ..MemoryPipe::default() };
    pair.streams_of_client.insert(OUT, Stream::new(pipe));
    assert_eq!(code(pair.carry_out(print(WHOLE))), Code::NO_SPACE);
    assert!(printed(&pair) == &noise(3 * MIB)[..2 * MIB]);
    assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
    pair.close();
}

/// What fails while the connection is lost may have printed a part: no other version comes behind it, not even an empty one.
#[test]
fn an_output_that_fails_as_the_connection_is_lost_ends_it() {
    let content = noise(MIB);
    let prepared = |faults| {
        let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
        let pipe = MemoryPipe { capacity: Some(700_000), ..MemoryPipe::default() };
        pair.streams_of_client.insert(OUT, Stream::new(pipe));
        pair
    };
    let mut calm = prepared(Vec::new());
    assert_eq!(code(calm.carry_out(print(WHOLE))), Code::NO_SPACE);
    let total = calm.sent(LinkId(0), Side::Server);
    let mut retried = 0;
    for after in total - 60..=total {
        let mut pair = prepared(vec![Fault::Reset(0, Side::Server, after)]);
        let job = pair.start(print(WHOLE));
        pair.run_until(|pair| retries(pair) == 1 || pair.result(job).is_some());
        if pair.result(job).is_none() {
            assert!(printed(&pair).is_empty(), "{after}");
            retried += 1;
        }
        pair.served.put("file", b"");
        pair.run_until(|pair| pair.result(job).is_some());
        match pair.result(job).expect("over") {
            Ok(_) => assert!(printed(&pair).is_empty(), "{after}"),
            failed => assert_eq!(code(failed), Code::NO_SPACE, "{after}"),
        }
        pair.close();
    }
    assert!(retried < 61, "the connection was never lost as the output failed");
}

#[test]
fn a_disk_that_fails_there_is_told() {
    let mut pair = prepared(PairConfig::default(), &noise(3 * MIB));
    pair.served.fail(Primitive::ReadAt, 1, FileErrorKind::Other.into());
    assert_eq!(code(pair.carry_out(print(WHOLE))), Code::IO);
    pair.close();
}

#[test]
fn it_is_cancelled_at_every_moment_and_what_was_printed_is_right() {
    let (mut won, content) = (0, noise(MIB + 300_000));
    for moment in 0.. {
        let mut pair = prepared(PairConfig::default(), &content);
        let job = pair.start(print(WHOLE));
        let moments = (0..moment).take_while(|_| pair.result(job).is_none() && pair.advance()).count();
        if moments < moment {
            assert!(moment > 2 * won, "{won} of {moment} were too late");
            break;
        }
        pair.command(Command::Cancel(job));
        pair.run_until(|pair| pair.result(job).is_some());
        match pair.result(job).expect("over") {
            Ok(_) => won += 1,
            result => assert_eq!(code(result), Code::CANCELLED),
        }
        assert!(content.starts_with(printed(&pair)));
        assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
        pair.close();
    }
}

/// A client that has asked for all of a file of 100 bytes, and has heard what it is.
fn asked(span: Span) -> Lone {
    let mut lone = client();
    lone.streams.insert(OUT, output());
    lone.step(Input::Command(session::Command::Start(Tag(1), print(span))));
    assert!(matches!(&bodies(&mut lone)[..], [Body::Read(_)]));
    lone.hear(1, Body::Offer(Offer { version: 7, ..offer("file", 100) }));
    lone
}

fn data(offset: u64, length: usize, cv: Option<Cv>) -> Body {
    Body::Data(Data { offset, cv, payload: Rope::from(bytes::Bytes::from(noise(length))) })
}

#[test]
fn a_server_that_breaks_a_rule_of_it_is_in_breach() {
    let right = || root(&noise(100));
    let breaches: Vec<(&str, Vec<Body>)> = vec![
        ("data out of order", vec![data(1, 99, Some(right()))]),
        ("data beyond the end", vec![data(0, 101, Some(right()))]),
        ("a value too early", vec![data(0, 50, Some(right()))]),
        ("no value at the end", vec![data(0, 100, None)]),
        ("an end before the data", vec![Body::Committed(right())]),
        ("another end", vec![data(0, 100, Some(right())), Body::Done]),
        ("a second offer", vec![Body::Offer(Offer { version: 7, ..offer("file", 100) })]),
        ("another answer", vec![Body::Next]),
    ];
    for (what, frames) in breaches {
        let mut lone = asked(WHOLE);
        frames.into_iter().for_each(|body| lone.hear(1, body));
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
    for wrong in [offer("file", 100), Offer { version: 7, ..offer("other", 100) }] {
        let mut lone = client();
        lone.streams.insert(OUT, output());
        lone.step(Input::Command(session::Command::Start(Tag(1), print(WHOLE))));
        lone.hear(1, Body::Offer(wrong));
        assert_eq!(broken(&mut lone), Code::UNEXPECTED);
    }
}

#[test]
fn a_root_that_is_not_that_of_what_was_printed_is_told() {
    let mut lone = asked(WHOLE);
    lone.hear(1, data(0, 100, Some(root(&noise(100)))));
    lone.hear(1, Body::Committed(root(b"other")));
    lone.settle();
    let failed = lone.events.iter().find_map(|event| match event {
        session::Event::Finished(_, result) => Some(result.clone()),
        _ => None,
    });
    let error = failed.expect("over").expect_err("the root differs");
    assert_eq!(error.failure.code, Code::ROOT_MISMATCH);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// What is not printed yet holds the server's credit: memory stays within the window.
#[test]
fn an_output_that_stands_still_holds_back_the_server() {
    let mut lone = client();
    lone.streams.insert(OUT, output());
    lone.step(Input::Command(session::Command::Start(Tag(1), print(WHOLE))));
    lone.hear(1, Body::Offer(Offer { version: 7, ..offer("file", 20 * MIB as u64) }));
    for segment in 0..32u64 {
        let cv = (segment % 4 == 3).then(|| root(b"any"));
        lone.hear(1, data(segment * 262_144, 262_144, cv));
    }
    assert_eq!(lone.asked.len(), 1, "one block at a time");
    assert!(!bodies(&mut lone).iter().any(|body| matches!(body, Body::Credit(_))), "nothing is let go of");
    lone.hear(1, data(8 * MIB as u64, 1, None));
    assert_eq!(broken(&mut lone), Code::CREDIT);
}

#[test]
fn a_client_that_goes_on_talking_is_in_breach() {
    for body in [Body::Next, Body::Committed(root(b"a"))] {
        let mut lone = served();
        lone.files.put("file", &noise(5 * MIB));
        lone.hear(1, Body::Read(Read { path: path("file"), version: 0, span: WHOLE }));
        lone.complete(0);
        lone.hear(1, body);
        assert_eq!(broken(&mut lone), Code::UNEXPECTED);
    }
}
