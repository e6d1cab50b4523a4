//! The bodies of the fuzz targets in `fuzz/`, so that the ordinary tests can replay the corpora through them. Each
//! takes any bytes and panics where a law of the wire is broken. May import the pure layers. Feature `harness`.

mod keys;
mod operations;
mod pairing;
mod parsers;
mod replies;
mod script;

use bytes::Bytes;

pub use self::keys::{authorized_keys, key_file, known_hosts};
pub use self::operations::{operations, store};
pub use self::pairing::pairing;
pub use self::parsers::{handshake, paths, records};
pub use self::replies::replies;
use crate::harness::Lone;
use crate::proto::Limits;
use crate::proto::machine::End;
use crate::wire::{DecodeError, Decoder, Frame, HEADER_LEN, Header, Kind, PREAMBLE};

/// A decoder's whole answer to a stream.
type Answer = (Vec<Frame>, Option<DecodeError>);

/// The stream begins with frames; the preamble is put before it.
const NO_PREAMBLE: u8 = 0x80;
/// Checksums are mended first: else a fuzzer that cannot guess a CRC would never see what lies behind it.
const MEND: u8 = 0x40;
/// How many bytes of cuts follow.
const CUTS: u8 = 0x0f;

/// Decodes a stream in one piece and cut up, and compares; then encodes what came out and compares with the stream.
///
/// The first byte says how (`NO_PREAMBLE`, `MEND`, number of cuts); then the cuts, each the length of a piece (0 is
/// 256), used in a circle; the rest is the stream.
pub fn decode(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let Some((cuts, stream)) = rest.split_at_checked(usize::from(how & CUTS)) else { return };
    let mut bytes = if how & NO_PREAMBLE == 0 { Vec::new() } else { PREAMBLE.to_vec() };
    bytes.extend_from_slice(stream);
    if how & MEND != 0 {
        mend(&mut bytes);
    }
    let whole = decode_pieces(std::iter::once(Bytes::copy_from_slice(&bytes)));
    let cut_up = decode_pieces(cut(&bytes, cuts));
    assert_eq!(whole, cut_up, "how a stream was cut shows in what was decoded");
    check_canonical(&bytes, &whole.0);
}

/// Most steps of an input that are taken as it says.
const STEPS_MAX: u32 = 64;
/// The peer breaks the connection at the end, instead of ending its stream.
const RESET: u8 = 0x20;

/// Any bytes, cut anywhere, into a server's session under the contract's assertions, with files in memory. It must close
/// once the stream has ended and the deadlines have passed, and leave no lease and no partial file.
///
/// The first byte says how (`NO_PREAMBLE`, `MEND`, `RESET`, number of steps); then the steps, used in a circle, each the
/// length of a piece and what happens behind it; the rest is the stream.
pub fn conn_bytes(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let Some((steps, stream)) = rest.split_at_checked(usize::from(how & CUTS)) else { return };
    let mut bytes = if how & NO_PREAMBLE == 0 { Vec::new() } else { PREAMBLE.to_vec() };
    bytes.extend_from_slice(stream);
    if how & MEND != 0 {
        mend(&mut bytes);
    }
    let mut lone = Lone::server(Limits { operations: 8, window: 2 << 20, ..Limits::default() });
    lone.files.put("small", b"a small file");
    lone.files.put("folder/large", &[7; 150_000]);
    lone.files.put_link("folder/link", "../small");
    let mut rest = Bytes::from(bytes);
    let mut steps = if steps.is_empty() { &[0xff] } else { steps }.iter().cycle();
    // After so many the rest comes in large pieces: the contract's assertions take their time at each.
    for taken in 0.. {
        let (false, Some(step)) = (rest.is_empty(), steps.next()) else { break };
        take_step(&mut lone, if taken < STEPS_MAX { *step } else { 0xff }, &mut rest);
    }
    lone.peer_ends(if how & RESET == 0 { End::Orderly } else { End::Reset });
    lone.run_out();
}

/// A piece of 1 to 63 bytes, or of 64 KiB; then the store does nothing, completes its oldest or its latest operation or
/// all of them, or the next deadline comes.
fn take_step(lone: &mut Lone, step: u8, rest: &mut Bytes) {
    let length = match step & 0x3f {
        0x3f => 64 * 1024,
        length => usize::from(length) + 1,
    };
    if !lone.receive(rest.split_to(length.min(rest.len()))) {
        lone.settle();
    }
    match step >> 6 {
        0 if step & 1 == 0 => {}
        0 => drop(lone.elapse()),
        1 => drop(lone.complete(0)),
        2 => drop(lone.complete(lone.asked.len().saturating_sub(1))),
        _ => lone.settle(),
    }
}

/// `stream` in pieces of the lengths `cuts`, used in a circle.
fn cut(stream: &[u8], cuts: &[u8]) -> impl Iterator<Item = Bytes> {
    let mut rest = Bytes::copy_from_slice(stream);
    let mut lengths = if cuts.is_empty() { &[1] } else { cuts }.iter().cycle();
    std::iter::from_fn(move || {
        let length = match lengths.next()? {
            0 => 256,
            length => usize::from(*length),
        };
        (!rest.is_empty()).then(|| rest.split_to(length.min(rest.len())))
    })
}

/// Pushes pieces through a decoder, as a driver does, and watches its footprint.
pub fn decode_pieces(pieces: impl Iterator<Item = Bytes>) -> Answer {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for piece in pieces {
        let pushed = piece.len();
        decoder.push(piece);
        assert!(decoder.footprint() <= Decoder::FOOTPRINT_MAX + pushed, "{} held", decoder.footprint());
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next(), Err(error.clone()), "an error is final");
                    return (frames, Some(error));
                }
            }
        }
        assert!(decoder.footprint() <= Decoder::FOOTPRINT_MAX, "{} held back", decoder.footprint());
    }
    (frames, None)
}

/// Whatever decoded has one encoding: the bytes that it was decoded from.
fn check_canonical(stream: &[u8], frames: &[Frame]) {
    let mut rest = stream.get(PREAMBLE.len()..).unwrap_or(&[]);
    for frame in frames {
        while let Some(header) = ignorable(rest) {
            rest = &rest[HEADER_LEN + header.length as usize..];
        }
        let encoded = frame.to_bytes();
        assert!(rest.starts_with(&encoded), "{frame:?} has a second encoding");
        rest = &rest[encoded.len()..];
    }
}

fn ignorable(rest: &[u8]) -> Option<Header> {
    let header = Header::decode(rest.first_chunk()?).ok()?;
    (Kind::from_byte(header.kind).is_none() && header.kind >= 0x80).then_some(header)
}

/// Puts the right checksum into every frame of a stream, as far as their lengths lead.
fn mend(stream: &mut [u8]) {
    let mut at = PREAMBLE.len();
    while let Some(bytes) = stream.get(at..).and_then(|rest| rest.first_chunk::<HEADER_LEN>()) {
        let Ok(header) = Header::decode(bytes) else { return };
        let body = &stream[at + HEADER_LEN..];
        let length = header.length as usize;
        let covered = if header.kind == Kind::Data as u8 { length.min(8) } else { length };
        let Some(covered) = body.get(..covered) else { return };
        let encoded = header.encode(covered);
        stream[at..at + HEADER_LEN].copy_from_slice(&encoded);
        at = at.saturating_add(HEADER_LEN).saturating_add(length);
    }
}
