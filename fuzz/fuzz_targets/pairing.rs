//! Any happenings at a pairing: see `towline::fuzz::pairing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::pairing(input));
