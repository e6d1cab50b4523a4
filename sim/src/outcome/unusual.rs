//! What disks and strangers did, and what machines held.

use super::{ContentId, Ended, Job, Outcome};
use crate::plan::{Host, Operation};

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
    /// Which bits, by the bytes that they are of.
    pub bits: Vec<(u64, u8)>,
}

/// Somebody wrote over what a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceChange {
    /// Whose.
    pub client: u32,
    /// In which of its steps.
    pub step: usize,
    /// What it holds now.
    pub content: ContentId,
    /// When, in the order of beginnings and ends.
    pub at: u64,
}

/// A path at which another file stands after a power loss, or other bytes, since not all of it was durable. What stood
/// there may be equal to what stands there.
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

impl Outcome {
    /// What a step has had to send so far, from the first on; nothing for one that sends nothing.
    pub fn sent(&self, client: u32, step: usize) -> Vec<ContentId> {
        self.sent_within(client, step, 0, u64::MAX)
    }

    /// What a job may have sent: what its source was when it began, and what it became before its end.
    pub fn sent_by(&self, job: &Job) -> Vec<ContentId> {
        // What was given up is not over at that moment.
        let ended_at = job.ended_at.filter(|_| job.ended != Some(Ended::GivenUp));
        self.sent_within(job.client, job.step, job.begun_at, ended_at.unwrap_or(u64::MAX))
    }

    /// What a job may have sent to each of its paths.
    pub fn sent_to(&self, job: &Job) -> Vec<(String, Vec<ContentId>)> {
        match self.operation(job) {
            Operation::Put { path, .. } => vec![(path.clone(), self.sent_by(job))],
            operation => {
                let puts = operation.puts().into_iter();
                puts.map(|(path, content)| (path, vec![self.id(content)])).collect()
            }
        }
    }

    /// What stands at a served path at some time, as far as it is known byte by byte.
    pub fn versions_at(&self, path: &str) -> Vec<(ContentId, Vec<u8>)> {
        let writes = |job: &&Job| self.operation(job).writes() && self.operation(job).path() == Some(path);
        let puts = self.jobs.iter().filter(writes);
        let changes = puts.flat_map(|job| self.plan.source_changes(job.client, job.step));
        let contents = self.plan.contents_at(path).chain(changes);
        let mut versions: Vec<_> = contents.map(|content| (self.id(content), content.bytes())).collect();
        // In the order in which they rotted.
        let of_it = |rotten: &&Rotten| rotten.host == Host::Server && rotten.path == path;
        for Rotten { was, is, bits, .. } in self.rotten.iter().filter(of_it) {
            let Some((_, was)) = versions.iter().find(|(id, _)| id == was) else { continue };
            let mut bytes = was.clone();
            for (at, mask) in bits {
                bytes[*at as usize] ^= mask;
            }
            versions.push((*is, bytes));
        }
        versions
    }

    fn sent_within(&self, client: u32, step: usize, from: u64, until: u64) -> Vec<ContentId> {
        let Some(Operation::Put { content, .. } | Operation::Compare { content, .. }) =
            self.plan.step(client, step).map(|step| &step.operation)
        else {
            return Vec::new();
        };
        let mut sent = vec![self.id(content)];
        let of_it = |change: &&SourceChange| (change.client, change.step) == (client, step);
        for change in self.source_changes.iter().filter(of_it).filter(|change| change.at < until) {
            if change.at < from {
                sent.clear();
            }
            sent.push(change.content);
        }
        sent
    }
}
