//! What lies between the hosts: how long messages take, how streams are cut, what is lost.

use serde::{Deserialize, Serialize};

/// From `min` to `max`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

/// The network between server and clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How long a message is on its way, in milliseconds: drawn for each, so that the difference is the jitter.
    pub latency_ms: Span,
    /// Bytes that a direction of a connection carries in a millisecond; `None`: as many as come.
    pub bytes_per_ms: Option<u64>,
    /// Bytes written and not yet read that a direction of a connection holds.
    pub window: usize,
    /// How many connections in a hundred send again, after a partition, what it swallowed; the others stay silent.
    pub resent_percent: u32,
    /// Connections that the server's system has ready for its process; a client beyond is not answered.
    pub backlog: usize,
}

impl Default for Network {
    fn default() -> Network {
        Network {
            latency_ms: Span { min: 1, max: 5 },
            bytes_per_ms: None,
            window: 1024 * 1024,
            resent_percent: 50,
            backlog: 128,
        }
    }
}

/// What happens to the bytes of a stream at its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shape {
    /// Most bytes that one write takes; each takes from one to so many. 0: all there are.
    pub write_max: usize,
    /// Most bytes that one read gives; each gives from one to so many. 0: all there are.
    pub read_max: usize,
    /// How often, in percent, a stream is not ready although it could be, and wakes at once.
    pub pending_percent: u32,
    /// How often, in a thousand, it sleeps first.
    pub nap_permille: u32,
    /// For how long at most.
    pub nap_ms_max: u64,
    /// How often, in a thousand, a signal interrupts a read or write of the driver's before it does anything.
    #[serde(skip_serializing_if = "is_none")]
    pub interrupted_permille: u32,
    /// How often, in a thousand, a flush of the driver's is not done at once.
    #[serde(skip_serializing_if = "is_none")]
    pub flush_permille: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Shape {
    /// Writes that a stream takes in a millisecond.
    pub const WRITES_PER_MS: u32 = 16;

    /// Nothing is cut or delayed.
    pub const SMOOTH: Shape = Shape {
        write_max: 0,
        read_max: 0,
        pending_percent: 0,
        nap_permille: 0,
        nap_ms_max: 1,
        interrupted_permille: 0,
        flush_permille: 0,
    };
}

impl Default for Shape {
    fn default() -> Shape {
        Shape::SMOOTH
    }
}

/// What the network does to datagrams, each by itself; their latency is the network's, so that they overtake one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Datagrams {
    /// How many in a hundred are lost.
    pub lost_percent: u32,
    /// How many in a hundred arrive twice.
    pub doubled_percent: u32,
    /// How many in a hundred are late by up to a second.
    pub late_percent: u32,
}

/// The hosts' disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disks {
    /// How long an operation of a store takes, in microseconds: drawn for each, so that they overtake one another.
    pub latency_us: Span,
    /// Bytes that the server's disk holds; `None`: as many as come.
    pub server_capacity: Option<u64>,
    /// Bytes that each client's disk holds; `None`: as many as come.
    pub client_capacity: Option<u64>,
}

impl Default for Disks {
    fn default() -> Disks {
        Disks { latency_us: Span { min: 0, max: 499 }, server_capacity: None, client_capacity: None }
    }
}

/// How a datagram lies about where it comes from, or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forged {
    /// From a port that is reserved for servers.
    Reserved,
    /// From the port of a server that answers whatever comes.
    Service,
    /// From another echo's port.
    OwnPort,
    /// From no host of IPv4.
    Nobody,
    /// From no host of IPv6.
    Nothing,
    /// From a group of IPv4.
    Group,
    /// From a group of IPv6.
    Groups,
    /// To many hosts.
    ToMany,
}

impl Forged {
    /// All of them.
    pub const ALL: [Forged; 8] = [
        Forged::Reserved,
        Forged::Service,
        Forged::OwnPort,
        Forged::Nobody,
        Forged::Nothing,
        Forged::Group,
        Forged::Groups,
        Forged::ToMany,
    ];
}
