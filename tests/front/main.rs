//! The command line as a person meets it: on a terminal, in a pipe, with mistakes, with Ctrl-C. The real binary, always.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod docs;
mod errors;
#[path = "../output/help.rs"]
mod help;
mod relay;
mod safe;
mod stop;
mod teach;
mod terminal;
mod tty;
