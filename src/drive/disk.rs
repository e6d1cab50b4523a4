//! Store operations off the async threads: names one after another, blocks side by side. Where there must be no threads
//! (a simulated host), in line.

mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use self::work::{FileJob, NameJob, Queue};
pub(super) use self::work::{ends, opens, opens_file};
use super::Pool;
use super::inbox::Reply;
use super::roots::LentRoot;
use super::streams::{AnyPipe, Streams};
use crate::proto::storage::{Lease, RootId, StoreError, StoreOp, StreamId, Ticket};
use crate::store::{Files, Names, Open};
use crate::wire::RelPath;
use crate::wire::limits::EXTENT;

/// Threads that work on small files: one that hashes while another opens.
const FILE_WORKERS: usize = 2;

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
    /// Where it was made, for what is asked of it elsewhere: a future may be dropped outside of its runtime.
    home: Option<Handle>,
    /// Held by whoever changes names, from the beginning to the end of that; `names` by whoever looks at them now.
    serial: Mutex<()>,
    names: Mutex<Names<F>>,
    /// Told whenever somebody who joined a partial has written.
    quiet: Condvar,
    name_jobs: Queue<NameJob>,
    file_jobs: Queue<FileJob>,
    /// The files of open leases, for block operations, which do not wait for names.
    open: Mutex<BTreeMap<Lease, Open<F::File>>>,
    buffers: Pool,
    streams: Streams,
}

/// What a driver needs of a store, whatever its files are.
pub trait Submit: Send + Sync {
    /// Carries out all of `ops`, and answers with the completion of each, exactly once, in any order; leaves none of them.
    fn submit(&self, ops: &mut Vec<(Ticket, StoreOp)>, reply: &Reply);

    /// True where many are better handed over together; false where each is carried out at once.
    fn takes_many(&self) -> bool;

    /// Ends a lease for a machine that is gone.
    fn abandon(&self, lease: Lease);
}

impl<F> Disk<F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    /// A store without roots. `nonce` is to differ between processes: see [`Names::new`].
    pub fn new(nonce: u64, mode: Mode) -> Disk<F> {
        Disk {
            shared: Arc::new(Shared {
                mode,
                home: Handle::try_current().ok(),
                serial: Mutex::default(),
                names: Mutex::new(Names::new(nonce)),
                quiet: Condvar::new(),
                name_jobs: Queue::new(1),
                file_jobs: Queue::new(FILE_WORKERS),
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

    /// See [`Names::set_quotas`].
    ///
    /// # Errors
    /// If what is there cannot be counted; then the quotas stay as they were.
    pub async fn set_quotas(&self, root: RootId, quotas: BTreeMap<RelPath, u64>) -> Result<(), StoreError> {
        self.with_names(move |names| names.set_quotas(root, &quotas)).await
    }

    /// Adds a root for one job: it goes with what is given, and so with the future, wherever that is dropped.
    pub async fn lend_root(&self, files: F) -> Result<LentRoot<F>, StoreError> {
        let disk = self.clone();
        self.with_names(move |names| names.add_root(files).map(|root| LentRoot::new(disk, root))).await
    }

    /// Ends a root's leases, tidies up below it and forgets it.
    pub async fn close_root(&self, root: RootId) -> Result<(), StoreError> {
        self.with_names(move |names| names.close_root(root)).await
    }

    /// The same once its leases have ended, without waiting for it.
    pub fn abandon_root(&self, root: RootId) {
        self.enqueue(vec![NameJob::AbandonRoot(root)]);
    }

    async fn with_names<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Names<F>) -> T + Send + 'static,
    ) -> T {
        let shared = Arc::clone(&self.shared);
        let alone = move || {
            let _alone = lock(&shared.serial);
            action(&mut lock(&shared.names))
        };
        match self.shared.mode {
            Mode::Inline => alone(),
            Mode::Threads => match self.runtime() {
                Some(runtime) => {
                    runtime.spawn_blocking(alone).await.expect("a store operation does not panic")
                }
                None => alone(),
            },
        }
    }

    /// The one that is here, or the one that it was made in.
    fn runtime(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| self.shared.home.clone())
    }

    /// Works on a thread of the runtime's; where there is none, here.
    fn work(&self, work: impl FnOnce() + Send + 'static) {
        match self.runtime() {
            Some(runtime) => drop(runtime.spawn_blocking(work)),
            None => work(),
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

    /// How many roots there are.
    pub fn roots(&self) -> usize {
        lock(&self.shared.names).roots()
    }

    fn enqueue(&self, jobs: Vec<NameJob>) {
        match self.shared.mode {
            Mode::Inline => self.shared.run_names(&mut jobs.into()),
            Mode::Threads => {
                for _ in 0..self.shared.name_jobs.push(jobs) {
                    let shared = Arc::clone(&self.shared);
                    self.work(move || shared.name_jobs.work(|jobs| shared.run_names(jobs)));
                }
            }
        }
    }

    fn enqueue_files(&self, jobs: Vec<FileJob>) {
        match self.shared.mode {
            Mode::Inline => self.shared.run_files(&mut jobs.into()),
            Mode::Threads => {
                for _ in 0..self.shared.file_jobs.push(jobs) {
                    let shared = Arc::clone(&self.shared);
                    self.work(move || shared.file_jobs.work(|jobs| shared.run_files(jobs)));
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
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    fn submit(&self, ops: &mut Vec<(Ticket, StoreOp)>, reply: &Reply) {
        let (mut names, mut files) = (Vec::new(), Vec::new());
        for (ticket, op) in ops.drain(..) {
            let reply = reply.clone();
            match (op, self.shared.mode) {
                (StoreOp::Stream(op), mode) => {
                    self.shared.streams.submit(ticket, op, reply, mode, &self.shared.buffers);
                }
                (StoreOp::Name(op), Mode::Inline) => self.enqueue(vec![NameJob::of(ticket, op, reply)]),
                (StoreOp::Name(op), Mode::Threads) => names.push(NameJob::of(ticket, op, reply)),
                (StoreOp::File(op), Mode::Inline) => self.enqueue_files(vec![FileJob { ticket, op, reply }]),
                (StoreOp::File(op), Mode::Threads) => files.push(FileJob { ticket, op, reply }),
                (StoreOp::Block(op), Mode::Inline) => self.shared.run_block(ticket, op, &reply),
                (StoreOp::Block(op), Mode::Threads) => {
                    let shared = Arc::clone(&self.shared);
                    self.work(move || shared.run_block(ticket, op, &reply));
                }
            }
        }
        if !names.is_empty() {
            self.enqueue(names);
        }
        if !files.is_empty() {
            self.enqueue_files(files);
        }
    }

    fn takes_many(&self) -> bool {
        self.shared.mode == Mode::Threads
    }

    fn abandon(&self, lease: Lease) {
        self.enqueue(vec![NameJob::Abandon(lease)]);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
