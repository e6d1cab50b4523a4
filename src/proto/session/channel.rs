//! What a session keeps of its stream: frames in and out, room, credit both ways.

use bytes::Bytes;

use super::Session;
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Machine, Out};
use crate::wire::limits::{DATA_MAX, WINDOW_MIN};
use crate::wire::{Body, Decoder, Frame, HEADER_LEN, OperationId, PREAMBLE};

/// Longest payload that is copied behind its frame's head.
const STAGED_MAX: usize = 8 * 1024;
/// With so much staged, what is staged goes out.
const STAGED_FULL: usize = 64 * 1024;

/// Frames over one stream.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Channel {
    pub(super) decoder: Decoder,
    /// Encoded frames that wait to go out: control, and data that there is room for.
    staged: Vec<u8>,
    /// What the transport takes; negative where control has gone into the reserve.
    room: i64,
    /// Bytes that the transport was given, and of which it has not been heard that it took them on.
    queued: u64,
    /// Most bytes that the transport was seen to take at once.
    backlog_max: usize,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    writing: Writing,
    /// Bytes have left since this was looked at last.
    has_said: bool,
}

/// How far this side's stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writing {
    Open,
    /// Nothing more is said; what is staged still goes out.
    Finishing,
    Finished,
}

/// Credit for the peer's data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Inbound {
    window: u64,
    granted: u64,
    received: u64,
    consumed: u64,
}

/// Credit for our data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outbound {
    limit: u64,
    sent: u64,
}

impl Inbound {
    /// Counts data of the peer's; false if it was not granted.
    pub(super) fn receive(&mut self, bytes: u64) -> bool {
        self.received = self.received.saturating_add(bytes);
        self.received <= self.granted
    }

    /// True if the peer can send no whole segment any more.
    pub(super) fn is_nearly_used(&self) -> bool {
        self.granted.saturating_sub(self.received) < DATA_MAX as u64
    }

    /// What the peer was told last.
    pub(super) fn granted(&self) -> u64 {
        self.granted
    }

    /// Data is no longer held. Gives the new limit when it is worth a frame: a quarter of the window has been used.
    pub(super) fn consume(&mut self, bytes: u64) -> Option<u64> {
        self.consumed += bytes;
        let limit = self.consumed + self.window;
        if limit - self.granted < self.window / 4 || planted(Bug::WithholdCredit) {
            return None;
        }
        self.granted = limit;
        Some(limit)
    }
}

impl Outbound {
    /// The peer grants `limit` bytes in all. A lower limit than before changes nothing.
    pub(super) fn grant(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    fn available(&self) -> u64 {
        self.limit - self.sent
    }
}

impl Channel {
    pub(super) fn new(limits: &Limits) -> Channel {
        let inbound = Inbound { window: limits.window, granted: limits.window, received: 0, consumed: 0 };
        Channel {
            decoder: Decoder::new(),
            staged: Vec::new(),
            room: 0,
            queued: 0,
            backlog_max: limits.backlog,
            inbound,
            // Every peer grants that; what it grants beyond stands in its `Hello`.
            outbound: Outbound { limit: WINDOW_MIN, sent: 0 },
            writing: Writing::Open,
            has_said: false,
        }
    }

    pub(super) fn footprint(&self) -> usize {
        self.decoder.footprint() + self.staged.capacity()
    }

    /// Data bytes that have passed, both ways.
    pub(super) fn data_bytes(&self) -> u64 {
        self.inbound.received.saturating_add(self.outbound.sent)
    }

    /// True while so much control waits for room that nothing more may be read.
    pub(super) fn is_clogged(&self) -> bool {
        self.staged.len() >= self.backlog_max
    }

    /// Gives how many bytes the transport has taken on since it was last heard of.
    pub(super) fn set_room(&mut self, room: usize) -> u64 {
        let before = core::mem::replace(&mut self.room, i64::try_from(room).unwrap_or(i64::MAX));
        let taken = u64::try_from(self.room.saturating_sub(before)).unwrap_or(0).min(self.queued);
        self.queued -= taken;
        taken
    }

    /// What an operation may send of bulk now: within the room (frames' heads left out) and, for data, the credit.
    pub(super) fn budget(&self) -> usize {
        const HEADS: i64 = 256;
        let room = usize::try_from(self.room - HEADS - i64::try_from(self.staged.len()).unwrap_or(i64::MAX));
        room.unwrap_or(0).min(usize::try_from(self.outbound.available()).unwrap_or(usize::MAX))
    }

    /// True if bulk of so many bytes has the room that it needs, and not the credit.
    pub(super) fn lacks_credit(&self, bytes: usize) -> bool {
        self.outbound.available() < bytes as u64 && i64::try_from(bytes).is_ok_and(|bytes| bytes < self.room)
    }

    /// The bytes before the first frame.
    pub(super) fn preamble(&mut self) {
        self.staged.extend_from_slice(&PREAMBLE);
    }

    /// This side has said all: its stream ends as soon as what is staged has gone out.
    pub(super) fn finish(&mut self, out: &mut Out<Session>) {
        if self.writing == Writing::Open {
            self.writing = Writing::Finishing;
        }
        self.flush(out);
    }

    /// True once this side's stream has been ended.
    pub(super) fn is_finished(&self) -> bool {
        self.writing == Writing::Finished
    }

    /// The stream is gone: what is staged goes nowhere.
    pub(super) fn abandon(&mut self) {
        self.writing = Writing::Finished;
        self.staged = Vec::new();
    }

    /// Queues a frame, unless this side has said all. Data goes out at once, behind the control that is staged, but for little
    /// of it: that is staged too, so that a small file is one piece, and many of them are few.
    pub(super) fn send(&mut self, operation: OperationId, body: Body, out: &mut Out<Session>) {
        if self.writing != Writing::Open {
            return;
        }
        let credit = body.credit();
        self.outbound.sent += credit;
        if 0 < credit && credit <= STAGED_MAX as u64 {
            self.make_room();
        }
        let payload = Frame::of(operation, body).encode(&mut self.staged);
        match payload {
            Some(payload) if payload.len() <= STAGED_MAX => {
                payload.into_pieces().for_each(|piece| self.staged.extend_from_slice(&piece));
                if self.staged.len() >= STAGED_FULL {
                    self.flush_all(out);
                }
            }
            Some(payload) => {
                self.flush_all(out);
                payload.into_pieces().for_each(|piece| self.transmit(piece, out));
            }
            None if credit > 0 => self.flush_all(out),
            None => {}
        }
    }

    /// A small file is seldom alone: to grow with each would copy all twice.
    fn make_room(&mut self) {
        let most = STAGED_FULL + 2 * STAGED_MAX;
        if self.staged.capacity() - self.staged.len() < 2 * STAGED_MAX {
            let wanted = if self.staged.is_empty() { 3 * STAGED_MAX } else { most };
            self.staged.reserve_exact(wanted.saturating_sub(self.staged.len()));
        }
    }

    /// Sends the staged control as far as room and reserve allow, and ends the stream behind the last of it.
    #[inline]
    pub(super) fn flush(&mut self, out: &mut Out<Session>) {
        if !self.staged.is_empty() {
            self.flush_staged(out);
        }
        if self.staged.is_empty() && self.writing == Writing::Finishing {
            self.writing = Writing::Finished;
            out.push(Effect::Finish(()));
        }
    }

    /// Whole frames or nothing.
    fn flush_staged(&mut self, out: &mut Out<Session>) {
        let reserve = i64::try_from(Session::RESERVE).unwrap_or(i64::MAX);
        let free = usize::try_from(self.room + reserve).unwrap_or(0);
        if self.staged.len() <= free {
            return self.flush_all(out);
        }
        mark(Mark::ControlWaits);
        let end = whole_frames(&self.staged, free);
        if end > 0 {
            let rest = self.staged.split_off(end);
            let ready = core::mem::replace(&mut self.staged, rest);
            self.transmit(Bytes::from(ready), out);
        }
    }

    fn flush_all(&mut self, out: &mut Out<Session>) {
        if !self.staged.is_empty() {
            let staged = core::mem::take(&mut self.staged);
            self.transmit(Bytes::from(staged), out);
        }
    }

    /// True if bytes have left since the last call.
    pub(super) fn take_said(&mut self) -> bool {
        core::mem::take(&mut self.has_said)
    }

    /// True if the transport takes more and nothing waits for it.
    pub(super) fn is_quiet(&self) -> bool {
        self.room > 0 && self.staged.is_empty()
    }

    fn transmit(&mut self, bytes: Bytes, out: &mut Out<Session>) {
        self.room -= i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.queued += bytes.len() as u64;
        self.has_said = true;
        out.push(Effect::Transmit((), bytes));
    }
}

/// The end of the last frame in `staged` that ends within `limit`. The preamble only ever stands before a `Hello`
/// that fits the reserve, so that what is cut here is frames.
fn whole_frames(staged: &[u8], limit: usize) -> usize {
    let mut end = 0;
    while let Some(length) = staged.get(end..).and_then(|rest| rest.first_chunk::<4>()) {
        let next = end + HEADER_LEN + u32::from_le_bytes(*length) as usize;
        if next > limit {
            break;
        }
        end = next;
    }
    end
}
