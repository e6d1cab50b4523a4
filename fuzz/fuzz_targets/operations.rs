//! Any sequence of operations over connections that fail: see `towline::fuzz::operations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::operations(input));
