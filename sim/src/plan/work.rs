//! What the applications do, and how it must end.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use towline::proto::backoff::SplitMix;
use towline::store::memory::MemoryFiles;
use towline::wire::limits;

use super::Part;
use super::folder::{How, Node, files};
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
        if let Some(hole) = self.hole() {
            bytes[..hole as usize].fill(0);
        }
        bytes
    }

    /// How many bytes at the beginning are a hole, where it has one: as many as are read at once, or all of a shorter one.
    /// One in four that is not small and is drawn has: what is written by hand has a small number for its noise, and none.
    pub fn hole(&self) -> Option<u64> {
        let is_sparse = self.noise >> 62 == 3 && self.length > limits::BLOCK_MIN;
        is_sparse.then(|| self.length.min(limits::EXTENT))
    }

    /// One like it without a hole.
    #[must_use]
    pub fn dense(self) -> Content {
        Content { noise: self.noise & (u64::MAX >> 1), ..self }
    }

    /// Puts a file of it there, with its hole.
    pub fn put(&self, files: &MemoryFiles, path: &str) {
        let bytes = self.bytes();
        match self.hole() {
            Some(hole) => files.put_sparse(path, self.length, &[(hole, &bytes[hole as usize..])]),
            None => files.put(path, &bytes),
        }
    }

    /// What they are known by.
    pub fn id(&self) -> ContentId {
        ContentId::of(&self.bytes())
    }
}

/// A client's application: steps, one after another, or several begun together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// When it begins, in milliseconds.
    #[serde(default)]
    pub begins_ms: u64,
    /// What it does.
    pub steps: Vec<Step>,
    /// True if it does not close its client after the last step, but drops it, whatever that is at.
    #[serde(default, skip_serializing_if = "is_not")]
    pub leaves: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_not(value: &bool) -> bool {
    !*value
}

impl Application {
    /// The steps that begin together with the step `first`: it alone, mostly.
    pub fn group(&self, first: usize) -> Range<usize> {
        let more = self.steps.iter().skip(first + 1).take_while(|step| step.together).count();
        first..(first + 1 + more).min(self.steps.len())
    }

    /// The steps that begin together with `step`, which may be any of them.
    pub fn group_of(&self, step: usize) -> Range<usize> {
        let steps = self.steps.get(..=step).unwrap_or_default();
        self.group(steps.iter().rposition(|step| !step.together).unwrap_or(0))
    }
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
    /// True if it begins together with the step before it, over the same connection. What comes after them waits for all.
    #[serde(default, skip_serializing_if = "is_false")]
    pub together: bool,
    /// The application gives it up after so many milliseconds, and does not look what becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up_ms: Option<u64>,
}

impl Step {
    /// A step by itself, that is waited for.
    pub fn new(operation: Operation, expect: Expect) -> Step {
        Step { operation, expect, together: false, give_up_ms: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !*value
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
    /// Sends a folder of files, which are called by their numbers, and of whatever else is in it.
    PutTree {
        /// Where it is to stand.
        path: String,
        /// What they hold.
        contents: Vec<Content>,
        /// What else is in it, each by its path there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        nodes: Vec<(String, Node)>,
        /// How.
        #[serde(default, skip_serializing_if = "How::is_plain")]
        how: How,
    },
    /// Receives a folder with all that is in it.
    GetTree {
        /// Where it stands.
        path: String,
        /// The folder that becomes like it; one of its own, if none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// How.
        #[serde(default, skip_serializing_if = "How::is_plain")]
        how: How,
    },
    /// Compares a file here with one at the server, and moves neither.
    Compare {
        /// Where the server's stands.
        path: String,
        /// What stands here.
        content: Content,
    },
    /// Receives bytes of a file in order, and hands them to whoever reads.
    Print {
        /// Where it stands.
        path: String,
        /// Which bytes.
        part: Part,
        /// After how many bytes there is no more room for them, if at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<u64>,
    },
    /// Sends what somebody else writes, whose length nobody knows before its end.
    Pour {
        /// Where it is to stand.
        path: String,
        /// What it holds.
        content: Content,
        /// After how many bytes it fails, if at all, instead of coming to its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fails_at: Option<u64>,
    },
    /// Lists the served folder.
    List,
    /// Asks what stands at a path.
    Stat {
        /// Where.
        path: String,
    },
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

    /// True for what the client's machine is asked; the others have a connection of their own, or none.
    pub fn is_job(&self) -> bool {
        match self {
            Operation::Put { .. } | Operation::Get { .. } | Operation::List => true,
            Operation::PutTree { .. } | Operation::GetTree { .. } => true,
            Operation::Compare { .. } | Operation::Print { .. } | Operation::Pour { .. } => true,
            Operation::Stat { .. } | Operation::Remove { .. } | Operation::Echo(_) => true,
            Operation::RawEcho(_) | Operation::DatagramEcho { .. } => false,
        }
    }

    /// The files that it sends, by the path that each is to stand at.
    pub fn puts(&self) -> Vec<(String, &Content)> {
        match self {
            Operation::Put { path, content } => vec![(path.clone(), content)],
            Operation::Pour { path, content, fails_at: None } => vec![(path.clone(), content)],
            Operation::Pour { fails_at: Some(_), .. } => Vec::new(),
            Operation::Compare { .. } | Operation::Print { .. } => Vec::new(),
            Operation::PutTree { how, .. } if !how.changes() => Vec::new(),
            Operation::PutTree { path, contents, nodes, how } => {
                let files = files(contents, nodes, *how).into_iter();
                files.map(|(below, content)| (format!("{path}/{below}"), content)).collect()
            }
            Operation::Get { .. } | Operation::GetTree { .. } | Operation::List => Vec::new(),
            Operation::Stat { .. } | Operation::Remove { .. } | Operation::Echo(_) => Vec::new(),
            Operation::RawEcho(_) | Operation::DatagramEcho { .. } => Vec::new(),
        }
    }

    /// The files that come of a tree that it sends, by their paths in it, also where nothing is to be changed.
    pub fn files_of_tree(&self) -> Vec<(String, &Content)> {
        match self {
            Operation::PutTree { contents, nodes, how, .. } => files(contents, nodes, *how),
            _ => Vec::new(),
        }
    }

    /// The file or folder that it is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Operation::Put { path, .. } | Operation::Get { path } => Some(path),
            Operation::Compare { path, .. } | Operation::Print { path, .. } => Some(path),
            Operation::Pour { path, .. } => Some(path),
            Operation::Stat { path } | Operation::Remove { path } => Some(path),
            Operation::PutTree { path, .. } | Operation::GetTree { path, .. } => Some(path),
            Operation::List | Operation::Echo(_) => None,
            Operation::RawEcho(_) | Operation::DatagramEcho { .. } => None,
        }
    }

    /// True if it is about this path, or about what it is in, or what is in it.
    pub fn meets(&self, path: &str) -> bool {
        let is_above = |above: &str, path: &str| {
            above == path || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
        };
        self.path().is_some_and(|own| is_above(own, path) || is_above(path, own))
    }

    /// True if it changes what stands at its path.
    pub fn writes(&self) -> bool {
        match self {
            Operation::Put { .. } | Operation::PutTree { .. } | Operation::Remove { .. } => true,
            Operation::Pour { .. } => true,
            Operation::Compare { .. } | Operation::Print { .. } => false,
            Operation::Get { .. } | Operation::GetTree { .. } | Operation::List | Operation::Stat { .. } => {
                false
            }
            Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => false,
        }
    }
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
