//! Any sequence of operations on a disk that fails, whose power does: see `towline::fuzz::store`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::store(input));
