//! Digests: of a trace, and of its beginnings, by which it is compared with a run that is not there any more.

use std::fmt::{self, Debug, Display, Formatter};
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Trace;

/// BLAKE3 of a trace. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Enough of it to tell two runs apart.
    pub fn prefix(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Digest {
        Digest(*hash.as_bytes())
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Debug for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is wrong with a digest's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDigest;

impl Display for NoDigest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a digest is 64 hexadecimal digits")
    }
}

impl std::error::Error for NoDigest {}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Digest, NoDigest> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| NoDigest)?;
        Ok(Digest::from(hash))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Digest, NoDigest> {
        text.parse()
    }
}

/// The digests of a trace's beginnings: enough to find where another run left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// How many events there were.
    pub events: usize,
    /// The digests after each [`Checkpoints::EVERY`] of them.
    pub digests: Vec<Digest>,
    /// The digest after all.
    pub last: Digest,
}

impl Checkpoints {
    /// Events from one checkpoint to the next.
    pub const EVERY: usize = 16;

    /// The events among which `trace` first differs from what these were taken of, counted from 0; `None` if it does not.
    /// A stretch that goes beyond the end of either says that one of them has more.
    pub fn differing(&self, trace: &Trace) -> Option<Range<usize>> {
        let there = trace.checkpoints();
        if self.events == there.events && self.last == there.last {
            return None;
        }
        let both = self.digests.len().min(there.digests.len());
        let equal = common(&self.digests[..both], &there.digests[..both]);
        let start = equal * Checkpoints::EVERY;
        Some(start..(start + Checkpoints::EVERY).min(self.events.max(there.events)))
    }
}

/// How many digests are the same at the beginning. A digest holds all that was before it: once they differ, they always do.
fn common(one: &[Digest], other: &[Digest]) -> usize {
    let (mut equal, mut ends) = (0, one.len().min(other.len()));
    while equal < ends {
        let middle = equal + (ends - equal) / 2;
        if one[middle] == other[middle] {
            equal = middle + 1;
        } else {
            ends = middle;
        }
    }
    equal
}
