//! The protocol as sans-IO machines. Pure: time and randomness come in, effects go out as data. Imports `time` and the
//! frames of `wire`.
//!
//! | module | what |
//! |---|---|
//! | [`machine`] | the trait, its inputs and effects, and the contract |
//! | [`Echo`] | RFC 862, the smallest machine |
//! | [`datagram`] | RFC 862 over datagrams |
//! | [`op`] | one machine for each operation: sender, receiver, answer, ask |
//! | [`session`] | the protocol on one connection, the same at both ends |
//! | [`client`] | jobs: dial, run, retry |
//! | [`listener`] | admission, caps, drain |
//! | [`storage`] | what machines ask of a store, as data |
//! | [`pairing`] | two machines that share a short code come to know each other's keys |
//! | [`prober`] | measures the path to an echo, over streams and datagrams |
//! | [`tree_job`] | which folders, files and links are to move, and what is to go |
//! | [`tree`] | merging BLAKE3 chaining values |
//! | [`Limits`], [`ListenLimits`] | every number that an implementation chooses |
//! | [`Rights`], [`Share`] | what a peer may do at a server, and how much of it is theirs |
//! | `bucket` | how much may pass, and how soon more may |
//! | [`backoff`], `timers` | how long to wait, and named deadlines |

pub mod backoff;
mod block_set;
mod bucket;
pub mod client;
pub mod datagram;
mod echo;
mod limits;
pub mod listener;
pub mod machine;
pub mod op;
#[cfg(feature = "pairing")]
pub mod pairing;
pub mod prober;
mod rights;
pub mod session;
mod states;
pub mod storage;
mod timers;
pub mod tree;
pub mod tree_job;

pub use datagram::DatagramEcho;
pub use echo::{Echo, EchoEnd};
#[cfg(feature = "net")]
pub(crate) use limits::QUEUE_MAX;
pub use limits::{CAPABILITIES, Connections, Limits, ListenLimits, PairLimits};
pub use prober::Prober;
pub use rights::{Right, Rights, Share};
pub use session::Session;
