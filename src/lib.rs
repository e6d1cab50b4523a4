//! towline moves files between machines and measures the path between them, over networks and disks that fail, and
//! proves that it survives.
//!
//! One sans-IO core, written once. Real sockets drive it in production; a simulated network and a simulated disk drive
//! it in tests; a fuzzer drives it too. Nothing in the core knows which.
//!
//! # A server and a client
//! With the feature `net` (a default one), in any tokio runtime; `blocking` has the client for programs without one.
//! ```
//! # #[cfg(feature = "net")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use towline::client::{Client, ClientConfig};
//! use towline::net::Place;
//! use towline::server::{Doors, Server, ServerConfig, stopper};
//! use towline::wire::RelPath;
//!
//! # let (shared, here) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! # let (shared, notes) = (shared.path(), here.path().join("notes.txt"));
//! # std::fs::write(&notes, "for later")?;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let doors = Doors::at(&Place::Tcp("127.0.0.1:0".parse()?))?;
//! let endpoint = doors.endpoint()?;
//! let server = Server::new(shared, 0, ServerConfig::default()).await?;
//! let (stopper, stop) = stopper();
//! let running = server.run(doors, stop);
//!
//! let work = async {
//!     let client = Client::connect(endpoint, ClientConfig::default()).await?;
//!     let moved = client.put(&notes, RelPath::new("notes.txt")?).await?;
//!     println!("{} bytes, BLAKE3 {}", moved.length, moved.root);
//!     client.close().await;
//!     stopper.drain();
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! };
//! let (_end, worked) = tokio::join!(running, work);
//! # worked
//! # })
//! # }
//! # #[cfg(not(feature = "net"))]
//! # fn main() {}
//! ```
//! - **What happens** comes as a stream: `client::Client::events` and `server::Server::events`, read by `while let Some(event) =
//!   events.next().await`. Whoever does not keep up holds nobody up, and is told how many were missed.
//! - **Cancellation is dropping the future**, at any point and on any thread. A call that is dropped is called off at the server, gives
//!   back what it held at both sides, and leaves the connection to others; a file is the old one or the new one. Dropping
//!   `Server::run` ends its connections; dropping a `Client` closes its own.
//! - **All is `Send`**, futures included; clients are shared by reference, and any number of calls run at once over one connection.
//! - **Units**: lengths and offsets are bytes (`u64`), durations are [`core::time::Duration`], times of files are seconds and nanoseconds
//!   since 1970. Paths at a server are [`wire::RelPath`]: bytes, `/`, relative to the folder that is served.
//! - **Errors** are types: `client::ClientError` says whether it was here, on the way or at the server, and has the system's number;
//!   `net::diagnose` puts those of sockets in words.
//! - **Logging** is `tracing`'s: a span `connection` for each connection of a server's, in it a span `operation` for each operation, and an event
//!   at info when one is over, with its outcome and bytes. Machines know nothing of it.
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
//! # A protocol of one's own
//! The core is one for any protocol: write a machine, give it to `drive::Run::over` with any stream (a socket, turmoil's, one in memory), and
//! test it with `harness::Duo`, two machines on a virtual clock. `examples/own_protocol.rs` is all of that in one file.
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
#[deny(clippy::disallowed_types, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]
pub mod identity;
#[cfg(feature = "net")]
pub mod keyring;
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
#[cfg(feature = "cli")]
pub mod contain;
#[cfg(feature = "net")]
pub mod drive;
#[cfg(feature = "net")]
pub mod server;
