//! What a store's threads do: names one after another, publications that wait together in groups, small files beside them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::super::completions::opened;
use super::super::inbox::{Completed, Reply};
use super::{Shared, lock};
use crate::proto::storage::{
    BlockDone, BlockOp, FileDone, FileOp, Lease, NameDone, NameOp, RootId, StoreError, Stored, Ticket,
};
use crate::store::{Begun, Files, Group, Joined, Names, Open, Publication, blocks};
use crate::wire::Code;

/// Jobs that a thread takes at once: others may take what is left.
const BATCH: usize = 32;
/// For so many that wait one thread is enough.
const ENOUGH: usize = 16;

pub(super) enum NameJob {
    Execute(Ticket, NameOp, Reply),
    /// Publications that follow one another share their syncs.
    Publish(Ticket, Publication, Reply),
    Abandon(Lease),
    AbandonRoot(RootId),
}

impl NameJob {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all but a publication are carried out by themselves")]
    pub(super) fn of(ticket: Ticket, op: NameOp, reply: Reply) -> NameJob {
        match op {
            NameOp::Publish { lease, hash } => NameJob::Publish(ticket, Publication { lease, hash }, reply),
            op => NameJob::Execute(ticket, op, reply),
        }
    }
}

pub(super) struct FileJob {
    pub(super) ticket: Ticket,
    pub(super) op: FileOp,
    pub(super) reply: Reply,
}

/// Jobs that wait for a thread.
pub(super) struct Queue<J> {
    state: Mutex<Waiting<J>>,
    workers: usize,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    working: usize,
}

impl<J> Queue<J> {
    pub(super) fn new(workers: usize) -> Queue<J> {
        Queue { state: Mutex::new(Waiting { jobs: VecDeque::new(), working: 0 }), workers }
    }

    /// How many threads more are to work.
    pub(super) fn push(&self, jobs: Vec<J>) -> usize {
        let mut state = lock(&self.state);
        state.jobs.extend(jobs);
        let wanted = state.jobs.len().div_ceil(ENOUGH).min(self.workers);
        let more = wanted.saturating_sub(state.working);
        state.working += more;
        more
    }

    /// Works until no job waits. Where there is one thread alone, it takes all that wait.
    pub(super) fn work(&self, run: impl Fn(&mut VecDeque<J>)) {
        loop {
            let mut taken = {
                let mut state = lock(&self.state);
                let most = if self.workers == 1 { usize::MAX } else { BATCH };
                let count = state.jobs.len().min(most);
                let taken: VecDeque<J> = state.jobs.drain(..count).collect();
                state.working -= usize::from(taken.is_empty());
                taken
            };
            if taken.is_empty() {
                return;
            }
            run(&mut taken);
        }
    }
}

impl<F: Files> Shared<F> {
    /// Runs jobs on names, in their order.
    pub(super) fn run_names(&self, jobs: &mut VecDeque<NameJob>) {
        let _alone = lock(&self.serial);
        while let Some(job) = jobs.pop_front() {
            match job {
                NameJob::Execute(ticket, op, reply) => self.run_name(ticket, op, &reply),
                NameJob::Publish(ticket, first, reply) => {
                    let (mut waiting, mut replies) = (VecDeque::from([first]), vec![(ticket, reply)]);
                    while let Some(NameJob::Publish(..)) = jobs.front()
                        && let Some(NameJob::Publish(ticket, next, reply)) = jobs.pop_front()
                    {
                        waiting.push_back(next);
                        replies.push((ticket, reply));
                    }
                    self.publish(&mut waiting, replies);
                }
                NameJob::Abandon(lease) => {
                    lock(&self.open).remove(&lease);
                    lock(&self.names).abandon(lease);
                }
                NameJob::AbandonRoot(root) => lock(&self.names).retire_root(root),
            }
        }
    }

    /// Group by group; while the disk is waited for, names can be looked at.
    fn publish(&self, waiting: &mut VecDeque<Publication>, replies: Vec<(Ticket, Reply)>) {
        let leases: Vec<Lease> = waiting.iter().map(|publication| publication.lease).collect();
        let mut ends = Vec::with_capacity(replies.len());
        while !waiting.is_empty() {
            let mut group: Group<F> = lock(&self.names).begin_group(waiting);
            group.sync_contents();
            lock(&self.names).rename_group(&mut group);
            group.sync_names();
            ends.extend(lock(&self.names).end_group(group));
        }
        let mut closing = Vec::with_capacity(leases.len());
        {
            let mut open = lock(&self.open);
            let ended = ends.iter().zip(leases).filter(|(end, _)| end.is_ok());
            closing.extend(ended.filter_map(|(_, lease)| open.remove(&lease)));
        }
        let ends = ends.into_iter().zip(replies);
        let ends = ends.map(|(end, (ticket, reply))| (reply, (ticket, Stored::Name(end))));
        for (reply, completed) in by_machine(ends) {
            // A machine that is gone needs no answer.
            let _ = reply.send(completed);
        }
        // Only now are files closed: so a machine hears of all of them at once.
        drop(closing);
    }

    fn run_name(&self, ticket: Ticket, op: NameOp, reply: &Reply) {
        let ends = ends(&op);
        let mut names = lock(&self.names);
        if let NameOp::Gather { lease } = op {
            let waited = self.quiet.wait_while(names, |names| names.fence(lease));
            names = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let done = names.execute(op);
        let opened = done.as_ref().ok().and_then(opens);
        self.opened(&names, opened);
        if let (Ok(_), Some(lease)) = (&done, ends) {
            lock(&self.open).remove(&lease);
        }
        if reply.send(vec![(ticket, Stored::Name(done))]).is_err() {
            self.not_taken(&mut names, opened);
        }
    }

    /// Runs jobs on small files: together they open, then each moves its bytes, then together they end and are answered.
    /// So a machine wakes up once for many of them, and names are asked for twice.
    pub(super) fn run_files(&self, jobs: &mut VecDeque<FileJob>) {
        let (ops, askers): (Vec<_>, Vec<_>) =
            jobs.drain(..).map(|FileJob { ticket, op, reply }| (op, (ticket, reply))).unzip();
        let begun = lock(&self.names).begin_files(ops);
        let moved: Vec<_> = begun.into_iter().map(|begun| begun.map(Begun::run)).collect();
        let mut ends = Vec::with_capacity(moved.len());
        {
            let mut names = lock(&self.names);
            for moved in moved {
                let done = moved.and_then(|moved| names.end_file(moved));
                self.opened(&names, done.as_ref().ok().and_then(opens_file));
                ends.push(done);
            }
        }
        let ends = ends.into_iter().zip(askers);
        let ends = ends.map(|(done, (ticket, reply))| (reply, (ticket, Stored::File(done))));
        for (reply, completed) in by_machine(ends) {
            if let Err(completed) = reply.send(completed) {
                let mut names = lock(&self.names);
                completed.iter().for_each(|(_, stored)| self.not_taken(&mut names, opened(stored)));
            }
        }
    }

    fn opened(&self, names: &Names<F>, lease: Option<Lease>) {
        if let Some(lease) = lease
            && let Some(open) = names.open(lease)
        {
            lock(&self.open).insert(lease, open);
        }
    }

    /// The machine that asked is gone.
    fn not_taken(&self, names: &mut Names<F>, lease: Option<Lease>) {
        if let Some(lease) = lease {
            names.abandon(lease);
            lock(&self.open).remove(&lease);
        }
    }

    pub(super) fn run_block(&self, ticket: Ticket, op: BlockOp, reply: &Reply) {
        let stored = Stored::Block(self.block(op));
        // A machine that is gone needs no answer.
        let _ = reply.send(vec![(ticket, stored)]);
    }

    fn block(&self, op: BlockOp) -> Result<BlockDone, StoreError> {
        let lease = op.lease();
        let open = lock(&self.open).get(&lease).cloned();
        if let Some(open) = open {
            if let Some(length) = blocks::grows(&open, &op) {
                lock(&self.names).grow(lease, length)?;
            }
            return self.block_of(&open, op);
        }
        // The file is another lease's, and may be gone by now: it is held no longer than a write takes.
        let begun = lock(&self.names).begin_joined(&op)?;
        let (open, to) = match begun {
            Joined::Landed => return Ok(BlockDone::Landed),
            Joined::Write(open, to) => (open, to),
        };
        let done = self.block_of(&open, op);
        drop(open);
        lock(&self.names).end_joined(to);
        self.quiet.notify_all();
        done
    }

    fn block_of(&self, open: &Open<F::File>, op: BlockOp) -> Result<BlockDone, StoreError> {
        blocks::carry_out(open, op, |file, shape| {
            let mut buffer = self.buffers.take();
            let length = shape.length as usize;
            let space = buffer.space().get_mut(..length);
            let space = space.ok_or_else(|| StoreError::new(Code::IO, "a read longer than an extent"))?;
            let cvs = blocks::read(file, shape, space)?;
            Ok((buffer.freeze(length), cvs))
        })
    }
}

/// What comes one after another for the same machine is for it to be told together.
fn by_machine(ends: impl Iterator<Item = (Reply, Completed)>) -> Vec<(Reply, Vec<Completed>)> {
    let mut all: Vec<(Reply, Vec<Completed>)> = Vec::new();
    for (reply, completed) in ends {
        match all.last_mut() {
            Some((last, together)) if last.is(&reply) => together.push(completed),
            Some(_) | None => all.push((reply, vec![completed])),
        }
    }
    all
}

/// The lease that the completion of an operation on a whole file opens.
pub(in crate::drive) fn opens_file(done: &FileDone) -> Option<Lease> {
    match done {
        FileDone::Source { lease, .. } | FileDone::Staged { lease, .. } => Some(*lease),
        FileDone::Loaded { .. } => None,
    }
}

/// The lease that a completion opens.
pub(in crate::drive) fn opens(done: &NameDone) -> Option<Lease> {
    match done {
        NameDone::Partial { lease, .. } | NameDone::Source { lease, .. } => Some(*lease),
        NameDone::Folder { lease } | NameDone::Joined { lease } => Some(*lease),
        NameDone::Gathered { .. } => None,
        NameDone::Published | NameDone::Unchanged | NameDone::Entries { .. } | NameDone::Released => None,
        NameDone::Metadata(_) | NameDone::Removed | NameDone::Noted => None,
        NameDone::Made | NameDone::Target(_) | NameDone::Resolved(_) => None,
    }
}

/// The lease that an operation ends where it succeeds.
pub(in crate::drive) fn ends(op: &NameOp) -> Option<Lease> {
    match op {
        NameOp::Publish { lease, .. } | NameOp::Keep { lease, .. } => Some(*lease),
        NameOp::Discard { lease } | NameOp::Release { lease } => Some(*lease),
        NameOp::OpenPartial { .. } | NameOp::OpenSource { .. } | NameOp::Recheck { .. } => None,
        NameOp::Note { .. } | NameOp::Join { .. } | NameOp::Gather { .. } => None,
        NameOp::OpenFolder { .. }
        | NameOp::ReadFolder { .. }
        | NameOp::Stat { .. }
        | NameOp::Remove { .. } => None,
        NameOp::MakeFolder { .. } | NameOp::MakeLink { .. } => None,
        NameOp::ReadLink { .. } | NameOp::Resolve { .. } => None,
    }
}
