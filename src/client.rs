//! A client: the client machine on real sockets, with files on a real disk, or on those of a simulation.

mod dialer;
mod trees;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use crate::drive::{AnyPipe, Completions, Dial, Disk, Jobs, Mode, Stopped};
use crate::net::{Endpoint, SocketOptions};
use crate::proto::Limits;
use crate::proto::client::{Event, JobError, RetryPolicy};
pub use crate::proto::op::{Compared, Moved, PrintedPart};
use crate::proto::op::{OpDone, OpEvent, Printed, Question};
use crate::proto::session::Request;
use crate::proto::storage::{RootId, StoreError, StreamId};
use crate::store::Files;
use crate::store::os::{Durability, OsFiles};
use crate::time::Duration;
use crate::wire::{
    Attempt, Code, Entry, Get, Metadata, Modified, PathError, RelPath, Remove, RequestId, Span, Start, Stream,
};
pub use dialer::{ConnectError, Connection};
use dialer::{Dialled, SocketDialer};
pub use trees::Places;

/// How a client behaves.
#[derive(Clone, Debug, Default)]
pub struct ClientConfig {
    /// Limits of each connection.
    pub limits: Limits,
    /// How often and how soon it tries again.
    pub policy: RetryPolicy,
    /// Options of each socket.
    pub socket: SocketOptions,
    /// A random number: jitter, request ids and the names of partials come from it.
    pub seed: u128,
    /// Whether a transfer goes on from what the receiver has.
    pub start: Start,
    /// What is promised of files that are received here; of what is sent, the server promises.
    pub durability: Durability,
}

/// Bytes that went over connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What the system took of this side.
    pub sent: u64,
    /// What it gave.
    pub received: u64,
}

/// Why a client could not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The job failed, here, on the way or at the server.
    #[error("{0}")]
    Job(#[from] JobError),
    /// A local folder cannot be used.
    #[error("{0}")]
    Local(#[from] StoreError),
    /// A local file's name cannot be used.
    #[error("{0}")]
    BadPath(#[from] PathError),
    /// The client was stopped meanwhile.
    #[error("the client was stopped")]
    Stopped,
}

impl ClientError {
    /// The system's number, where a connection could not be made and it gave one, as `connect_ex` gives it.
    pub fn os_code(&self) -> Option<i32> {
        match self {
            ClientError::Job(JobError::Dial(error)) => error.os,
            ClientError::Job(_) | ClientError::Local(_) | ClientError::BadPath(_) | ClientError::Stopped => {
                None
            }
        }
    }
}

impl From<Stopped> for ClientError {
    fn from(_: Stopped) -> ClientError {
        ClientError::Stopped
    }
}

/// A client of one server. Dials when it has something to do, keeps the connection, and dials again when it is lost.
/// `F` is where its own files are: the system's, except in a simulation.
pub struct Client<F: Files = OsFiles> {
    jobs: Jobs,
    disk: Disk<F>,
    entries: Arc<Mutex<Vec<Entry>>>,
    requests: Mutex<u128>,
    /// Listings share a place for their entries: one at a time.
    listing: tokio::sync::Mutex<()>,
    start: Start,
    durability: Durability,
    dialled: Dialled,
}

impl Client {
    /// A client of the server at `endpoint`, on the current tokio runtime.
    pub fn new(endpoint: Endpoint, config: ClientConfig) -> Client {
        Client::watched(endpoint, config, |_| {})
    }

    /// The same; `watch` is told of progress and retries, from the client's own task: it must not block.
    pub fn watched(
        endpoint: Endpoint,
        config: ClientConfig,
        watch: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Client {
        let disk: Disk<OsFiles> = Disk::new(config.seed as u64, Mode::Threads);
        let store = Completions::new(Arc::new(disk.clone()));
        let dialled = Dialled::default();
        let options = config.socket.clone();
        let dialer = SocketDialer::new(endpoint, options, &dialled);
        Client { dialled, ..Client::over(dialer, disk, store, config, watch) }
    }

    /// A client that has a connection to the server, and has heard an answer.
    ///
    /// # Errors
    /// Whatever kept it from that.
    pub async fn connect(endpoint: Endpoint, config: ClientConfig) -> Result<Client, ConnectError> {
        let client = Client::new(endpoint.clone(), config);
        match client.echo(Bytes::new()).await {
            Ok(_) => Ok(client),
            Err(error) => Err(ConnectError { endpoint, error }),
        }
    }

    /// The connections that it has made so far, lost ones included: the latest 64, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        lock(&self.dialled).iter().cloned().collect()
    }

    /// Sends the file `source` to stand at the server's `to`.
    pub async fn put(&self, source: &Path, to: RelPath) -> Result<Moved, ClientError> {
        let (folder, name) = local(source)?;
        self.put_from(folder, name, to).await
    }

    /// Compares the file `source` with the server's `with`, without moving either.
    pub async fn compare(&self, source: &Path, with: RelPath) -> Result<Compared, ClientError> {
        let (folder, name) = local(source)?;
        self.compare_from(folder, name, with).await
    }

    /// Receives the server's file `from` to stand at `to`, a file's path.
    pub async fn get(&self, from: RelPath, to: &Path) -> Result<Moved, ClientError> {
        let (folder, name) = local(to)?;
        self.get_to(from, folder.with_durability(self.durability), name).await
    }
}

impl<F> Client<F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    /// A client over any way to connect and any files, as simulations have them. `store` is `disk`, perhaps slower.
    pub fn over<D>(
        dialer: D,
        disk: Disk<F>,
        store: Completions,
        config: ClientConfig,
        watch: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Client<F>
    where
        D: Dial + Send + 'static,
        D::Stream: Send + 'static,
    {
        let ClientConfig { limits, policy, socket: _, seed, start, durability } = config;
        let entries: Arc<Mutex<Vec<Entry>>> = Arc::default();
        let listed = Arc::clone(&entries);
        let jobs = Jobs::start(dialer, store, limits, policy, (seed >> 64) as u64, move |event| {
            collect(event, &listed);
            watch(event);
        });
        let (requests, listing) = (Mutex::new(seed | 1), tokio::sync::Mutex::default());
        Client { jobs, disk, entries, requests, listing, start, durability, dialled: Dialled::default() }
    }

    /// Sends the file `source` below `folder` to stand at the server's `to`.
    pub async fn put_from(&self, folder: F, source: RelPath, to: RelPath) -> Result<Moved, ClientError> {
        let root = self.disk.add_root(folder).await?;
        let attempt = Attempt { start: self.start, ..Attempt::new(self.next_request()) };
        let request = Request::Put { root, source, path: to, attempt };
        moved(self.within(root, request).await)
    }

    /// Compares the file `source` below `folder` with the server's `path`, without moving either.
    pub async fn compare_from(
        &self,
        folder: F,
        source: RelPath,
        path: RelPath,
    ) -> Result<Compared, ClientError> {
        let root = self.disk.add_root(folder).await?;
        match self.within(root, Request::Compare { root, source, path }).await? {
            OpDone::Compared(compared) => Ok(compared),
            other => Err(mistaken(&other)),
        }
    }

    /// Receives the server's file `from` to stand at `at` below `folder`.
    pub async fn get_to(&self, from: RelPath, folder: F, at: RelPath) -> Result<Moved, ClientError> {
        let root = self.disk.add_root(folder).await?;
        let get = Get { path: from, version: 0 };
        moved(self.within(root, Request::Fetch { root, at, get, start: self.start }).await)
    }

    /// Writes `span` of the server's file `path` to `output`, in order, each block once it is verified. What was written
    /// stays written, also where this fails: nothing of it is unverified.
    pub async fn print(
        &self,
        path: RelPath,
        span: Span,
        output: impl std::io::Write + Send + 'static,
    ) -> Result<PrintedPart, ClientError> {
        let stream = self.disk.add_stream(AnyPipe::Output(Box::new(output)));
        let _forgotten = ForgetStream { disk: &self.disk, stream };
        let printed = Printed::default();
        match self.jobs.carry_out(Request::Print { stream, path, span, printed }).await?? {
            OpDone::Printed(part) => Ok(part),
            other => Err(mistaken(&other)),
        }
    }

    /// Sends what `input` gives, to its end, to stand at the server's `path` with permission bits `mode`. Tried again only as
    /// long as no more than 4 MiB of it was read.
    pub async fn pour(
        &self,
        input: impl std::io::Read + Send + 'static,
        path: RelPath,
        mode: u32,
        modified: Modified,
    ) -> Result<Moved, ClientError> {
        let stream = self.disk.add_stream(AnyPipe::Input(Box::new(input)));
        let _forgotten = ForgetStream { disk: &self.disk, stream };
        let to = Stream { path, mode: mode & 0o777, modified, request: self.next_request(), attempt: 0 };
        moved(self.jobs.carry_out(Request::Pour { stream, to }).await?.map_err(ClientError::from))
    }

    /// The names in the server's folder `path`, in the server's order.
    pub async fn list(&self, path: RelPath) -> Result<Vec<Entry>, ClientError> {
        let _alone = self.listing.lock().await;
        lock(&self.entries).clear();
        self.ask(Question::List(path)).await?;
        Ok(std::mem::take(&mut *lock(&self.entries)))
    }

    /// What stands at the server's `path`.
    pub async fn stat(&self, path: RelPath) -> Result<Metadata, ClientError> {
        match self.ask(Question::Stat(path)).await? {
            OpDone::Described(metadata) => Ok(metadata),
            other => Err(mistaken(&other)),
        }
    }

    /// Removes the server's file or empty folder `path`.
    pub async fn remove(&self, path: RelPath) -> Result<(), ClientError> {
        self.ask(Question::Remove(Remove { request: self.next_request(), path })).await.map(|_| ())
    }

    /// Sends up to 64 KiB there and back; gives the time it took.
    pub async fn echo(&self, payload: Bytes) -> Result<Duration, ClientError> {
        let begin = Instant::now();
        self.ask(Question::Echo(payload)).await?;
        Ok(begin.elapsed())
    }

    /// Jobs that were begun so far: they are numbered from 0 in this order in the [events](Client::over).
    pub fn begun(&self) -> u64 {
        self.jobs.begun()
    }

    /// What has gone over its connections so far, handshakes and lost attempts included.
    pub fn traffic(&self) -> Traffic {
        let (sent, received) = self.jobs.traffic().so_far();
        Traffic { sent, received }
    }

    /// Finishes what runs, says goodbye and closes the connection.
    pub async fn close(self) {
        self.jobs.close().await;
    }

    async fn ask(&self, question: Question) -> Result<OpDone, ClientError> {
        Ok(self.jobs.carry_out(Request::Ask(question)).await??)
    }

    /// Carries out a request that uses a local root, and leaves nothing below it.
    async fn within(&self, root: RootId, request: Request) -> Result<OpDone, ClientError> {
        let mut closing = CloseRoot { disk: &self.disk, root: Some(root) };
        let result = self.jobs.carry_out(request).await;
        closing.root = None;
        // What could not be tidied up is left to the next use of the folder.
        let _ = self.disk.close_root(root).await;
        Ok(result??)
    }

    /// Never the same twice for one seed, and never 0.
    fn next_request(&self) -> RequestId {
        let mut last = lock(&self.requests);
        *last = last.wrapping_add(2);
        RequestId(*last)
    }
}

/// The folder of a job whose caller stopped waiting is forgotten as well.
struct CloseRoot<'a, F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    disk: &'a Disk<F>,
    root: Option<RootId>,
}

impl<F> Drop for CloseRoot<'_, F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    fn drop(&mut self) {
        if let Some(root) = self.root {
            self.disk.abandon_root(root);
        }
    }
}

/// A stream ends with the job that it is for.
struct ForgetStream<'a, F: Files> {
    disk: &'a Disk<F>,
    stream: StreamId,
}

impl<F: Files> Drop for ForgetStream<'_, F> {
    fn drop(&mut self) {
        self.disk.forget_stream(self.stream);
    }
}

/// A local path as its folder, and its name below that.
fn local(path: &Path) -> Result<(OsFiles, RelPath), ClientError> {
    let no_name = || StoreError::new(Code::NOT_A_FILE, format!("{} is not a file's path", path.display()));
    let name = RelPath::new(path.file_name().ok_or_else(no_name)?.as_bytes())?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    };
    Ok((OsFiles::open(&folder)?, name))
}

/// A retried listing begins again.
fn collect(event: &Event, entries: &Mutex<Vec<Entry>>) {
    match event {
        Event::Job(_, OpEvent::Entries(page)) => lock(entries).extend_from_slice(page),
        Event::Retrying { .. } => lock(entries).clear(),
        Event::Job(..) | Event::Tree(..) | Event::Connected { .. } | Event::Finished(..) => {}
    }
}

fn moved(done: Result<OpDone, ClientError>) -> Result<Moved, ClientError> {
    match done? {
        OpDone::Moved(moved) => Ok(moved),
        other => Err(mistaken(&other)),
    }
}

fn mistaken(done: &OpDone) -> ClientError {
    ClientError::Local(StoreError::new(Code::UNEXPECTED, format!("the job ended as another: {done:?}")))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
