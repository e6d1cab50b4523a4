//! Any bytes as a file of keys: see `towline::fuzz::authorized_keys`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::authorized_keys(input));
