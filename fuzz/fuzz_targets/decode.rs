//! Any bytes, cut anywhere: see `towline::fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::decode(input));
