//! Round trip, canonical encoding, totality, and what the checksum finds.

use rand::{Rng, RngExt};
use towline::wire::{
    Body, Code, Data, DecodeError, Failure, Frame, HEADER_LEN, Header, Kind, OperationId, Refused, Rope,
    block_size_for, generate, limits,
};

use crate::{control, decode, for_seeds, parts};

#[test]
fn what_is_encoded_decodes_to_itself() {
    for_seeds(200, |rng| {
        for kind in Kind::ALL {
            let frame = generate::frame_of(rng, *kind);
            assert_eq!(frame.body.kind(), *kind);
            let bytes = frame.to_bytes();
            let (frames, error) = decode(bytes.clone());
            assert_eq!((&frames, error), (&vec![frame], None));
            assert_eq!(frames[0].to_bytes(), bytes);
        }
    });
}

#[test]
fn the_generator_reaches_every_kind_and_boundary() {
    let mut seen = std::collections::BTreeSet::new();
    let mut odd = std::collections::BTreeSet::new();
    for_seeds(2000, |rng| {
        let frame = generate::frame(rng);
        seen.insert(frame.body.kind());
        match &frame.body {
            Body::Have(page) if page.cvs.is_empty() => drop(odd.insert("have of 0")),
            Body::Have(page) if page.cvs.len() == limits::HAVE_MAX => drop(odd.insert("have of 1024")),
            Body::Data(data) if data.payload.len() == limits::DATA_MAX => drop(odd.insert("longest data")),
            Body::Data(data) if data.cv.is_some() => drop(odd.insert("last segment")),
            Body::Page(page) if page.entries.is_empty() => drop(odd.insert("empty page")),
            Body::Page(page) if page.entries.len() > 300 => drop(odd.insert("full page")),
            Body::Failed(failure) if failure.code.name().is_none() => drop(odd.insert("unknown code")),
            Body::Ping(u64::MAX) => drop(odd.insert("u64::MAX")),
            Body::Stat(path) | Body::List(path) if path.is_root() => drop(odd.insert("root")),
            Body::Stat(path) if path.as_bytes().len() == limits::PATH_MAX => drop(odd.insert("longest path")),
            _ => {}
        }
    });
    if std::env::var("TOWLINE_SEED").is_err() {
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), Kind::ALL);
        assert_eq!(odd.len(), 10, "{odd:?}");
    }
}

/// Bodies of random bytes under a right checksum: what decodes at all is encoded as it came.
#[test]
fn what_decodes_encodes_to_itself() {
    let mut decoded = 0;
    for_seeds(3000, |rng| {
        let kind = Kind::ALL[rng.random_range(0..Kind::ALL.len())];
        if kind == Kind::Data {
            return;
        }
        let mut bytes = generate::frame_of(rng, kind).to_bytes();
        for _ in 0..rng.random_range(0..4) {
            if bytes.len() > HEADER_LEN {
                let at = rng.random_range(HEADER_LEN..bytes.len());
                bytes[at] = if rng.random() { rng.random() } else { 0 };
            }
        }
        let (header, body) = parts(&bytes);
        let bytes = control(header.kind, header.flags, header.operation, body);
        let (frames, error) = decode(bytes.clone());
        assert!(frames.len() + usize::from(error.is_some()) <= 1);
        if let Some(frame) = frames.first() {
            decoded += 1;
            assert_eq!(frame.to_bytes(), bytes, "{frame:?} has a second encoding");
        }
    });
    assert!(decoded > 0, "no changed body decoded");
}

#[test]
fn random_bytes_never_panic() {
    for_seeds(2000, |rng| {
        let mut bytes = vec![0; rng.random_range(0..200)];
        rng.fill_bytes(&mut bytes);
        decode(bytes.clone());
        // The same behind a header that is valid and a checksum that is right.
        let kind = Kind::ALL[rng.random_range(0..Kind::ALL.len())];
        if kind != Kind::Data {
            let operation = generate::frame_of(rng, kind).operation.0;
            let (frames, error) = decode(control(kind as u8, 0, operation, &bytes));
            assert_eq!(frames.len() + usize::from(error.is_some()), 1);
        }
    });
}

#[test]
fn a_frame_cut_short_at_any_byte_waits_for_more() {
    for_seeds(20, |rng| {
        for kind in Kind::ALL {
            let bytes = generate::frame_of(rng, *kind).to_bytes();
            let step = (bytes.len() / 500).max(1);
            for end in (0..bytes.len()).step_by(step) {
                assert_eq!(decode(&bytes[..end]), (vec![], None), "{kind:?} cut at {end}");
            }
        }
    });
}

/// What the checksum covers: the header, and the body of a control frame or the offset of a data frame.
fn covered(bytes: &[u8], kind: Kind) -> usize {
    if kind == Kind::Data { HEADER_LEN + 8 } else { bytes.len() }
}

#[test]
fn a_flipped_bit_in_a_covered_byte_is_always_found() {
    for_seeds(5, |rng| {
        for kind in Kind::ALL {
            let bytes = generate::frame_of(rng, *kind).to_bytes();
            let covered = covered(&bytes, *kind);
            for at in
                (0..covered.min(HEADER_LEN + 8)).chain(HEADER_LEN + 8..covered).step_by(1 + covered / 2000)
            {
                for bit in 0..8 {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= 1 << bit;
                    if at < 4 {
                        // A length that grew waits for bytes; given them, the frame must be found wrong.
                        damaged.extend_from_slice(&vec![0; limits::DATA_MAX + 48]);
                    }
                    let (frames, error) = decode(damaged);
                    assert_eq!(frames, [], "{kind:?}, bit {bit} of byte {at}");
                    assert!(error.is_some(), "{kind:?}, bit {bit} of byte {at}");
                }
            }
        }
    });
}

#[test]
fn two_flipped_bits_are_found_too() {
    for_seeds(3000, |rng| {
        let frame = generate::frame(rng);
        let mut bytes = frame.to_bytes();
        let covered = covered(&bytes, frame.body.kind()) * 8;
        let [one, two] = [rng.random_range(0..covered), rng.random_range(0..covered)];
        if one != two {
            bytes[one / 8] ^= 1 << (one % 8);
            bytes[two / 8] ^= 1 << (two % 8);
            assert_eq!(decode(bytes).0, []);
        }
    });
}

#[test]
fn lengths_above_the_limit_are_refused_from_the_header_alone() {
    for kind in Kind::ALL {
        for last in [false, true] {
            if last && !matches!(kind, Kind::Have | Kind::Data | Kind::Page) {
                continue;
            }
            let limit = match kind {
                Kind::Data if last => 8 + 32 + limits::DATA_MAX,
                Kind::Data => 8 + limits::DATA_MAX,
                _ => limits::CONTROL_MAX,
            } as u32;
            let operation = u32::from((*kind as u8) >= 0x10);
            let header =
                |length| Header { length, kind: *kind as u8, flags: u8::from(last), operation, crc: 0 };
            assert_eq!(decode(header(limit).encode(&[])), (vec![], None), "{kind:?} waits for its body");
            for length in [limit + 1, u32::MAX] {
                let error = DecodeError::TooLong(u64::from(length), u64::from(limit));
                assert_eq!(decode(header(length).encode(&[])), (vec![], Some(error)), "{kind:?}");
            }
        }
    }
}

#[test]
fn bytes_left_over_or_missing_in_a_body_are_refused() {
    for_seeds(20, |rng| {
        for kind in Kind::ALL {
            let bytes = generate::frame_of(rng, *kind).to_bytes();
            let (header, body) = parts(&bytes);
            // These are as long as the header says; ranges and entries have a length of their own.
            if matches!(kind, Kind::Data | Kind::Echo | Kind::EchoReply)
                || body.len() > limits::CONTROL_MAX - 1
            {
                continue;
            }
            let longer = control(header.kind, header.flags, header.operation, &[body, &[0]].concat());
            assert!(matches!(decode(longer).1, Some(DecodeError::Length(_))), "{kind:?} with a byte more");
            if let Some((_, shorter)) = body.split_last() {
                let shorter = control(header.kind, header.flags, header.operation, shorter);
                let error = decode(shorter).1;
                assert!(
                    matches!(error, Some(DecodeError::Length(_) | DecodeError::Value(_))),
                    "{kind:?} with a byte less: {error:?}"
                );
            }
        }
    });
}

#[test]
fn every_kind_is_tied_to_the_connection_or_to_operations() {
    for_seeds(1, |rng| {
        for kind in Kind::ALL {
            let frame = generate::frame_of(rng, *kind);
            let other = OperationId(u32::from(frame.operation == OperationId::CONNECTION));
            let moved = decode(Frame::of(other, frame.body).to_bytes());
            match kind {
                Kind::Failed => assert_eq!(moved.1, None),
                _ => assert_eq!(moved, (vec![], Some(DecodeError::Operation(*kind as u8)))),
            }
        }
    });
}

#[test]
fn unknown_flags_and_reserved_bytes_are_refused() {
    for_seeds(1, |rng| {
        for kind in Kind::ALL {
            let bytes = generate::frame_of(rng, *kind).to_bytes();
            for (at, bit) in (1..8).map(|bit| (5, bit)).chain((0..16).map(|bit| (6 + bit / 8, bit % 8))) {
                let mut damaged = bytes.clone();
                damaged[at] |= 1 << bit;
                assert_eq!(decode(damaged).1, Some(DecodeError::Reserved), "{kind:?}");
            }
        }
    });
}

#[test]
fn text_is_cut_to_1_kib_between_characters() {
    for c in ["a", "ä", "☃", "🦀"] {
        for shift in 0..5 {
            let text = "x".repeat(shift) + &c.repeat(limits::TEXT_MAX);
            let whole = (limits::TEXT_MAX - shift) / c.len() * c.len() + shift;
            let failed = Body::Failed(Failure::new(Code::IO, text.clone()));
            let refused =
                Refused { code: Code::BUSY, delay_ms: 0, lowest: 1, highest: 1, text: text.clone() };
            for body in [failed, Body::Refused(refused)] {
                let frames = decode(Frame::connection(body).to_bytes()).0;
                let (Body::Failed(Failure { text: cut, .. }) | Body::Refused(Refused { text: cut, .. })) =
                    &frames[0].body
                else {
                    panic!("another kind")
                };
                assert_eq!(cut, &text[..whole]);
            }
        }
    }
}

#[test]
fn data_ends_at_2_to_the_47() {
    let data = |offset, length: usize| {
        let payload = Rope::from(bytes::Bytes::from(vec![7; length]));
        Frame::of(OperationId(1), Body::Data(Data { offset, cv: None, payload })).to_bytes()
    };
    assert_eq!(decode(data(limits::FILE_MAX - 1, 1)).0.len(), 1);
    for (offset, length) in
        [(limits::FILE_MAX, 1), (limits::FILE_MAX - 1, 2), (u64::MAX, 1), (u64::MAX - 1, 2)]
    {
        assert!(matches!(decode(data(offset, length)).1, Some(DecodeError::Value(_))), "{offset} {length}");
    }
    assert!(matches!(decode(data(0, 0)).1, Some(DecodeError::Length(_))), "an empty segment");
}

#[test]
fn block_sizes_are_the_smallest_powers_of_two_that_fit() {
    let boundaries = (0..=47).flat_map(|bit| [-1, 0, 1].map(|by| (1_u64 << bit).saturating_add_signed(by)));
    let odd = (1..=31).flat_map(|bit| [3, 5, 65_535].map(|by| by << bit));
    for length in boundaries.chain(odd).chain([0]).filter(|length| *length <= limits::FILE_MAX) {
        let size = u64::from(block_size_for(length));
        assert!(size.is_power_of_two() && size >= limits::BLOCK_MIN, "{length}");
        assert!(length.div_ceil(size) <= limits::BLOCKS_MAX, "{length}");
        assert!(size == limits::BLOCK_MIN || length.div_ceil(size / 2) > limits::BLOCKS_MAX, "{length}");
    }
    assert_eq!(block_size_for(1 << 32), 1 << 16);
    assert_eq!(block_size_for((1 << 32) + 1), 1 << 17);
    assert_eq!(block_size_for(limits::FILE_MAX), 1 << 31);
}
