//! What is between the ends of a pair: latency, pieces, room, and scripted faults.

use bytes::Bytes;

use super::pair::Due;
use super::{Pair, Side};
use crate::proto::client::LinkId;
use crate::proto::machine::{End, Input};
use crate::time::Duration;

/// Something that goes wrong, addressed by which dial, which direction and which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens when the client dials for this time (from 0).
    Refuse(u32),
    /// The server says no to this dial: it is busy, and asks for this delay in milliseconds.
    Busy(u32, u32),
    /// The connection breaks for both when this byte of this side's stream would arrive.
    Reset(u32, Side, u64),
    /// From this byte of this side's stream on nothing arrives any more, either way, and nobody is told.
    Silence(u32, Side, u64),
    /// This side's stream ends, orderly, before this byte.
    CutShort(u32, Side, u64),
    /// This bit of this side's stream (counted in bits) arrives inverted.
    Flip(u32, Side, u64),
}

impl Pair {
    /// Sends pieces on their way, as far as the faults let them.
    pub(super) fn transmit(&mut self, link: LinkId, side: Side, mut bytes: Bytes) {
        if side == Side::Client {
            self.trace.bytes(side, bytes.clone());
        }
        while !bytes.is_empty() {
            let Some(stream) = self.streams.get_mut(&link).filter(|stream| !stream.is_dead) else { return };
            let start = stream.sent[side as usize];
            let mut piece = bytes.split_to(bytes.len().min(self.config.piece));
            stream.sent[side as usize] += piece.len() as u64;
            stream.queued[side as usize] += piece.len();
            for fault in self.config.faults.clone() {
                piece = self.strike(fault, link, side, start, piece);
            }
            let after = self.travel(link, side, piece.len());
            self.schedule(after, Due::Arrive(link, side, piece));
        }
        self.tell_room(link, side);
    }

    /// This side's stream ends behind all that it has sent.
    pub(super) fn finish(&mut self, link: LinkId, side: Side) {
        let after = self.travel(link, side, 0);
        self.schedule(after, Due::End(link, side));
    }

    /// How long it takes until so many more bytes are there: a slow path carries them behind those that were sent before.
    fn travel(&mut self, link: LinkId, side: Side, bytes: usize) -> Duration {
        let (now, latency) = (self.now(), self.config.latency);
        let Some(stream) = self.streams.get_mut(&link) else { return latency };
        let carried = self.config.bytes_per_ms.map_or(0, |most| bytes as u64 * 1_000_000 / u64::from(most));
        let busy_until = &mut stream.busy_until[side as usize];
        *busy_until = now.max(*busy_until) + Duration::from_nanos(carried);
        busy_until.since(now) + latency
    }

    /// What a fault leaves of the piece of `side` that begins at byte `start`.
    pub(super) fn strike(
        &mut self,
        fault: Fault,
        link: LinkId,
        side: Side,
        start: u64,
        piece: Bytes,
    ) -> Bytes {
        let (Fault::Reset(dial, who, at)
        | Fault::CutShort(dial, who, at)
        | Fault::Silence(dial, who, at)
        | Fault::Flip(dial, who, at)) = fault
        else {
            return piece;
        };
        let byte = if matches!(fault, Fault::Flip(..)) { at / 8 } else { at };
        if (dial, who) != (link.0, side) || !(start..start + piece.len() as u64).contains(&byte) {
            return piece;
        }
        let keep = usize::try_from(byte - start).unwrap_or(usize::MAX);
        match fault {
            Fault::Refuse(_) | Fault::Busy(..) => piece,
            Fault::Flip(..) => {
                let mut bytes = piece.to_vec();
                bytes[keep] ^= 1 << (at % 8);
                Bytes::from(bytes)
            }
            Fault::Silence(..) => {
                self.kill(link);
                Bytes::new()
            }
            Fault::Reset(..) | Fault::CutShort(..) => {
                let end = if matches!(fault, Fault::Reset(..)) { End::Reset } else { End::Orderly };
                self.schedule(self.config.latency, Due::Arrive(link, side, piece.slice(..keep)));
                self.schedule(self.config.latency, Due::ToServer(link, Input::Ended((), end)));
                self.schedule(self.config.latency, Due::ToClient(Input::Ended(link, end)));
                self.kill(link);
                Bytes::new()
            }
        }
    }

    /// Nothing that is sent from now on arrives.
    pub(super) fn kill(&mut self, link: LinkId) {
        if let Some(stream) = self.streams.get_mut(&link) {
            stream.is_dead = true;
        }
    }

    pub(super) fn arrive(&mut self, link: LinkId, side: Side, bytes: Bytes) {
        let Some(stream) = self.streams.get_mut(&link) else { return };
        stream.queued[side as usize] = stream.queued[side as usize].saturating_sub(bytes.len());
        self.tell_room(link, side);
        if bytes.is_empty() {
            return;
        }
        match side {
            Side::Client => self.step_server(link, Input::Received((), bytes)),
            Side::Server => {
                self.trace.bytes(side, bytes.clone());
                self.step_client(Input::Received(link, bytes));
            }
        }
    }

    pub(super) fn end(&mut self, link: LinkId, side: Side, end: End) {
        if self.streams.get(&link).is_none_or(|stream| stream.is_dead) {
            return;
        }
        match side {
            Side::Client => self.step_server(link, Input::Ended((), end)),
            Side::Server => self.step_client(Input::Ended(link, end)),
        }
    }

    pub(super) fn tell_room(&mut self, link: LinkId, side: Side) {
        let Some(stream) = self.streams.get(&link) else { return };
        let room = self.config.room.saturating_sub(stream.queued[side as usize]);
        let due = match side {
            Side::Client => Due::ToClient(Input::Room(link, room)),
            Side::Server => Due::ToServer(link, Input::Room((), room)),
        };
        self.schedule(Duration::ZERO, due);
    }
}
