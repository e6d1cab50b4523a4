//! What disks and strangers did, and what machines held.

use super::ContentId;
use crate::plan::Host;

/// A bit of a file was inverted at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotten {
    /// Whose disk.
    pub host: Host,
    /// The path that the file had, or got.
    pub path: String,
    /// What it held.
    pub was: ContentId,
    /// What it holds.
    pub is: ContentId,
    /// When, in the order of beginnings and ends; `None` for one that rotted while it was received.
    pub at: Option<u64>,
}

/// A path whose content a power loss changed, since not all of it was durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerLoss {
    /// Whose power.
    pub host: Host,
    /// Which path.
    pub path: String,
    /// What stood there.
    pub was: Option<ContentId>,
    /// What stands there.
    pub is: Option<ContentId>,
    /// When, in the order of beginnings and ends.
    pub at: u64,
}

/// A connection of a stranger's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which stranger, by its place in the plan.
    pub stranger: u32,
    /// How the server's session ended, if it did.
    pub end: Option<String>,
}

/// The most that a host's machines held at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// How many they were.
    pub machines: usize,
    /// Bytes that they held.
    pub bytes: usize,
    /// Bytes that they may hold.
    pub most: usize,
}

impl std::fmt::Display for Peak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Peak { machines, bytes, most } = self;
        write!(f, "at most {bytes} bytes, {machines} of them, which may hold {most}")
    }
}

impl Peak {
    /// True if they held more than they may.
    pub fn is_too_much(&self) -> bool {
        self.bytes > self.most
    }
}
