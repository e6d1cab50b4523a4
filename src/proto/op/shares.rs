//! Which blocks of a file are to come over which connection: the receiver's book of it. A connection is asked for what
//! keeps it busy, first blocks first; what it leaves behind is anybody's. Ranges never overlap.

use std::collections::BTreeMap;

use super::assembly::{Assembly, Piece, Shape};
use super::blocks::Blocks;
use super::share::{Brought, Helper};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::storage::{Extent, Ticket};
use crate::wire::Range;
use crate::wire::limits::{EXTENT, WANT_MAX};

/// Bytes that a helper is asked for ahead of what comes, at the most: what its credit lets it send anyway. It begins with an
/// extent and doubles with each question, so that whoever joins first does not get all that there is.
const ASKED_MAX: u64 = 8 * EXTENT;

/// Who brings which block.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Shares {
    shape: Shape,
    blocks: Vec<Share>,
    /// No block before it is free.
    free_from: u32,
    /// Bytes that are free.
    free_bytes: u64,
    /// All before it are settled.
    settled: u32,
    helpers: BTreeMap<Helper, Bringing>,
    /// What helpers brought and the store writes: whose credit it is.
    writes: BTreeMap<Ticket, (Helper, u64)>,
    /// No helper comes any more: what is free is left to the receiver's own peer.
    is_alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Share {
    /// To be asked for.
    Free,
    /// A helper is to bring it.
    Asked(Helper),
    /// It has come whole and is with the store, and is not verified yet.
    Arrived,
    /// Its helper left in the middle of it, and some of it is still being written.
    Left,
    /// It is here, or it is the receiver's own peer's to send.
    Settled,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Bringing {
    assembly: Assembly,
    /// Bytes that were asked for and have not come.
    asked: u64,
    /// How many that may be.
    ahead: u64,
}

impl Shares {
    /// All blocks but those that may be here already.
    pub(super) fn new(shape: Shape, may_be_here: impl Fn(u32) -> bool) -> Shares {
        let share = |block| if may_be_here(block) { Share::Settled } else { Share::Free };
        let blocks = (0..shape.blocks()).map(share).collect();
        let (helpers, writes) = (BTreeMap::new(), BTreeMap::new());
        let mut shares = Shares {
            shape,
            blocks,
            free_from: 0,
            free_bytes: 0,
            settled: 0,
            helpers,
            writes,
            is_alone: false,
        };
        shares.free_bytes = shares.missing();
        shares.pass();
        shares
    }

    /// Bytes of blocks that are not settled.
    pub(super) fn missing(&self) -> u64 {
        let open = (0u32..).zip(&self.blocks).filter(|(_, share)| **share != Share::Settled);
        open.map(|(block, _)| self.length(block)).sum()
    }

    /// The first block that is not settled; one beyond the last, if all are.
    pub(super) fn settled(&self) -> u32 {
        self.settled
    }

    /// True once nothing more comes from helpers.
    pub(super) fn is_whole(&self) -> bool {
        self.settled == self.shape.blocks()
    }

    /// True if the receiver's own peer sends what no helper brought.
    pub(super) fn is_alone(&self) -> bool {
        self.is_alone
    }

    pub(super) fn helpers(&self) -> Vec<Helper> {
        self.helpers.keys().copied().collect()
    }

    pub(super) fn join(&mut self, helper: Helper) {
        let assembly = Assembly::new(self.shape);
        self.helpers.insert(helper, Bringing { assembly, asked: 0, ahead: EXTENT });
    }

    /// What the helper was asked for is free again; `is_written` says of which blocks something is being written.
    pub(super) fn leave(&mut self, helper: Helper, known: &mut Blocks, is_written: impl Fn(u32) -> bool) {
        if self.helpers.remove(&helper).is_none() {
            return;
        }
        for block in 0..self.shape.blocks() {
            if self.blocks[block as usize] != Share::Asked(helper) {
                continue;
            }
            mark(Mark::ShareLeft);
            if planted(Bug::ForgetShare) || is_written(block) {
                mark(Mark::ShareHalfWritten);
                self.blocks[block as usize] = Share::Left;
            } else {
                known.forget(block);
                self.free(block);
            }
        }
    }

    /// No helper is left, and none comes.
    pub(super) fn alone(&mut self) {
        self.is_alone = true;
        for share in self.blocks.iter_mut().filter(|share| **share == Share::Free) {
            *share = Share::Settled;
        }
        self.free_bytes = 0;
        self.pass();
    }

    fn free(&mut self, block: u32) {
        let free = if self.is_alone { Share::Settled } else { Share::Free };
        self.blocks[block as usize] = free;
        self.free_from = self.free_from.min(block);
        if !self.is_alone {
            self.free_bytes += self.length(block);
        }
        self.pass();
    }

    /// What a helper is to be asked for now, if it is time.
    pub(super) fn next_for(&mut self, helper: Helper) -> Option<Vec<Range>> {
        // Near the end nobody is asked for more than its part of what is left.
        let fair = (self.free_bytes / self.helpers.len().max(1) as u64).max(EXTENT);
        let bringing = self.helpers.get_mut(&helper)?;
        if bringing.asked > bringing.ahead * 3 / 4 {
            return None;
        }
        let ahead = bringing.ahead.min(fair);
        bringing.ahead = (bringing.ahead * 2).min(ASKED_MAX);
        let mut ranges: Vec<Range> = Vec::new();
        let mut block = self.free_from;
        let blocks = self.shape.blocks();
        // Extents are not divided: each is written at once.
        let is_within = |block| !self.shape.block_start(block).is_multiple_of(EXTENT);
        while block < blocks && (bringing.asked < ahead || is_within(block)) {
            if self.blocks[block as usize] == Share::Free {
                let is_full = ranges.len() == WANT_MAX / 4;
                match ranges.last_mut() {
                    Some(range) if range.first + range.count == block => range.count += 1,
                    Some(_) if is_full => break,
                    Some(_) | None => ranges.push(Range { first: block, count: 1 }),
                }
                self.blocks[block as usize] = Share::Asked(helper);
                let length = self.shape.block_end(block) - self.shape.block_start(block);
                bringing.asked += length;
                self.free_bytes -= length;
            }
            block += 1;
        }
        self.free_from = block;
        (!ranges.is_empty()).then_some(ranges)
    }

    /// A helper brought something: the pieces that it completes; `None` if nobody waits for it from there.
    pub(super) fn brought(&mut self, helper: Helper, brought: Brought) -> Option<Vec<Piece>> {
        let block = self.shape.block_of(brought.offset().min(self.shape.length.saturating_sub(1)));
        if self.blocks[block as usize] != Share::Asked(helper) {
            return None;
        }
        let bringing = self.helpers.get_mut(&helper)?;
        let (length, mut pieces) = (brought.length(), Vec::new());
        let taken = match brought {
            Brought::Data(data) => bringing.assembly.data(data, &mut pieces),
            Brought::Hole(hole) => bringing.assembly.hole(&hole, &mut pieces),
        };
        debug_assert!(taken.is_ok(), "the puller has looked: {taken:?}");
        bringing.asked = bringing.asked.saturating_sub(length);
        if bringing.asked == 0 {
            bringing.assembly.flush(&mut pieces);
        }
        self.arrived(&pieces);
        Some(pieces)
    }

    /// What was gathered of a helper is to be written now, unless a block is incomplete.
    pub(super) fn flush(&mut self, helper: Helper) -> Vec<Piece> {
        let mut pieces = Vec::new();
        mark(Mark::ShareFlushed);
        if let Some(bringing) = self.helpers.get_mut(&helper)
            && !bringing.assembly.is_within_block()
        {
            bringing.assembly.flush(&mut pieces);
        }
        self.arrived(&pieces);
        pieces
    }

    /// Blocks that end in these pieces have come; what is only gathered is lost with its helper.
    fn arrived(&mut self, pieces: &[Piece]) {
        for extent in pieces.iter().map(|piece| piece.extent) {
            let end = extent.offset + u64::from(extent.length);
            for block in self.shape.block_of(extent.offset)..=self.shape.block_of(end - 1) {
                if self.shape.block_end(block) <= end {
                    self.blocks[block as usize] = Share::Arrived;
                }
            }
        }
    }

    pub(super) fn writing(&mut self, ticket: Ticket, helper: Helper, credit: u64) {
        self.writes.insert(ticket, (helper, credit));
    }

    /// Something was written: whose it was, if a helper's. Blocks are settled by it, or free again.
    pub(super) fn written(
        &mut self,
        ticket: Ticket,
        extent: &Extent,
        known: &mut Blocks,
        is_written: impl Fn(u32) -> bool,
    ) -> Option<(Helper, u64)> {
        let whose = self.writes.remove(&ticket)?;
        let first = self.shape.block_of(extent.offset);
        let last = self.shape.block_of(extent.offset + u64::from(extent.length) - 1);
        for block in first..=last {
            match self.blocks[block as usize] {
                Share::Arrived if known.is_here(block) => {
                    self.blocks[block as usize] = Share::Settled;
                    self.pass();
                }
                Share::Arrived if !known.is_pending(block) => self.free(block),
                Share::Left if !is_written(block) => {
                    known.forget(block);
                    self.free(block);
                }
                Share::Free | Share::Asked(_) | Share::Arrived | Share::Left | Share::Settled => {}
            }
        }
        Some(whose)
    }

    fn pass(&mut self) {
        let rest = &self.blocks[self.settled as usize..];
        let passed = rest.iter().take_while(|share| **share == Share::Settled).count();
        self.settled += u32::try_from(passed).expect("at most 65,536");
    }

    fn length(&self, block: u32) -> u64 {
        self.shape.block_end(block) - self.shape.block_start(block)
    }

    pub(super) fn footprint(&self) -> usize {
        let gathered: usize = self.helpers.values().map(|bringing| bringing.assembly.footprint()).sum();
        gathered + self.blocks.capacity() * size_of::<Share>()
    }

    /// The most that [`Shares::footprint`] may be, with the helpers that there are.
    pub(super) fn footprint_max(&self) -> usize {
        self.helpers.len() * 2 * EXTENT as usize + self.blocks.capacity() * size_of::<Share>()
    }
}
