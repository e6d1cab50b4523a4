//! Any bytes as a file of keys: see `towline::fuzz::known_hosts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::known_hosts(input));
