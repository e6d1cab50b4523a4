//! RFC 862 over datagrams: each that comes in goes out again, to where it came from. Nothing is remembered, nothing waits,
//! and nothing that could loop or serve for an attack on a third party is answered.

use core::convert::Infallible;

use bytes::Bytes;

use super::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::time::Time;

/// An end of a datagram's way: an IP address in 16 bytes (IPv4 mapped), and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The host.
    pub host: u128,
    /// The port.
    pub port: u16,
}

/// A datagram with both addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Datagram {
    /// Who sent it: what a forger likes to choose.
    pub from: Address,
    /// Whom it was sent to.
    pub to: Address,
    /// What it carries.
    pub payload: Bytes,
}

/// Why a datagram got no answer. An event for each is how they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unanswered {
    /// Its source port is reserved: no client's, but perhaps a server's that would answer the answer.
    ReservedPort,
    /// Its source port is the one that it was sent to: another echo's, or our own.
    OwnPort,
    /// Its source is no single host.
    NoSource,
    /// It was sent to many hosts, of which each would answer.
    ToMany,
    /// The transport takes no more now.
    NoRoom,
}

/// Echoes datagrams for as long as its socket lasts.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct DatagramEcho {
    room: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    Open,
    Closed,
}

state_names!(pub DatagramEcho, STATES, state_name, phase, Phase: Open, Closed);

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

impl DatagramEcho {
    /// What a datagram takes of the room beyond its payload: the header of RFC 768, so that empty ones take some too.
    pub const HEADER: usize = 8;

    /// An echo on a socket that takes nothing yet.
    pub fn new() -> DatagramEcho {
        DatagramEcho::default()
    }

    fn objection(&self, datagram: &Datagram) -> Option<Unanswered> {
        let Datagram { from, to, payload: _ } = datagram;
        if from.port < RESERVED_PORTS || OTHER_SERVERS.contains(&from.port) {
            Some(Unanswered::ReservedPort)
        } else if from.port == to.port {
            Some(Unanswered::OwnPort)
        } else if from.is_many() || from.is_nobody() {
            // RFC 1122, section 4.1.3.6.
            Some(Unanswered::NoSource)
        } else if to.is_many() {
            Some(Unanswered::ToMany)
        } else if datagram.bulk() > self.room {
            Some(Unanswered::NoRoom)
        } else {
            None
        }
    }
}

impl Machine for DatagramEcho {
    type Link = ();
    type Rx = Datagram;
    type Tx = Datagram;
    type Command = Infallible;
    type Event = Unanswered;
    type Outcome = ();

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<DatagramEcho>, out: &mut Out<DatagramEcho>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Received((), datagram) => match self.objection(&datagram) {
                Some(why) => out.event(why),
                None => {
                    self.room -= datagram.bulk();
                    let Datagram { from, to, payload } = datagram;
                    out.push(Effect::Transmit((), Datagram { from: to, to: from, payload }));
                }
            },
            Input::Room((), room) => self.room = room,
            Input::Ended((), _) => {
                self.phase = Phase::Closed;
                out.push(Effect::Close(()));
            }
            Input::Elapsed | Input::Dialed(()) | Input::DialFailed((), _) | Input::Stored(..) => {}
            Input::Command(never) => match never {},
        }
    }

    /// What is not read is lost in the system, where nobody counts it.
    fn wants_read(&self, (): ()) -> bool {
        self.phase == Phase::Open
    }

    fn footprint(&self) -> usize {
        0
    }

    fn footprint_max(&self) -> usize {
        0
    }
}

impl Bulk for Datagram {
    fn bulk(&self) -> usize {
        DatagramEcho::HEADER + self.payload.len()
    }
}
