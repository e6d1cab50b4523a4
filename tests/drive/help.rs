//! A server and clients on loopback, with files in memory.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use towline::client::{Client, ClientConfig};
use towline::drive::{
    Completions, Dial, Disk, Door, Jobs, Mode, Serve, ServerEvent, Stopper, Traffic, stopper,
};
use towline::net::Listener;
use towline::proto::client::RetryPolicy;
use towline::proto::listener::ListenEnd;
use towline::proto::machine::{DialError, DialErrorKind};
use towline::proto::op::{OpEvent, Question};
use towline::proto::session::{Event, Request, SessionEnd, Tag};
use towline::proto::storage::RootId;
use towline::proto::{EchoEnd, Limits, ListenLimits, Rights};
use towline::store::memory::MemoryFiles;
use towline::wire::{Attempt, Get, RelPath, Start};

const ROOT: RootId = RootId(0);

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) echo_address: SocketAddr,
    pub(crate) served: MemoryFiles,
    pub(crate) local: MemoryFiles,
    pub(crate) disk: Disk<MemoryFiles>,
    pub(crate) progress: Arc<Notify>,
    /// How raw echoes ended, as the server told.
    pub(crate) echoes: Arc<Mutex<Vec<Option<EchoEnd>>>>,
    /// What goes on at the server.
    pub(crate) visits: Arc<Mutex<Visits>>,
    limits: Limits,
    stopper: Stopper,
    server: JoinHandle<ListenEnd>,
}

/// What goes on at a server.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    /// Connections so far.
    pub(crate) accepted: u64,
    /// Connections that are not over.
    pub(crate) open: BTreeSet<u64>,
    /// Operations that are not over.
    pub(crate) running: BTreeSet<(u64, Tag)>,
    /// How connections ended.
    pub(crate) ends: Vec<SessionEnd>,
}

impl Visits {
    fn on_event(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Accepted { connection, door: Door::Files, .. } => {
                self.accepted += 1;
                self.open.insert(*connection);
            }
            ServerEvent::Session { connection, event: Event::Began(tag, _) } => {
                self.running.insert((*connection, *tag));
            }
            ServerEvent::Session { connection, event: Event::Finished(tag, _) } => {
                self.running.remove(&(*connection, *tag));
            }
            ServerEvent::Closed { connection, end } => {
                self.open.remove(connection);
                self.ends.push(end.clone());
            }
            _ => {}
        }
    }
}

pub(crate) fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a good path")
}

pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = towline::proto::backoff::SplitMix(length as u64);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&state.next_u64().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

impl World {
    pub(crate) async fn new() -> World {
        World::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> World {
        let (served, local) = (MemoryFiles::new(), MemoryFiles::new());
        let disk = Disk::new(1, Mode::Threads);
        disk.add_root(served.clone()).await.expect("memory can be read");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let files = TcpListener::bind(any).await.expect("a free port");
        let echo = TcpListener::bind(any).await.expect("a free port");
        let (address, echo_address) = (files.local_addr().expect("bound"), echo.local_addr().expect("bound"));
        let progress = Arc::new(Notify::new());
        let notify = Arc::clone(&progress);
        let echoes = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::clone(&echoes);
        let visits = Arc::new(Mutex::new(Visits::default()));
        let visited = Arc::clone(&visits);
        let serve = Serve {
            doors: vec![(Door::Files, Listener::Tcp(files)), (Door::Echo, Listener::Tcp(echo))],
            store: (Arc::new(disk.clone()), ROOT),
            rights: Rights::ALL,
            guard: None,
            limits: limits.clone(),
            listen: ListenLimits::default(),
            echo_idle: None,
            traffic: Traffic::default(),
            watch: Arc::new(move |event| {
                visited.lock().expect("no panic").on_event(&event);
                match event {
                    ServerEvent::Session { event: Event::Op(_, OpEvent::Progress(_)), .. } => {
                        notify.notify_one()
                    }
                    ServerEvent::EchoClosed { end, .. } => ended.lock().expect("no panic").push(end),
                    _ => {}
                }
            }),
        };
        let (stopper, stop) = stopper();
        let server = tokio::spawn(serve.run(stop));
        World {
            address,
            echo_address,
            served,
            local,
            disk,
            progress,
            echoes,
            visits,
            limits,
            stopper,
            server,
        }
    }

    pub(crate) fn client(&self) -> Jobs {
        self.client_of(self.dialer())
    }

    /// A client whose socket takes very little at a time.
    pub(crate) fn tiny_client(&self) -> Jobs {
        self.client_of(Dialer { address: self.address, buffers: Some(TINY) })
    }

    pub(crate) fn dialer(&self) -> Dialer {
        Dialer { address: self.address, buffers: None }
    }

    pub(crate) fn client_of<D>(&self, dialer: D) -> Jobs
    where
        D: Dial + Send + 'static,
        D::Stream: 'static,
    {
        let disk: Disk<MemoryFiles> = Disk::new(2, Mode::Inline);
        futures_now(disk.add_root(self.local.clone())).expect("memory can be read");
        let store = Completions::new(Arc::new(disk));
        let policy = RetryPolicy { wait: None, base: Duration::from_millis(1), ..RetryPolicy::default() };
        Jobs::start(dialer, store, self.limits.clone(), policy, 1, |_| {})
    }

    /// Where nobody listens: a port that was just given back.
    pub(crate) fn nobody(&self) -> Dialer {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        Dialer { address: socket.local_addr().expect("bound"), buffers: None }
    }

    pub(crate) async fn tiny_stream(&self, address: SocketAddr) -> TcpStream {
        Dialer { address, buffers: Some(TINY) }.connect().await.expect("connect")
    }

    /// The library's client, with its files in memory, and its disk.
    pub(crate) fn library<D>(&self, dialer: D) -> (Client<MemoryFiles>, Disk<MemoryFiles>)
    where
        D: Dial + Send + 'static,
        D::Stream: 'static,
    {
        let disk: Disk<MemoryFiles> = Disk::new(3, Mode::Threads);
        let store = Completions::new(Arc::new(disk.clone()));
        let config = ClientConfig { limits: self.limits.clone(), seed: 3, ..ClientConfig::default() };
        (Client::over(dialer, disk.clone(), store, config, |_| {}), disk)
    }

    /// Ends the server where it is.
    pub(crate) async fn cut_off(self) {
        self.server.abort();
        assert!(self.server.await.expect_err("it was running").is_cancelled());
    }

    pub(crate) async fn stop(self) -> ListenEnd {
        self.stopper.drain();
        self.server.await.expect("the server does not panic")
    }

    pub(crate) fn echo(bytes: &'static [u8]) -> Request {
        Request::Ask(Question::Echo(Bytes::from_static(bytes)))
    }

    pub(crate) fn put(name: &str) -> Request {
        Request::Put { root: ROOT, source: path(name), path: path(name), attempt: Attempt::default() }
    }

    pub(crate) fn fetch(name: &str) -> Request {
        let get = Get { path: path(name), version: 0 };
        Request::Fetch { root: ROOT, at: path(name), get, start: Start::Resume }
    }
}

/// A future that is ready at once.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("an inline disk does not wait"),
    }
}

/// Bytes that a socket holds each way: the least that the system allows.
const TINY: usize = 1;

#[derive(Clone, Copy)]
pub(crate) struct Dialer {
    address: SocketAddr,
    buffers: Option<usize>,
}

impl Dialer {
    pub(crate) async fn connect(self) -> std::io::Result<TcpStream> {
        let Some(bytes) = self.buffers else { return TcpStream::connect(self.address).await };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_send_buffer_size(bytes)?;
        socket.set_recv_buffer_size(bytes)?;
        socket.set_nonblocking(true)?;
        tokio::net::TcpSocket::from_std_stream(socket.into()).connect(self.address).await
    }
}

impl Dial for Dialer {
    type Stream = TcpStream;

    fn dial(&self) -> impl Future<Output = Result<TcpStream, DialError>> + Send + 'static {
        let dialer = *self;
        async move {
            dialer.connect().await.map_err(|error| {
                let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
                let kind = if refused { DialErrorKind::Refused } else { DialErrorKind::Other };
                DialError { kind, os: error.raw_os_error() }
            })
        }
    }
}
