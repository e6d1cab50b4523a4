//! Sends bytes of a file in order, as the client asked: the blocks that cover them, and where the whole file is meant, its
//! root at the end.

use super::flow::Outflow;
use super::{HEAD, OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{
    BlockDone, BlockOp, Extent, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket,
};
use crate::time::Time;
use crate::wire::limits::EXTENT;
use crate::wire::{Attempt, Body, Code, Cv, Failure, Metadata, Offer, Read, Span};

/// Answers one `Read`.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Reader {
    root: RootId,
    read: Read,
    ahead: usize,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The file is being opened.
    Opening,
    /// Blocks are read and sent.
    Reading(Box<Reading>),
    /// All is sent; is the file still what it was? With the root, where it is told, and how many bytes were sent.
    Rechecking(Lease, Option<Cv>, u64),
    /// Completions are awaited, the file is closed, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Reading {
    lease: Lease,
    length: u64,
    /// Where the next block to read begins; blocks before `first` are only hashed.
    next: u64,
    first: u64,
    end: u64,
    flow: Outflow,
    sent: u64,
}

state_names!(
    pub Reader, STATES, state_name, state, State: New, Opening, Reading, Rechecking, Leaving, Closed
);

impl Reading {
    fn next_extent(&mut self, ahead: usize) -> Option<(Extent, bool)> {
        if self.next >= self.end || self.flow.len() >= ahead {
            return None;
        }
        let (offset, end) = (self.next, (self.next + EXTENT).min(self.length));
        self.next = end;
        let length = u32::try_from(end - offset).expect("at most an extent");
        let shape = Extent { offset, length, unit: EXTENT as u32, whole: self.length <= EXTENT };
        Some((shape, offset >= self.first))
    }
}

impl Reader {
    /// Sends what `read` asks for below `root`.
    pub fn new(root: RootId, read: Read, limits: &Limits) -> Reader {
        let (ahead, tickets) = (limits.extents_ahead, Tickets::default());
        Reader { root, read, ahead, tickets, state: State::New }
    }

    /// Bytes of room that the next segment waits for; 0 if none is ready.
    pub(crate) fn wants_room(&self) -> usize {
        match &self.state {
            State::Reading(reading) => reading.flow.next_len().unwrap_or(0),
            State::New | State::Opening | State::Rechecking(..) => 0,
            State::Leaving(..) | State::Closed => 0,
        }
    }

    /// Bytes read and not sent yet.
    pub(crate) fn read_ahead(&self) -> usize {
        if let State::Reading(reading) = &self.state { reading.flow.read_ahead() } else { 0 }
    }

    /// True while part of a block has been sent and part has not.
    pub(crate) fn is_within_extent(&self) -> bool {
        matches!(&self.state, State::Reading(reading) if reading.flow.is_within_block())
    }

    fn on_opened(&mut self, lease: Lease, metadata: &Metadata, version: u128, out: &mut Out<Reader>) {
        let Metadata { length, mode, modified, .. } = *metadata;
        let refusal = match self.read.span.within(length) {
            _ if self.read.version != 0 && self.read.version != version => {
                Err(OpError::us(Code::CHANGED, "the version that was asked for is gone"))
            }
            Some(span) => Ok(span),
            None => Err(OpError::us(Code::RANGE, format!("the file has {length} bytes"))),
        };
        let (start, end) = match refusal {
            Ok(span) => span,
            Err(error) => {
                self.state = State::Leaving(Err(error), Some(lease));
                return self.go_on_leaving(out);
            }
        };
        let attempt = Attempt::default();
        let offer = Offer { path: self.read.path.clone(), length, mode, modified, version, attempt };
        out.event(OpEvent::Started { length: end - start });
        out.push(Effect::Transmit((), Body::Offer(offer)));
        let first = start / EXTENT * EXTENT;
        let end = if start == end { start } else { end.div_ceil(EXTENT).saturating_mul(EXTENT).min(length) };
        let next = if self.tells_root() { 0 } else { first };
        let (flow, sent) = (Outflow::default(), 0);
        // A rest that begins at the file's end sends nothing, not even the block that it is in.
        let first = if start == length { length } else { first };
        self.state = State::Reading(Box::new(Reading { lease, length, next, first, end, flow, sent }));
        self.advance(out);
    }

    fn tells_root(&self) -> bool {
        matches!(self.read.span, Span::Rest { .. })
    }

    /// Reads ahead; once all is sent, looks at the file again.
    fn advance(&mut self, out: &mut Out<Reader>) {
        let State::Reading(reading) = &mut self.state else { return };
        let lease = reading.lease;
        while let Some((shape, is_sent)) = reading.next_extent(self.ahead) {
            let op = if is_sent {
                BlockOp::Read { lease, shape, holes: false }
            } else {
                BlockOp::Check { lease, shape }
            };
            let ticket = self.tickets.issue(StoreOp::Block(op), out);
            reading.flow.pending(ticket, shape.offset);
        }
        if reading.flow.len() > 0 {
            return;
        }
        let (root, sent) = (reading.flow.stack.root(), reading.sent);
        self.state = State::Rechecking(lease, self.tells_root().then_some(root), sent);
        self.tickets.issue(StoreOp::Name(NameOp::Recheck { lease }), out);
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Reader>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, lease), Stored::Name(Ok(NameDone::Source { lease: opened, .. }))) => {
                *lease = Some(opened);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error))) => self.leave(Err(error.into()), out),
            (State::Opening, Stored::Name(Ok(NameDone::Source { lease, metadata, version }))) => {
                self.on_opened(lease, &metadata, version, out);
            }
            (State::Reading(reading), Stored::Block(Ok(done))) => {
                match done {
                    BlockDone::Read { data, cvs } if cvs.len() == 1 => {
                        reading.flow.ready(ticket, data, cvs[0]);
                    }
                    BlockDone::Written { cvs } if cvs.len() == 1 => reading.flow.hashed(ticket, cvs[0]),
                    BlockDone::Read { .. } | BlockDone::Hole { .. } => {}
                    BlockDone::Written { .. } | BlockDone::Landed => {}
                }
                self.advance(out);
            }
            (State::Rechecking(_, root, sent), Stored::Name(Ok(NameDone::Unchanged))) => {
                let (root, bytes) = (*root, *sent);
                if let Some(root) = root {
                    out.push(Effect::Transmit((), Body::Committed(root)));
                }
                self.leave(Ok(OpDone::Given { bytes }), out);
            }
            _ => {}
        }
    }

    /// Sends what fits, to the block's end at most: there it is another sender's turn.
    fn on_room(&mut self, mut room: usize, out: &mut Out<Reader>) {
        let State::Reading(reading) = &mut self.state else { return };
        while reading.flow.next_len().is_some_and(|length| length <= room) {
            let Some(data) = reading.flow.next_data() else { break };
            let length = data.payload.len();
            room = room.saturating_sub(length + HEAD);
            reading.sent += length as u64;
            out.event(OpEvent::Progress(length as u64));
            out.push(Effect::Transmit((), Body::Data(data)));
            if !reading.flow.is_within_block() {
                break;
            }
        }
        self.advance(out);
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Reader>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Reading(reading) => Some(reading.lease),
            State::Rechecking(lease, ..) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Opening | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Reader>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.end_with(lease, out)
            && let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed)
        {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Reader {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Reader>, out: &mut Out<Reader>) {
        let is_over = matches!(self.state, State::Leaving(..) | State::Closed);
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Opening;
                let open = NameOp::OpenSource { root: self.root, path: self.read.path.clone() };
                self.tickets.issue(StoreOp::Name(open), out);
            }
            Input::Received((), body) => {
                super::incoming::give_back(&body, out);
                match (is_over, body) {
                    (true, _) => {}
                    (false, Body::Cancel) => {
                        self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out);
                    }
                    (false, body) => {
                        let text = format!("{:?} in reader", body.kind());
                        self.leave(Err(OpError::unexpected(text)), out);
                    }
                }
            }
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => self.on_room(room, out),
            Input::Ended((), _) if !is_over => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        if let State::Reading(reading) = &self.state { reading.flow.footprint() } else { 0 }
    }

    fn footprint_max(&self) -> usize {
        (self.ahead + 1) * EXTENT as usize + 64 * 1024
    }
}
