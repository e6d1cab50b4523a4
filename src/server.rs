//! A server: the listener and session machines on real sockets, with a served folder on a real disk.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::drive::{Disk, Door, Mode, Serve};
pub use crate::drive::{ServerEvent, StopReceiver, Stopper, Watch, stopper};
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
    /// Whether what is acknowledged is durable.
    pub durability: Durability,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            limits: Limits::default(),
            listen: ListenLimits::default(),
            echo_idle: Some(Duration::from_secs(300)),
            durability: Durability::Full,
        }
    }
}

/// A server of one folder.
pub struct Server {
    disk: Disk<OsFiles>,
    root: RootId,
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
        Ok(Server { disk, root, config, watch: Arc::new(|_| {}) })
    }

    /// Tells `watch` what happens, from the tasks in which it does: it must not block.
    pub fn on_event(mut self, watch: impl Fn(ServerEvent) + Send + Sync + 'static) -> Server {
        self.watch = Arc::new(watch);
        self
    }

    /// Serves until it is stopped and what runs has ended: `files` speak the protocol, `echo` is raw (RFC 862).
    pub async fn run(self, files: Vec<TcpListener>, echo: Vec<TcpListener>, stop: StopReceiver) -> ListenEnd {
        let files = files.into_iter().map(|socket| (Door::Files, socket));
        let echo = echo.into_iter().map(|socket| (Door::Echo, socket));
        let serve = Serve {
            doors: files.chain(echo).collect(),
            store: (Arc::new(self.disk.clone()), self.root),
            limits: self.config.limits,
            listen: self.config.listen,
            echo_idle: self.config.echo_idle,
            watch: self.watch,
        };
        let end = serve.run(stop).await;
        // An empty reserved folder is removed; what could not be tidied up is left to the next start.
        let _ = self.disk.close_root(self.root).await;
        end
    }
}
