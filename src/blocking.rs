//! The client for scripts: calls that return when they are done. The same core as [`crate::client`], run by a thread of its own, so that
//! the connection lives between calls. Not for use within async code, where these calls panic as any that block do.
//!
//! ```
//! # use std::time::Duration;
//! # use towline::net::{Listener, Place, SocketOptions};
//! # use towline::server::{Doors, Server, ServerConfig, stopper};
//! # let (folder, here) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! # let (told, address) = std::sync::mpsc::channel();
//! # let (stopper, stop) = stopper();
//! # let served = folder.path().to_owned();
//! # let server = std::thread::spawn(move || {
//! #     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! #     runtime.block_on(async {
//! #         let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
//! #         let listener = Listener::bind(&place, &SocketOptions::default()).unwrap();
//! #         told.send(listener.local().unwrap().to_string()).unwrap();
//! #         let doors = Doors { files: vec![listener], ..Doors::default() };
//! #         Server::new(&served, 1, ServerConfig::default()).await.unwrap().run(doors, stop).await
//! #     })
//! # });
//! # let server_address = address.recv()?;
//! # let (notes, copy) = (here.path().join("notes.txt"), here.path().join("copy.txt"));
//! use towline::blocking::{Client, Options};
//!
//! // A host and a port, or unix:SOCKET.
//! let client = Client::connect(&server_address, &Options { timeout: Some(Duration::from_secs(20)), ..Options::default() })?;
//! println!("a round trip takes {:?}", client.echo(b"Hello, world")?);
//!
//! std::fs::write(&notes, "for later")?;
//! let sent = client.put(&notes, "folder/notes.txt")?;
//! println!("{} bytes, BLAKE3 {}", sent.length, sent.root);
//! for entry in client.list("folder")? {
//!     println!("{} has {} bytes", String::from_utf8_lossy(&entry.name), entry.metadata.length);
//! }
//! client.get("folder/notes.txt", &copy)?;
//! assert_eq!(std::fs::read(&copy)?, b"for later");
//! client.remove("folder/notes.txt")?;
//! client.close();
//! # stopper.drain();
//! # server.join().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::client::{self, ClientConfig, ClientError, ConnectError, Connection, Moved};
use crate::net::tls::ClientTls;
use crate::net::{AddressError, Endpoint, SocketOptions};
use crate::proto::client::RetryPolicy;
use crate::wire::{Entry, Metadata, PathError, RelPath};

/// How long a goodbye may take; it is left out where the server does not answer.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long one attempt to connect may take; `None`: as long as the system tries.
    pub connect_timeout: Option<Duration>,
    /// How long each call may take in all, attempts included; `None`: as long as it takes.
    pub timeout: Option<Duration>,
    /// How often a call is tried in all where a passing failure breaks it; at least 1.
    pub attempts: u32,
    /// Options of its sockets.
    pub socket: SocketOptions,
    /// How it encrypts, who it is, and which key the server has; `None`: nothing is encrypted, and nobody asks.
    pub tls: Option<ClientTls>,
}

impl Default for Options {
    fn default() -> Options {
        let RetryPolicy { attempts, connect, operation, .. } = RetryPolicy::default();
        let socket = SocketOptions::default();
        Options { connect_timeout: connect, timeout: operation, attempts, socket, tls: None }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A path at the server is none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The server could not be reached, or does not speak the protocol.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// What was asked of it failed.
    #[error(transparent)]
    Call(#[from] ClientError),
    /// The system has no thread, no random number or no file left.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Error {
    /// The system's number, where it gave one, as `connect_ex` gives it.
    pub fn os_code(&self) -> Option<i32> {
        match self {
            Error::Address(_) | Error::Path(_) => None,
            Error::Connect(error) => error.os_code(),
            Error::Call(error) => error.os_code(),
            Error::System(error) => error.raw_os_error(),
        }
    }
}

/// A client of one server. Its connection is kept between calls, and made again when it is lost. Dropped, it says goodbye.
pub struct Client {
    client: Option<client::Client>,
    thread: Background,
}

impl Client {
    /// Connects to `HOST[:PORT]` or `unix:SOCKET`.
    ///
    /// # Errors
    /// If that is no address, or nobody answers there in the protocol.
    pub fn connect(server: &str, options: &Options) -> Result<Client, Error> {
        let endpoint: Endpoint = server.parse()?;
        let policy = RetryPolicy {
            attempts: options.attempts,
            connect: options.connect_timeout,
            operation: options.timeout,
            ..RetryPolicy::default()
        };
        let (seed, socket) = (crate::net::random()?, options.socket.clone());
        let tls = options.tls.clone();
        let config = ClientConfig { policy, seed, socket, tls, ..ClientConfig::default() };
        let thread = Background::start()?;
        let client = thread.block_on(client::Client::connect(endpoint, config))?;
        Ok(Client { client: Some(client), thread })
    }

    /// Sends up to 64 KiB there and back; gives the time it took.
    ///
    /// # Errors
    /// As all calls: see [`Error`].
    pub fn echo(&self, payload: &[u8]) -> Result<Duration, Error> {
        self.call(async |client| client.echo(Bytes::copy_from_slice(payload)).await)
    }

    /// Sends the file `source` to stand at the server's `to`.
    ///
    /// # Errors
    /// As all calls: see [`Error`].
    pub fn put(&self, source: impl AsRef<Path>, to: &str) -> Result<Moved, Error> {
        let to = RelPath::new(to)?;
        self.call(async |client| client.put(source.as_ref(), to).await)
    }

    /// Receives the server's file `from` to stand at `to`.
    ///
    /// # Errors
    /// As all calls: see [`Error`].
    pub fn get(&self, from: &str, to: impl AsRef<Path>) -> Result<Moved, Error> {
        let from = RelPath::new(from)?;
        self.call(async |client| client.get(from, to.as_ref()).await)
    }

    /// The names in the server's folder `path`, in the server's order; "" is the folder that is served.
    ///
    /// # Errors
    /// As all calls: see [`Error`].
    pub fn list(&self, path: &str) -> Result<Vec<Entry>, Error> {
        let path = RelPath::new(path)?;
        self.call(async |client| client.list(path).await)
    }

    /// What stands at the server's `path`.
    ///
    /// # Errors
    /// As all calls: see [`Error`].
    pub fn stat(&self, path: &str) -> Result<Metadata, Error> {
        let path = RelPath::new(path)?;
        self.call(async |client| client.stat(path).await)
    }

    /// Removes the server's file or empty folder `path`.
    ///
    /// # Errors
    /// As all calls: see [`Error`].
    pub fn remove(&self, path: &str) -> Result<(), Error> {
        let path = RelPath::new(path)?;
        self.call(async |client| client.remove(path).await)
    }

    /// The connections that it has made so far: from where to where, and what holds of their sockets.
    pub fn connections(&self) -> Vec<Connection> {
        self.client.as_ref().map(client::Client::connections).unwrap_or_default()
    }

    /// Says goodbye and closes the connection.
    pub fn close(self) {
        drop(self);
    }

    fn call<T>(&self, work: impl AsyncFnOnce(&client::Client) -> Result<T, ClientError>) -> Result<T, Error> {
        let client = self.client.as_ref().ok_or(ClientError::Stopped)?;
        Ok(self.thread.block_on(work(client))?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        // Within async code nothing may block: the connection is dropped with the thread.
        if Handle::try_current().is_err() {
            let _ = self.thread.block_on(async { tokio::time::timeout(GOODBYE, client.close()).await });
        }
    }
}

/// A thread that drives connections and timers; calls run on whichever thread makes them. It ends with this value.
struct Background {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    fn start() -> io::Result<Background> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("towline".into()).spawn(move || {
            // Told, or left alone by whoever is gone: both end it.
            let _ = runtime.block_on(stopped);
            // A name that is still being resolved cannot be called off.
            runtime.shutdown_background();
        })?;
        Ok(Background { handle, stop: Some(stop), thread: Some(thread) })
    }

    fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.handle.block_on(work)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
