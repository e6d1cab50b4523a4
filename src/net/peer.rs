//! The other end of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::proto::listener::Source;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// An address and a port.
    Ip(SocketAddr),
    /// A process of this machine, which came over a Unix socket, as the system tells; `None` where it does not.
    Local {
        /// Its process id, as of when it connected.
        pid: Option<i32>,
        /// Its user.
        uid: u32,
    },
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        Peer::Ip(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Ip(address) => address.fmt(f),
            Peer::Local { pid: Some(pid), uid } => write!(f, "process {pid} of user {uid}"),
            Peer::Local { pid: None, uid } => write!(f, "a process of user {uid}"),
        }
    }
}

/// Where a connection comes from, for the cap on those of one source: the host, or of IPv6 the network of 64 bits that a
/// site is given (RFC 4291, section 2.5.1), or the user.
pub fn source_of(peer: Peer) -> Source {
    const HOST_BITS: u32 = 64;
    // Of the discard-only block (RFC 6666), from which nothing comes.
    const USERS: u128 = 0x0100 << 112;
    match peer {
        Peer::Local { uid, .. } => Source(USERS | u128::from(uid)),
        Peer::Ip(address) => match address.ip().to_canonical() {
            IpAddr::V4(address) => Source(u128::from(address.to_ipv6_mapped())),
            IpAddr::V6(address) if address.is_loopback() => Source(u128::from(address)),
            IpAddr::V6(address) => Source(u128::from(address) >> HOST_BITS << HOST_BITS),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_hosts_and_not_ports() {
        let source = |text: &str| source_of(Peer::Ip(text.parse().unwrap()));
        assert_eq!(source("192.0.2.7:1"), source("192.0.2.7:2"));
        assert_eq!(source("192.0.2.7:1"), source("[::ffff:192.0.2.7]:1"));
        assert_ne!(source("192.0.2.7:1"), source("192.0.2.8:1"));
        assert_eq!(source("[2001:db8::1]:1"), source("[2001:db8::2]:1"), "one /64 is one host");
        assert_ne!(source("[2001:db8::1]:1"), source("[2001:db8:0:1::1]:1"));
        assert_ne!(source("[::1]:1"), Source(0));
        let user = |uid, pid| source_of(Peer::Local { uid, pid });
        assert_eq!(user(1, Some(2)), user(1, None), "a user counts as one");
        assert_ne!(user(1, None), user(2, None));
    }
}
