//! The server's side of one more connection for a file: sends the blocks that it is asked for, of one version of the file,
//! and commits nothing. The connection that receives the file compares all of them with the sender's own.

use super::assembly::Shape;
use super::incoming::give_back;
use super::pipeline::Pipeline;
use super::{HEAD, OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::proto::Limits;
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{BlockDone, BlockOp, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket};
use crate::time::Time;
use crate::wire::limits::{BLOCKS_MAX, EXTENT, FILE_MAX, WANT_MAX};
use crate::wire::{Attempt, Body, Capabilities, Code, Cv, Failure, FileKind, Get, Metadata, Offer, Range};

/// Sends blocks of a file that another connection receives.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Supplier {
    root: RootId,
    get: Get,
    ahead: usize,
    takes_holes: bool,
    bytes: u64,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// With what is wanted already.
    Opening(Vec<Range>),
    /// The offer is out: what is wanted is read and sent.
    Supplying(Box<Supply>),
    /// The client has what it wanted; is the source still what it was?
    Rechecking(Lease),
    /// Completions are awaited, the source is closed, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Supply {
    lease: Lease,
    blocks: u32,
    pipeline: Pipeline,
}

state_names!(
    pub Supplier, STATES, state_name, state, State: New, Opening, Supplying, Rechecking, Leaving, Closed
);

impl Supplier {
    /// Sends blocks of the version of a file below `root` that `get` names.
    pub fn new(root: RootId, get: Get, limits: &Limits) -> Supplier {
        let (ahead, tickets) = (limits.extents_ahead, Tickets::default());
        Supplier { root, get, ahead, takes_holes: false, bytes: 0, tickets, state: State::New }
    }

    /// What the peer can: to one that takes them, holes of the source are sent as such.
    pub(crate) fn peer_can(&mut self, capabilities: Option<Capabilities>) {
        self.takes_holes = capabilities.is_some_and(|capabilities| capabilities.has(Capabilities::HOLES));
    }

    /// Bytes of room that the next segment waits for; 0 if none is ready.
    pub(crate) fn wants_room(&self) -> usize {
        self.pipeline().and_then(Pipeline::next_len).unwrap_or(0)
    }

    /// Bytes read and not sent yet.
    pub(crate) fn read_ahead(&self) -> usize {
        self.pipeline().map_or(0, Pipeline::read_ahead)
    }

    /// True while part of an extent has been sent and part has not.
    pub(crate) fn is_within_extent(&self) -> bool {
        self.pipeline().is_some_and(Pipeline::is_within_extent)
    }

    fn pipeline(&self) -> Option<&Pipeline> {
        match &self.state {
            State::Supplying(supply) => Some(&supply.pipeline),
            State::New | State::Opening(_) | State::Rechecking(_) => None,
            State::Leaving(..) | State::Closed => None,
        }
    }

    fn on_opened(&mut self, lease: Lease, metadata: &Metadata, version: u128, out: &mut Out<Supplier>) {
        let refusal = match self.get.version {
            _ if metadata.kind != FileKind::File => Some((Code::NOT_A_FILE, "")),
            _ if metadata.length > FILE_MAX => Some((Code::FILE_TOO_LONG, "at most 2^47 bytes")),
            wanted if wanted != version => Some((Code::CHANGED, "the version that was asked for is gone")),
            _ => None,
        };
        if let Some((code, text)) = refusal {
            self.state = State::Leaving(Err(OpError::us(code, text)), Some(lease));
            return self.go_on_leaving(out);
        }
        let Metadata { length, mode, modified, .. } = *metadata;
        let (path, attempt) = (self.get.path.clone(), Attempt::default());
        let offer = Offer { path, length, mode, modified, version, attempt };
        let (blocks, pipeline) = (offer.blocks(), Pipeline::of_nothing(Shape::of(&offer)));
        out.push(Effect::Transmit((), Body::Offer(offer)));
        let supplying = State::Supplying(Box::new(Supply { lease, blocks, pipeline }));
        if let State::Opening(early) = core::mem::replace(&mut self.state, supplying)
            && !early.is_empty()
        {
            self.on_want(&early, out);
        }
    }

    fn on_want(&mut self, ranges: &[Range], out: &mut Out<Supplier>) {
        if let State::Opening(early) = &mut self.state {
            early.extend_from_slice(ranges);
            if early.len() > WANT_MAX {
                self.leave(Err(OpError::unexpected("more is wanted than may be at once")), out);
            }
            return;
        }
        let State::Supplying(supply) = &mut self.state else { return };
        if ranges.iter().any(|range| range.first + range.count > supply.blocks) {
            return self
                .leave(Err(OpError::unexpected("a block is wanted that the file does not have")), out);
        }
        if supply.pipeline.runs() + ranges.len() > WANT_MAX {
            return self.leave(Err(OpError::unexpected("more is wanted than may be at once")), out);
        }
        supply.pipeline.send_again(ranges);
        self.advance(out);
    }

    fn advance(&mut self, out: &mut Out<Supplier>) {
        let State::Supplying(supply) = &mut self.state else { return };
        let lease = supply.lease;
        while let Some(shape) = supply.pipeline.next_read(self.ahead) {
            let holes = self.takes_holes && supply.pipeline.takes_holes();
            let read = BlockOp::Read { lease, shape, holes };
            let ticket = self.tickets.issue(StoreOp::Block(read), out);
            supply.pipeline.reading(ticket, shape);
        }
    }

    /// Sends what fits, to the extent's end at most: there it is another sender's turn.
    fn on_room(&mut self, mut room: usize, out: &mut Out<Supplier>) {
        let State::Supplying(supply) = &mut self.state else { return };
        while supply.pipeline.next_len().is_some_and(|length| length <= room) {
            let Some((bytes, body)) = supply.pipeline.next_body() else { break };
            self.bytes += bytes;
            out.event(OpEvent::Progress(bytes));
            room = room.saturating_sub(body.bulk() + HEAD);
            out.push(Effect::Transmit((), body));
            if !supply.pipeline.is_within_extent() {
                break;
            }
        }
        self.advance(out);
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Supplier>) {
        give_back(&body, out);
        match (&self.state, body) {
            (State::Leaving(..) | State::Closed, _) => {}
            (_, Body::Cancel) => self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out),
            (State::Opening(_) | State::Supplying(_), Body::Want(ranges)) => self.on_want(&ranges, out),
            (State::Supplying(supply), Body::Done) if supply.pipeline.is_done() => {
                let lease = supply.lease;
                self.state = State::Rechecking(lease);
                self.tickets.issue(StoreOp::Name(NameOp::Recheck { lease }), out);
            }
            (_, body) => {
                self.leave(Err(OpError::unexpected(format!("{:?} in supplier", body.kind()))), out);
            }
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Supplier>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, lease), Stored::Name(Ok(NameDone::Source { lease: opened, .. }))) => {
                *lease = Some(opened);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error))) => self.leave(Err(error.into()), out),
            (State::Opening(_), Stored::Name(Ok(NameDone::Source { lease, metadata, version }))) => {
                self.on_opened(lease, &metadata, version, out);
            }
            (State::Supplying(supply), Stored::Block(Ok(BlockDone::Read { data, cvs }))) => {
                supply.pipeline.read(ticket, Some(data), cvs);
                self.advance(out);
            }
            (State::Supplying(supply), Stored::Block(Ok(BlockDone::Hole { cvs }))) => {
                supply.pipeline.read(ticket, None, cvs);
                self.advance(out);
            }
            (State::Rechecking(_), Stored::Name(Ok(NameDone::Unchanged))) => {
                let bytes = self.bytes;
                self.leave(Ok(OpDone::Pulled { bytes }), out);
            }
            _ => {}
        }
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Supplier>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Supplying(supply) => Some(supply.lease),
            State::Rechecking(lease) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Opening(_) | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Supplier>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.end_with(lease, out)
            && let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed)
        {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Supplier {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Supplier>, out: &mut Out<Supplier>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Opening(Vec::new());
                let open = NameOp::OpenSource { root: self.root, path: self.get.path.clone() };
                self.tickets.issue(StoreOp::Name(open), out);
            }
            Input::Received((), body) => self.on_frame(body, out),
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => self.on_room(room, out),
            Input::Ended((), _) if !matches!(self.state, State::Leaving(..) | State::Closed) => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        self.pipeline().map_or(0, Pipeline::footprint)
    }

    fn footprint_max(&self) -> usize {
        let blocks = BLOCKS_MAX as usize;
        4 * blocks * size_of::<Option<Cv>>() + (self.ahead + 1) * EXTENT as usize + 64 * 1024
    }
}
