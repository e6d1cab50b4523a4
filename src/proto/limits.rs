//! The numbers that an implementation chooses, in one place. Those that the wire fixes are in `wire::limits`.

use super::session::Floor;
use crate::time::Duration;
use crate::wire::Capabilities;
use crate::wire::limits::EXTENT;

/// However short an idle time the peer states: a side speaks no more often only to be heard.
pub(crate) const SPEAK_MIN: Duration = Duration::from_millis(50);

/// Bytes that the driver of a connection queues at the most: more room is never told.
pub(crate) const QUEUE_MAX: usize = 2 * 1024 * 1024;
/// Bytes that encryption holds of a connection, both ways.
pub(crate) const ENCRYPTED_MAX: usize = 512 * 1024;

/// How many connections a client may have for one long file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connections {
    /// One.
    One,
    /// So many, as long as there is a MiB for each.
    Fixed(u32),
    /// As many as are of use, where the path is long: a few, and twice as many as long as that is faster.
    Adaptive,
}

impl Connections {
    /// However many are asked for.
    pub const MAX: u32 = 64;
    /// So many are begun with, where more than one may be of use: the first hundreds of milliseconds are those in which a
    /// connection gathers speed.
    pub const ADAPTIVE_FIRST: u32 = 4;
    /// However many would be of use.
    pub const ADAPTIVE_MAX: u32 = 8;
    /// The least round-trip time of a path that is called long.
    pub const RTT_MIN: Duration = Duration::from_millis(5);
}

/// What this crate can do beyond the version.
pub const CAPABILITIES: Capabilities = Capabilities::HOLES.and(Capabilities::PULLS).and(Capabilities::PUSHES);

/// Limits of a connection and of what runs on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// What is offered to the peer beyond the version: all that this crate can, or less.
    pub capabilities: Capabilities,
    /// From the beginning of a connection to the peer's `Hello`; `None`: for ever.
    pub handshake: Option<Duration>,
    /// Without a byte from the peer for this long it is taken for dead (asked with a `Ping` at half time); `None`: never.
    pub idle: Option<Duration>,
    /// After this side's last byte, how long the peer may take to end its side.
    pub linger: Duration,
    /// Data bytes that the peer may send before they are stored; at least 2 MiB.
    pub window: u64,
    /// Operations that the peer may have open at once.
    pub operations: u32,
    /// Bytes read from the store ahead of what is sent, over all operations of a connection.
    pub read_ahead: usize,
    /// Extents that one sender reads ahead.
    pub extents_ahead: usize,
    /// A client's connections for one long file.
    pub connections: Connections,
    /// The least that is to be moved over as many connections as are of use; a sixteenth of it tells a rate.
    pub adaptive_min: u64,
    /// Verified bytes of a transfer between two notes of what is held, for whoever goes on after a crash.
    pub note_every: u64,
    /// Bytes of names that a tree job holds, at about 100 bytes a name: folders with more of them are read several times.
    pub tree_names: usize,
    /// What a client has to move at least, while a server waits for it; `None`: nothing.
    pub floor: Option<Floor>,
    /// Encoded bytes of names that a listing may have where all of it is held.
    pub listed_max: usize,
    /// Entries that a listing of a tree's folder may have: a server that never ends one is not to be trusted.
    pub listing_max: u64,
    /// The same for all folders of a tree.
    pub tree_max: u64,
    /// How often a block may arrive damaged before the transfer fails.
    pub block_attempts: u8,
    /// Bytes of control frames that may wait for room before nothing more is read from the peer.
    pub backlog: usize,
    /// Store operations of a connection that may be under way before nothing more is read from the peer.
    pub store_operations: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            capabilities: CAPABILITIES,
            handshake: Some(Duration::from_secs(10)),
            idle: Some(Duration::from_secs(30)),
            linger: Duration::from_secs(2),
            window: 8 * EXTENT,
            operations: 256,
            read_ahead: 6 * EXTENT as usize,
            extents_ahead: 4,
            connections: Connections::Adaptive,
            adaptive_min: 32 * EXTENT,
            note_every: 16 * EXTENT,
            tree_names: 16 * 1024 * 1024,
            floor: Some(Floor { bytes: 64 * 1024, within: Duration::from_secs(300) }),
            listed_max: 256 * 1024 * 1024,
            listing_max: 1 << 24,
            tree_max: 1 << 32,
            block_attempts: 3,
            backlog: 256 * 1024,
            store_operations: 1024,
        }
    }
}

/// Limits of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenLimits {
    /// Connections at once.
    pub connections: usize,
    /// Bytes that the buffers of all connections may take together: there are no more of them than have room in it, each with
    /// [the most that its own may take](super::Session::buffers_max).
    pub memory: usize,
    /// Connections at once from one address.
    pub per_source: usize,
    /// Of all of them, those that have not greeted (nor said who they are): for one more the oldest is cut, of whichever address has
    /// the most of them.
    pub greeting: usize,
    /// The same from one address.
    pub greeting_per_source: usize,
    /// How long a stopping server waits for what is running; `None`: for ever.
    pub drain: Option<Duration>,
    /// How long nothing is accepted after the system ran out of files; each time in a row that it is tried in vain, twice as long.
    pub accept_pause: Duration,
    /// But no longer than this.
    pub accept_pause_max: Duration,
    /// What a refused client is told to wait before it tries again.
    pub busy_delay: Duration,
}

impl Default for ListenLimits {
    fn default() -> ListenLimits {
        ListenLimits {
            connections: 1024,
            memory: usize::MAX,
            per_source: 1024,
            greeting: 256,
            greeting_per_source: 64,
            drain: Some(Duration::from_secs(30)),
            accept_pause: Duration::from_millis(500),
            accept_pause_max: Duration::from_secs(8),
            busy_delay: Duration::from_secs(1),
        }
    }
}

/// Limits of a pairing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PairLimits {
    /// How long a code lives.
    pub life: Duration,
    /// Wrong guesses after which it is dead, over all connections; at least 1.
    pub tries: u8,
    /// Connections at once; at least 1. For one more the oldest is cut, of whichever address has the most.
    pub connections: usize,
    /// How long a connection may take in all, from the accept to the last message, at either side.
    pub patience: Duration,
}

impl Default for PairLimits {
    fn default() -> PairLimits {
        PairLimits {
            life: Duration::from_secs(600),
            tries: 3,
            connections: 16,
            patience: Duration::from_secs(10),
        }
    }
}
