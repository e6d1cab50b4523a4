//! What a receiver knows of the file that is on its way in.

use std::collections::{BTreeMap, VecDeque};

use super::assembly::{Assembly, Blocks, Piece, Shape};
use super::{OpEvent, Tickets, bulk};
use crate::probe::{Mark, mark_if};
use crate::proto::machine::{Machine, Out};
use crate::proto::storage::{BlockOp, Extent, Lease, StoreOp, Ticket};
use crate::wire::{Body, Commit, Cv, Data, Get, HavePage, Offer, Rope, UploadId, limits};

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
    /// Pages of `Have` that wait for room.
    pub(super) pages: VecDeque<Body>,
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
            pages: VecDeque::new(),
        }
    }

    /// Segments of blocks that are there already are dropped: their sender had not heard of it. Not if the block began to
    /// come in this round: then it is sent twice, whether the first copy is verified by now or not.
    pub(super) fn is_known(&self, data: &Data) -> bool {
        let block = Shape::of(&self.offer).block_of(data.offset.min(self.offer.length));
        !self.assembly.is_within_block() && self.blocks.holds(block) && !self.blocks.has_begun(block)
    }

    /// The pieces that a `Data` or `Hole` completes; the error says which rule it broke.
    pub(super) fn on_data(&mut self, body: Body) -> Result<Vec<Piece>, &'static str> {
        let (shape, mut pieces) = (Shape::of(&self.offer), Vec::new());
        if let Body::Hole(hole) = &body {
            self.assembly.hole(hole, &mut pieces)?;
            self.blocks.comes(shape.block_of(hole.offset), shape.block_of(hole.offset + hole.length - 1))?;
        }
        if let Body::Data(data) = body {
            let (begins, block) =
                (!self.assembly.is_within_block(), shape.block_of(data.offset.min(shape.length)));
            self.assembly.data(data, &mut pieces)?;
            if begins {
                self.blocks.comes(block, block)?;
            }
        }
        pieces.iter().try_for_each(|piece| self.blocks.begin(piece))?;
        Ok(pieces)
    }

    /// Hands pieces to the store.
    pub(super) fn write<M: Machine>(
        &mut self,
        pieces: Vec<Piece>,
        lease: Lease,
        tickets: &mut Tickets,
        out: &mut Out<M>,
    ) {
        for Piece { extent, data, .. } in pieces {
            let credit = data.as_ref().map_or(0, Rope::len) as u64;
            let op = match data {
                Some(data) => BlockOp::Write { lease, shape: extent, data },
                None => BlockOp::Zero { lease, shape: extent },
            };
            let ticket = tickets.issue(StoreOp::Block(op), out);
            self.writing.insert(ticket, (extent, credit));
        }
    }

    /// The connection is lost: how far it was.
    pub(super) fn mark_loss(&self) {
        mark_if(Mark::LostBeforeCommit, || self.commit.is_none() && self.blocks.missing(1).is_empty());
    }

    /// Bytes of complete pieces that wait for the partial.
    pub(super) fn early_bytes(&self) -> u64 {
        self.early.iter().map(|piece| u64::from(piece.extent.length)).sum()
    }

    pub(super) fn footprint(&self) -> usize {
        let early: usize = self.early.iter().map(|piece| piece.extent.length as usize).sum();
        let pages: usize = self.pages.iter().map(bulk).sum();
        self.assembly.footprint() + self.blocks.footprint() + early + pages
    }
}

/// Data that is not looked at gives its credit back at once.
pub(super) fn give_back<M: Machine<Event = OpEvent>>(body: &Body, out: &mut Out<M>) {
    if body.credit() > 0 {
        out.event(OpEvent::Consumed(body.credit()));
    }
}

/// What is held already, as pages of `Have`.
pub(super) fn pages(upload: UploadId, generation: u64, have: &[Option<Cv>]) -> VecDeque<Body> {
    let mut first = 0;
    let mut pages = VecDeque::new();
    loop {
        let rest = &have[first..];
        let count = rest.len().min(limits::HAVE_MAX);
        let last = count == rest.len();
        let block = u32::try_from(first).expect("at most 65,536 blocks");
        let cvs = rest[..count].to_vec();
        pages.push_back(Body::Have(HavePage { upload, generation, first: block, cvs, last }));
        first += count;
        if last {
            return pages;
        }
    }
}

/// True if what is offered is what was asked for.
pub(super) fn is_answer(offer: &Offer, get: &Get) -> bool {
    offer.path == get.path && (get.version == 0 || get.version == offer.version)
}
