//! The server's side of one more connection for an upload: stores the blocks that come over it in the partial of the
//! connection that offered the file, checks each, and says which have landed. It publishes nothing.

mod taking;

use self::taking::Taking;
use super::assembly::{Fill, Piece, Shape};
use super::incoming::give_back;
use super::{HEAD, OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::Limits;
use crate::proto::block_set::BlockSet;
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{BlockDone, BlockOp, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket};
use crate::time::Time;
use crate::wire::limits::BLOCKS_MAX;
use crate::wire::{Body, Code, Cv, Failure, HavePage, Push};

/// Pieces that may come before the partial is open: holes cost no credit.
const EARLY_MAX: usize = 1024;

/// Receives blocks of a file that another connection uploads.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Taker {
    root: RootId,
    push: Push,
    attempts: u8,
    note_every: u64,
    window: u64,
    tickets: Tickets,
    /// Data bytes received whose credit is not given back yet.
    held: u64,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The partial is being looked for. Blocks may come already.
    Joining(Box<Taking>),
    /// Blocks come in.
    Taking(Box<Taking>, Lease),
    /// Completions are awaited, the partial is left, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

state_names!(pub Taker, STATES, state_name, state, State: New, Joining, Taking, Leaving, Closed);

impl Taker {
    /// Receives blocks of the upload below `root` that `push` names.
    pub fn new(root: RootId, push: Push, limits: &Limits) -> Taker {
        Taker {
            root,
            push,
            attempts: limits.block_attempts,
            note_every: limits.note_every,
            window: limits.window,
            tickets: Tickets::default(),
            held: 0,
            state: State::New,
        }
    }

    /// Bytes of room that the next page waits for; 0 if none does.
    pub(crate) fn wants_room(&self) -> usize {
        match &self.state {
            State::Taking(taking, _) => {
                taking.pages.front().map_or(0, |page| Body::Have(page.clone()).bulk())
            }
            State::New | State::Joining(_) | State::Leaving(..) | State::Closed => 0,
        }
    }

    fn taking(&mut self) -> Option<&mut Taking> {
        match &mut self.state {
            State::Joining(taking) | State::Taking(taking, _) => Some(taking),
            State::New | State::Leaving(..) | State::Closed => None,
        }
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Taker>) {
        match (&mut self.state, body) {
            (State::Leaving(..) | State::Closed, body) => give_back(&body, out),
            (_, Body::Cancel) => self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out),
            (State::Joining(taking) | State::Taking(taking, _), body @ (Body::Data(_) | Body::Hole(_)))
                if !taking.is_done =>
            {
                self.held += body.credit();
                match taking.on_data(body) {
                    Ok(pieces) => self.write(pieces, out),
                    Err(rule) => self.leave(Err(OpError::unexpected(rule)), out),
                }
            }
            (State::Joining(taking) | State::Taking(taking, _), Body::Done)
                if !taking.is_done && !taking.assembly.is_within_block() =>
            {
                taking.is_done = true;
                self.gather(out);
                self.try_end(out);
            }
            (State::Joining(taking) | State::Taking(taking, _), Body::Next)
                if !taking.is_done && !taking.assembly.is_within_block() =>
            {
                self.gather(out);
            }
            (_, body) => {
                give_back(&body, out);
                self.leave(Err(OpError::unexpected(format!("{:?} in taker", body.kind()))), out);
            }
        }
    }

    /// Writes what is gathered, unless it ends within a unit, which is hashed in one go.
    fn gather(&mut self, out: &mut Out<Taker>) {
        let Some(taking) = self.taking() else { return };
        if taking.assembly.is_within_block() {
            return;
        }
        let mut pieces = Vec::new();
        taking.assembly.flush(&mut pieces);
        match pieces.iter().try_for_each(|piece| taking.blocks.begin(piece)) {
            Ok(()) => self.write(pieces, out),
            Err(rule) => self.leave(Err(OpError::unexpected(rule)), out),
        }
    }

    fn write(&mut self, pieces: Vec<Piece>, out: &mut Out<Taker>) {
        match &mut self.state {
            State::Joining(taking) => {
                taking.early.extend(pieces);
                if taking.early.len() > EARLY_MAX {
                    self.leave(Err(OpError::unexpected("more holes than may come at once")), out);
                }
            }
            State::Taking(taking, lease) => {
                let lease = *lease;
                for piece in pieces {
                    let (shape, credit) = (piece.extent, piece.credit());
                    let op = match piece.fill {
                        Fill::Data(data) => BlockOp::Write { lease, shape, data },
                        Fill::Zeros | Fill::Held | Fill::Basis => BlockOp::Zero { lease, shape },
                    };
                    let ticket = self.tickets.issue(StoreOp::Block(op), out);
                    taking.writing.insert(ticket, (shape, credit));
                }
            }
            State::New | State::Leaving(..) | State::Closed => {}
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Taker>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, lease), Stored::Name(Ok(NameDone::Joined { lease: joined }))) => {
                *lease = Some(joined);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (state, Stored::Name(Err(error)) | Stored::Block(Err(error))) => {
                mark_if(Mark::JoinedForeign, || matches!(state, State::Joining(_)));
                self.leave(Err(error.into()), out);
            }
            (State::Joining(_), Stored::Name(Ok(NameDone::Joined { lease }))) => {
                if let State::Joining(mut taking) = core::mem::replace(&mut self.state, State::Closed) {
                    let early = core::mem::take(&mut taking.early);
                    self.state = State::Taking(taking, lease);
                    self.write(early, out);
                    self.try_end(out);
                }
            }
            (State::Taking(..), Stored::Block(Ok(BlockDone::Written { cvs }))) => {
                self.on_written(ticket, &cvs, out);
            }
            (State::Taking(taking, _), Stored::Block(Ok(BlockDone::Landed))) => {
                let Some((first, cvs)) = taking.landing.remove(&ticket) else { return };
                let cvs = cvs.into_iter().map(Some).collect();
                taking.pages.push_back(HavePage { upload: self.push.upload, first, cvs, last: false });
                self.note(out);
            }
            _ => {}
        }
    }

    fn on_written(&mut self, ticket: Ticket, cvs: &[Cv], out: &mut Out<Taker>) {
        let State::Taking(taking, lease) = &mut self.state else { return };
        let lease = *lease;
        let Some((extent, credit)) = taking.writing.remove(&ticket) else { return };
        self.held -= credit;
        if credit > 0 {
            out.event(OpEvent::Consumed(credit));
        }
        match taking.blocks.written(&extent, cvs, self.attempts) {
            Ok(0) => {}
            Ok(verified) => {
                taking.bytes += verified;
                taking.unnoted += verified;
                out.event(OpEvent::Progress(verified));
            }
            Err(block) => {
                let text =
                    format!("block {block} differs from what the sender hashed, {} times", self.attempts);
                return self.leave(Err(OpError::us(Code::BLOCK_DAMAGED, text)), out);
            }
        }
        let end = extent.offset + u64::from(extent.length);
        let mut run: Vec<Cv> = Vec::new();
        for block in taking.shape.block_of(extent.offset)..=taking.shape.block_of(end - 1) {
            let here = taking.blocks.have(block, block + 1)[0];
            if let Some(cv) = here {
                run.push(cv);
            }
            let is_last = taking.shape.block_end(block) >= end;
            if !run.is_empty() && (here.is_none() || is_last) {
                let first = block + u32::from(here.is_some()) - run.len() as u32;
                land(taking, first, core::mem::take(&mut run), lease, &mut self.tickets, out);
            }
            if here.is_none() && !taking.blocks.is_pending(block) {
                taking.blocks.comes_again(block);
                let upload = self.push.upload;
                taking.pages.push_back(HavePage { upload, first: block, cvs: vec![None], last: false });
            }
        }
    }

    /// A crash loses what was not noted; a note is a hint, and waits for nothing.
    fn note(&mut self, out: &mut Out<Taker>) {
        let State::Taking(taking, lease) = &mut self.state else { return };
        if taking.unnoted >= self.note_every {
            taking.unnoted = 0;
            let note = NameOp::Note { lease: *lease, held: BlockSet::default() };
            self.tickets.issue(StoreOp::Name(note), out);
        }
    }

    /// Sends the pages that fit.
    fn tell(&mut self, mut room: usize, out: &mut Out<Taker>) {
        while let wanted = self.wants_room()
            && (1..=room).contains(&wanted)
            && let State::Taking(taking, _) = &mut self.state
            && let Some(page) = taking.pages.pop_front()
        {
            room = room.saturating_sub(wanted + HEAD);
            out.push(Effect::Transmit((), Body::Have(page)));
        }
        self.try_end(out);
    }

    fn try_end(&mut self, out: &mut Out<Taker>) {
        let State::Taking(taking, _) = &self.state else { return };
        if taking.is_over() {
            let bytes = taking.bytes;
            self.leave(Ok(OpDone::Pulled { bytes }), out);
        }
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Taker>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Taking(_, lease) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Joining(_) | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Taker>) {
        let State::Leaving(outcome, lease) = &mut self.state else { return };
        if planted(Bug::KeepJoined) && outcome.is_err() {
            *lease = None;
        }
        if !self.tickets.end_with(lease, out) {
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

/// Blocks are verified: the store is told before the client.
fn land(
    taking: &mut Taking,
    first: u32,
    cvs: Vec<Cv>,
    lease: Lease,
    tickets: &mut Tickets,
    out: &mut Out<Taker>,
) {
    let last = first + cvs.len() as u32 - 1;
    let shape = taking.shape.extent(taking.shape.block_start(first), taking.shape.block_end(last));
    let land = BlockOp::Land { lease, shape, cvs: cvs.clone() };
    let ticket = tickets.issue(StoreOp::Block(land), out);
    taking.landing.insert(ticket, (first, cvs));
}

impl Machine for Taker {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Taker>, out: &mut Out<Taker>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Joining(Box::new(Taking::new(Shape::of_length(self.push.length))));
                let join = NameOp::Join { root: self.root, push: self.push.clone() };
                self.tickets.issue(StoreOp::Name(join), out);
            }
            Input::Command(Order::Flush) => self.gather(out),
            Input::Received((), body) => self.on_frame(body, out),
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => self.tell(room, out),
            Input::Ended((), _) if !matches!(self.state, State::Leaving(..) | State::Closed) => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Joining(taking) | State::Taking(taking, _) => taking.footprint(),
            State::New | State::Leaving(..) | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        let blocks = BLOCKS_MAX as usize;
        4 * blocks * size_of::<Option<Cv>>() + 2 * self.window as usize + 64 * 1024
    }
}
