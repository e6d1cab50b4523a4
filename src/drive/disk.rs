//! Store operations off the async threads: names one after another, blocks side by side. Where there must be no threads
//! (a simulated host), in line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Pool;
use super::streams::{AnyPipe, Streams};
use crate::proto::storage::{
    BlockDone, BlockOp, Lease, NameDone, NameOp, RootId, StoreError, StoreOp, Stored, StreamId, Ticket,
};
use crate::store::{Files, Names, Open, blocks};
use crate::wire::Code;
use crate::wire::limits::EXTENT;

/// Where store operations run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On tokio's blocking threads.
    Threads,
    /// At once, on the calling thread: for simulations, which own the only thread and the time.
    Inline,
}

/// A store that machines can use. A clone is the same store.
pub struct Disk<F: Files> {
    shared: Arc<Shared<F>>,
}

impl<F: Files> Clone for Disk<F> {
    fn clone(&self) -> Self {
        Disk { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<F: Files> {
    mode: Mode,
    names: Mutex<Names<F>>,
    queue: Mutex<Queue>,
    /// The files of open leases, for block operations, which do not wait for names.
    open: Mutex<BTreeMap<Lease, Open<F::File>>>,
    buffers: Pool,
    streams: Streams,
}

/// Operations on names that wait their turn.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<NameJob>,
    is_running: bool,
}

enum NameJob {
    Execute(Ticket, NameOp, Reply),
    Abandon(Lease),
    AbandonRoot(RootId),
}

type Reply = UnboundedSender<(Ticket, Stored)>;

/// What a driver needs of a store, whatever its files are.
pub trait Submit: Send + Sync {
    /// Carries out `op` and answers with its completion, exactly once, in any order.
    fn submit(&self, ticket: Ticket, op: StoreOp, reply: &UnboundedSender<(Ticket, Stored)>);

    /// Ends a lease for a machine that is gone.
    fn abandon(&self, lease: Lease);
}

impl<F> Disk<F>
where
    F: Files + Send + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + 'static,
    F::Listing: Send + 'static,
{
    /// A store without roots. `nonce` is to differ between processes: see [`Names::new`].
    pub fn new(nonce: u64, mode: Mode) -> Disk<F> {
        Disk {
            shared: Arc::new(Shared {
                mode,
                names: Mutex::new(Names::new(nonce)),
                queue: Mutex::default(),
                open: Mutex::default(),
                buffers: Pool::new(usize::try_from(EXTENT).unwrap_or(1 << 20), 8),
                streams: Streams::default(),
            }),
        }
    }

    /// Adds a root.
    pub async fn add_root(&self, files: F) -> Result<RootId, StoreError> {
        self.with_names(|names| names.add_root(files)).await
    }

    /// Ends a root's leases, tidies up below it and forgets it.
    pub async fn close_root(&self, root: RootId) -> Result<(), StoreError> {
        self.with_names(move |names| names.close_root(root)).await
    }

    /// The same once its leases have ended, without waiting for it.
    pub fn abandon_root(&self, root: RootId) {
        self.enqueue(NameJob::AbandonRoot(root));
    }

    async fn with_names<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Names<F>) -> T + Send + 'static,
    ) -> T {
        let shared = Arc::clone(&self.shared);
        match shared.mode {
            Mode::Inline => action(&mut lock(&shared.names)),
            Mode::Threads => tokio::task::spawn_blocking(move || action(&mut lock(&shared.names)))
                .await
                .expect("a store operation does not panic"),
        }
    }

    /// Adds a stream of the application's.
    pub fn add_stream(&self, pipe: AnyPipe) -> StreamId {
        self.shared.streams.add(pipe)
    }

    /// How many leases are open.
    pub fn leases(&self) -> usize {
        lock(&self.shared.names).leases().count()
    }

    fn enqueue(&self, job: NameJob) {
        match self.shared.mode {
            Mode::Inline => self.shared.run_name(job),
            Mode::Threads => {
                let mut queue = lock(&self.shared.queue);
                queue.waiting.push_back(job);
                if !queue.is_running {
                    queue.is_running = true;
                    let shared = Arc::clone(&self.shared);
                    tokio::task::spawn_blocking(move || shared.run_queue());
                }
            }
        }
    }
}

impl<F: Files> Disk<F> {
    /// Forgets a stream; what is under way on it completes with `CANCELLED`.
    pub fn forget_stream(&self, stream: StreamId) {
        self.shared.streams.remove(stream);
    }
}

impl<F> Submit for Disk<F>
where
    F: Files + Send + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + 'static,
    F::Listing: Send + 'static,
{
    fn submit(&self, ticket: Ticket, op: StoreOp, reply: &Reply) {
        let reply = reply.clone();
        match (op, self.shared.mode) {
            (StoreOp::Stream(op), mode) => {
                self.shared.streams.submit(ticket, op, reply, mode, &self.shared.buffers);
            }
            (StoreOp::Name(op), _) => self.enqueue(NameJob::Execute(ticket, op, reply)),
            (StoreOp::Block(op), Mode::Inline) => self.shared.run_block(ticket, op, &reply),
            (StoreOp::Block(op), Mode::Threads) => {
                let shared = Arc::clone(&self.shared);
                tokio::task::spawn_blocking(move || shared.run_block(ticket, op, &reply));
            }
        }
    }

    fn abandon(&self, lease: Lease) {
        self.enqueue(NameJob::Abandon(lease));
    }
}

impl<F: Files> Shared<F> {
    /// Runs names until none waits.
    fn run_queue(&self) {
        loop {
            let job = {
                let mut queue = lock(&self.queue);
                let job = queue.waiting.pop_front();
                queue.is_running = job.is_some();
                job
            };
            match job {
                Some(job) => self.run_name(job),
                None => return,
            }
        }
    }

    fn run_name(&self, job: NameJob) {
        match job {
            NameJob::Execute(ticket, op, reply) => {
                let ends = ends(&op);
                let mut names = lock(&self.names);
                let done = names.execute(op);
                let opened = done.as_ref().ok().and_then(opens);
                if let Some(lease) = opened
                    && let Some(open) = names.open(lease)
                {
                    lock(&self.open).insert(lease, open);
                }
                if let (Ok(_), Some(lease)) = (&done, ends) {
                    lock(&self.open).remove(&lease);
                }
                if reply.send((ticket, Stored::Name(done))).is_err()
                    && let Some(lease) = opened
                {
                    names.abandon(lease);
                    lock(&self.open).remove(&lease);
                }
            }
            NameJob::Abandon(lease) => {
                lock(&self.open).remove(&lease);
                lock(&self.names).abandon(lease);
            }
            NameJob::AbandonRoot(root) => {
                lock(&self.names).retire_root(root);
            }
        }
    }

    fn run_block(&self, ticket: Ticket, op: BlockOp, reply: &Reply) {
        let stored = Stored::Block(self.block(op));
        // A machine that is gone needs no answer.
        let _ = reply.send((ticket, stored));
    }

    fn block(&self, op: BlockOp) -> Result<BlockDone, StoreError> {
        let open = lock(&self.open).get(&op.lease()).cloned();
        let open = open.ok_or_else(|| StoreError::new(Code::IO, "a block of a file that is not open"))?;
        blocks::carry_out(&open, op, |file, shape| {
            let mut buffer = self.buffers.take();
            let length = shape.length as usize;
            let space = buffer.space().get_mut(..length);
            let space = space.ok_or_else(|| StoreError::new(Code::IO, "a read longer than an extent"))?;
            let cvs = blocks::read(file, shape, space)?;
            Ok((buffer.freeze(length), cvs))
        })
    }
}

/// The lease that a completion opens.
fn opens(done: &NameDone) -> Option<Lease> {
    match done {
        NameDone::Partial { lease, .. } | NameDone::Source { lease, .. } | NameDone::Folder { lease } => {
            Some(*lease)
        }
        NameDone::Published | NameDone::Unchanged | NameDone::Entries { .. } | NameDone::Released => None,
        NameDone::Metadata(_) | NameDone::Removed | NameDone::Noted => None,
    }
}

/// The lease that an operation ends where it succeeds.
fn ends(op: &NameOp) -> Option<Lease> {
    match op {
        NameOp::Publish { lease, .. } | NameOp::Keep { lease, .. } => Some(*lease),
        NameOp::Discard { lease } | NameOp::Release { lease } => Some(*lease),
        NameOp::OpenPartial { .. } | NameOp::OpenSource { .. } | NameOp::Recheck { .. } => None,
        NameOp::Note { .. } => None,
        NameOp::OpenFolder { .. }
        | NameOp::ReadFolder { .. }
        | NameOp::Stat { .. }
        | NameOp::Remove { .. } => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One machine's use of a store: its completions, and the leases that end with it.
pub struct Completions {
    disk: Arc<dyn Submit>,
    reply: Reply,
    inbox: UnboundedReceiver<(Ticket, Stored)>,
    /// Leases that the machine holds.
    held: BTreeSet<Lease>,
    /// What the operations under way will end.
    ending: BTreeMap<Ticket, Lease>,
}

impl Completions {
    /// For one machine.
    pub fn new(disk: Arc<dyn Submit>) -> Completions {
        let (reply, inbox) = unbounded_channel();
        Completions { disk, reply, inbox, held: BTreeSet::new(), ending: BTreeMap::new() }
    }

    pub(super) fn submit(&mut self, ticket: Ticket, op: StoreOp) {
        if let StoreOp::Name(name) = &op
            && let Some(lease) = ends(name)
        {
            self.ending.insert(ticket, lease);
        }
        self.disk.submit(ticket, op, &self.reply);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Ticket, Stored)> {
        match self.inbox.poll_recv(cx) {
            Poll::Ready(Some((ticket, stored))) => {
                let ended = self.ending.remove(&ticket);
                if let Stored::Name(Ok(done)) = &stored {
                    self.held.extend(opens(done));
                    if let Some(lease) = ended {
                        self.held.remove(&lease);
                    }
                }
                Poll::Ready((ticket, stored))
            }
            // The channel cannot close: `reply` is held here.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        self.inbox.close();
        while let Ok((_, stored)) = self.inbox.try_recv() {
            if let Stored::Name(Ok(done)) = &stored {
                self.held.extend(opens(done));
            }
        }
        for lease in std::mem::take(&mut self.held) {
            self.disk.abandon(lease);
        }
    }
}
