//! The protocol as sans-IO machines.
pub mod backoff;
pub mod client;
mod echo;
mod limits;
pub mod listener;
pub mod machine;
pub mod op;
pub mod session;
pub mod storage;
mod timers;
pub mod tree;

pub use echo::{Echo, EchoEnd};
pub use limits::{Limits, ListenLimits};
pub use session::Session;
