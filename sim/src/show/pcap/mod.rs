//! The streams of a run as packets. What was recorded are bytes and ends, not packets: headers are made up, one packet a
//! write, at the interface of the host that sends it; what was heard is acknowledged when it was heard. So each stream is
//! whole as it was said, also where nobody heard it.
//!
//! | file | what |
//! |---|---|
//! | `packet` | IPv4 and TCP headers with their checksums (RFC 791, RFC 9293) |
//! | `blocks` | the blocks of pcapng |

mod blocks;
mod packet;

use std::collections::BTreeMap;

use bytes::Bytes;
use towline::harness::Side;
use towline::proto::machine::End;

use self::blocks::Blocks;
use self::packet::{ACK, End as Address, FIN, PUSH, Packet, RESET, SYN};
use crate::trace::{Connection, Door, Lane, Part, Recorded, Trace};

/// Most bytes of a packet: what an IPv4 packet has room for.
const PAYLOAD_MAX: usize = 65_000;
/// A stream's first sequence number.
const FIRST: u32 = 1_000;

/// One side of a connection.
#[derive(Default)]
struct Half {
    /// True once it has said that it begins.
    is_open: bool,
    /// Bytes that it said, and the end if it said one.
    said: u32,
    /// Bytes that it heard of the other, and the end if it heard one.
    heard: u32,
    has_heard_end: bool,
    is_over: bool,
}

/// A run's packets as a file of pcapng; none where the bytes were not kept.
pub fn pcap(trace: &Trace) -> Vec<u8> {
    let parts = trace.recording().map_or(&[][..], |recording| &recording.parts);
    let mut file = File { blocks: Blocks::new(), interfaces: BTreeMap::new(), connections: BTreeMap::new() };
    for part in parts {
        if !file.interfaces.contains_key(&part.lane) {
            let number = file.blocks.interface(&part.lane.to_string());
            file.interfaces.insert(part.lane.clone(), number);
        }
    }
    for part in parts {
        file.part(part);
    }
    file.blocks.into_bytes()
}

struct File {
    blocks: Blocks,
    interfaces: BTreeMap<Lane, u32>,
    connections: BTreeMap<Connection, [Half; 2]>,
}

impl File {
    fn part(&mut self, part: &Part) {
        let Part { at_nanos, lane, connection, recorded } = part;
        let here = if *lane == Lane::Server { Side::Server } else { Side::Client };
        let at = (*at_nanos, *connection);
        match recorded {
            Recorded::Dialed => self.open(at, Side::Client),
            Recorded::Answered(true) => {
                self.open(at, Side::Server);
                self.send(at, Side::Client, ACK, &[]);
            }
            Recorded::Answered(false) => {
                self.send(at, Side::Server, RESET | ACK, &[]);
                self.over(at, Side::Server);
            }
            Recorded::Bytes(by, bytes) if *by == here => self.say(at, *by, bytes),
            Recorded::Bytes(_, bytes) => {
                self.half(at.1, here).heard += bytes.len() as u32;
                self.send(at, here, ACK, &[]);
            }
            Recorded::Ended(by, end) if *by == here => self.end(at, *by, *end),
            Recorded::Ended(by, End::Orderly) => {
                // An end that was not said, but made up on the way, is not acknowledged.
                let was_said = self.half(at.1, *by).is_over;
                let half = self.half(at.1, here);
                if was_said && !std::mem::replace(&mut half.has_heard_end, true) {
                    half.heard += 1;
                    self.send(at, here, ACK, &[]);
                }
            }
            Recorded::Ended(by, End::Reset) => self.end(at, *by, End::Reset),
        }
    }

    fn half(&mut self, connection: Connection, side: Side) -> &mut Half {
        &mut self.connections.entry(connection).or_default()[side as usize]
    }

    /// This side begins: a server answers, so that what it says before its client is known to be connected comes after.
    fn open(&mut self, at: (u64, Connection), side: Side) {
        if !std::mem::replace(&mut self.half(at.1, side).is_open, true) {
            let flags = if side == Side::Client { SYN } else { SYN | ACK };
            self.send(at, side, flags, &[]);
        }
    }

    fn over(&mut self, at: (u64, Connection), side: Side) -> bool {
        std::mem::replace(&mut self.half(at.1, side).is_over, true)
    }

    fn say(&mut self, at: (u64, Connection), side: Side, bytes: &Bytes) {
        self.open(at, side);
        for piece in bytes.chunks(PAYLOAD_MAX) {
            self.send(at, side, PUSH | ACK, piece);
            self.half(at.1, side).said += piece.len() as u32;
        }
    }

    fn end(&mut self, at: (u64, Connection), side: Side, end: End) {
        self.open(at, side);
        if self.over(at, side) {
            return;
        }
        let flags = match end {
            End::Orderly => FIN | ACK,
            End::Reset => RESET | ACK,
        };
        self.send(at, side, flags, &[]);
        self.half(at.1, side).said += 1;
    }

    fn send(&mut self, (at_nanos, connection): (u64, Connection), from: Side, flags: u8, payload: &[u8]) {
        let Half { said, heard, .. } = *self.half(connection, from);
        let is_syn = flags & SYN != 0;
        let packet = Packet {
            from: address(connection, from),
            to: address(connection, if from == Side::Client { Side::Server } else { Side::Client }),
            sequence: FIRST + said + u32::from(!is_syn),
            acknowledged: if flags & ACK == 0 { 0 } else { FIRST + heard + 1 },
            flags,
            payload,
        };
        // A host at which nothing was recorded has no interface: it is seen from the other end.
        let lane = connection.end(from);
        let interface = self.interfaces.get(&lane).copied().unwrap_or_default();
        self.blocks.packet(interface, at_nanos, &packet.encode());
    }
}

/// The server is 10.0.0.1, the clients are 10.0.1.1 and on; each dial has a port of its own.
fn address(connection: Connection, side: Side) -> Address {
    let Connection { client, door, dial } = connection;
    let (base, port) = match door {
        Door::Files => (40_000, 8695),
        Door::Echo => (50_000, 8696),
    };
    match side {
        Side::Server => Address { ip: [10, 0, 0, 1], port },
        Side::Client => Address { ip: [10, 0, 1, client as u8 + 1], port: base + dial as u16 },
    }
}
