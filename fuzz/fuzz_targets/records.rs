//! Any bytes as what the store has written down: see `towline::fuzz::records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::records(input));
