//! The real binary, where its output is data for another program: hashes, comparisons, streams, objects of JSON.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod hash;
mod help;
mod json;
mod stdio;
mod verify;
