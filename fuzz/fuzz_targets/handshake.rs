//! Any beginning of a connection: see `towline::fuzz::handshake`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::handshake(input));
