//! The ends of a datagram's way, and which of them are answered.

use core::fmt::Debug;
use core::hash::Hash;

use bytes::Bytes;

use super::Unanswered;

/// An end of a datagram's way.
pub trait Peer: Clone + Debug + PartialEq + Hash {
    /// Why what `self` sends to `to` gets no answer, if that shows in the addresses.
    fn objection(&self, to: &Self) -> Option<Unanswered>;

    /// Whose share of the answers it is that one to `self` takes; `None` where nobody can pretend to be it.
    fn source(&self) -> Option<u128>;
}

/// An end of a datagram's way: an IP address in 16 bytes (IPv4 mapped), and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The host.
    pub host: u128,
    /// The port.
    pub port: u16,
}

/// The name of a Unix datagram socket: a path, an abstract name, or empty for a socket that has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalName(pub Bytes);

/// Ports below this are reserved for servers (RFC 6335, section 6: the system ports). A forged datagram from one of them
/// would make two servers talk to each other for ever, as echo (7), quote of the day (17), character generator (19) and time
/// (37) did in CERT advisory CA-1996-01, or make us send to a victim's DNS (53), NTP (123) or SNMP (161). `inetd` draws the same line.
/// 0 is among them: it says that no answer is wanted (RFC 768).
const RESERVED_PORTS: u16 = 1024;

/// Servers above that line that answer whatever comes: SSDP, NFS, WS-Discovery, multicast DNS, CoAP, memcached (CISA alert
/// TA14-017A; RFC 7252, section 11.3; NFS as in `inetd`).
const OTHER_SERVERS: [u16; 6] = [1900, 2049, 3702, 5353, 5683, 11211];

impl Address {
    /// An IPv4 address and a port.
    pub const fn v4(host: [u8; 4], port: u16) -> Address {
        Address { host: 0xffff << 32 | u32::from_be_bytes(host) as u128, port }
    }

    /// The IPv4 address, if it is one.
    fn as_v4(self) -> Option<u32> {
        (self.host >> 32 == 0xffff).then_some(self.host as u32)
    }

    /// True for all hosts of a network or group: multicast (RFC 5771; RFC 4291, section 2.7), and IPv4's class E with
    /// the broadcast address. That of a subnet looks like any other; the system knows it.
    fn is_many(self) -> bool {
        match self.as_v4() {
            Some(v4) => v4 >= 0xe000_0000,
            None => self.host >> 120 == 0xff,
        }
    }

    /// True for "this network" (RFC 1122, section 3.2.1.3) and the unspecified address.
    fn is_nobody(self) -> bool {
        match self.as_v4() {
            Some(v4) => v4 >> 24 == 0,
            None => self.host == 0,
        }
    }
}

impl Peer for Address {
    fn objection(&self, to: &Address) -> Option<Unanswered> {
        if self.port < RESERVED_PORTS || OTHER_SERVERS.contains(&self.port) {
            Some(Unanswered::ReservedPort)
        } else if self.port == to.port {
            Some(Unanswered::OwnPort)
        } else if self.is_many() || self.is_nobody() {
            // RFC 1122, section 4.1.3.6.
            Some(Unanswered::NoSource)
        } else if to.is_many() {
            Some(Unanswered::ToMany)
        } else {
            None
        }
    }

    /// The host, whatever its port; of IPv6 the network of 64 bits that a site is given, of which a host may take any address
    /// (RFC 4291, section 2.5.1). What comes from this machine's loopback was sent on it: RFC 1122, section 3.2.1.3.
    fn source(&self) -> Option<u128> {
        match self.as_v4() {
            Some(v4) if v4 >> 24 == 127 => None,
            Some(_) => Some(self.host),
            None if self.host == 1 => None,
            None => Some(self.host >> 64),
        }
    }
}

impl Peer for LocalName {
    fn objection(&self, to: &LocalName) -> Option<Unanswered> {
        if self.0.is_empty() {
            Some(Unanswered::NoSource)
        } else if self == to {
            Some(Unanswered::OwnPort)
        } else {
            None
        }
    }

    /// The system says who it is, and nobody else can.
    fn source(&self) -> Option<u128> {
        None
    }
}
