//! Parsers of what is not frames: paths, what the store has written down, the beginning of a connection.

use super::script::Script;
use super::{CUTS, mend};
use crate::harness::Lone;
use crate::proto::Limits;
use crate::proto::machine::End;
use crate::proto::session::Event;
use crate::store::{check_journal, check_log};
use crate::wire::limits::{DEPTH_MAX, NAME_MAX, PATH_MAX};
use crate::wire::{Body, Decoder, Frame, Hello, OperationId, PREAMBLE, RESERVED, RelPath, VERSION};

/// Any bytes as a path, and its first line as another: what is taken has none of the ways out of a root, has one form, and
/// stays what it is when it is joined and taken apart. What is joined is what would have been parsed.
pub fn paths(input: &[u8]) {
    let (first, rest) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    let (Ok(path), Ok(other)) = (RelPath::new(first), RelPath::new(rest)) else {
        // One name that is none makes none of the whole.
        let whole = [first, b"/", rest].concat();
        assert!(RelPath::new(first).is_ok() || RelPath::new(whole).is_err() || first.is_empty());
        return;
    };
    for path in [&path, &other] {
        check_path(path);
    }
    let joined = other.components().try_fold(path.clone(), |path, name| path.join(name));
    let between: &[u8] = if first.is_empty() || rest.is_empty() { b"" } else { b"/" };
    assert_eq!(joined, RelPath::new([first, between, rest].concat()), "{path} and {other}");
}

fn check_path(path: &RelPath) {
    let bytes = path.as_bytes();
    assert!(bytes.len() <= PATH_MAX && !bytes.starts_with(b"/") && !bytes.contains(&0));
    let names: Vec<&[u8]> = path.components().collect();
    assert!(names.len() <= DEPTH_MAX && names.join(&b'/') == bytes);
    for name in &names {
        assert!(!name.is_empty() && name.len() <= NAME_MAX && !matches!(*name, b"." | b".."), "{path}");
    }
    assert!(!names.first().is_some_and(|name| name.eq_ignore_ascii_case(RESERVED)), "{path}");
    match (path.parent(), path.name()) {
        (Some(parent), Some(name)) => assert_eq!(parent.join(name).as_ref(), Ok(path)),
        (parent, name) => assert!(parent.is_none() && name.is_none() && path.is_root()),
    }
    // What is shown of it is one line, and no control character of anybody's.
    assert!(!path.to_string().chars().any(char::is_control), "{path}");
}

/// Any bytes as what the store has written down: a journal of what is held of a file, or the log of requests. The first byte
/// says which, and whether checksums are mended; whatever is read has one encoding.
pub fn records(input: &[u8]) {
    let mut script = Script::new(input);
    let how = script.byte();
    let is_mended = how & 2 != 0;
    match how & 1 {
        0 => check_journal(script.rest(), is_mended),
        _ => check_log(script.rest(), is_mended),
    }
}

/// Stands for a preamble before the stream.
const PREAMBLE_FIRST: u8 = 0x80;
/// The machine is a client's.
const CLIENT: u8 = 0x40;
/// Checksums are mended.
const MENDED: u8 = 0x20;

/// Any bytes as the beginning of a connection, to a client or a server. It is open if, and only if, what came is a preamble and
/// then a `Hello` of a version that both know; what is in force is what both have; and it ends, with nothing left.
///
/// The first byte says how (`PREAMBLE_FIRST`, `CLIENT`, `MENDED`, number of cuts); then the cuts, each the length of a piece, used
/// in a circle; the rest is the stream.
pub fn handshake(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let Some((cuts, stream)) = rest.split_at_checked(usize::from(how & CUTS)) else { return };
    let mut bytes = if how & PREAMBLE_FIRST == 0 { Vec::new() } else { PREAMBLE.to_vec() };
    bytes.extend_from_slice(stream);
    if how & MENDED != 0 {
        mend(&mut bytes);
    }
    let limits = Limits { operations: 8, ..Limits::default() };
    let mut lone = if how & CLIENT == 0 { Lone::server(limits) } else { Lone::client(limits) };
    for piece in super::cut(&bytes, if cuts.is_empty() { &[0] } else { cuts }) {
        if !lone.receive(piece) {
            lone.settle();
        }
    }
    let greeted = lone.events.iter().find_map(|event| match event {
        Event::Ready { version, hello } => Some((*version, hello.clone())),
        Event::Began(..) | Event::Op(..) | Event::Finished(..) => None,
        Event::GoingAway | Event::Spent { .. } => None,
    });
    let is_first = |frame: &Frame| frame.operation == OperationId::CONNECTION;
    let first = first_frame(&bytes).filter(is_first).map(|frame| frame.body);
    let hello = if let Some(Body::Hello(hello)) = first { Some(hello) } else { None };
    let is_acceptable = |hello: &Hello| {
        (hello.lowest..=hello.highest).contains(&VERSION) && hello.unknown_critical().is_none()
    };
    let expected = hello.filter(is_acceptable).map(|hello| (VERSION, hello));
    assert_eq!(greeted, expected, "what opens a connection is a Hello that both understand");
    lone.peer_ends(End::Orderly);
    lone.run_out();
}

/// The first frame of a stream, where there is one.
fn first_frame(bytes: &[u8]) -> Option<Frame> {
    let mut decoder = Decoder::new();
    decoder.push(bytes.to_vec().into());
    decoder.next().ok().flatten()
}
