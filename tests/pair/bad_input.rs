//! Every row of bad input that machines can see: a clear error, and nothing lost.

use towline::harness::Pair;
use towline::proto::machine::End;
use towline::proto::op::OpDone;
use towline::proto::session::{Request, SessionEnd};
use towline::store::FileErrorKind;
use towline::store::memory::Primitive;
use towline::wire::{Attempt, Body, Code, Frame, Header, OperationId, PREAMBLE, RequestId};

use crate::help::*;

const OLD: &[u8] = b"the old file";

/// A put of `length` bytes over an old file fails with `expected`, and the old file stands.
fn put_fails(length: usize, prepare: impl Fn(&Pair), expected: Code) {
    let mut pair = pair();
    pair.served.put("file", OLD);
    pair.local.put("file", &noise(length));
    prepare(&pair);
    assert_eq!(code(pair.carry_out(put("file"))), expected, "{length} bytes");
    assert_eq!(pair.served.get("file").as_deref(), Some(OLD));
    assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
    pair.close();
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut pair = pair();
    pair.local.put("file", OLD);
    for request in [fetch("nothing"), stat("nothing"), list("nothing"), remove("nothing", 1)] {
        assert_eq!(code(pair.carry_out(request)), Code::NOT_FOUND);
    }
    assert_eq!(code(pair.carry_out(fetch("file"))), Code::NOT_FOUND);
    assert_eq!(pair.local.get("file").as_deref(), Some(OLD), "what is here stays");
    pair.close();
}

#[test]
fn a_destination_that_is_a_folder_is_refused() {
    let mut pair = pair();
    pair.served.put_folder("file");
    pair.local.put("file", &noise(100_000));
    assert_eq!(code(pair.carry_out(put("file"))), Code::NOT_A_FILE);
    pair.served.put("other", b"content");
    pair.local.put_folder("other");
    assert_eq!(code(pair.carry_out(fetch("other"))), Code::NOT_A_FILE);
    pair.close();
}

#[test]
fn a_folder_is_not_sent_and_a_file_is_not_listed() {
    let mut pair = pair();
    pair.served.put_folder("folder");
    pair.served.put("file", OLD);
    assert_eq!(code(pair.carry_out(fetch("folder"))), Code::NOT_A_FILE);
    assert_eq!(code(pair.carry_out(list("file"))), Code::NOT_A_FOLDER);
    pair.close();
}

#[test]
fn no_space_at_the_beginning() {
    put_fails(100_000, |pair| pair.served.set_capacity(50_000), Code::NO_SPACE);
    put_fails(5_000_000, |pair| pair.served.set_capacity(50_000), Code::NO_SPACE);
}

#[test]
fn no_space_in_the_middle() {
    for (length, passes) in [(1000, 0), (3_000_000, 0), (3_000_000, 7)] {
        let full = |pair: &Pair| pair.served.fail(Primitive::WriteAt, passes, FileErrorKind::NoSpace.into());
        put_fails(length, full, Code::NO_SPACE);
    }
}

#[test]
fn permission_denied_at_every_step_of_a_put() {
    let steps = [
        Primitive::CreateFile,
        Primitive::SetLen,
        Primitive::WriteAt,
        Primitive::SetMode,
        Primitive::Sync,
        Primitive::Rename,
    ];
    for step in steps {
        let deny = |pair: &Pair| pair.served.fail(step, 0, FileErrorKind::Denied.into());
        put_fails(1_000_000, deny, Code::DENIED);
        // The partial of a longer file is opened by a name that follows from it, as the lock was before.
        if step != Primitive::CreateFile {
            put_fails(2_000_000, deny, Code::DENIED);
        }
    }
    let deny = |pair: &Pair| pair.served.fail(Primitive::OpenOwn, 1, FileErrorKind::Denied.into());
    put_fails(2_000_000, deny, Code::DENIED);
}

#[test]
fn permission_denied_at_a_source() {
    for step in [Primitive::OpenFile, Primitive::ReadAt] {
        let mut pair = pair();
        pair.served.put("file", &noise(3_000_000));
        pair.local.put("file", OLD);
        pair.served.fail(step, 0, FileErrorKind::Denied.into());
        assert_eq!(code(pair.carry_out(fetch("file"))), Code::DENIED);
        assert_eq!(pair.local.get("file").as_deref(), Some(OLD));
        pair.close();
    }
}

#[test]
fn a_link_that_leads_outside_is_not_followed() {
    let mut pair = pair();
    pair.served.put_link("out", "../../etc/passwd");
    pair.served.put_link("absolute", "/etc/passwd");
    pair.served.put_link("folder", "..");
    pair.local.put("folder/file", b"content");
    for request in [fetch("out"), fetch("absolute"), fetch("folder/file"), list("folder"), put("folder/file")]
    {
        let code = code(pair.carry_out(request.clone()));
        assert_eq!(code, Code::OUTSIDE, "{request:?}");
    }
    pair.close();
}

/// A source that changes while it is sent is sent again; one that does not stop changing is given up.
#[test]
fn a_changing_source_is_retried_then_reported() {
    let mut pair = pair();
    pair.served.put("file", OLD);
    pair.local.put("file", &noise(3_000_000));
    let job = pair.start(put("file"));
    let mut last = 0;
    while pair.result(job).is_none() {
        assert!(pair.advance(), "it hangs");
        let opened = pair.local.take_log().iter().any(|step| step.primitive == Primitive::ReadAt);
        last += usize::from(opened);
        if opened {
            pair.local.put("file", &noise(3_000_000 + last));
        }
    }
    assert_eq!(code(pair.result(job).expect("over")), Code::CHANGED);
    assert_eq!(retries(&pair), 4);
    assert_eq!(pair.served.get("file").as_deref(), Some(OLD));
    let Request::Put { root, source, path, .. } = put("file") else { unreachable!("a put") };
    let again = Request::Put { root, source, path, attempt: Attempt::new(RequestId(1)) };
    assert_eq!(pair.carry_out(again), Ok(moved(&noise(3_000_000 + last), 0)), "it is quiet now");
    pair.close();
}

#[test]
fn another_protocol_is_told_so() {
    for bytes in
        [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01", &noise(4000)]
    {
        let mut lone = towline::harness::Lone::server(limits());
        lone.receive(bytes.to_vec());
        let said = bodies(&mut lone);
        assert!(matches!(&said[..], [Body::Refused(no)] if no.code == Code::NOT_TOWLINE), "{said:?}");
        assert!(lone.is_finished);
        assert_eq!(broken(&mut lone), Code::NOT_TOWLINE);
    }
}

#[test]
fn a_huge_length_is_refused_before_its_body_is_awaited() {
    for (kind, length) in [(0x10, u32::MAX), (0x23, 262_185), (0x90, 65_793), (0x01, 70_000)] {
        let mut lone = served();
        let header = Header { length, kind, flags: 0, operation: 1, crc: 0 };
        let header = Header { operation: u32::from(kind != 0x01), ..header };
        lone.receive(header.encode(b"").to_vec());
        assert_eq!(broken(&mut lone), Code::TOO_LONG, "kind {kind:#x}");
        assert!(lone.footprint_peak() < 1 << 20);
    }
}

#[test]
fn a_peer_that_stops_within_a_frame_is_let_go() {
    let frame = Frame::of(OperationId(1), Body::Stat(path("file"))).to_bytes();
    for cut in 1..frame.len() {
        let mut lone = served();
        lone.receive(frame[..cut].to_vec());
        assert_eq!(broken(&mut lone), Code::IDLE_TIMEOUT, "cut at {cut}");
    }
}

#[test]
fn a_peer_that_never_says_hello_is_let_go() {
    let hello = [&PREAMBLE[..], &Frame::connection(Body::Hello(hello())).to_bytes()].concat();
    for cut in 0..hello.len() {
        let mut lone = towline::harness::Lone::server(limits());
        lone.receive(hello[..cut].to_vec());
        assert_eq!(broken(&mut lone), Code::HANDSHAKE_TIMEOUT, "cut at {cut}");
    }
}

#[test]
fn a_peer_that_closes_early_is_noticed() {
    let mut lone = towline::harness::Lone::server(limits());
    lone.peer_ends(End::Orderly);
    assert_eq!(lone.run_out(), SessionEnd::Lost(End::Orderly));
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 100)));
    lone.peer_ends(End::Orderly);
    assert_eq!(lone.run_out(), SessionEnd::Lost(End::Orderly), "the end of a stream completes nothing");
    assert_eq!(lone.files.get("file"), None);
}
