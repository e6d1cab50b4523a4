//! Tells the chaining values of a file's blocks, so that the client can compare without moving the file: what it is, page
//! by page its blocks, and once it is known not to have changed meanwhile, its root.

use super::assembly::Shape;
use super::hashing::Hashing;
use super::{HEAD, OpDone, OpError, OpResult, Order, Party, Tickets};
use crate::probe::{Mark, mark_if};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{BlockDone, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket};
use crate::proto::tree;
use crate::time::Time;
use crate::wire::limits::{BLOCKS_MAX, HAVE_MAX};
use crate::wire::{Attempt, Body, Code, Cv, Failure, HavePage, Metadata, Offer, RelPath, UploadId};

/// Blocks in a page, at least, unless it is the last.
const PAGE_MIN: usize = 64;

/// Answers one `Sum`.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Summary {
    root: RootId,
    path: RelPath,
    ahead: usize,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The file is being opened.
    Opening,
    /// Blocks are hashed, and told as they become known and there is room.
    Summing(Telling),
    /// All is told; is the file still what it was?
    Rechecking(Lease, Summed),
    /// Completions are awaited, the file is closed, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Telling {
    lease: Lease,
    length: u64,
    hashing: Hashing,
    /// Blocks that pages have told of.
    told: usize,
}

/// A file whose blocks were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Summed {
    /// Bytes in it.
    pub length: u64,
    /// Its BLAKE3 hash.
    pub root: Cv,
}

state_names!(
    pub Summary, STATES, state_name, state, State: New, Opening, Summing, Rechecking, Leaving, Closed
);

impl Telling {
    /// How many blocks the next page tells of, if enough is known for one, and whether it is the last.
    fn next(&self) -> Option<(usize, bool)> {
        let known = self.hashing.known().len() - self.told;
        let count = known.min(HAVE_MAX);
        let last = self.hashing.is_done() && count == known;
        (last || count >= PAGE_MIN).then_some((count, last))
    }

    fn page(&self, count: usize, last: bool) -> HavePage {
        let cvs = &self.hashing.known()[self.told..self.told + count];
        HavePage {
            upload: UploadId::default(),
            first: u32::try_from(self.told).expect("at most 65,536 blocks"),
            cvs: cvs.iter().copied().map(Some).collect(),
            last,
        }
    }
}

/// As `Bulk` has it.
fn size_of_page(count: usize) -> usize {
    count * size_of::<Cv>() + count.div_ceil(8)
}

impl Summary {
    /// Tells of the file at `path` below `root`.
    pub fn new(root: RootId, path: RelPath, limits: &Limits) -> Summary {
        let (ahead, tickets) = (limits.extents_ahead, Tickets::default());
        Summary { root, path, ahead, tickets, state: State::New }
    }

    /// Bytes of room that the next page waits for; 0 if none does.
    pub(crate) fn wants_room(&self) -> usize {
        match &self.state {
            State::Summing(telling) => telling.next().map_or(0, |(count, _)| size_of_page(count)),
            State::New | State::Opening | State::Rechecking(..) => 0,
            State::Leaving(..) | State::Closed => 0,
        }
    }

    fn on_opened(&mut self, lease: Lease, metadata: &Metadata, version: u128, out: &mut Out<Summary>) {
        let Metadata { length, mode, modified, .. } = *metadata;
        let attempt = Attempt::default();
        let offer = Offer { path: self.path.clone(), length, mode, modified, version, attempt };
        let (shape, blocks) = (Shape::of(&offer), offer.blocks());
        out.push(Effect::Transmit((), Body::Offer(offer)));
        self.state =
            State::Summing(Telling { lease, length, hashing: Hashing::new(shape, 0, blocks), told: 0 });
        self.advance(0, out);
    }

    /// Hashes ahead, and tells what fits; after the last page looks at the file again. A page without entries always
    /// fits.
    fn advance(&mut self, mut room: usize, out: &mut Out<Summary>) {
        let State::Summing(telling) = &mut self.state else { return };
        telling.hashing.advance(telling.lease, self.ahead, &mut self.tickets, out);
        while let Some((count, last)) = telling.next().filter(|(count, _)| size_of_page(*count) <= room) {
            out.push(Effect::Transmit((), Body::Have(telling.page(count, last))));
            room = room.saturating_sub(size_of_page(count) + HEAD);
            telling.told += count;
            if last {
                let summed = Summed { length: telling.length, root: tree::root_of(telling.hashing.known()) };
                let lease = telling.lease;
                self.state = State::Rechecking(lease, summed);
                self.tickets.issue(StoreOp::Name(NameOp::Recheck { lease }), out);
                return;
            }
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Summary>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, lease), Stored::Name(Ok(NameDone::Source { lease: opened, .. }))) => {
                *lease = Some(opened);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error))) => {
                mark_if(Mark::ComparedChanged, || error.code == Code::CHANGED);
                self.leave(Err(error.into()), out);
            }
            (State::Opening, Stored::Name(Ok(NameDone::Source { lease, metadata, version }))) => {
                self.on_opened(lease, &metadata, version, out);
            }
            (State::Summing(telling), Stored::Block(Ok(BlockDone::Written { cvs }))) => {
                telling.hashing.hashed(ticket, cvs);
                self.advance(0, out);
            }
            (State::Rechecking(_, summed), Stored::Name(Ok(NameDone::Unchanged))) => {
                let summed = *summed;
                out.push(Effect::Transmit((), Body::Committed(summed.root)));
                self.leave(Ok(OpDone::Summed(summed)), out);
            }
            _ => {}
        }
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Summary>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Summing(telling) => Some(telling.lease),
            State::Rechecking(lease, _) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Opening | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Summary>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.end_with(lease, out)
            && let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed)
        {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Summary {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = super::OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Summary>, out: &mut Out<Summary>) {
        let is_over = matches!(self.state, State::Leaving(..) | State::Closed);
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Opening;
                let open = NameOp::OpenSource { root: self.root, path: self.path.clone() };
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
                        let text = format!("{:?} in summary", body.kind());
                        self.leave(Err(OpError::unexpected(text)), out);
                    }
                }
            }
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => self.advance(room, out),
            Input::Ended((), _) if !is_over => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Summing(telling) => telling.hashing.footprint(),
            State::New | State::Opening | State::Rechecking(..) => 0,
            State::Leaving(..) | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        // The blocks' values, in a vector that doubles; those of a block's units, and of a few extents; overhead.
        2 * BLOCKS_MAX as usize * size_of::<Cv>() + 4 * 2048 * size_of::<Cv>() + 64 * 1024
    }
}
