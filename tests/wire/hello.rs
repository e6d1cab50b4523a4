//! Agreement on a version, and the rules of `Hello`.

use towline::wire::{Body, Capabilities, DecodeError, Frame, Hello, PREAMBLE, Tlv, agree, limits};

use crate::decode;

fn hello() -> Hello {
    Hello {
        lowest: 1,
        highest: 1,
        capabilities: Capabilities::HOLES,
        window: limits::WINDOW_MIN,
        operations: 1,
        idle_ms: 0,
        tlvs: Vec::new(),
    }
}

fn tlv(kind: u16, length: usize) -> Tlv {
    Tlv { kind, value: vec![7; length] }
}

/// What a peer makes of it.
fn sent(hello: &Hello) -> Result<Hello, DecodeError> {
    let (mut frames, error) = decode(Frame::connection(Body::Hello(hello.clone())).to_bytes());
    match (frames.pop(), error) {
        (Some(Frame { body: Body::Hello(hello), .. }), None) => Ok(hello),
        (None, Some(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_highest_version_in_both_ranges_is_agreed_on() {
    let table = [
        ((1, 1), (1, 1), Some(1)),
        ((1, 3), (1, 1), Some(1)),
        ((1, 3), (2, 5), Some(3)),
        ((2, 2), (1, 3), Some(2)),
        ((1, 2), (2, 3), Some(2)),
        ((1, 1), (2, 2), None),
        ((1, 2), (3, 9), None),
        ((1, u16::MAX), (u16::MAX, u16::MAX), Some(u16::MAX)),
    ];
    for (ours, theirs, agreed) in table {
        assert_eq!(agree(ours, theirs), agreed, "{ours:?} {theirs:?}");
        assert_eq!(agree(theirs, ours), agreed, "both sides come to the same");
    }
}

#[test]
fn agreement_is_symmetric_and_within_both() {
    let ranges = || (1..6).flat_map(|lowest| (lowest..6).map(move |highest| (lowest, highest)));
    for (ours, theirs) in ranges().flat_map(|ours| ranges().map(move |theirs| (ours, theirs))) {
        let best = (1..6).rev().find(|v| [ours, theirs].iter().all(|range| (range.0..=range.1).contains(v)));
        assert_eq!(agree(ours, theirs), best, "{ours:?} {theirs:?}");
    }
}

#[test]
fn a_hello_states_a_range_a_window_and_an_operation() {
    assert_eq!(sent(&hello()), Ok(hello()));
    let wrong = [
        Hello { lowest: 0, ..hello() },
        Hello { lowest: 2, ..hello() },
        Hello { window: limits::WINDOW_MIN - 1, ..hello() },
        Hello { window: 0, ..hello() },
        Hello { operations: 0, ..hello() },
    ];
    for hello in wrong {
        assert!(matches!(sent(&hello), Err(DecodeError::Value(_))), "{hello:?}");
    }
}

#[test]
fn extensions_ascend_each_once_and_are_bounded() {
    let with = |tlvs: Vec<Tlv>| Hello { tlvs, ..hello() };
    let many = |count: u16| with((0..count).map(|kind| tlv(kind, limits::TEXT_MAX)).collect());
    let right = [
        with(vec![tlv(0, 0)]),
        with(vec![tlv(1, 0), tlv(2, limits::TEXT_MAX), tlv(0x8001, 3), tlv(0xffff, 1)]),
        many(limits::TLV_MAX as u16),
    ];
    for hello in right {
        assert_eq!(sent(&hello), Ok(hello));
    }
    let wrong = [
        with(vec![tlv(2, 0), tlv(1, 0)]),
        with(vec![tlv(1, 0), tlv(1, 0)]),
        many(limits::TLV_MAX as u16 + 1),
    ];
    for hello in wrong {
        assert!(matches!(sent(&hello), Err(DecodeError::Value(_))), "{hello:?}");
    }
    let too_long = sent(&with(vec![tlv(1, limits::TEXT_MAX + 1)]));
    assert_eq!(too_long, Err(DecodeError::TooLong(limits::TEXT_MAX as u64 + 1, limits::TEXT_MAX as u64)));
}

#[test]
fn an_unknown_extension_matters_only_if_it_is_critical() {
    let with = |kinds: &[u16]| Hello { tlvs: kinds.iter().map(|kind| tlv(*kind, 0)).collect(), ..hello() };
    assert_eq!(with(&[]).unknown_critical(), None);
    assert_eq!(with(&[1, 0x7fff]).unknown_critical(), None);
    assert_eq!(with(&[1, 0x8000]).unknown_critical(), Some(0x8000));
    assert_eq!(with(&[0x9000, 0xffff]).unknown_critical(), Some(0x9000));
}

#[test]
fn capabilities_are_what_both_have() {
    let both = Capabilities(0b0111).both(Capabilities(0b1101));
    assert_eq!(both, Capabilities(0b0101));
    assert!(both.has(Capabilities::HOLES) && !both.has(Capabilities::CHUNKS));
    assert!(!Capabilities(0b01).has(Capabilities(0b11)), "all of them, not any");
}

#[test]
fn the_preamble_is_neither_text_nor_tls_and_shows_rewritten_line_ends() {
    assert!(!PREAMBLE[0].is_ascii(), "no text protocol begins so");
    assert!(!(20..=24).contains(&PREAMBLE[0]), "no TLS record begins so");
    let unix = String::from_utf8_lossy(&PREAMBLE).replace("\r\n", "\n");
    assert!(unix.len() < String::from_utf8_lossy(&PREAMBLE).len());
}
