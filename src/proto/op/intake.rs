//! Receives a file whose length is told at its end: its blocks in order, each compared with what the sender hashed, into a
//! partial that nobody can go on with. Published as any other file is.

use std::collections::{BTreeMap, VecDeque};

use super::flow::{Block, Inflow};
use super::incoming::give_back;
use super::{Moved, OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{
    BlockDone, BlockOp, Existing, Extent, Lease, NameDone, NameOp, Owner, RootId, StoreOp, Stored, Ticket,
};
use crate::proto::tree::{self, Stack};
use crate::time::Time;
use crate::wire::limits::EXTENT;
use crate::wire::{Attempt, Body, Code, Cv, Failure, Offer, Start, Stream, StreamEnd};

/// Receives one stream.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Intake {
    root: RootId,
    stream: Stream,
    window: u64,
    tickets: Tickets,
    /// Data bytes received whose credit is not given back yet.
    held: u64,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The partial is being opened; blocks may come already.
    Opening(Box<Filling>),
    /// Blocks come in.
    Filling(Box<Filling>, Lease),
    /// All has come, in one block: it is hashed once more, as the whole file that it is.
    Closing(StreamEnd, Lease),
    /// The store makes the file visible.
    Publishing(StreamEnd, Lease),
    /// Completions are awaited, the partial is dropped, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Filling {
    inflow: Inflow,
    /// Blocks that wait for the partial.
    early: VecDeque<Block>,
    /// What is being written: what it should be, and how long it is.
    writing: BTreeMap<Ticket, (Cv, u64)>,
    /// Of what the sender said of the blocks that came: nothing is published unless all of them are that.
    stack: Stack,
    end: Option<StreamEnd>,
}

state_names!(
    pub Intake, STATES, state_name, state,
    State: New, Opening, Filling, Closing, Publishing, Leaving, Closed
);

impl Intake {
    /// Receives what the peer has begun to send.
    pub fn new(root: RootId, stream: Stream, limits: &Limits) -> Intake {
        let (tickets, window) = (Tickets::default(), limits.window);
        Intake { root, stream, window, tickets, held: 0, state: State::New }
    }

    /// It sends no bulk.
    pub(crate) fn wants_room(&self) -> usize {
        0
    }

    fn begin(&mut self, out: &mut Out<Intake>) {
        let Stream { path, mode, modified, request, attempt } = self.stream.clone();
        let attempt = Attempt { request, number: attempt, start: Start::Afresh };
        // A partial of no length, which grows.
        let offer = Offer { path, length: 0, mode, modified, version: 0, attempt };
        let filling = Filling {
            inflow: Inflow::new(0, None),
            early: VecDeque::new(),
            writing: BTreeMap::new(),
            stack: Stack::default(),
            end: None,
        };
        self.state = State::Opening(Box::new(filling));
        let open = NameOp::OpenPartial {
            root: self.root,
            offer,
            existing: Existing::Replace,
            owner: Owner::ANYBODY,
        };
        self.tickets.issue(StoreOp::Name(open), out);
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Intake>) {
        match (&mut self.state, body) {
            (State::Leaving(..) | State::Closed, body) => give_back(&body, out),
            // A publication under way wins against its cancellation: the file is whole, and its sender has said so.
            (State::Publishing(..), Body::Cancel) => mark(Mark::CancelLost),
            (_, Body::Cancel) => self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out),
            (State::Opening(filling) | State::Filling(filling, _), Body::Data(data))
                if filling.end.is_none() =>
            {
                self.held += data.payload.len() as u64;
                match filling.inflow.data(data) {
                    Ok(Some(block)) => {
                        filling.stack.push(block.claim);
                        filling.early.push_back(block);
                        self.write(out);
                    }
                    Ok(None) => {}
                    Err(rule) => self.leave(Err(OpError::unexpected(rule)), out),
                }
            }
            (State::Opening(filling) | State::Filling(filling, _), Body::End(end))
                if filling.end.is_none()
                    && !filling.inflow.is_within_block()
                    && filling.inflow.next() == end.length =>
            {
                filling.end = Some(end);
                self.try_end(out);
            }
            (_, body) => {
                give_back(&body, out);
                self.leave(Err(OpError::unexpected(format!("{:?} in intake", body.kind()))), out);
            }
        }
    }

    fn write(&mut self, out: &mut Out<Intake>) {
        let State::Filling(filling, lease) = &mut self.state else { return };
        while let Some(block) = filling.early.pop_front() {
            let (shape, claim) = (block.shape(false), block.claim);
            let op = BlockOp::Write { lease: *lease, shape, data: block.data };
            let ticket = self.tickets.issue(StoreOp::Block(op), out);
            filling.writing.insert(ticket, (claim, u64::from(shape.length)));
        }
    }

    /// Once all is written: compares the roots, and publishes.
    fn try_end(&mut self, out: &mut Out<Intake>) {
        let State::Filling(filling, lease) = &self.state else { return };
        let Some(end) = filling.end.filter(|_| filling.writing.is_empty()) else { return };
        let lease = *lease;
        // What has been written is the sender's; the value of a single block is not the root that it would be.
        if filling.stack.units() == 1 {
            self.state = State::Closing(end, lease);
            let length = u32::try_from(end.length).expect("one block");
            let shape = Extent { offset: 0, length, unit: EXTENT as u32, whole: true };
            self.tickets.issue(StoreOp::Block(BlockOp::Check { lease, shape }), out);
            return;
        }
        let root = if end.length == 0 { tree::merge_root(&[]) } else { filling.stack.root() };
        self.publish(end, root, lease, out);
    }

    fn publish(&mut self, end: StreamEnd, root: Cv, lease: Lease, out: &mut Out<Intake>) {
        if root != end.root {
            let text = format!("received {root}, the sender has {}", end.root);
            return self.leave(Err(OpError::us(Code::ROOT_MISMATCH, text)), out);
        }
        if planted(Bug::AnswerStreamEarly) {
            out.push(Effect::Transmit((), Body::Committed(root)));
        }
        self.state = State::Publishing(end, lease);
        self.tickets.issue(StoreOp::Name(NameOp::Publish { lease, hash: root }), out);
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Intake>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, rest), Stored::Name(Ok(NameDone::Partial { lease, .. }))) => {
                *rest = Some(lease);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error))) => self.leave(Err(error.into()), out),
            (State::Opening(_), Stored::Name(Ok(NameDone::Partial { lease, .. }))) => {
                if let State::Opening(filling) = core::mem::replace(&mut self.state, State::Closed) {
                    self.state = State::Filling(filling, lease);
                }
                self.write(out);
                self.try_end(out);
            }
            (State::Filling(filling, _), Stored::Block(Ok(BlockDone::Written { cvs }))) => {
                let Some((claim, length)) = filling.writing.remove(&ticket) else { return };
                self.held -= length;
                out.event(OpEvent::Consumed(length));
                if cvs != [claim] {
                    mark(Mark::BlockRefused);
                    let text = "a block differs from what the sender hashed, and cannot be asked for again";
                    return self.leave(Err(OpError::us(Code::CHECKSUM, text)), out);
                }
                out.event(OpEvent::Progress(length));
                self.try_end(out);
            }
            (State::Closing(end, lease), Stored::Block(Ok(BlockDone::Written { cvs }))) => {
                let (end, lease) = (*end, *lease);
                if let [root] = cvs[..] {
                    self.publish(end, root, lease, out);
                }
            }
            (State::Publishing(end, _), Stored::Name(Ok(NameDone::Published))) => {
                let StreamEnd { length, root } = *end;
                out.push(Effect::Transmit((), Body::Committed(root)));
                self.state = State::Leaving(
                    Ok(OpDone::Moved(Moved { length, root, blocks_refused: 0, skipped: 0 })),
                    None,
                );
                self.go_on_leaving(out);
            }
            _ => {}
        }
    }

    fn can_be_stopped(&self) -> bool {
        !matches!(self.state, State::Publishing(..) | State::Leaving(..) | State::Closed)
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Intake>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Filling(_, lease) | State::Closing(_, lease) | State::Publishing(_, lease) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Opening(_) | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Intake>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.open > 0 {
            return;
        }
        if let Some(lease) = lease.take() {
            self.tickets.issue(StoreOp::Name(NameOp::Discard { lease }), out);
            return;
        }
        if self.held > 0 {
            out.event(OpEvent::Consumed(core::mem::take(&mut self.held)));
        }
        if let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed) {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Intake {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Intake>, out: &mut Out<Intake>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => self.begin(out),
            Input::Received((), body) => self.on_frame(body, out),
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Ended((), _) if self.can_be_stopped() => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed | Input::Room(..) => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Opening(filling) | State::Filling(filling, _) => {
                let early: usize = filling.early.iter().map(|block| block.data.footprint()).sum();
                filling.inflow.footprint() + early + filling.stack.footprint()
            }
            State::New | State::Closing(..) | State::Publishing(..) => 0,
            State::Leaving(..) | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        2 * self.window as usize + 64 * 1024
    }
}
