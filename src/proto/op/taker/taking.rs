//! What has come over a connection that brings blocks, and how far each of them is.

use std::collections::{BTreeMap, VecDeque};

use super::super::assembly::{Assembly, Piece, Shape};
use super::super::blocks::Blocks;
use crate::proto::storage::{Extent, Ticket};
use crate::wire::{Body, Cv, HavePage};

#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Taking {
    pub(super) shape: Shape,
    pub(super) assembly: Assembly,
    pub(super) blocks: Blocks,
    /// What came before the partial was open.
    pub(super) early: Vec<Piece>,
    /// What is being written, and the data bytes in it.
    pub(super) writing: BTreeMap<Ticket, (Extent, u64)>,
    /// Blocks that are verified, and of which the store is being told.
    pub(super) landing: BTreeMap<Ticket, (u32, Vec<Cv>)>,
    /// What the client is to be told, and waits for room.
    pub(super) pages: VecDeque<HavePage>,
    /// The client brings nothing more.
    pub(super) is_done: bool,
    pub(super) unnoted: u64,
    pub(super) bytes: u64,
}

impl Taking {
    pub(super) fn new(shape: Shape) -> Taking {
        Taking {
            shape,
            assembly: Assembly::new(shape),
            blocks: Blocks::new(shape),
            early: Vec::new(),
            writing: BTreeMap::new(),
            landing: BTreeMap::new(),
            pages: VecDeque::new(),
            is_done: false,
            unnoted: 0,
            bytes: 0,
        }
    }

    /// The pieces that a `Data` or `Hole` completes; the error says which rule it broke.
    pub(super) fn on_data(&mut self, body: Body) -> Result<Vec<Piece>, &'static str> {
        let (shape, mut pieces) = (self.shape, Vec::new());
        if let Body::Hole(hole) = &body {
            self.assembly.hole(hole, &mut pieces)?;
            self.blocks.comes(shape.block_of(hole.offset), shape.block_of(hole.offset + hole.length - 1))?;
        }
        if let Body::Data(data) = body {
            let begins = !self.assembly.is_within_block();
            let block = shape.block_of(data.offset.min(shape.length));
            self.assembly.data(data, &mut pieces)?;
            if begins {
                self.blocks.comes(block, block)?;
            }
        }
        pieces.iter().try_for_each(|piece| self.blocks.begin(piece))?;
        Ok(pieces)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_done && self.writing.is_empty() && self.landing.is_empty() && self.pages.is_empty()
    }

    pub(super) fn footprint(&self) -> usize {
        let early: usize = self.early.iter().map(|piece| piece.extent.length as usize).sum();
        self.assembly.footprint() + self.blocks.footprint() + early
    }
}
