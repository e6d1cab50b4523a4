//! towline moves files between machines and measures the path between them, over networks and disks that fail, and
//! proves that it survives.
//!
//! One sans-IO core, written once. Real sockets drive it in production; a simulated network and a simulated disk drive
//! it in tests; a fuzzer drives it too. Nothing in the core knows which.
//!
//! # Layers
//! ```text
//!   cli                       what a person types and reads                             feature cli
//!   server, client, blocking  the library's face                                        ┐
//!   drive                     the only async code: runs machines over streams           │ feature net
//!   net, store::os            real sockets, a real disk                                 ┘
//!  ───────────────────────────────────────────────────────────────────────────────────────────────────
//!   store                     what a store does, over a trait of primitive file operations
//!   proto                     the machines: echo, operations, session, client, listener      pure: no clock,
//!   wire                      bytes to frames and back                                       no socket, no file,
//!   time                      integer time, told and never asked for                         no thread, no async
//!   probe                     marks at rare states, planted bugs: nothing in a production build
//! ```
//! What stands lower never imports what stands higher (`tests/tidy.rs` holds that). Without the default features only
//! the pure layers are built.
//!
//! # The run loop
//! A [`proto::machine::Machine`] is a value. Whoever drives it, be it `drive::Run`, a test with a virtual clock or a
//! fuzzer, does this and nothing else:
//! ```text
//!   loop {
//!       input = what happened first: a completion of the store, a command, bytes, room, an end;
//!               or Elapsed, once machine.deadline() has come and nothing else is there
//!       machine.step(now, input, &mut out)
//!       for effect in out { transmit, dial, hang up, submit to the store, tell the application, or stop at Close }
//!   }
//! ```
//! Every decision (when to retry, whom to admit, which blocks to send, when to give up) is made in `step`, so that what a
//! test of the pure layers does not see does not exist. The contract is written at [`proto::machine`] and asserted on
//! every step by `harness::Checked` (feature `harness`).
//!
//! # Where to begin
//! The smallest machine is [`proto::Echo`] (RFC 862): it fits on a page. Then [`proto::op`], one small machine for each
//! operation, and [`proto::session`], which gives each its frames.

#[cfg(feature = "harness")]
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod fuzz;
#[cfg(feature = "harness")]
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod harness;
#[cfg(feature = "net")]
pub mod net;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod probe;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod proto;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod store;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod time;
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod wire;

#[cfg(feature = "net")]
pub mod blocking;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "net")]
pub mod client;
#[cfg(feature = "net")]
pub mod drive;
#[cfg(feature = "net")]
pub mod server;
