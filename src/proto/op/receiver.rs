//! The receiving side of a transfer, at the server for an upload and at the client for a download: makes its blocks
//! equal the sender's, checks each as it completes, and publishes the file once its root is the sender's.

mod ending;
mod gathering;
mod opening;
mod sharing;
mod small;

use self::ending::Rest;
use super::assembly::Piece;
use super::incoming::{Incoming, give_back, is_answer};
use super::shares::Shares;
use super::{HEAD, OpError, OpEvent, OpResult, Order, Party, Stage, Tickets};
use crate::probe::{Mark, mark, mark_if};
use crate::proto::Limits;
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{BlockDone, FileDone, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket};
use crate::time::Time;
use crate::wire::{Body, Code, Cv, Failure, Get, Offer, RelPath, Start, limits};

/// Receives one file.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Receiver {
    root: RootId,
    at: RelPath,
    start: Start,
    /// Its blocks may come over other connections as well.
    is_shared: bool,
    attempts: u8,
    ahead: usize,
    note_every: u64,
    window: u64,
    tickets: Tickets,
    /// Data bytes received whose credit is not given back yet.
    held: u64,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    /// Not begun: with what it begins.
    New(Opening),
    /// The file is asked for; its offer is awaited.
    Asked(Get),
    /// A small file, of which nothing is done before all of it is there.
    Gathering(Incoming),
    /// A small file is being written and hashed.
    Staging(Incoming),
    /// The partial is being opened. Data may come already: a small file comes in one breath.
    Opening(Incoming),
    /// Blocks come in.
    Receiving(Incoming, Lease),
    /// All blocks are verified; the store makes the file visible.
    Publishing(Incoming, Lease, Cv),
    /// Completions are awaited, the partial is dropped or kept, then it closes.
    Leaving(OpResult, Option<Rest>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum Opening {
    /// The peer has offered a file.
    Offered(Offer),
    /// The peer is to be asked for a file.
    Ask(Get),
}

state_names!(
    pub Receiver, STATES, state_name, state, State:
    New, Asked, Gathering, Staging, Opening, Receiving, Publishing, Leaving, Closed
);

impl Receiver {
    /// Receives the file that the peer has offered, at the path that the offer names.
    pub fn offered(root: RootId, offer: Offer, limits: &Limits) -> Receiver {
        let start = offer.attempt.start;
        Receiver::new(root, offer.path.clone(), Opening::Offered(offer), start, limits)
    }

    /// Asks for a file and receives it at `at`, whatever the peer calls it.
    pub fn asking(root: RootId, at: RelPath, get: Get, start: Start, limits: &Limits) -> Receiver {
        Receiver::new(root, at, Opening::Ask(get), start, limits)
    }

    fn new(root: RootId, at: RelPath, opening: Opening, start: Start, limits: &Limits) -> Receiver {
        Receiver {
            root,
            at,
            start,
            is_shared: false,
            attempts: limits.block_attempts,
            ahead: limits.extents_ahead,
            note_every: limits.note_every,
            window: limits.window,
            tickets: Tickets::default(),
            held: 0,
            state: State::New(opening),
        }
    }

    /// Bytes of room that the next page of `Have` waits for; 0 if none does.
    pub(crate) fn wants_room(&self) -> usize {
        match &self.state {
            State::Receiving(incoming, _) => incoming.holding.page().unwrap_or(0),
            State::New(_) | State::Asked(_) | State::Gathering(_) | State::Staging(_) => 0,
            State::Opening(_) | State::Publishing(..) | State::Leaving(..) | State::Closed => 0,
        }
    }

    /// What it waits for.
    pub(super) fn stage(&self) -> Option<Stage> {
        match &self.state {
            State::Asked(_) => Some(Stage::Awaiting),
            State::Receiving(incoming, _) if incoming.commit.is_some() => Some(Stage::Publishing),
            State::Gathering(_) | State::Opening(_) | State::Receiving(..) => Some(Stage::Receiving),
            State::Staging(_) | State::Publishing(..) => Some(Stage::Publishing),
            State::New(_) | State::Leaving(..) | State::Closed => None,
        }
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Receiver>) {
        match (&mut self.state, body) {
            (State::Leaving(..) | State::Closed, body) => give_back(&body, out),
            // A publication under way wins against its cancellation: the file is whole, and its sender has said so.
            (State::Publishing(..), Body::Cancel | Body::Failed(_)) => mark(Mark::CancelLost),
            (_, Body::Cancel) => self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out),
            (_, Body::Failed(failure)) => self.leave(Err(OpError::peer(failure)), out),
            (State::Asked(get), Body::Offer(offer)) if is_answer(&offer, get) => self.open(offer, out),
            (
                State::Gathering(incoming) | State::Opening(incoming) | State::Receiving(incoming, _),
                body @ (Body::Data(_) | Body::Hole(_)),
            ) if incoming.commit.is_none() => {
                self.on_data(body, out);
            }
            (
                State::Gathering(incoming) | State::Opening(incoming) | State::Receiving(incoming, _),
                Body::Commit(commit),
            ) if incoming.commit.is_none() => {
                if incoming.assembly.is_within_block() {
                    return self.leave(Err(OpError::unexpected("a commit within a block")), out);
                }
                incoming.commit = Some(commit);
                self.gather(out);
                self.store_whole(out);
                self.try_commit(out);
            }
            (_, body) => {
                give_back(&body, out);
                self.leave(Err(OpError::unexpected(format!("{:?} in receiver", body.kind()))), out);
            }
        }
    }

    fn on_data(&mut self, body: Body, out: &mut Out<Receiver>) {
        let (State::Gathering(incoming) | State::Opening(incoming) | State::Receiving(incoming, _)) =
            &mut self.state
        else {
            return;
        };
        self.held += body.credit();
        match incoming.on_data(body) {
            Ok(pieces) => self.write(pieces, out),
            Err(rule) => self.leave(Err(OpError::unexpected(rule)), out),
        }
    }

    /// Writes what is gathered, unless it ends within a unit, which is hashed in one go.
    fn gather(&mut self, out: &mut Out<Receiver>) {
        let (State::Gathering(incoming) | State::Opening(incoming) | State::Receiving(incoming, _)) =
            &mut self.state
        else {
            return;
        };
        if incoming.assembly.is_within_block() {
            return;
        }
        let mut pieces = Vec::new();
        incoming.assembly.flush(&mut pieces);
        match pieces.iter().try_for_each(|piece| incoming.blocks.begin(piece)) {
            Ok(()) => self.write(pieces, out),
            Err(rule) => self.leave(Err(OpError::unexpected(rule)), out),
        }
    }

    fn write(&mut self, pieces: Vec<Piece>, out: &mut Out<Receiver>) {
        match &mut self.state {
            State::Gathering(incoming) => incoming.early.extend(pieces),
            State::Opening(incoming) => {
                mark(Mark::DataBeforeOpen);
                // Of a file that does not come in one breath none may come before it is told of: an extent at most.
                incoming.early.extend(pieces);
            }
            State::Receiving(incoming, lease) => {
                incoming.write(pieces, *lease, &mut self.tickets, out);
            }
            State::New(_) | State::Asked(_) | State::Staging(_) | State::Publishing(..) => {}
            State::Leaving(..) | State::Closed => {}
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Receiver>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, rest), Stored::Name(Ok(NameDone::Partial { lease, held, .. }))) => {
                *rest = Some(Rest::Keep(lease, held));
                self.go_on_leaving(out);
            }
            (State::Leaving(_, rest), Stored::File(Ok(FileDone::Staged { lease, .. }))) => {
                *rest = Some(Rest::Discard(lease));
                self.go_on_leaving(out);
            }
            (State::Leaving(_, rest), Stored::Name(Ok(NameDone::Published))) => {
                *rest = None;
                self.go_on_leaving(out);
            }
            (
                State::Leaving(_, Some(Rest::Fill(_, incoming))),
                Stored::Block(Ok(BlockDone::Written { cvs })),
            ) => {
                if let Some((extent, _)) = incoming.writing.remove(&ticket) {
                    let _refused_is_not_there = incoming.blocks.written(&extent, &cvs, self.attempts);
                }
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            // What cannot be read is not there, and will be sent.
            (State::Receiving(incoming, lease), Stored::Block(Err(_)))
                if incoming.holding.is_look(ticket) =>
            {
                incoming.holding.looked(ticket);
                if let Some((extent, _)) = incoming.writing.remove(&ticket) {
                    incoming.blocks.unreadable(&extent);
                }
                incoming.look(*lease, self.ahead, &mut self.tickets, out);
                self.tell(0, out);
                self.try_commit(out);
            }
            (State::Publishing(..), Stored::Name(Err(error))) => self.unpublish(error, out),
            (State::Receiving(..), Stored::Name(Ok(NameDone::Gathered { landed, doubtful }))) => {
                self.on_gathered(&landed, &doubtful, out);
            }
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error)) | Stored::File(Err(error))) => {
                self.leave(Err(error.into()), out);
            }
            (State::Staging(_), Stored::File(Ok(FileDone::Staged { lease, cvs }))) => {
                self.on_staged(ticket, lease, &cvs, out);
            }
            (State::Opening(_), Stored::Name(Ok(partial @ NameDone::Partial { .. }))) => {
                self.on_opened(partial, out);
            }
            (State::Publishing(..), Stored::Name(Ok(NameDone::Published))) => self.on_published(out),
            (State::Receiving(..), Stored::Block(Ok(BlockDone::Written { cvs }))) => {
                self.on_written(ticket, &cvs, out);
            }
            _ => {}
        }
    }

    fn on_written(&mut self, ticket: Ticket, cvs: &[Cv], out: &mut Out<Receiver>) {
        let State::Receiving(incoming, lease) = &mut self.state else { return };
        let Some((extent, credit)) = incoming.writing.remove(&ticket) else { return };
        self.held -= credit;
        if credit > 0 {
            out.event(OpEvent::Consumed(credit));
        }
        let verified = incoming.blocks.written(&extent, cvs, self.attempts);
        if incoming.holding.looked(ticket) {
            out.event(OpEvent::Skipped(verified.unwrap_or(0)));
            incoming.look(*lease, self.ahead, &mut self.tickets, out);
            self.tell(0, out);
            return self.try_commit(out);
        }
        match verified {
            Ok(verified) if verified > 0 => {
                out.event(OpEvent::Progress(verified));
                self.note(verified, out);
            }
            Ok(_) => {}
            Err(block) => {
                let text =
                    format!("block {block} differs from what the sender hashed, {} times", self.attempts);
                return self.leave(Err(OpError::us(Code::BLOCK_DAMAGED, text)), out);
            }
        }
        self.on_brought_written(ticket, &extent, out);
        self.try_commit(out);
    }

    /// A crash loses what was not noted; a note is a hint, and waits for nothing.
    fn note(&mut self, verified: u64, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, lease) = &mut self.state else { return };
        incoming.unnoted += verified;
        if incoming.unnoted >= self.note_every {
            incoming.unnoted = 0;
            let note = NameOp::Note { lease: *lease, held: incoming.blocks.held() };
            self.tickets.issue(StoreOp::Name(note), out);
        }
    }

    /// Sends the pages of `Have` that fit; one without entries always does.
    fn tell(&mut self, mut room: usize, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, _) = &mut self.state else { return };
        while incoming.holding.page().is_some_and(|size| size <= room) {
            let Some(page) = incoming.holding.tell() else { break };
            let page = Body::Have(page);
            room = room.saturating_sub(page.bulk() + HEAD);
            out.push(Effect::Transmit((), page));
        }
    }
}

impl Machine for Receiver {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Receiver>, out: &mut Out<Receiver>) {
        match input {
            Input::Command(Order::Begin) => self.begin(out),
            Input::Command(Order::Flush) => self.flush(out),
            Input::Command(Order::Share(order)) => self.on_share(order, out),
            Input::Command(Order::Cancel) if self.can_be_stopped() => {
                self.leave(Err(OpError::us(Code::CANCELLED, "")), out);
            }
            Input::Received((), body) => self.on_frame(body, out),
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => {
                self.tell(room, out);
                self.try_commit(out);
            }
            // A publication under way goes on: the file is whole, and its sender has said so.
            Input::Ended((), _) if self.can_be_stopped() => {
                if let State::Receiving(incoming, _) = &self.state {
                    incoming.mark_loss();
                }
                let lost = OpError { by: Party::Link, failure: Failure::from(Code::LOST) };
                self.leave(Err(lost), out);
            }
            Input::Ended((), _) => {
                mark_if(Mark::LostInPublish, || matches!(self.state, State::Publishing(..)));
            }
            Input::Command(Order::Cancel) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Gathering(incoming) | State::Staging(incoming) | State::Opening(incoming) => {
                incoming.footprint()
            }
            State::Receiving(incoming, _) | State::Publishing(incoming, ..) => incoming.footprint(),
            State::Leaving(_, Some(Rest::Fill(_, incoming))) => incoming.footprint(),
            State::New(_) | State::Asked(_) | State::Leaving(..) | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        let blocks = limits::BLOCKS_MAX as usize;
        // The blocks' values, once as they are known and once as pages that wait for room; a window of data; overhead.
        let shares = match &self.state {
            State::Receiving(incoming, _) => incoming.shares.as_ref().map_or(0, Shares::footprint_max),
            State::New(_) | State::Asked(_) | State::Gathering(_) | State::Staging(_) => 0,
            State::Opening(_) | State::Publishing(..) | State::Leaving(..) | State::Closed => 0,
        };
        3 * blocks * size_of::<Option<Cv>>() + 2 * self.window as usize + 64 * 1024 + shares
    }
}
