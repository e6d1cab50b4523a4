//! Any replies to a probe, and any conditions on it: see `towline::fuzz::replies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| towline::fuzz::replies(input));
