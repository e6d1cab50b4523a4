//! Real sockets of every kind under the real binary. Each test has a server and folders of its own, no fixed port, and ends only
//! the processes that it started.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod configured;
mod errors;
mod forged;
mod handed_over;
mod help;
mod interop;
mod options;
mod shares;
mod stalled;
mod unix;
