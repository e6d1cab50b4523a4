//! Any bytes as a file of keys: see `towline::fuzz::key_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::key_file(input));
