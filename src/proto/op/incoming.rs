//! What a receiver knows of the file that is on its way in.

use std::collections::BTreeMap;

use super::assembly::{Assembly, Fill, Piece, Shape};
use super::blocks::Blocks;
use super::holding::Holding;
use super::shares::Shares;
use super::{OpEvent, Tickets};
use crate::probe::{Mark, mark_if};
use crate::proto::machine::{Machine, Out};
use crate::proto::storage::{BlockOp, BlockSet, Extent, Lease, StoreOp, Ticket};
use crate::wire::{Body, Commit, Get, Offer, Rope, UploadId, limits};

/// A file on its way in.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Incoming {
    pub(super) offer: Offer,
    pub(super) assembly: Assembly,
    pub(super) blocks: Blocks,
    /// Complete pieces that came before the partial was open.
    pub(super) early: Vec<Piece>,
    /// What is being written, and the data bytes in it.
    pub(super) writing: BTreeMap<Ticket, (Extent, u64)>,
    pub(super) commit: Option<Commit>,
    /// How often the sender was asked for blocks.
    pub(super) rounds: u32,
    /// What was there when the partial was opened.
    pub(super) holding: Holding,
    /// What comes over other connections, if anything does.
    pub(super) shares: Option<Shares>,
    /// What other connections brought is known, or being asked for.
    pub(super) is_gathered: bool,
    pub(super) gathering: bool,
    /// Verified bytes since the store last noted what is held.
    pub(super) unnoted: u64,
}

impl Incoming {
    pub(super) fn new(offer: Offer) -> Incoming {
        let shape = Shape::of(&offer);
        Incoming {
            assembly: Assembly::new(shape),
            blocks: Blocks::new(shape),
            offer,
            early: Vec::new(),
            writing: BTreeMap::new(),
            commit: None,
            rounds: 0,
            holding: Holding::new(shape),
            shares: None,
            is_gathered: false,
            gathering: false,
            unnoted: 0,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape::of(&self.offer)
    }

    /// The pieces that a `Data` or `Hole` completes; the error says which rule it broke.
    pub(super) fn on_data(&mut self, body: Body) -> Result<Vec<Piece>, &'static str> {
        let (shape, mut pieces) = (Shape::of(&self.offer), Vec::new());
        if let Body::Hole(hole) = &body {
            self.assembly.hole(hole, &mut pieces)?;
            self.comes(shape.block_of(hole.offset), shape.block_of(hole.offset + hole.length - 1))?;
        }
        if let Body::Data(data) = body {
            let (begins, block) =
                (!self.assembly.is_within_block(), shape.block_of(data.offset.min(shape.length)));
            self.assembly.data(data, &mut pieces)?;
            if begins {
                self.comes(block, block)?;
            }
        }
        pieces.iter().try_for_each(|piece| self.blocks.begin(piece))?;
        Ok(pieces)
    }

    /// Blocks begin to come. Of a file that does not come in one breath, each has been told of: what may still be looked
    /// at is not written over meanwhile.
    fn comes(&mut self, first: u32, last: u32) -> Result<(), &'static str> {
        if self.offer.length > limits::EXTENT && last >= self.holding.told() {
            return Err("a block before the page of Have that tells of it");
        }
        self.blocks.comes(first, last)
    }

    /// The partial is open: what it may hold, and what the basis may have.
    pub(super) fn opened(&mut self, upload: UploadId, held: BlockSet, basis: BlockSet) {
        if !self.holding.is_over() {
            self.holding.opened(upload, held, basis);
        }
    }

    /// All bytes of a small file, if they have come, to be staged in one go: they are on their way to the store under
    /// `ticket` then.
    pub(super) fn take_whole(&mut self, ticket: Ticket) -> Option<Rope> {
        if self.offer.length == 0 {
            return Some(Rope::new());
        }
        let is_whole = |piece: &Piece| u64::from(piece.extent.length) == self.offer.length;
        let [Piece { extent, fill: Fill::Data(data), .. }] = &mut self.early[..] else { return None };
        let (extent, data) = (*extent, core::mem::take(data));
        debug_assert!(is_whole(&self.early[0]), "a file of one block comes as one piece");
        self.early.clear();
        self.writing.insert(ticket, (extent, data.len() as u64));
        Some(data)
    }

    /// Goes on looking at what is there, and tells of it.
    pub(super) fn look<M: Machine<Tx = Body>>(
        &mut self,
        lease: Lease,
        ahead: usize,
        tickets: &mut Tickets,
        out: &mut Out<M>,
    ) {
        while let Some(piece) = self.holding.next_look(ahead) {
            let begun = self.blocks.begin(&piece);
            debug_assert!(begun.is_ok(), "nothing comes before it was told of");
            let extent = piece.extent;
            for ticket in self.write(vec![piece], lease, tickets, out) {
                self.holding.looking(ticket, extent);
            }
        }
        self.turn_pages();
    }

    /// Writes pages about what is known by now, and comes from nowhere else.
    pub(super) fn turn_pages(&mut self) {
        let settled = self.settled();
        self.holding.turn_pages(&self.blocks, settled);
    }

    /// Hands pieces to the store.
    pub(super) fn write<M: Machine>(
        &mut self,
        pieces: Vec<Piece>,
        lease: Lease,
        tickets: &mut Tickets,
        out: &mut Out<M>,
    ) -> Vec<Ticket> {
        let mut issued = Vec::new();
        for piece in pieces {
            let (shape, credit) = (piece.extent, piece.credit());
            let op = match piece.fill {
                Fill::Data(data) => BlockOp::Write { lease, shape, data },
                Fill::Zeros => BlockOp::Zero { lease, shape },
                Fill::Held => BlockOp::Check { lease, shape },
                Fill::Basis => BlockOp::Copy { lease, shape },
            };
            let ticket = tickets.issue(StoreOp::Block(op), out);
            self.writing.insert(ticket, (shape, credit));
            issued.push(ticket);
        }
        issued
    }

    /// The connection is lost: how far it was.
    pub(super) fn mark_loss(&self) {
        mark_if(Mark::LostBeforeCommit, || self.commit.is_none() && self.blocks.missing(1).is_empty());
    }

    pub(super) fn footprint(&self) -> usize {
        let early: usize = self.early.iter().map(|piece| piece.extent.length as usize).sum();
        self.assembly.footprint()
            + self.blocks.footprint()
            + early
            + self.holding.footprint()
            + self.shares.as_ref().map_or(0, Shares::footprint)
    }
}

/// Data that is not looked at gives its credit back at once.
pub(super) fn give_back<M: Machine<Event = OpEvent>>(body: &Body, out: &mut Out<M>) {
    if body.credit() > 0 {
        out.event(OpEvent::Consumed(body.credit()));
    }
}

/// True if what is offered is what was asked for.
pub(super) fn is_answer(offer: &Offer, get: &Get) -> bool {
    offer.path == get.path && (get.version == 0 || get.version == offer.version)
}
