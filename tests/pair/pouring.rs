//! Streams of unknown length: whole or not at all, tried again as long as the input is kept, limits of the server's.

use bytes::Bytes;
use towline::harness::{Fault, Lone, Pair, PairConfig, Side};
use towline::proto::client::Command;
use towline::proto::machine::End;
use towline::proto::op::OpDone;
use towline::proto::session::Request;
use towline::proto::storage::{REPLAY_MAX, StreamId};
use towline::proto::tree::Stack;
use towline::store::FileErrorKind;
use towline::store::memory::Primitive;
use towline::store::streams::{MemoryPipe, Stream};
use towline::wire::{self, Body, Code, Cv, Data, Modified, RequestId, Rope, StreamEnd};

use crate::help::*;

const MIB: usize = 1 << 20;
const INPUT: StreamId = StreamId(0);
const OLD: &[u8] = b"the old file";

fn stream() -> wire::Stream {
    let modified = Modified { seconds: 9, nanoseconds: 0 };
    wire::Stream { path: path("file"), mode: 0o640, modified, request: RequestId(5), attempt: 1 }
}

fn pour() -> Request {
    Request::Pour { stream: INPUT, to: stream() }
}

/// A pair whose client has `content` to pour over an old file.
fn prepared(config: PairConfig, content: &[u8]) -> Pair {
    let mut pair = Pair::new(config);
    pair.served.put("file", OLD);
    let pipe = MemoryPipe { input: Bytes::copy_from_slice(content), ..MemoryPipe::default() };
    pair.streams_of_client.insert(INPUT, Stream::new(pipe));
    pair
}

#[test]
fn a_stream_of_any_length_becomes_a_file() {
    for length in [0, 1, 65_536, MIB - 1, MIB, MIB + 1, 2 * MIB, 5 * MIB + 77, 9 * MIB] {
        let content = noise(length);
        let mut pair = prepared(PairConfig::default(), &content);
        assert_eq!(pair.carry_out(pour()), Ok(moved(&content, 0)), "{length}");
        assert!(pair.served.get("file").as_deref() == Some(&content), "{length}");
        pair.close();
    }
}

#[test]
fn several_at_once_take_turns() {
    let mut pair = prepared(PairConfig::default(), &noise(5 * MIB));
    let pipe = MemoryPipe { input: noise(4 * MIB + 1).into(), ..MemoryPipe::default() };
    pair.streams_of_client.insert(StreamId(1), Stream::new(pipe));
    let to = wire::Stream { path: path("other"), request: RequestId(6), ..stream() };
    pair.local.put("third", &noise(3 * MIB));
    let jobs =
        [pair.start(pour()), pair.start(Request::Pour { stream: StreamId(1), to }), pair.start(put("third"))];
    pair.run_until(|pair| jobs.iter().all(|job| pair.result(*job).is_some()));
    assert!(jobs.iter().all(|job| pair.result(*job).is_some_and(|result| result.is_ok())));
    assert!(pair.served.get("file").as_deref() == Some(&noise(5 * MIB)));
    assert!(pair.served.get("other").as_deref() == Some(&noise(4 * MIB + 1)));
    pair.close();
}

/// As long as what was read is kept, a lost connection is only a delay; after that it is the end, and the old file stands.
#[test]
fn a_lost_connection_is_survived_while_the_input_is_kept() {
    let most = usize::try_from(REPLAY_MAX).expect("some extents");
    for (length, survives) in
        [(most - 1, true), (3 * MIB, true), (100, true), (most + 1, false), (20 * MIB, false)]
    {
        let content = noise(length);
        let after = (length as u64 * 9 / 10).max(130);
        let faults = vec![Fault::Reset(0, Side::Client, after)];
        let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
        let result = pair.carry_out(pour());
        let stands = pair.served.get("file").unwrap_or_default();
        assert_eq!(result.is_ok(), survives, "{length}: {result:?}");
        assert_eq!(retries(&pair), usize::from(survives));
        assert!(stands == if survives { &content[..] } else { OLD }, "{length}");
        pair.close();
    }
}

/// The answer is lost: the same request is not carried out twice, and the client is told that it was.
#[test]
fn a_lost_answer_is_heard_with_the_next_attempt() {
    let content = noise(2 * MIB);
    let mut calm = prepared(PairConfig::default(), &content);
    calm.carry_out(pour()).expect("poured");
    let all = calm.sent(towline::proto::client::LinkId(0), Side::Server);
    calm.close();
    for before in 1..70 {
        let faults = vec![Fault::Reset(0, Side::Server, all - before)];
        let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
        assert_eq!(pair.carry_out(pour()), Ok(moved(&content, 0)), "{before}");
        pair.close();
    }
}

#[test]
fn a_disk_that_runs_full_in_the_middle_leaves_the_old_file() {
    let mut pair = prepared(PairConfig::default(), &noise(9 * MIB));
    pair.served.set_capacity(4 * MIB as u64);
    assert_eq!(code(pair.carry_out(pour())), Code::NO_SPACE);
    assert_eq!(pair.served.get("file").as_deref(), Some(OLD));
    assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
    pair.close();
}

#[test]
fn a_disk_that_fails_leaves_the_old_file() {
    for primitive in [Primitive::WriteAt, Primitive::Rename, Primitive::Sync, Primitive::CreateFile] {
        let mut pair = prepared(PairConfig::default(), &noise(2 * MIB));
        pair.served.fail(primitive, 0, FileErrorKind::NoSpace.into());
        assert!(pair.carry_out(pour()).is_err(), "{primitive:?}");
        assert_eq!(pair.served.get("file").as_deref(), Some(OLD), "{primitive:?}");
        pair.close();
    }
}

#[test]
fn a_folder_in_its_place_is_refused() {
    let mut pair = Pair::new(PairConfig::default());
    pair.served.put_folder("file");
    pair.streams_of_client
        .insert(INPUT, Stream::new(MemoryPipe { input: noise(9).into(), ..MemoryPipe::default() }));
    assert_eq!(code(pair.carry_out(pour())), Code::NOT_A_FILE);
    pair.close();
}

#[test]
fn a_damaged_block_is_never_published() {
    for length in [MIB, 3 * MIB] {
        let content = noise(length);
        let faults = vec![Fault::Flip(0, Side::Client, 8 * 500_000)];
        let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &content);
        assert_eq!(pair.carry_out(pour()), Ok(moved(&content, 0)), "it is kept, so it comes again");
        assert_eq!(retries(&pair), 1);
        pair.close();
    }
    let faults = vec![Fault::Flip(0, Side::Client, 8 * 500_000)];
    let mut pair = prepared(PairConfig { faults, ..PairConfig::default() }, &noise(12 * MIB));
    assert_eq!(code(pair.carry_out(pour())), Code::CHECKSUM);
    assert_eq!(pair.served.get("file").as_deref(), Some(OLD));
    pair.close();
}

#[test]
fn it_is_cancelled_at_every_moment_and_the_old_file_stands_or_the_new_one() {
    let (mut won, content) = (0, noise(MIB + 300_000));
    for moment in 0.. {
        let mut pair = prepared(PairConfig::default(), &content);
        let job = pair.start(pour());
        let moments = (0..moment).take_while(|_| pair.result(job).is_none() && pair.advance()).count();
        if moments < moment {
            assert!(moment > won + 5, "{won} of {moment} were too late");
            break;
        }
        pair.command(Command::Cancel(job));
        pair.run_until(|pair| pair.result(job).is_some());
        let expected = match pair.result(job).expect("over") {
            Ok(_) => {
                won += 1;
                &content[..]
            }
            result => {
                assert_eq!(code(result), Code::CANCELLED);
                OLD
            }
        };
        assert!(pair.served.get("file").as_deref() == Some(expected));
        assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
        pair.close();
    }
}

fn begun() -> Lone {
    let mut lone = served();
    lone.hear(1, Body::Stream(stream()));
    lone
}

fn block(bytes: &[u8], offset: u64) -> Cv {
    use blake3::hazmat::HasherExt;
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset).update(bytes);
    Cv(hasher.finalize_non_root())
}

fn data(offset: u64, bytes: &[u8], cv: Option<Cv>) -> Body {
    Body::Data(Data { offset, cv, payload: Rope::from(Bytes::copy_from_slice(bytes)) })
}

fn end(length: u64, root: Cv) -> Body {
    Body::End(StreamEnd { length, root })
}

#[test]
fn a_client_that_breaks_a_rule_of_it_is_in_breach() {
    let one = || data(0, b"abc", Some(block(b"abc", 0)));
    let breaches: Vec<(&str, Vec<Body>)> = vec![
        ("a gap", vec![data(1, b"abc", None)]),
        ("a block after a short one", vec![one(), data(3, b"d", Some(block(b"d", 0)))]),
        ("an end within a block", vec![data(0, b"abc", None), end(3, root(b"abc"))]),
        ("an end of another length", vec![one(), end(4, root(b"abc"))]),
        ("data after the end", vec![one(), end(3, root(b"abc")), data(3, b"d", None)]),
        ("two ends", vec![one(), end(3, root(b"abc")), end(3, root(b"abc"))]),
        ("an ordinary commit", vec![one(), Body::Commit(wire::Commit { root: root(b"abc") })]),
        ("a block without its value", {
            let quarter = vec![0; 262_144];
            (0..4).map(|number| data(number * 262_144, &quarter, None)).collect()
        }),
    ];
    for (what, frames) in breaches {
        let mut lone = begun();
        frames.into_iter().for_each(|body| lone.hear(1, body));
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
        assert_eq!(lone.files.get("file"), None);
    }
}

#[test]
fn a_root_that_is_not_that_of_what_came_is_refused() {
    for (blocks, wrong) in [(0, root(b"other")), (1, block(&[7; 9], 0)), (2, root(b"other"))] {
        let mut lone = begun();
        let mut length = 0;
        if blocks == 2 {
            let quarter = vec![7; 262_144];
            for number in 0..4 {
                let cv = (number == 3).then(|| block(&vec![7; MIB], 0));
                lone.hear(1, data(number * 262_144, &quarter, cv));
            }
            length = MIB as u64;
        }
        if blocks > 0 {
            lone.hear(1, data(length, &[7; 9], Some(block(&[7; 9], length))));
            length += 9;
        }
        lone.hear(1, end(length, wrong));
        lone.settle();
        let said = bodies(&mut lone);
        assert!(
            matches!(said.last(), Some(Body::Failed(why)) if why.code == Code::ROOT_MISMATCH),
            "{blocks}: {said:?}"
        );
        assert_eq!(lone.files.get("file"), None);
        lone.peer_ends(End::Reset);
        lone.run_out();
    }
}

#[test]
fn mode_and_time_are_those_that_were_said() {
    let mut lone = begun();
    lone.hear(1, end(0, Stack::default().root()));
    lone.settle();
    assert!(matches!(bodies(&mut lone).last(), Some(Body::Committed(of)) if *of == root(b"")));
    lone.hear(2, Body::Stat(path("file")));
    lone.settle();
    let said = bodies(&mut lone);
    let Some(Body::Metadata(metadata)) = said.last() else { panic!("{said:?}") };
    assert_eq!((metadata.mode, metadata.modified.seconds), (0o640, 9));
    lone.peer_ends(End::Reset);
    lone.run_out();
}
