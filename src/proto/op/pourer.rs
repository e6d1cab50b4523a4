//! Sends what a stream of the application's gives, in order, and tells its length and root at the end. What has been read of
//! it is gone: there is no other attempt once more has been read than the store keeps.

use super::flow::Outflow;
use super::{HEAD, Moved, OpDone, OpError, OpEvent, OpResult, Order, Party, Stage, Tickets};
use crate::probe::{Mark, mark_if};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{StoreOp, Stored, StreamDone, StreamId, StreamOp, Ticket};
use crate::time::Time;
use crate::wire::limits::{EXTENT, FILE_MAX};
use crate::wire::{Body, Code, Cv, Failure, Stream, StreamEnd};

/// Sends one stream.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Pourer {
    stream: StreamId,
    to: Stream,
    ahead: usize,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// Blocks are read and sent.
    Pouring(Box<Pouring>),
    /// The end is out.
    Ending(StreamEnd),
    /// What is under way is awaited, then it closes.
    Leaving(OpResult),
    Closed,
}

#[derive(Clone, Debug, Default, PartialEq, Hash)]
struct Pouring {
    /// Bytes that have been read.
    taken: u64,
    taking: bool,
    has_ended: bool,
    /// Of a stream of one block at most.
    root: Option<Cv>,
    flow: Outflow,
}

state_names!(pub Pourer, STATES, state_name, state, State: New, Pouring, Ending, Leaving, Closed);

impl Pourer {
    /// Sends `stream` to stand where `to` says.
    pub fn new(stream: StreamId, to: Stream, limits: &Limits) -> Pourer {
        let (ahead, tickets) = (limits.extents_ahead, Tickets::default());
        Pourer { stream, to, ahead, tickets, state: State::New }
    }

    /// Bytes of room that the next segment waits for; 0 if none is ready.
    pub(crate) fn wants_room(&self) -> usize {
        if let State::Pouring(pouring) = &self.state { pouring.flow.next_len().unwrap_or(0) } else { 0 }
    }

    /// What it waits for, while nothing is ready to be sent.
    pub(super) fn stage(&self) -> Option<Stage> {
        match &self.state {
            State::Pouring(_) => Some(Stage::Reading),
            State::Ending(_) => Some(Stage::Awaiting),
            State::New | State::Leaving(_) | State::Closed => None,
        }
    }

    /// Bytes read and not sent yet.
    pub(crate) fn read_ahead(&self) -> usize {
        if let State::Pouring(pouring) = &self.state { pouring.flow.read_ahead() } else { 0 }
    }

    /// True while part of a block has been sent and part has not.
    pub(crate) fn is_within_extent(&self) -> bool {
        matches!(&self.state, State::Pouring(pouring) if pouring.flow.is_within_block())
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Pourer>) {
        match (&self.state, body) {
            (State::Leaving(_) | State::Closed, _) => {}
            (_, Body::Failed(failure)) => self.leave(Err(OpError::peer(failure)), out),
            (State::Ending(end), Body::Committed(root)) if root == end.root => {
                let moved = Moved { length: end.length, root, blocks_refused: 0, skipped: 0 };
                self.leave(Ok(OpDone::Moved(moved)), out);
            }
            (_, body) => self.leave(Err(OpError::unexpected(format!("{:?} in pourer", body.kind()))), out),
        }
    }

    /// Reads ahead; once all is sent, says so.
    fn advance(&mut self, out: &mut Out<Pourer>) {
        let State::Pouring(pouring) = &mut self.state else { return };
        if !pouring.taking && !pouring.has_ended && pouring.flow.len() < self.ahead {
            let take = StreamOp::Take { stream: self.stream, offset: pouring.taken };
            let ticket = self.tickets.issue(StoreOp::Stream(take), out);
            pouring.flow.pending(ticket, pouring.taken);
            pouring.taking = true;
        }
        if pouring.has_ended && pouring.flow.len() == 0 {
            let root = pouring.root.unwrap_or_else(|| pouring.flow.stack.root());
            let end = StreamEnd { length: pouring.taken, root };
            self.state = State::Ending(end);
            out.push(Effect::Transmit((), Body::End(end)));
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Pourer>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Pouring(pouring), Stored::Stream(Ok(StreamDone::Taken { data, cv, root }))) => {
                pouring.taking = false;
                pouring.taken += data.len() as u64;
                pouring.has_ended = (data.len() as u64) < EXTENT;
                pouring.root = root;
                match cv {
                    Some(cv) => pouring.flow.ready(ticket, data, cv),
                    None => pouring.flow.nothing(ticket),
                }
                out.event(OpEvent::Taken(pouring.taken));
                if pouring.taken > FILE_MAX {
                    return self.leave(Err(OpError::us(Code::FILE_TOO_LONG, "at most 2^47 bytes")), out);
                }
                self.advance(out);
            }
            (State::Pouring(_), Stored::Stream(Err(error))) => self.leave(Err(error.into()), out),
            _ => self.go_on_leaving(out),
        }
    }

    /// Sends what fits, to the block's end at most: there it is another sender's turn.
    fn on_room(&mut self, mut room: usize, out: &mut Out<Pourer>) {
        let State::Pouring(pouring) = &mut self.state else { return };
        while pouring.flow.next_len().is_some_and(|length| length <= room) {
            let Some(data) = pouring.flow.next_data() else { break };
            let length = data.payload.len();
            room = room.saturating_sub(length + HEAD);
            out.event(OpEvent::Progress(length as u64));
            out.push(Effect::Transmit((), Body::Data(data)));
            if !pouring.flow.is_within_block() {
                break;
            }
        }
        self.advance(out);
    }

    /// Without the end the server publishes nothing.
    fn cancel(&mut self, out: &mut Out<Pourer>) {
        match self.state {
            State::Ending(_) => out.push(Effect::Transmit((), Body::Cancel)),
            State::New | State::Pouring(_) => self.leave(Err(OpError::us(Code::CANCELLED, "")), out),
            State::Leaving(_) | State::Closed => {}
        }
    }

    /// Whoever writes the stream may never write on: what is being read is not waited for.
    fn leave(&mut self, outcome: OpResult, out: &mut Out<Pourer>) {
        self.state = State::Leaving(outcome);
        if self.tickets.open > 0 {
            self.tickets.issue(StoreOp::Stream(StreamOp::Stop { stream: self.stream }), out);
        }
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Pourer>) {
        if self.tickets.open > 0 || !matches!(self.state, State::Leaving(_)) {
            return;
        }
        if let State::Leaving(outcome) = core::mem::replace(&mut self.state, State::Closed) {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Pourer {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Pourer>, out: &mut Out<Pourer>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                mark_if(Mark::StreamAgain, || self.to.attempt > 1);
                out.push(Effect::Transmit((), Body::Stream(self.to.clone())));
                self.state = State::Pouring(Box::default());
                self.advance(out);
            }
            Input::Received((), body) => {
                super::incoming::give_back(&body, out);
                self.on_frame(body, out);
            }
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => self.on_room(room, out),
            Input::Ended((), _) if !matches!(self.state, State::Leaving(_) | State::Closed) => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(Order::Cancel) => self.cancel(out),
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        if let State::Pouring(pouring) = &self.state { pouring.flow.footprint() } else { 0 }
    }

    fn footprint_max(&self) -> usize {
        (self.ahead + 1) * EXTENT as usize + 64 * 1024
    }
}
