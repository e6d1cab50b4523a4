//! What the applications do, and how it must end.

use serde::{Deserialize, Serialize};
use towline::proto::backoff::SplitMix;

use crate::outcome::ContentId;

/// Bytes that anybody can make again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// How many.
    pub length: u64,
    /// What they are made from.
    pub noise: u64,
}

impl Content {
    /// The bytes themselves.
    pub fn bytes(&self) -> Vec<u8> {
        let length = usize::try_from(self.length).expect("contents fit in memory");
        let mut state = SplitMix(self.noise);
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&state.next_u64().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// What they are known by.
    pub fn id(&self) -> ContentId {
        ContentId::of(&self.bytes())
    }
}

/// A client's application: steps, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// When it begins, in milliseconds.
    #[serde(default)]
    pub begins_ms: u64,
    /// What it does.
    pub steps: Vec<Step>,
}

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What.
    #[serde(rename = "do")]
    pub operation: Operation,
    /// How it must end, if it is carried out to its end.
    #[serde(default)]
    pub expect: Expect,
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Sends a file.
    Put {
        /// Where it is to stand.
        path: String,
        /// What it holds.
        content: Content,
    },
    /// Receives a file.
    Get {
        /// Where it stands.
        path: String,
    },
    /// Lists the served folder.
    List,
    /// Removes a file.
    Remove {
        /// Where it stands.
        path: String,
    },
    /// Echo within the protocol.
    Echo(Content),
    /// Echo by RFC 862, on a connection of its own.
    RawEcho(Content),
    /// Echo by RFC 862 in datagrams, each of which begins with its number. It succeeds, however few come back.
    DatagramEcho {
        /// How many are sent.
        count: u32,
        /// Bytes of each, from 8 to 65,507.
        length: u64,
        /// Milliseconds from one to the next.
        gap_ms: u64,
    },
}

impl Operation {
    /// How long the client of a [`Operation::DatagramEcho`] waits after its last one, in milliseconds.
    pub const DATAGRAM_WAIT_MS: u64 = 2_000;
}

/// How a step must end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It succeeds, whatever went wrong on the way.
    #[default]
    Success,
    /// It is told that nobody listens.
    Refused,
    /// It ends, in whatever way.
    Any,
}
