//! The command line as a person meets it: on a terminal, in a pipe, with mistakes, with Ctrl-C. The real binary, always.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod docs;
mod errors;
mod first_contact;
#[path = "../output/help.rs"]
mod help;
#[expect(dead_code, reason = "of the helpers this needs a few")]
#[path = "../keys/help.rs"]
mod keys;
mod relay;
mod safe;
mod stop;
mod teach;
mod terminal;
mod tty;
mod typed_code;
#[path = "../keys/waiting.rs"]
mod waiting;

use keys::Home;
