//! The client's side of one more connection for an upload: reads the blocks that it is told to bring, sends them, and says
//! which have landed. It offers and commits nothing: one operation does (see `sender`).

use std::collections::BTreeMap;

use super::assembly::Shape;
use super::incoming::give_back;
use super::pipeline::Pipeline;
use super::share::{ShareEvent, ShareOrder};
use super::{HEAD, OpDone, OpError, OpEvent, OpResult, Order, Party, ROUNDS_MAX, Stage, Tickets};
use crate::proto::Limits;
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{BlockDone, BlockOp, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket};
use crate::time::Time;
use crate::wire::limits::{BLOCKS_MAX, EXTENT};
use crate::wire::{Body, Capabilities, Code, Cv, Data, Failure, HavePage, Push, Range, RelPath};

/// What a pusher brings blocks of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pushed {
    /// The folder that the source is below.
    pub root: RootId,
    /// The source.
    pub source: RelPath,
    /// The version of it that is uploaded.
    pub version: u128,
    /// The upload.
    pub push: Push,
}

/// Brings blocks of a file that another connection uploads.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Pusher {
    what: Pushed,
    ahead: usize,
    /// `None`: that is not known yet.
    takes_holes: Option<bool>,
    bytes: u64,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The source is being opened.
    Opening,
    /// The upload is named: what is given is read and sent.
    Pushing(Box<Pushing>),
    /// The server is told that this is all, and is to answer.
    Ending(Lease),
    /// Completions are awaited, the source is closed, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Pushing {
    lease: Lease,
    pipeline: Pipeline,
    /// Blocks that were given and have not landed, and how often each was damaged.
    given: BTreeMap<u32, u32>,
}

state_names!(pub Pusher, STATES, state_name, state, State: New, Opening, Pushing, Ending, Leaving, Closed);

impl Pushing {
    /// True if a segment ends within an extent.
    fn is_cut(&self, data: &Data) -> bool {
        let end = data.offset + data.payload.len() as u64;
        !end.is_multiple_of(EXTENT) && end < self.pipeline.file_length()
    }
}

impl Pusher {
    /// Brings blocks of `what`.
    pub fn new(what: Pushed, limits: &Limits) -> Pusher {
        let (ahead, tickets) = (limits.extents_ahead, Tickets::default());
        Pusher { what, ahead, takes_holes: Some(false), bytes: 0, tickets, state: State::New }
    }

    /// What the peer can, if it has said so: before, nothing is read that may have holes; to one that takes them they are sent as
    /// such.
    pub(crate) fn peer_can(&mut self, capabilities: Option<Capabilities>) {
        self.takes_holes = capabilities.map(|capabilities| capabilities.has(Capabilities::HOLES));
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

    /// What it waits for, while nothing is ready to be sent.
    pub(super) fn stage(&self) -> Option<Stage> {
        match &self.state {
            State::Opening => Some(Stage::Reading),
            State::Pushing(_) if self.tickets.open > 0 => Some(Stage::Reading),
            State::Pushing(pushing) if !pushing.given.is_empty() => Some(Stage::Awaiting),
            State::New | State::Pushing(_) | State::Ending(_) | State::Leaving(..) | State::Closed => None,
        }
    }

    fn pipeline(&self) -> Option<&Pipeline> {
        match &self.state {
            State::Pushing(pushing) => Some(&pushing.pipeline),
            State::New | State::Opening | State::Ending(_) => None,
            State::Leaving(..) | State::Closed => None,
        }
    }

    fn on_opened(&mut self, lease: Lease, length: u64, version: u128, out: &mut Out<Pusher>) {
        if (length, version) != (self.what.push.length, self.what.version) {
            let text = "the file has changed since it was offered";
            self.state = State::Leaving(Err(OpError::us(Code::CHANGED, text)), Some(lease));
            return self.go_on_leaving(out);
        }
        let pipeline = Pipeline::of_nothing(Shape::of_length(self.what.push.length));
        self.state = State::Pushing(Box::new(Pushing { lease, pipeline, given: BTreeMap::new() }));
        out.push(Effect::Transmit((), Body::Push(self.what.push.clone())));
        out.event(OpEvent::Share(ShareEvent::Ready));
    }

    fn advance(&mut self, out: &mut Out<Pusher>) {
        let State::Pushing(pushing) = &mut self.state else { return };
        let lease = pushing.lease;
        let may_have_holes = pushing.pipeline.takes_holes();
        if self.takes_holes.is_none() && may_have_holes {
            return;
        }
        let holes = may_have_holes && self.takes_holes == Some(true);
        while let Some(shape) = pushing.pipeline.next_read(self.ahead) {
            let ticket = self.tickets.issue(StoreOp::Block(BlockOp::Read { lease, shape, holes }), out);
            pushing.pipeline.reading(ticket, shape);
        }
    }

    /// Sends what fits, to the extent's end at most: there it is another sender's turn.
    fn on_room(&mut self, mut room: usize, out: &mut Out<Pusher>) {
        let State::Pushing(pushing) = &mut self.state else { return };
        while pushing.pipeline.next_len().is_some_and(|length| length <= room) {
            let Some((bytes, body)) = pushing.pipeline.next_body() else { break };
            self.bytes += bytes;
            room = room.saturating_sub(body.bulk() + HEAD);
            // What is gathered at the other side until an extent is whole is to be stored if nothing follows.
            let is_cut = matches!(&body, Body::Data(data) if pushing.is_cut(data));
            out.push(Effect::Transmit((), body));
            if is_cut && pushing.pipeline.is_done() {
                out.push(Effect::Transmit((), Body::Next));
            }
            if !pushing.pipeline.is_within_extent() {
                break;
            }
        }
        self.advance(out);
    }

    /// The server has blocks now, or has found them damaged.
    fn on_have(&mut self, page: &HavePage, out: &mut Out<Pusher>) {
        let State::Pushing(pushing) = &mut self.state else { return };
        let (mut run, mut first, mut bytes) = (Vec::new(), page.first, 0);
        let mut runs: Vec<(u32, Vec<Cv>, u64)> = Vec::new();
        let mut again = Vec::new();
        for (block, cv) in (page.first..).zip(&page.cvs) {
            let (Some(own), Some(refusals)) = (pushing.pipeline.cv(block), pushing.given.get_mut(&block))
            else {
                return self.leave(Err(OpError::unexpected("a page about a block that was not sent")), out);
            };
            if *cv == Some(own) {
                pushing.given.remove(&block);
                run.push(own);
                bytes += pushing.pipeline.length(block);
                continue;
            }
            *refusals += 1;
            if *refusals > ROUNDS_MAX {
                let text = format!("the receiver found block {block} damaged {ROUNDS_MAX} times");
                return self.leave(Err(OpError::us(Code::BLOCK_DAMAGED, text)), out);
            }
            again.push(block);
            runs.push((first, core::mem::take(&mut run), core::mem::take(&mut bytes)));
            first = block + 1;
        }
        runs.push((first, run, bytes));
        for (first, cvs, bytes) in runs.into_iter().filter(|(_, cvs, _)| !cvs.is_empty()) {
            out.event(OpEvent::Share(ShareEvent::Landed { first, cvs, bytes }));
        }
        for block in again {
            out.event(OpEvent::Share(ShareEvent::Damaged));
            if let State::Pushing(pushing) = &mut self.state {
                pushing.pipeline.send_again(&[Range { first: block, count: 1 }]);
            }
        }
        self.advance(out);
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Pusher>) {
        give_back(&body, out);
        match (&self.state, body) {
            (State::Leaving(..) | State::Closed, _) => {}
            (_, Body::Failed(failure)) => self.leave(Err(OpError::peer(failure)), out),
            (State::Pushing(_), Body::Have(page)) if page.upload == self.what.push.upload && !page.last => {
                self.on_have(&page, out);
            }
            (State::Ending(_), Body::Done) => {
                let bytes = self.bytes;
                self.leave(Ok(OpDone::Pulled { bytes }), out);
            }
            (_, body) => self.leave(Err(OpError::unexpected(format!("{:?} in pusher", body.kind()))), out),
        }
    }

    fn on_order(&mut self, order: ShareOrder, out: &mut Out<Pusher>) {
        match (&mut self.state, order) {
            (State::Pushing(pushing), ShareOrder::Want(ranges)) => {
                let blocks = ranges.iter().flat_map(|range| range.first..range.first + range.count);
                pushing.given.extend(blocks.map(|block| (block, 0)));
                pushing.pipeline.send_again(&ranges);
                self.advance(out);
            }
            (State::Pushing(pushing), ShareOrder::Finish) if pushing.given.is_empty() => {
                self.state = State::Ending(pushing.lease);
                out.push(Effect::Transmit((), Body::Done));
            }
            (State::New | State::Opening | State::Pushing(_), ShareOrder::Finish) => {
                self.leave(Err(OpError::us(Code::CANCELLED, "")), out);
            }
            (_, ShareOrder::Want(_) | ShareOrder::Finish | ShareOrder::Open | ShareOrder::Join(_)) => {}
            (_, ShareOrder::Leave(_) | ShareOrder::Alone | ShareOrder::Brought(..)) => {}
            (_, ShareOrder::Flush(_) | ShareOrder::Stored(_)) => {}
            (_, ShareOrder::Landed { .. } | ShareOrder::Damaged) => {}
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Pusher>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, lease), Stored::Name(Ok(NameDone::Source { lease: opened, .. }))) => {
                *lease = Some(opened);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error))) => self.leave(Err(error.into()), out),
            (State::Opening, Stored::Name(Ok(NameDone::Source { lease, metadata, version }))) => {
                self.on_opened(lease, metadata.length, version, out);
            }
            (State::Pushing(pushing), Stored::Block(Ok(BlockDone::Read { data, cvs }))) => {
                pushing.pipeline.read(ticket, Some(data), cvs);
                self.advance(out);
            }
            (State::Pushing(pushing), Stored::Block(Ok(BlockDone::Hole { cvs }))) => {
                pushing.pipeline.read(ticket, None, cvs);
                self.advance(out);
            }
            _ => {}
        }
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Pusher>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Pushing(pushing) => Some(pushing.lease),
            State::Ending(lease) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Opening | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Pusher>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.end_with(lease, out)
            && let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed)
        {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Pusher {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Pusher>, out: &mut Out<Pusher>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Opening;
                let open = NameOp::OpenSource { root: self.what.root, path: self.what.source.clone() };
                self.tickets.issue(StoreOp::Name(open), out);
            }
            Input::Command(Order::Share(order)) => self.on_order(order, out),
            Input::Command(Order::Cancel) if !matches!(self.state, State::Leaving(..) | State::Closed) => {
                self.leave(Err(OpError::us(Code::CANCELLED, "")), out);
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
