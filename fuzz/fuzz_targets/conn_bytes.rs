//! Any bytes, cut anywhere, into a server's session: see `towline::fuzz::conn_bytes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::conn_bytes(input));
