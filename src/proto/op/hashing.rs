//! A file's blocks being hashed, first to last, a few extents at a time: what both sides of a comparison do.

use std::collections::BTreeMap;

use super::Tickets;
use super::assembly::Shape;
use crate::proto::machine::{Machine, Out};
use crate::proto::storage::{BlockOp, Extent, Lease, StoreOp, Ticket};
use crate::proto::tree;
use crate::wire::Cv;
use crate::wire::limits::EXTENT;

/// Which blocks are known, and what is being hashed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Hashing {
    shape: Shape,
    /// Where the next extent to hash begins, and where the last one ends.
    next: u64,
    end: u64,
    under_way: BTreeMap<Ticket, Extent>,
    /// Extents that were hashed before one that comes before them.
    early: BTreeMap<u64, (Extent, Vec<Cv>)>,
    /// Up to where all extents have been hashed.
    done: u64,
    /// Of the block that `done` is in, where blocks are larger than extents.
    units: Vec<Cv>,
    cvs: Vec<Cv>,
}

impl Hashing {
    /// The blocks from `first` to before `end`.
    pub(super) fn new(shape: Shape, first: u32, end: u32) -> Hashing {
        let start = shape.block_start(first);
        let end = if end == 0 { start } else { shape.block_end(end - 1).max(start) };
        let (under_way, early) = (BTreeMap::new(), BTreeMap::new());
        Hashing { shape, next: start, end, under_way, early, done: start, units: Vec::new(), cvs: Vec::new() }
    }

    /// Asks the store for what may be hashed now: within `ahead` extents from the first that is not.
    pub(super) fn advance<M: Machine>(
        &mut self,
        lease: Lease,
        ahead: usize,
        tickets: &mut Tickets,
        out: &mut Out<M>,
    ) {
        let limit = (self.done / EXTENT + ahead as u64) * EXTENT;
        while self.next < self.end.min(limit) {
            let cut = ((self.next / EXTENT + 1) * EXTENT).min(self.end);
            let shape = self.shape.extent(self.next, cut);
            let ticket = tickets.issue(StoreOp::Block(BlockOp::Check { lease, shape }), out);
            self.under_way.insert(ticket, shape);
            self.next = cut;
        }
    }

    /// An extent has been hashed; gives how many bytes of the file have become known by it.
    pub(super) fn hashed(&mut self, ticket: Ticket, cvs: Vec<Cv>) -> u64 {
        let before = self.done;
        if let Some(extent) = self.under_way.remove(&ticket) {
            self.early.insert(extent.offset, (extent, cvs));
        }
        while let Some((extent, cvs)) = self.early.remove(&self.done) {
            self.done += u64::from(extent.length);
            self.note(&cvs);
        }
        self.done - before
    }

    fn note(&mut self, cvs: &[Cv]) {
        if self.shape.block == self.shape.unit {
            return self.cvs.extend_from_slice(cvs);
        }
        self.units.extend_from_slice(cvs);
        if self.done.is_multiple_of(self.shape.block) || self.done == self.shape.length {
            self.cvs.push(tree::block_of(&self.units));
            self.units.clear();
        }
    }

    /// The chaining values of the blocks that are known: the first ones, in order.
    pub(super) fn known(&self) -> &[Cv] {
        &self.cvs
    }

    /// True once all are known.
    pub(super) fn is_done(&self) -> bool {
        self.done == self.end
    }

    pub(super) fn footprint(&self) -> usize {
        let early: usize = self.early.values().map(|(_, cvs)| cvs.capacity()).sum();
        (self.cvs.capacity() + self.units.capacity() + early) * size_of::<Cv>()
    }
}
