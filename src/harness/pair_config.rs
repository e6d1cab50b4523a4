//! What a pair is made of.

use super::Fault;
use crate::proto::client::RetryPolicy;
use crate::proto::{Limits, Rights};
use crate::time::Duration;

/// What a pair is made of.
#[derive(Clone, Debug)]
pub struct PairConfig {
    /// Limits of both ends.
    pub limits: Limits,
    /// The server's, where they differ.
    pub serves: Option<Limits>,
    /// What the client may do at the server.
    pub rights: Rights,
    /// The client's retries.
    pub policy: RetryPolicy,
    /// One way, for every piece.
    pub latency: Duration,
    /// How long a store operation takes.
    pub store: Duration,
    /// Longest piece that is delivered at once.
    pub piece: usize,
    /// Bytes that a direction of a connection carries in a millisecond; `None`: as many as come.
    pub bytes_per_ms: Option<u32>,
    /// How much each transport takes before it is told that it takes no more.
    pub room: usize,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Keep the inputs of both ends.
    pub record: bool,
}

impl Default for PairConfig {
    fn default() -> PairConfig {
        PairConfig {
            limits: Limits::default(),
            serves: None,
            rights: Rights::ALL,
            policy: RetryPolicy::default(),
            latency: Duration::from_millis(5),
            store: Duration::from_micros(100),
            piece: 1024 * 1024,
            bytes_per_ms: None,
            room: 2 * 1024 * 1024,
            faults: Vec::new(),
            record: false,
        }
    }
}
