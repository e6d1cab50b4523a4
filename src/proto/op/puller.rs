//! The client's side of one more connection for a file: asks for the blocks that it is told to, and hands over what comes.
//! It stores nothing: one operation has the partial, checks every block, and publishes (see `receiver`).

use std::collections::VecDeque;

use super::assembly::Shape;
use super::incoming::{give_back, is_answer};
use super::share::{Brought, ShareEvent, ShareOrder};
use super::{OpDone, OpError, OpEvent, OpResult, Order, Party};
use crate::probe::{Mark, mark};
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::time::Time;
use crate::wire::limits::EXTENT;
use crate::wire::{Body, Code, Data, Failure, Get, Hole, Offer, Range};

/// Pulls blocks of a file for the operation that receives it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Puller {
    get: Get,
    length: u64,
    /// Data bytes that were handed over, and whose credit is not given back yet.
    held: u64,
    /// In all.
    bytes: u64,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The file is named, and blocks may be asked for; its offer is awaited.
    Asked(Asked),
    /// Blocks are asked for, and come.
    Pulling(Asked),
    Closed,
}

state_names!(pub Puller, STATES, state_name, state, State: New, Asked, Pulling, Closed);

/// What has been asked for and has not come.
#[derive(Clone, Debug, PartialEq, Hash)]
struct Asked {
    shape: Shape,
    /// In the order in which they were asked for, which is the one in which they come.
    ranges: VecDeque<Range>,
    /// Bytes of the first block that have come.
    within: u64,
}

impl Asked {
    /// Takes note of a segment. The error says which rule it breaks.
    fn on_data(&mut self, data: &Data) -> Result<(), &'static str> {
        let Some(range) = self.ranges.front() else { return Err("data that was not asked for") };
        let block_end = self.shape.block_end(range.first);
        if data.offset != self.shape.block_start(range.first) + self.within {
            return Err("data that is not what was asked for next");
        }
        let end = data.offset + data.payload.len() as u64;
        if end > block_end {
            return Err("data across a block's end");
        }
        if data.cv.is_some() != (end == block_end) {
            return Err("a block's chaining value comes with its last segment, and only there");
        }
        self.within += data.payload.len() as u64;
        if end == block_end {
            self.within = 0;
            self.blocks_came(1);
        }
        Ok(())
    }

    /// Takes note of a hole. The error says which rule it breaks.
    fn on_hole(&mut self, hole: &Hole) -> Result<(), &'static str> {
        let Some(range) = self.ranges.front() else { return Err("a hole that was not asked for") };
        let end = hole.offset.saturating_add(hole.length);
        if self.within > 0 || hole.offset != self.shape.block_start(range.first) {
            return Err("a hole that is not what was asked for next");
        }
        if end == hole.offset || end > self.shape.length || hole.length > EXTENT.max(self.shape.block) {
            return Err("a hole of a length that cannot be");
        }
        let count = self.shape.block_of(end - 1) - range.first + 1;
        if count > range.count || end != self.shape.block_end(range.first + count - 1) {
            return Err("a hole that is not of whole blocks that were asked for next");
        }
        self.blocks_came(count);
        Ok(())
    }

    /// So many blocks of the first range.
    fn blocks_came(&mut self, count: u32) {
        let Some(range) = self.ranges.front_mut() else { return };
        range.first += count;
        range.count -= count;
        if range.count == 0 {
            self.ranges.pop_front();
        }
    }
}

impl Puller {
    /// Pulls blocks of the version that `get` names, which is never 0, of a file of `length` bytes.
    pub fn new(get: Get, length: u64) -> Puller {
        Puller { get, length, held: 0, bytes: 0, state: State::New }
    }

    /// It sends no bulk.
    pub(crate) fn wants_room(&self) -> usize {
        0
    }

    fn on_offer(&mut self, offer: &Offer, out: &mut Out<Puller>) {
        if !is_answer(offer, &self.get) || offer.length != self.length {
            return self.refuse("an offer of another file than was asked for", out);
        }
        if let State::Asked(asked) = core::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Pulling(asked);
        }
    }

    fn on_data(&mut self, data: Data, out: &mut Out<Puller>) {
        let State::Pulling(asked) = &mut self.state else { return };
        let length = data.payload.len() as u64;
        self.held += length;
        if let Err(rule) = asked.on_data(&data) {
            return self.refuse(rule, out);
        }
        self.bytes += length;
        out.event(OpEvent::Share(ShareEvent::Brings(Brought::Data(data))));
    }

    fn on_hole(&mut self, hole: Hole, out: &mut Out<Puller>) {
        let State::Pulling(asked) = &mut self.state else { return };
        match asked.on_hole(&hole) {
            Ok(()) => out.event(OpEvent::Share(ShareEvent::Brings(Brought::Hole(hole)))),
            Err(rule) => self.refuse(rule, out),
        }
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Puller>) {
        match (&self.state, body) {
            (State::Closed, body) => give_back(&body, out),
            (_, Body::Failed(failure)) => self.close(Err(OpError::peer(failure)), out),
            (State::Asked(_), Body::Offer(offer)) => self.on_offer(&offer, out),
            (State::Pulling(_), Body::Data(data)) => self.on_data(data, out),
            (State::Pulling(_), Body::Hole(hole)) => self.on_hole(hole, out),
            (_, body) => {
                give_back(&body, out);
                self.refuse(format!("{:?} in puller", body.kind()), out);
            }
        }
    }

    fn on_order(&mut self, order: ShareOrder, out: &mut Out<Puller>) {
        match (&mut self.state, order) {
            (State::Asked(asked) | State::Pulling(asked), ShareOrder::Want(ranges)) => {
                asked.ranges.extend(ranges.iter().copied());
                out.push(Effect::Transmit((), Body::Want(ranges)));
            }
            (_, ShareOrder::Stored(bytes)) => {
                let bytes = bytes.min(self.held);
                self.held -= bytes;
                if bytes > 0 {
                    out.event(OpEvent::Consumed(bytes));
                }
            }
            // Whatever the server says to it: what was pulled is judged by whoever received it.
            (State::Pulling(asked), ShareOrder::Finish) if asked.ranges.is_empty() => {
                out.push(Effect::Transmit((), Body::Done));
                let bytes = self.bytes;
                self.close(Ok(OpDone::Pulled { bytes }), out);
            }
            // What is still on its way is of no use to anybody.
            (State::New | State::Asked(_) | State::Pulling(_), ShareOrder::Finish) => {
                self.close(Err(OpError::us(Code::CANCELLED, "")), out);
            }
            (_, ShareOrder::Want(_) | ShareOrder::Finish | ShareOrder::Open | ShareOrder::Join(_)) => {}
            (_, ShareOrder::Leave(_) | ShareOrder::Alone) => {}
            (_, ShareOrder::Brought(..) | ShareOrder::Flush(_)) => {}
            (_, ShareOrder::Landed { .. } | ShareOrder::Damaged) => {}
        }
    }

    /// The server broke a rule.
    fn refuse(&mut self, rule: impl Into<String>, out: &mut Out<Puller>) {
        mark(Mark::SupplierBroke);
        self.close(Err(OpError::unexpected(rule)), out);
    }

    /// What it handed over is the receiver's, which has a bound of its own for what a lost connection brought.
    fn close(&mut self, outcome: OpResult, out: &mut Out<Puller>) {
        self.state = State::Closed;
        if self.held > 0 {
            out.event(OpEvent::Consumed(core::mem::take(&mut self.held)));
        }
        out.push(Effect::Close(outcome));
    }
}

impl Machine for Puller {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Puller>, out: &mut Out<Puller>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                let (shape, ranges) = (Shape::of_length(self.length), VecDeque::new());
                self.state = State::Asked(Asked { shape, ranges, within: 0 });
                out.push(Effect::Transmit((), Body::Pull(self.get.clone())));
                // What is wanted follows at once: an answer would cost a round trip.
                out.event(OpEvent::Share(ShareEvent::Ready));
            }
            Input::Command(Order::Flush) if self.held > 0 => {
                out.event(OpEvent::Share(ShareEvent::Paused));
            }
            Input::Command(Order::Cancel) if self.state != State::Closed => {
                self.close(Err(OpError::us(Code::CANCELLED, "")), out);
            }
            Input::Command(Order::Share(order)) if self.state != State::Closed => self.on_order(order, out),
            Input::Received((), body) => self.on_frame(body, out),
            Input::Ended((), _) if self.state != State::Closed => {
                let lost = OpError { by: Party::Link, failure: Failure::from(Code::LOST) };
                self.close(Err(lost), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed | Input::Room((), _) => {}
            Input::Stored(..) | Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Asked(asked) | State::Pulling(asked) => asked.ranges.capacity() * size_of::<Range>(),
            State::New | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        64 * 1024
    }
}
