//! Keys, end to end: the real binary over real sockets, each side with a home of its own.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod bad_input;
mod help;
mod moved;
mod pairing;
mod reload;
mod waiting;

use help::Home;
