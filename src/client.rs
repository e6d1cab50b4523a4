//! A client: the client machine on real sockets, with files on a real disk, or on those of a simulation.
//!
//! One connection carries any number of calls at once, and is made again when it is lost; what a passing failure broke is tried again
//! as [`RetryPolicy`] says. Every call may be dropped at any point: it is called off, here and at the server, and what it held is given
//! back; what had arrived of a long file is kept for the next attempt, as after a lost connection. A change that was called off may
//! have been made all the same. Calls are polled wherever you like; the client's own task lives in the runtime in which it was made.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//! use std::time::Duration;
//! use towline::client::{Client, ClientConfig, Event, OpEvent};
//! use towline::wire::RelPath;
//!
//! let client = Client::connect("files.example:8695".parse()?, ClientConfig::default()).await?;
//! let mut events = client.events();
//! tokio::spawn(async move {
//!     while let Some(event) = events.next().await {
//!         if let Event::Job(_, OpEvent::Progress(bytes)) = event {
//!             println!("{bytes} bytes more");
//!         }
//!     }
//! });
//! // Dropped when the time is over, and so called off.
//! let get = client.get(RelPath::new("film.mkv")?, Path::new("film.mkv"));
//! let moved = tokio::time::timeout(Duration::from_secs(60), get).await??;
//! println!("{} bytes, BLAKE3 {}", moved.length, moved.root);
//! # Ok(())
//! # }
//! ```

mod dialer;
mod error;
mod trees;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

pub use crate::drive::Events;
use crate::drive::{AnyPipe, Completions, Dial, Disk, Jobs, Mode, Teller};
use crate::net::tls::ClientTls;
use crate::net::{self, Endpoint, SocketOptions, options};
use crate::proto::Limits;
pub use crate::proto::client::{Event, JobId, RetryPolicy};
pub use crate::proto::op::{Compared, Moved, OpEvent, PrintedPart};
use crate::proto::op::{OpDone, Printed, Question};
use crate::proto::session::Request;
use crate::proto::storage::{RootId, StoreError, StreamId};
use crate::store::Files;
use crate::store::os::{Durability, OsFiles};
use crate::time::Duration;
use crate::wire::{
    Attempt, Code, Entry, Get, Metadata, Modified, RelPath, Remove, RequestId, Span, Start, Stream,
};
pub use dialer::{ConnectError, Connection, server_key};
use dialer::{Dialled, SocketDialer};
pub use error::ClientError;
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
    /// How it encrypts, who it is, and which key the server has; `None`: nothing is encrypted, and nobody asks.
    pub tls: Option<ClientTls>,
    /// A random number: jitter, request ids and the names of partials come from it, so that no two clients may have the same.
    /// 0: one of the system's, where the client is one over real sockets.
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

/// A client of one server. Dials when it has something to do, keeps the connection, and dials again when it is lost.
/// `F` is where its own files are: the system's, except in a simulation.
pub struct Client<F: Files = OsFiles> {
    jobs: Jobs,
    disk: Disk<F>,
    requests: Mutex<u128>,
    teller: Teller<Event>,
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
        let config = ClientConfig { seed: net::seed(config.seed), ..config };
        let disk: Disk<OsFiles> = Disk::new(config.seed as u64, Mode::Threads);
        let store = Completions::new(Arc::new(disk.clone()));
        let dialled = Dialled::default();
        let options = config.socket.clone();
        let dialer = SocketDialer::new(endpoint, options, config.tls.clone(), &dialled);
        Client { dialled, ..Client::over(dialer, disk, store, config, watch) }
    }

    /// A client that has a connection to the server, and has heard an answer.
    ///
    /// # Errors
    /// Whatever kept it from that.
    pub async fn connect(endpoint: Endpoint, config: ClientConfig) -> Result<Client, ConnectError> {
        if let Err(error) = options::try_out(endpoint.dialling(), &config.socket) {
            return Err(ConnectError { endpoint, error: ClientError::Options(error.to_string()) });
        }
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

    /// Sends the file `source` to stand at the server's `to`: whole, with its mode and time, or not at all.
    ///
    /// # Errors
    /// If the source cannot be read, the server cannot be reached, or does not take it. The server's old file stands then.
    pub async fn put(&self, source: &Path, to: RelPath) -> Result<Moved, ClientError> {
        let (folder, name) = local(source)?;
        self.put_from(folder, name, to).await
    }

    /// Compares the file `source` with the server's `with`, block by block, without moving either.
    ///
    /// # Errors
    /// If either cannot be read, or the server not be reached; that they differ is none.
    pub async fn compare(&self, source: &Path, with: RelPath) -> Result<Compared, ClientError> {
        let (folder, name) = local(source)?;
        self.compare_from(folder, name, with).await
    }

    /// Receives the server's file `from` to stand at `to`, a file's path: whole, with its mode and time, or not at all.
    ///
    /// # Errors
    /// If there is no such file, the server cannot be reached, or it cannot be written here. What stood at `to` stands there then.
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
        let ClientConfig { limits, policy, socket: _, tls: _, seed, start, durability } = config;
        let teller = Teller::default();
        let told = teller.clone();
        let jobs = Jobs::start(dialer, store, limits, policy, (seed >> 64) as u64, move |event| {
            told.tell(event);
            watch(event);
        });
        let requests = Mutex::new(seed | 1);
        Client { jobs, disk, requests, teller, start, durability, dialled: Dialled::default() }
    }

    /// Sends the file `source` below `folder` to stand at the server's `to`.
    pub async fn put_from(&self, folder: F, source: RelPath, to: RelPath) -> Result<Moved, ClientError> {
        let request = |root| {
            let attempt = Attempt { start: self.start, ..Attempt::new(self.next_request()) };
            Request::Put { root, source, path: to, attempt }
        };
        moved(self.within(folder, request).await)
    }

    /// Compares the file `source` below `folder` with the server's `path`, without moving either.
    pub async fn compare_from(
        &self,
        folder: F,
        source: RelPath,
        path: RelPath,
    ) -> Result<Compared, ClientError> {
        match self.within(folder, |root| Request::Compare { root, source, path }).await? {
            OpDone::Compared(compared) => Ok(compared),
            other => Err(mistaken(&other)),
        }
    }

    /// Receives the server's file `from` to stand at `at` below `folder`.
    pub async fn get_to(&self, from: RelPath, folder: F, at: RelPath) -> Result<Moved, ClientError> {
        let get = Get { path: from, version: 0 };
        moved(self.within(folder, |root| Request::Fetch { root, at, get, start: self.start }).await)
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

    /// The names in the server's folder `path`, in the server's order; [`RelPath::ROOT`] is the folder that is served.
    ///
    /// # Errors
    /// If that is no folder, or the server cannot be reached.
    pub async fn list(&self, path: RelPath) -> Result<Vec<Entry>, ClientError> {
        Ok(self.jobs.list(path).await??)
    }

    /// What stands at the server's `path`: its kind, length in bytes, mode and time.
    ///
    /// # Errors
    /// If nothing does, or the server cannot be reached.
    pub async fn stat(&self, path: RelPath) -> Result<Metadata, ClientError> {
        match self.ask(Question::Stat(path)).await? {
            OpDone::Described(metadata) => Ok(metadata),
            other => Err(mistaken(&other)),
        }
    }

    /// Removes the server's file or empty folder `path`; once, however often it is tried.
    ///
    /// # Errors
    /// If nothing stands there, a folder is not empty, or the server cannot be reached.
    pub async fn remove(&self, path: RelPath) -> Result<(), ClientError> {
        self.ask(Question::Remove(Remove { request: self.next_request(), path })).await.map(|_| ())
    }

    /// Sends up to 64 KiB there and back; gives the time it took.
    ///
    /// # Errors
    /// If it is longer, or the server cannot be reached.
    pub async fn echo(&self, payload: Bytes) -> Result<Duration, ClientError> {
        let begin = Instant::now();
        self.ask(Question::Echo(payload)).await?;
        Ok(begin.elapsed())
    }

    /// What happens from now on, in order: connections, progress, retries, ends of jobs, until the client is closed or dropped. May be
    /// asked for more than once. A job's number is [`begun`](Client::begun) before it is asked for.
    pub fn events(&self) -> Events<Event> {
        self.teller.listen()
    }

    /// Jobs that were begun so far: they are numbered from 0 in this order in the [events](Client::events).
    pub fn begun(&self) -> u64 {
        self.jobs.begun()
    }

    /// What has gone over its connections so far, handshakes and lost attempts included.
    pub fn traffic(&self) -> Traffic {
        let (sent, received) = self.jobs.traffic().so_far();
        Traffic { sent, received }
    }

    /// Says goodbye and closes the connection. Dropping the future, or the client, closes it without.
    pub async fn close(self) {
        self.jobs.close().await;
    }

    async fn ask(&self, question: Question) -> Result<OpDone, ClientError> {
        Ok(self.jobs.carry_out(Request::Ask(question)).await??)
    }

    /// Carries out a request that uses a local folder, and leaves nothing below it.
    async fn within(
        &self,
        folder: F,
        request: impl FnOnce(RootId) -> Request,
    ) -> Result<OpDone, ClientError> {
        let root = self.disk.lend_root(folder).await?;
        let result = self.jobs.carry_out(request(root.id())).await;
        root.close().await;
        Ok(result??)
    }

    /// Never the same twice for one seed, and never 0.
    fn next_request(&self) -> RequestId {
        let mut last = lock(&self.requests);
        *last = last.wrapping_add(2);
        RequestId(*last)
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
