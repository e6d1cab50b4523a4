//! Whoever started the server and wants to hear of it: systemd's protocol of datagrams (`sd_notify(3)`), or nobody.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants a sign of life.
    every: Option<Duration>,
}

impl Manager {
    /// As the environment says.
    pub(super) fn find() -> Manager {
        let text = |name| std::env::var(name).ok();
        let socket = text("NOTIFY_SOCKET").and_then(|name| open(&name).ok());
        let is_ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let limit = text("WATCHDOG_USEC").filter(|_| is_ours).and_then(|micros| micros.parse().ok());
        // One that is late is no harm yet.
        let every = limit.filter(|micros| *micros > 0).map(|micros| Duration::from_micros(micros) / 3);
        Manager { socket, every }
    }

    /// It listens.
    pub(super) fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// It was told to stop.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=waiting for what is under way");
    }

    /// Gives signs of life for as long as it is polled, which is as long as the runtime lives.
    pub(super) async fn watch(&self) -> std::convert::Infallible {
        let Some(every) = self.every else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            self.say("WATCHDOG=1");
        }
    }

    /// Who does not hear is not waited for.
    fn say(&self, words: &str) {
        if let Some((socket, to)) = &self.socket {
            let _unheard = socket.send_to_addr(words.as_bytes(), to);
        }
    }
}

fn open(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let to = match name.strip_prefix('@') {
        Some(name) => nameless(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, to))
}

/// A name that is in no folder.
#[cfg(target_os = "linux")]
fn nameless(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_name: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
