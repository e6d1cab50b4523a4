//! The laws of the wire layer, over generated frames, damaged bytes and every cut of a stream; its vectors; and that
//! its specification lists what it has. A failing seed is printed; `TOWLINE_SEED=n` runs that one alone.

mod doc;
mod hello;
mod laws;
mod paths;
mod stream;
mod vectors;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use towline::wire::{DecodeError, Decoder, Frame, HEADER_LEN, Header};

/// Runs `law` with the seeds below `count`, each a generator of its own.
fn for_seeds(count: u64, mut law: impl FnMut(&mut ChaCha8Rng)) {
    struct Told(u64);
    impl Drop for Told {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with TOWLINE_SEED={}", self.0);
            }
        }
    }
    let only = std::env::var("TOWLINE_SEED").ok().map(|seed| seed.parse().expect("TOWLINE_SEED is a number"));
    for seed in only.map_or(0..count, |seed: u64| seed..seed + 1) {
        let told = Told(seed);
        law(&mut ChaCha8Rng::seed_from_u64(seed));
        drop(told);
    }
}

/// All that a stream without its preamble decodes to, and the error that ends it.
fn decode(bytes: impl Into<Vec<u8>>) -> (Vec<Frame>, Option<DecodeError>) {
    drain(&mut Decoder::after_preamble(), Bytes::from(bytes.into()))
}

/// Pushes `bytes` and takes all frames.
fn drain(decoder: &mut Decoder, bytes: Bytes) -> (Vec<Frame>, Option<DecodeError>) {
    decoder.push(bytes);
    let mut frames = Vec::new();
    loop {
        match decoder.next() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

/// A control frame of any body, valid or not, with the right length and checksum.
fn control(kind: u8, flags: u8, operation: u32, body: &[u8]) -> Vec<u8> {
    let header = Header { length: body.len() as u32, kind, flags, operation, crc: 0 };
    [&header.encode(body)[..], body].concat()
}

/// A frame's header and body.
fn parts(bytes: &[u8]) -> (Header, &[u8]) {
    let (header, body) = bytes.split_first_chunk::<HEADER_LEN>().expect("a whole header");
    (Header::decode(header).expect("a valid header"), body)
}
