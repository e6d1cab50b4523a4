//! The hosts' disks and what goes wrong with them, on every tier: full, slow, failing, rotting, robbed by a power loss.

use std::sync::Arc;

use rand::RngExt;
use towline::proto::storage::{NameOp, StoreError, StoreOp};
use towline::store::memory::MemoryFiles;
use towline::wire::RESERVED;

use super::facts::{Facts, client_name};
use super::files::{Folders, source_of};
use crate::disk::{Power, PoweredFiles};
use crate::ledger::Rare;
use crate::outcome::{ContentId, Ended, Fate, PowerLoss, Published, Rotten, SourceChange};
use crate::plan::{Content, Host, Operation, Plan, What};
use crate::streams::Streams;
use crate::trace::{Kind, Lane, Store};

/// How much longer than any other operation one that syncs takes on a slow disk.
const SYNC_WEIGHT: u64 = 4;
/// Bits that rotted in one partial, of which each set is tried when it is published.
const ROTTING_MAX: usize = 6;

/// A file from this length on has nothing in it that could rot, and cannot be looked at as a whole.
const HOLLOW_MIN: u64 = 1 << 32;

/// A file that is being received, of which a bit rotted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rotting {
    host: Host,
    /// In the reserved folder.
    name: Vec<u8>,
    offset: u64,
    mask: u8,
}

/// Lets a store get at the facts.
pub(super) type Touch = Arc<dyn Fn(&mut dyn FnMut(&mut Facts)) + Send + Sync>;

/// True for what [`Folders::strike`] carries out.
pub(super) fn is_of_disk(what: What) -> bool {
    match what {
        What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => true,
        What::SlowDisk(..) | What::BitRot(..) | What::SourceChanges { .. } => true,
        What::Meddle(..) | What::NoteRots(..) => true,
        What::Partition(..) | What::Repair | What::Hold(_) | What::Release | What::Reset(_) => false,
        What::End(..) | What::Mute(..) | What::Damage(..) | What::KillServer | What::PowerLossServer => false,
        What::StartServer | What::SecondServer | What::DrainServer | What::KillClient(_) => false,
        What::PowerLossClient(_) | What::StartClient(_) | What::Pause(_) | What::Resume(_) => false,
        What::StopReading(_) | What::StartReading(_) | What::ClockJump(..) => false,
        What::AcceptFails(_) | What::AbortServer | What::Forged(_) | What::BreakWrites(..) => false,
    }
}

/// Milliseconds that an operation takes on a host's disk beyond its latency.
pub(super) fn slowness_ms(facts: &Facts, host: Host, op: &StoreOp) -> u64 {
    let weight = match op {
        StoreOp::Name(NameOp::Publish { .. } | NameOp::Remove { .. }) => SYNC_WEIGHT,
        StoreOp::Name(_) | StoreOp::Block(_) | StoreOp::File(_) | StoreOp::Stream(_) => 1,
    };
    weight * facts.slow_ms.get(&host).copied().unwrap_or(0)
}

fn capacity(plan: &Plan, host: Host) -> u64 {
    let capacity = match host {
        Host::Server => plan.disks.server_capacity,
        Host::Client(_) => plan.disks.client_capacity,
    };
    capacity.unwrap_or(u64::MAX)
}

impl Folders {
    pub(super) fn disk(&self, host: Host) -> &MemoryFiles {
        match host {
            Host::Server => &self.served,
            Host::Client(client) => &self.local[client as usize],
        }
    }

    /// A host's files as a new process sees them.
    pub(super) fn files(&self, host: Host, power: &Power, touch: Touch) -> PoweredFiles {
        let mut plant = None;
        touch(&mut |facts| plant = facts.plant.filter(|_| host == Host::Server));
        let (folders, cut, before) = (self.clone(), power.clone(), Arc::clone(&touch));
        let before = move |primitive| {
            before(&mut |facts| {
                if let Some(what) = facts.before_primitive(host, primitive, &cut) {
                    facts.record(Lane::FAULTS, None, Kind::Fault(what));
                    folders.strike(what, facts);
                }
            });
        };
        let folders = self.clone();
        let renamed = move |from: &[u8], path: &str| {
            // A link gets its name in the same way.
            let Some(bytes) = folders.disk(host).get(path) else { return };
            touch(&mut |facts| facts.renamed(host, from, path, &bytes));
        };
        PoweredFiles::new(self.disk(host).clone(), power.clone(), Arc::new(before), Arc::new(renamed), plant)
    }

    /// A fault of a disk happens.
    pub(super) fn strike(&self, what: What, facts: &mut Facts) {
        match what {
            What::DiskFull(host) => self.disk(host).set_capacity(0),
            What::DiskFree(host) => self.disk(host).set_capacity(capacity(&facts.outcome.plan, host)),
            What::DiskError { host, primitive, times, how } => {
                let fail = |_| self.disk(host).fail(primitive, 0, how.kind().into());
                (0..times).for_each(fail);
            }
            What::SlowDisk(host, ms) => drop(facts.slow_ms.insert(host, ms)),
            What::BitRot(host, pick) => self.rot(host, pick, facts),
            What::NoteRots(host, pick) => self.rot_note(host, pick, facts),
            What::Meddle(host, meddling) => self.meddle(host, meddling, facts),
            What::SourceChanges { client, step, content } => {
                self.change_source(client, step, &content, facts);
            }
            other => unreachable!("{other:?} is no fault of a disk"),
        }
    }

    /// Inverts a bit of the `pick`th file, counted around, that is not empty. What a client is to send is left alone:
    /// rotten, it would be another file that is sent.
    fn rot(&self, host: Host, pick: u32, facts: &mut Facts) {
        let disk = self.disk(host);
        let length = |path: &str| disk.look(path).map_or(0, |status| status.length);
        let is_source = |path: &str| host != Host::Server && path.starts_with("up-");
        let mut paths = disk.paths();
        paths.retain(|path| (1..HOLLOW_MIN).contains(&length(path)) && !is_source(path));
        let Some(path) = paths.get(pick as usize % paths.len().max(1)) else {
            return facts.event("fault", "there is nothing to rot");
        };
        let of = format!("rot {host:?}");
        let mut random = Streams::new(facts.outcome.plan.seed).part(Streams::DISK, &of, facts.rots);
        facts.rots += 1;
        let (offset, mask) = (random.random_range(0..length(path)), 1 << random.random_range(0..8));
        let was = self.content(host, path);
        let is_written = disk.rot(path, offset, mask);
        let what = if is_written { "rots" } else { "is a hole" };
        facts.event("fault", &format!("{path} at byte {offset} {what}"));
        let Some(name) = path.strip_prefix(&format!("{}/", RESERVED.escape_ascii())) else {
            let at = Some(facts.next_in_order());
            if let (Some(was), Some(is)) = (was, self.content(host, path)) {
                facts.reach(Rare::FileRotted);
                facts.outcome.rotten.push(Rotten {
                    host,
                    path: path.clone(),
                    was,
                    is,
                    at,
                    bits: vec![(offset, mask)],
                });
            }
            return;
        };
        if is_written {
            facts.rotting.push(Rotting { host, name: name.as_bytes().to_vec(), offset, mask });
        }
    }

    /// Not by a process of ours: it takes no space that a plan counts, and is durable at once.
    fn change_source(&self, client: u32, step: usize, content: &Content, facts: &mut Facts) {
        self.local[client as usize].overwrite(&source_of(step), &content.bytes());
        let (at, content) = (facts.next_in_order(), content.id());
        facts.outcome.source_changes.push(SourceChange { client, step, content, at });
    }

    fn content(&self, host: Host, path: &str) -> Option<ContentId> {
        self.disk(host).get(path).map(|bytes| ContentId::of(&bytes))
    }

    /// The power of a host was lost: its disk keeps and loses what was not synced, each change by itself, as the plan's
    /// stream `disk` says. What that did to files that have a name is a fact.
    pub(super) fn rob(&self, host: Host, facts: &mut Facts) {
        let streams = Streams::new(facts.outcome.plan.seed);
        let (name, mut random) = match host {
            Host::Server => (super::facts::SERVER, streams.stream(Streams::DISK)),
            Host::Client(client) => {
                let life = u64::from(facts.clients[client as usize].begun);
                (client_name(client), streams.part(Streams::DISK, client_name(client), life))
            }
        };
        let paths = match host {
            Host::Server => facts.paths().into_iter().collect(),
            Host::Client(client) => facts.got_by(client),
        };
        let disk = self.disk(host);
        // A file that was published anew may be lost where an equal one stood before, and stands again.
        let file = |path: &str| disk.look(path).map(|status| status.identity());
        let look = |path: &str| (self.content(host, path), file(path));
        let before: Vec<_> = paths.iter().map(|path| look(path)).collect();
        let pending = disk.pending();
        disk.crash(|| random.random());
        facts.event(name, &format!("its disk had {pending} changes that were not synced"));
        if pending > 0 {
            facts.reach(Rare::DiskRobbed);
        }
        let at = facts.next_in_order();
        for (path, was) in paths.into_iter().zip(before) {
            let is = look(&path);
            if is != was {
                facts.outcome.power_losses.push(PowerLoss { host, path, was: was.0, is: is.0, at });
            }
        }
    }
}

impl Facts {
    /// A host's store cannot be opened; who started it tries again at once.
    pub(super) fn cannot_begin(&mut self, host: Host, error: &StoreError) {
        self.record(host.into(), None, Kind::Note(format!("cannot open its folder: {error}")));
    }

    /// A host's store gave a file its name; `from` is the one that it had while it was received.
    pub(super) fn renamed(&mut self, host: Host, from: &[u8], path: &str, bytes: &[u8]) {
        self.published_rotten(host, from, path, bytes);
        // The store writes its log anew, and names it again.
        let is_own =
            path.strip_prefix(&RESERVED.escape_ascii().to_string()).is_some_and(|rest| rest.starts_with('/'));
        if host != Host::Server || is_own {
            return;
        }
        let content = self.known.id(bytes);
        let at_ms = self.now_ms;
        let kind = Kind::Store(Store::Publishes { path: path.to_owned(), content });
        self.record(Lane::Server, None, kind);
        self.outcome.published.push(Published { at_ms, path: path.to_owned(), content });
    }

    /// Where a client's gets that were acknowledged are.
    fn got_by(&self, client: u32) -> Vec<String> {
        let is_it = |job: &&crate::outcome::Job| job.client == client && job.ended == Some(Ended::Done);
        let of_job = |job: &crate::outcome::Job| match self.outcome.operation(job) {
            Operation::Get { .. } => vec![format!("down-{}", job.step)],
            operation @ Operation::GetTree { how, .. } if how.changes() => {
                let place = super::trees::destination_of(operation, job.life, job.step);
                // What was there already is as durable as it was.
                let moved = job.told.iter().filter(|(_, fate, _)| *fate == Fate::Moved);
                moved.map(|(path, ..)| format!("{place}/{path}")).collect()
            }
            _ => Vec::new(),
        };
        self.outcome.jobs.iter().filter(is_it).flat_map(of_job).collect()
    }

    /// What rotted in a partial stands under a name now: the file that it would be without, if that is one of the plan's.
    fn published_rotten(&mut self, host: Host, name: &[u8], path: &str, bytes: &[u8]) {
        let is_it = |rotting: &Rotting| rotting.host == host && rotting.name == name;
        let bits: Vec<Rotting> = self.rotting.extract_if(.., |rotting| is_it(rotting)).collect();
        if bits.is_empty() {
            return;
        }
        let is = ContentId::of(bytes);
        // Some may have been written over since.
        for set in 1..1_usize << bits.len().min(ROTTING_MAX) {
            let mut whole = bytes.to_vec();
            for (_, bit) in bits.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1) {
                if let Some(byte) = usize::try_from(bit.offset).ok().and_then(|offset| whole.get_mut(offset))
                {
                    *byte ^= bit.mask;
                }
            }
            let was = ContentId::of(&whole);
            if self.outcome.is_of_plan(was) {
                let path = path.to_owned();
                let of_set = bits.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
                let bits = of_set.map(|(_, bit)| (bit.offset, bit.mask)).collect();
                return self.outcome.rotten.push(Rotten { host, path, was, is, at: None, bits });
            }
        }
    }
}
