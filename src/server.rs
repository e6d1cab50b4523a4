//! A server: the listener and session machines on real sockets, with a served folder on a real disk.

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::drive::{Disk, Door, LocalMail, Mode, Serve, Traffic, UdpMail, serve_mail, stay_awake};
pub use crate::drive::{ServerEvent, StopReceiver, Stopper, Watch, stopper};
use crate::net::{Listener, Place, SocketFile};
pub use crate::proto::datagram::Allowance;
pub use crate::proto::listener::ListenEnd;
use crate::proto::storage::{RootId, StoreError};
use crate::proto::{Limits, ListenLimits};
use crate::store::os::{Durability, OsFiles};
use crate::time::Duration;

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
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
    /// For how long after something has arrived the server looks for more instead of sleeping: it answers sooner, and takes a whole
    /// processor meanwhile. The runtime must be one of a single thread. `None`: it sleeps at once.
    pub busy_poll: Option<Duration>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            limits: Limits::default(),
            listen: ListenLimits::default(),
            echo_idle: Some(Duration::from_secs(300)),
            allowance: Allowance::default(),
            durability: Durability::Full,
            busy_poll: None,
        }
    }
}

/// The sockets of a server.
#[derive(Default)]
pub struct Doors {
    /// Those that speak the protocol.
    pub files: Vec<Listener>,
    /// Raw echo of streams (RFC 862).
    pub echo: Vec<Listener>,
    /// Raw echo of datagrams (RFC 862), and where it is.
    pub mail: Vec<(Place, Mailbox)>,
}

/// A socket of datagrams.
pub enum Mailbox {
    /// UDP.
    Udp(UdpMail),
    /// A Unix datagram socket, and its file.
    Unix(LocalMail, SocketFile),
}

/// A server of one folder, or of none.
pub struct Server {
    disk: Disk<OsFiles>,
    root: Option<RootId>,
    config: ServerConfig,
    watch: Watch,
}

impl Server {
    /// Opens the folder that is to be served. `nonce` is to differ between processes, as a random number does.
    ///
    /// # Errors
    /// If the folder is not there, is none, or cannot be read.
    pub async fn new(folder: &Path, nonce: u64, config: ServerConfig) -> Result<Server, StoreError> {
        let disk = Disk::new(nonce, Mode::Threads);
        let root = disk.add_root(OsFiles::open(folder)?.with_durability(config.durability)).await?;
        Ok(Server { disk, root: Some(root), config, watch: Arc::new(|_| {}) })
    }

    /// A server that echoes, and has no files: doors that speak the protocol stay shut.
    pub fn without_files(config: ServerConfig) -> Server {
        Server { disk: Disk::new(0, Mode::Threads), root: None, config, watch: Arc::new(|_| {}) }
    }

    /// Tells `watch` what happens, from the tasks in which it does: it must not block.
    pub fn on_event(mut self, watch: impl Fn(ServerEvent) + Send + Sync + 'static) -> Server {
        self.watch = Arc::new(watch);
        self
    }

    /// Serves until it is stopped and what runs has ended. Datagrams are answered until then.
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
        let echo = doors.echo.into_iter().map(|socket| (Door::Echo, socket));
        let serve = Serve {
            doors: files.map(|socket| (Door::Files, socket)).chain(echo).collect(),
            // Where there is none, no door leads to it.
            store: (Arc::new(self.disk.clone()), self.root.unwrap_or(RootId(0))),
            limits: self.config.limits,
            listen: self.config.listen,
            echo_idle: self.config.echo_idle,
            traffic,
            watch: self.watch,
        };
        let end = serve.run(stop).await;
        mail.shutdown().await;
        if let Some(root) = self.root {
            // An empty reserved folder is removed; what could not be tidied up is left to the next start.
            let _ = self.disk.close_root(root).await;
        }
        end
    }
}
