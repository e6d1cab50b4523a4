//! Compares a file here with the server's without moving it: both sides hash their own, the server tells the chaining
//! values of its blocks, and what stands here is hashed as if it were as long as the server's.

use super::assembly::Shape;
use super::hashing::Hashing;
use super::{OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{BlockDone, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket};
use crate::proto::tree;
use crate::time::Time;
use crate::wire::limits::BLOCKS_MAX;
use crate::wire::{Body, Code, Cv, Failure, HavePage, Offer, Range, RelPath};

/// Compares one file.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Comparison {
    root: RootId,
    source: RelPath,
    path: RelPath,
    ahead: usize,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The file here is being opened.
    Opening,
    /// The server is asked; what it has is awaited. With the length here.
    Asked(Lease, u64),
    /// Blocks are hashed here, and told of there.
    Comparing(Box<Comparing>),
    /// All is compared; is the file here still what it was?
    Rechecking(Lease, Compared),
    /// Completions are awaited, the file is closed, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Comparing {
    lease: Lease,
    /// Bytes in the file here.
    here: u64,
    shape: Shape,
    hashing: Hashing,
    /// What the server told of its blocks so far.
    theirs: Vec<Cv>,
    /// The last page has come.
    is_told: bool,
    root: Option<Cv>,
}

/// What a comparison has found. The two are equal if no block differs and both are of one length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Compared {
    /// Bytes in the file here.
    pub here: u64,
    /// Bytes in the server's.
    pub there: u64,
    /// The BLAKE3 hash of the server's.
    pub root: Cv,
    /// Bytes in a block, but for the last one.
    pub block: u64,
    /// Blocks of the server's file that are not the same here, or not whole; they ascend and do not touch.
    pub differing: Vec<Range>,
}

impl Compared {
    /// True if the two files have the same bytes.
    pub fn is_equal(&self) -> bool {
        self.here == self.there && self.differing.is_empty()
    }
}

state_names!(
    pub Comparison, STATES, state_name, state,
    State: New, Opening, Asked, Comparing, Rechecking, Leaving, Closed
);

impl Comparing {
    fn new(lease: Lease, here: u64, offer: &Offer) -> Comparing {
        let shape = Shape::of(offer);
        let is_whole = |block: &u32| shape.block_end(*block) <= here;
        let whole = (0..shape.blocks()).take_while(is_whole).count();
        let whole = u32::try_from(whole).expect("at most 65,536 blocks");
        let hashing = Hashing::new(shape, 0, whole);
        Comparing { lease, here, shape, hashing, theirs: Vec::new(), is_told: false, root: None }
    }

    fn on_page(&mut self, page: HavePage) -> Result<(), &'static str> {
        let blocks = self.shape.blocks() as usize;
        if self.is_told || page.first as usize != self.theirs.len() {
            return Err("a page of Have about other blocks");
        }
        let cvs: Option<Vec<Cv>> = page.cvs.into_iter().collect();
        self.theirs.extend(cvs.ok_or("a page of Have that leaves a block out")?);
        if self.theirs.len() > blocks || (page.last && self.theirs.len() < blocks) {
            return Err("pages of Have for another number of blocks");
        }
        self.is_told = page.last;
        Ok(())
    }

    /// What was found, once both sides have told all.
    fn found(&self) -> Option<Compared> {
        let root = self.root.filter(|_| self.hashing.is_done())?;
        let ours = self.hashing.known();
        let mut differing: Vec<Range> = Vec::new();
        for (block, cv) in (0u32..).zip(&self.theirs) {
            let is_skipped = planted(Bug::SkipLastBlock) && block as usize + 1 == self.theirs.len();
            if ours.get(block as usize) == Some(cv) || is_skipped {
                continue;
            }
            match differing.last_mut() {
                Some(range) if range.first + range.count == block => range.count += 1,
                Some(_) | None => differing.push(Range { first: block, count: 1 }),
            }
        }
        let (here, there, block) = (self.here, self.shape.length, self.shape.block);
        Some(Compared { here, there, root, block, differing })
    }
}

impl Comparison {
    /// Compares `source` below `root` with the server's `path`.
    pub fn new(root: RootId, source: RelPath, path: RelPath, limits: &Limits) -> Comparison {
        let (ahead, tickets) = (limits.extents_ahead, Tickets::default());
        Comparison { root, source, path, ahead, tickets, state: State::New }
    }

    /// It sends no bulk.
    pub(crate) fn wants_room(&self) -> usize {
        0
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Comparison>) {
        match (&mut self.state, body) {
            (State::Leaving(..) | State::Closed, _) => {}
            (_, Body::Failed(failure)) => self.leave(Err(OpError::peer(failure)), out),
            (State::Asked(lease, here), Body::Offer(offer)) if offer.path == self.path => {
                out.event(OpEvent::Started { length: offer.length });
                self.state = State::Comparing(Box::new(Comparing::new(*lease, *here, &offer)));
                self.advance(out);
            }
            (State::Comparing(comparing), Body::Have(page)) => {
                if let Err(rule) = comparing.on_page(page) {
                    self.leave(Err(OpError::unexpected(rule)), out);
                }
            }
            (State::Comparing(comparing), Body::Committed(root)) if comparing.is_told => {
                if tree::root_of(&comparing.theirs) != root {
                    let text = "the server's root is not that of the blocks that it told";
                    return self.leave(Err(OpError::unexpected(text)), out);
                }
                comparing.root = Some(root);
                self.advance(out);
            }
            (_, body) => {
                self.leave(Err(OpError::unexpected(format!("{:?} in comparison", body.kind()))), out);
            }
        }
    }

    /// Hashes ahead; once all is compared, looks at the file here again.
    fn advance(&mut self, out: &mut Out<Comparison>) {
        let State::Comparing(comparing) = &mut self.state else { return };
        comparing.hashing.advance(comparing.lease, self.ahead, &mut self.tickets, out);
        if let Some(found) = comparing.found() {
            let lease = comparing.lease;
            self.state = State::Rechecking(lease, found);
            self.tickets.issue(StoreOp::Name(NameOp::Recheck { lease }), out);
        }
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Comparison>) {
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
            (State::Opening, Stored::Name(Ok(NameDone::Source { lease, metadata, .. }))) => {
                self.state = State::Asked(lease, metadata.length);
                out.push(Effect::Transmit((), Body::Sum(self.path.clone())));
            }
            (State::Comparing(comparing), Stored::Block(Ok(BlockDone::Written { cvs }))) => {
                out.event(OpEvent::Progress(comparing.hashing.hashed(ticket, cvs)));
                self.advance(out);
            }
            (State::Rechecking(_, found), Stored::Name(Ok(NameDone::Unchanged))) => {
                let done = OpDone::Compared(found.clone());
                self.leave(Ok(done), out);
            }
            _ => {}
        }
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Comparison>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Asked(lease, _) | State::Rechecking(lease, _) => Some(lease),
            State::Comparing(comparing) => Some(comparing.lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Opening | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Comparison>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.end_with(lease, out)
            && let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed)
        {
            out.push(Effect::Close(outcome));
        }
    }
}

impl Machine for Comparison {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Comparison>, out: &mut Out<Comparison>) {
        let is_over = matches!(self.state, State::Leaving(..) | State::Closed);
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Opening;
                let open = NameOp::OpenSource { root: self.root, path: self.source.clone() };
                self.tickets.issue(StoreOp::Name(open), out);
            }
            Input::Received((), body) => {
                super::incoming::give_back(&body, out);
                self.on_frame(body, out);
            }
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Ended((), _) if !is_over => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            // Nothing is changed by it at the server, which hears of it when this has ended.
            Input::Command(Order::Cancel) if !is_over => {
                self.leave(Err(OpError::us(Code::CANCELLED, "")), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed | Input::Room(..) => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Comparing(comparing) => {
                comparing.hashing.footprint() + comparing.theirs.capacity() * size_of::<Cv>()
            }
            State::Rechecking(_, found) => found.differing.capacity() * size_of::<Range>(),
            State::New | State::Opening | State::Asked(..) | State::Leaving(..) | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        // The blocks' values on both sides, in vectors that double; units and a few extents; overhead.
        4 * BLOCKS_MAX as usize * size_of::<Cv>() + 4 * 2048 * size_of::<Cv>() + 64 * 1024
    }
}
