//! A server: the listener and session machines on real sockets, with a served folder on a real disk.
//!
//! `examples/embedded_server.rs` is a whole one. [`Stopper::drain`] lets what runs finish, for as long as
//! [`ListenLimits::drain`](crate::proto::ListenLimits) says; [`Stopper::abort`] tells clients and ends it; dropping the future of
//! [`Server::run`] ends it without a word. In each case what had arrived of a long file is kept, and clients try again by themselves.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::drive::{
    Disk, Door, LentRoot, LocalMail, Mode, Serve, Traffic, UdpMail, event_sink, serve_mail, stay_awake,
};
pub use crate::drive::{Events, Guard, ServerEvent, StopReceiver, Stopper, Watch, stopper};
use crate::net::{self, Endpoint, HostPort, Listener, Place, SocketFile, SocketOptions};
pub use crate::proto::datagram::Allowance;
pub use crate::proto::listener::ListenEnd;
use crate::proto::storage::{RootId, StoreError};
use crate::proto::{Limits, ListenLimits};
pub use crate::proto::{Right, Rights};
use crate::store::os::OsFiles;
pub use crate::store::os::{Durability, Reserve};
use crate::time::Duration;
use crate::wire::RelPath;

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What whoever connects may do.
    pub rights: Rights,
    /// Limits of each connection.
    pub limits: Limits,
    /// Limits of all together.
    pub listen: ListenLimits,
    /// How long a raw echo connection may be idle; `None`: for ever.
    pub echo_idle: Option<Duration>,
    /// How much each source of datagrams is answered.
    pub allowance: Allowance,
    /// Whether what is acknowledged is durable.
    pub durability: Durability,
    /// How much of the disk stays free.
    pub reserve: Reserve,
    /// For how long after something has arrived the server looks for more instead of sleeping: it answers sooner, and takes a whole
    /// processor meanwhile. The runtime must be one of a single thread. `None`: it sleeps at once.
    pub busy_poll: Option<Duration>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            rights: Rights::ALL,
            limits: Limits::default(),
            listen: ListenLimits::default(),
            echo_idle: Some(Duration::from_secs(300)),
            allowance: Allowance::default(),
            durability: Durability::Full,
            reserve: Reserve::None,
            busy_poll: None,
        }
    }
}

/// The sockets of a server.
#[derive(Default)]
pub struct Doors {
    /// Those that speak the protocol, to anybody.
    pub files: Vec<Listener>,
    /// Those that speak the protocol over TLS, to whom the server's [`Guard`] knows.
    pub guarded: Vec<Listener>,
    /// Raw echo of streams (RFC 862).
    pub echo: Vec<Listener>,
    /// Raw echo of datagrams (RFC 862), and where it is.
    pub mail: Vec<(Place, Mailbox)>,
}

impl Doors {
    /// One that speaks the protocol, at `place`, with the usual options; port 0 takes any that is free.
    ///
    /// # Errors
    /// As the system says: [`diagnose::listening`](crate::net::diagnose::listening) tells what that usually means.
    pub fn at(place: &Place) -> io::Result<Doors> {
        let listener = Listener::bind(place, &SocketOptions::default())?;
        Ok(Doors { files: vec![listener], ..Doors::default() })
    }

    /// The same sockets in the runtime that this is called in: for who binds them before it starts any thread. The runtime in which they
    /// were bound has to be there still.
    ///
    /// # Errors
    /// What the system says.
    pub fn adopted(self) -> io::Result<Doors> {
        let all = |sockets: Vec<Listener>| sockets.into_iter().map(Listener::adopted).collect();
        let mail = self.mail.into_iter().map(|(place, mailbox)| {
            let mailbox = match mailbox {
                Mailbox::Udp(mail) => Mailbox::Udp(mail.adopted()?),
                Mailbox::Unix(mail, file) => Mailbox::Unix(mail.adopted()?, file),
            };
            Ok((place, mailbox))
        });
        let mail = mail.collect::<io::Result<_>>()?;
        let (files, guarded, echo): (io::Result<_>, io::Result<_>, io::Result<_>) =
            (all(self.files), all(self.guarded), all(self.echo));
        Ok(Doors { files: files?, guarded: guarded?, echo: echo?, mail })
    }

    /// Where the first one that speaks the protocol can be dialled.
    ///
    /// # Errors
    /// If there is none, or the system does not tell its address.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        let first = self.files.first().or(self.guarded.first()).ok_or(io::ErrorKind::NotFound)?;
        match first.local()? {
            Place::Tcp(at) | Place::Udp(at) => {
                Ok(Endpoint::Tcp(HostPort { host: at.ip().to_string(), port: at.port() }))
            }
            Place::Unix(path) | Place::Unixgram(path) => Ok(Endpoint::Unix(path)),
        }
    }
}

/// A socket of datagrams.
pub enum Mailbox {
    /// UDP.
    Udp(UdpMail),
    /// A Unix datagram socket, and its file.
    Unix(LocalMail, SocketFile),
}

/// How much may be stored in folders of what a server serves.
#[derive(Clone)]
pub struct Quotas {
    disk: Disk<OsFiles>,
    root: Option<RootId>,
}

impl Quotas {
    /// No more than so many bytes in these folders from now on, and as many as fit in others. What is there is counted, which takes a look
    /// at each file below them; names are neither opened nor changed meanwhile.
    ///
    /// # Errors
    /// If what is there cannot be counted; then all stays as it was.
    pub async fn set(&self, quotas: BTreeMap<RelPath, u64>) -> Result<(), StoreError> {
        match self.root {
            Some(root) => self.disk.set_quotas(root, quotas).await,
            None => Ok(()),
        }
    }
}

/// A server of one folder, or of none.
pub struct Server {
    disk: Disk<OsFiles>,
    root: Option<LentRoot<OsFiles>>,
    config: ServerConfig,
    guard: Option<Arc<Guard>>,
    watch: Watch,
}

impl Server {
    /// Opens the folder that is to be served. `nonce` is to differ between processes, as a random number does; 0: one of the
    /// system's.
    ///
    /// # Errors
    /// If the folder is not there, is none, or cannot be read.
    pub async fn new(folder: &Path, nonce: u64, config: ServerConfig) -> Result<Server, StoreError> {
        let disk = Disk::new(net::seed(nonce.into()) as u64, Mode::Threads);
        let files = OsFiles::open(folder)?.with_durability(config.durability).with_reserve(config.reserve);
        let root = disk.lend_root(files).await?;
        Ok(Server { disk, root: Some(root), config, guard: None, watch: Arc::new(|_| {}) })
    }

    /// Sets how much may be stored in folders of what is served, now and later.
    pub fn quotas(&self) -> Quotas {
        Quotas { disk: self.disk.clone(), root: self.root.as_ref().map(LentRoot::id) }
    }

    /// A server that echoes, and has no files: doors that speak the protocol stay shut.
    pub fn without_files(config: ServerConfig) -> Server {
        Server { disk: Disk::new(0, Mode::Threads), root: None, config, guard: None, watch: Arc::new(|_| {}) }
    }

    /// Asks who comes at the doors that are [guarded](Doors::guarded): without a guard nobody comes in there.
    pub fn guarded_by(mut self, guard: Arc<Guard>) -> Server {
        self.guard = Some(guard);
        self
    }

    /// Tells `watch` what happens, from the tasks in which it does: it must not block.
    pub fn on_event(mut self, watch: impl Fn(ServerEvent) + Send + Sync + 'static) -> Server {
        self.watch = Arc::new(watch);
        self
    }

    /// What happens, in order, until the server has ended; in place of [`on_event`](Server::on_event).
    pub fn events(&mut self) -> Events<ServerEvent> {
        let (sink, events) = event_sink();
        self.watch = Arc::new(move |event| {
            let _is_heard = sink.tell(event);
        });
        events
    }

    /// Serves until it is stopped and what runs has ended. Datagrams are answered until then. Dropping the future ends all
    /// connections where they are: what they hold is given back, what was arriving is kept as after any lost connection.
    pub async fn run(self, doors: Doors, stop: StopReceiver) -> ListenEnd {
        let (mut mail, traffic) = (JoinSet::new(), Traffic::default());
        if let Some(limit) = self.config.busy_poll {
            mail.spawn(stay_awake(traffic.clone(), limit));
        }
        for (place, mailbox) in doors.mail {
            let (allowance, watch) = (self.config.allowance, Arc::clone(&self.watch));
            let traffic = traffic.clone();
            match mailbox {
                Mailbox::Udp(socket) => {
                    drop(mail.spawn(serve_mail(place, socket, allowance, traffic, watch)))
                }
                Mailbox::Unix(socket, file) => drop(mail.spawn(async move {
                    let _removed_with_the_task = file;
                    serve_mail(place, socket, allowance, traffic, watch).await;
                })),
            }
        }
        let files = doors.files.into_iter().filter(|_| self.root.is_some());
        let is_guarded = self.root.is_some() && self.guard.is_some();
        let guarded = doors.guarded.into_iter().filter(|_| is_guarded);
        let echo = doors.echo.into_iter().map(|socket| (Door::Echo, socket));
        let serve = Serve {
            doors: files
                .map(|socket| (Door::Files, socket))
                .chain(guarded.map(|socket| (Door::Guarded, socket)))
                .chain(echo)
                .collect(),
            // Where there is none, no door leads to it.
            store: (Arc::new(self.disk.clone()), self.root.as_ref().map_or(RootId(0), LentRoot::id)),
            rights: self.config.rights,
            guard: self.guard,
            limits: self.config.limits,
            listen: self.config.listen,
            echo_idle: self.config.echo_idle,
            traffic,
            watch: self.watch,
        };
        let end = serve.run(stop).await;
        mail.shutdown().await;
        if let Some(root) = self.root {
            // An empty reserved folder is removed.
            root.close().await;
        }
        end
    }
}
