//! Any bytes as paths: see `towline::fuzz::paths`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::paths(input));
