//! The decoder over streams: however they are cut, the same comes out, within a bound.

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::fuzz::decode_pieces;
use towline::wire::{
    Body, DecodeError, Decoder, Frame, HEADER_LEN, Kind, OperationId, PREAMBLE, Rope, generate, limits,
};

use crate::{control, decode, drain, for_seeds};

/// A stream of `count` frames behind a preamble, with some that may be ignored in between.
fn transcript(rng: &mut ChaCha8Rng, count: usize) -> Bytes {
    let mut bytes = PREAMBLE.to_vec();
    for _ in 0..count {
        if rng.random_ratio(1, 8) {
            bytes.extend(ignorable(rng));
        }
        bytes.extend(generate::frame(rng).to_bytes());
    }
    Bytes::from(bytes)
}

/// A frame of an unknown kind that may be ignored; flags and operation are whatever its version makes of them.
fn ignorable(rng: &mut ChaCha8Rng) -> Vec<u8> {
    control(rng.random_range(0x80..=0xff), rng.random(), rng.random(), &generate::payload(rng, 0, 300))
}

#[test]
fn every_single_cut_of_a_short_stream_gives_the_same() {
    for_seeds(10, |rng| {
        let kinds = [Kind::Hello, Kind::Data, Kind::Failed, Kind::Have, Kind::Bye];
        let mut bytes = PREAMBLE.to_vec();
        kinds.iter().for_each(|kind| {
            let frame = loop {
                let frame = generate::frame_of(rng, *kind).to_bytes();
                if frame.len() < 500 {
                    break frame;
                }
            };
            bytes.extend(frame);
        });
        let bytes = Bytes::from(bytes);
        let whole = decode_pieces([bytes.clone()].into_iter());
        assert_eq!((whole.0.len(), &whole.1), (kinds.len(), &None));
        for cut in 0..=bytes.len() {
            let pieces = [bytes.slice(..cut), bytes.slice(cut..)];
            assert_eq!(decode_pieces(pieces.into_iter()), whole, "cut at {cut}");
        }
    });
}

#[test]
fn any_cuts_of_a_long_stream_give_the_same() {
    for_seeds(100, |rng| {
        let mut bytes = BytesMut::from(&transcript(rng, 30)[..]);
        if rng.random() {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        let bytes = bytes.freeze();
        let whole = decode_pieces([bytes.clone()].into_iter());
        for longest in [1, 17, 5000, 70_000] {
            let mut rest = bytes.clone();
            let pieces = std::iter::from_fn(|| {
                let length = rng.random_range(0..=longest).min(rest.len());
                (!rest.is_empty()).then(|| rest.split_to(length))
            });
            assert_eq!(decode_pieces(pieces), whole);
        }
    });
}

/// 16 MiB a byte at a time: finishes at once if a byte costs the same wherever it stands, and never if not.
#[test]
fn a_drip_of_single_bytes_is_not_quadratic() {
    let payload = Bytes::from(vec![7; limits::DATA_MAX]);
    let body = Body::Data(towline::wire::Data { offset: 0, cv: None, payload: Rope::from(payload) });
    let frame = Bytes::from(Frame::of(OperationId(1), body).to_bytes());
    let mut decoder = Decoder::after_preamble();
    for _ in 0..64 {
        let mut frames = Vec::new();
        for byte in 0..frame.len() {
            frames.extend(drain(&mut decoder, frame.slice(byte..=byte)).0);
            assert!(decoder.footprint() <= Decoder::FOOTPRINT_MAX);
        }
        assert_eq!(frames.len(), 1);
        assert!(decoder.is_at_boundary());
    }
}

/// The worst for the list of pieces: long and short in turn, so that each short one is a piece of its own.
#[test]
fn the_footprint_is_bounded_for_alternating_pieces() {
    for short in [1, 100, 4095] {
        let body = Body::Echo(Bytes::from(vec![7; limits::ECHO_MAX]));
        let frames = Frame::of(OperationId(1), body).to_bytes().repeat(20);
        let mut rest = Bytes::from([&PREAMBLE[..], &frames].concat());
        let mut long = false;
        let pieces = std::iter::from_fn(|| {
            long = !long;
            let length = if long { 4096 } else { short };
            (!rest.is_empty()).then(|| rest.split_to(length.min(rest.len())))
        });
        assert_eq!(decode_pieces(pieces).0.len(), 20);
    }
}

#[test]
fn a_short_payload_does_not_pin_the_buffer_it_came_in() {
    let data = |length| {
        let payload = Rope::from(Bytes::from(vec![7; length]));
        Frame::of(OperationId(1), Body::Data(towline::wire::Data { offset: 0, cv: None, payload })).to_bytes()
    };
    for (length, shared) in [(1, false), (4095, false), (4096, true)] {
        let received = Bytes::from([data(length), vec![0; 10]].concat());
        let mut decoder = Decoder::after_preamble();
        let (frames, error) = drain(&mut decoder, received.clone());
        assert_eq!((frames.len(), error), (1, None));
        assert_eq!(!received.is_unique(), shared, "a payload of {length}");
        assert!(!decoder.is_at_boundary());
    }
}

#[test]
fn unknown_kinds_are_skipped_if_they_may_be_and_refused_if_not() {
    for_seeds(50, |rng| {
        let ping = Frame::connection(Body::Ping(7));
        let bytes = [ignorable(rng), ping.to_bytes(), ignorable(rng), ignorable(rng)].concat();
        assert_eq!(decode(bytes), (vec![ping], None));

        let mut damaged = ignorable(rng);
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert_eq!(decode(damaged).1, Some(DecodeError::Checksum), "what is skipped is checked");
    });
    for kind in (0..0x80).filter(|kind| Kind::from_byte(*kind).is_none()) {
        assert_eq!(decode(control(kind, 0, 0, &[])).1, Some(DecodeError::Kind(kind)));
    }
    let longest = vec![0; limits::CONTROL_MAX];
    assert_eq!(decode(control(0xff, 0, 0, &longest)), (vec![], None));
    let header = &control(0xff, 0, 0, &[&longest[..], &[0]].concat())[..HEADER_LEN];
    assert!(matches!(decode(header).1, Some(DecodeError::TooLong(..))));
}

#[test]
fn a_stream_that_is_not_ours_is_told_by_its_first_eight_bytes() {
    for other in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-x\r\n"]
    {
        let first = *other.first_chunk().expect("eight bytes");
        for cut in 0..other.len() {
            let mut decoder = Decoder::new();
            let before = drain(&mut decoder, Bytes::from_static(&other[..cut])).1;
            assert_eq!(before, (cut >= 8).then_some(DecodeError::Preamble(first)), "after {cut} bytes");
            let after = drain(&mut decoder, Bytes::from_static(&other[cut..])).1;
            assert_eq!(after, Some(DecodeError::Preamble(first)));
            assert_eq!(decoder.footprint(), 0, "nothing is kept after an error");
        }
    }
}

#[test]
fn a_rope_is_the_bytes_that_were_pushed() {
    for_seeds(300, |rng| {
        let mut model: Vec<u8> = Vec::new();
        let mut rope = Rope::new();
        for _ in 0..rng.random_range(1..40) {
            match rng.random_range(0..4) {
                0 => {
                    let count = rng.random_range(0..=model.len() + 10);
                    let head: Vec<u8> = model.drain(..count.min(model.len())).collect();
                    assert_eq!(rope.split_to(count).into_bytes(), head);
                }
                1 => {
                    let bytes = generate::payload(rng, 0, 9000);
                    model.extend_from_slice(&bytes);
                    rope.append(generate::rope(rng, bytes));
                }
                _ => {
                    let bytes = generate::payload(rng, 0, 9000);
                    model.extend_from_slice(&bytes);
                    rope.push(bytes);
                }
            }
            assert_eq!((rope.len(), rope.is_empty()), (model.len(), model.is_empty()));
            assert!(rope.footprint() >= rope.len());
            let mut front = vec![0; rng.random_range(0..=model.len())];
            assert!(rope.peek(&mut front));
            assert_eq!(front, model[..front.len()]);
            assert!(!rope.peek(&mut vec![0; model.len() + 1]));
            assert_eq!(rope, Rope::from(Bytes::from(model.clone())));
        }
        assert_eq!(rope.clone().into_pieces().collect::<Vec<_>>().concat(), model);
        assert_eq!(rope.into_bytes(), model);
    });
}
