//! Where a server can be had: a kind of socket and its address.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::SocketUse;

/// A kind of socket and its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// `tcp://ADDRESS:PORT`, or without the scheme.
    Tcp(SocketAddr),
    /// `udp://ADDRESS:PORT`.
    Udp(SocketAddr),
    /// `unix:PATH`: a stream socket.
    Unix(PathBuf),
    /// `unixgram:PATH`: a datagram socket.
    Unixgram(PathBuf),
}

impl Place {
    /// What a server's socket there is for.
    pub fn listening(&self) -> SocketUse {
        match self {
            Place::Tcp(_) => SocketUse::TcpListen,
            Place::Udp(_) => SocketUse::Udp,
            Place::Unix(_) => SocketUse::UnixListen,
            Place::Unixgram(_) => SocketUse::Unixgram,
        }
    }

    /// True if only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Place::Tcp(address) | Place::Udp(address) => address.ip().to_canonical().is_loopback(),
            Place::Unix(_) | Place::Unixgram(_) => true,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(address) => write!(f, "{address}"),
            Place::Udp(address) => write!(f, "udp://{address}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display().to_string().escape_debug()),
            Place::Unixgram(path) => write!(f, "unixgram:{}", path.display().to_string().escape_debug()),
        }
    }
}
