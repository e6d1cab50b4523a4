//! From `Data` and `Hole` frames to pieces of up to an extent that are written and hashed at once. Knows nothing of leases
//! and tickets, and nothing of what becomes of a piece (see `blocks`).

use crate::proto::storage::Extent;
use crate::wire::limits::EXTENT;
use crate::wire::{Cv, Data, Hole, Offer, Rope, block_size_for};

/// The geometry of a file: how it is cut into blocks, units and extents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// Bytes in the file.
    pub(crate) length: u64,
    /// Bytes in a block: what is verified and asked for.
    pub(crate) block: u64,
    /// Bytes in a unit: what is hashed in one go; a block, or an extent where blocks are larger.
    pub(crate) unit: u64,
}

impl Shape {
    pub(crate) fn of(offer: &Offer) -> Shape {
        Shape::of_length(offer.length)
    }

    pub(crate) fn of_length(length: u64) -> Shape {
        let block = u64::from(block_size_for(length));
        Shape { length, block, unit: block.min(EXTENT) }
    }

    pub(crate) fn blocks(&self) -> u32 {
        u32::try_from(self.length.div_ceil(self.block)).expect("at most 65,536 blocks")
    }

    pub(crate) fn block_of(&self, offset: u64) -> u32 {
        u32::try_from(offset / self.block).expect("at most 65,536 blocks")
    }

    pub(crate) fn block_start(&self, block: u32) -> u64 {
        u64::from(block) * self.block
    }

    pub(crate) fn block_end(&self, block: u32) -> u64 {
        (self.block_start(block) + self.block).min(self.length)
    }

    /// The piece from `start`, a unit's start, to `end`.
    pub(crate) fn extent(&self, start: u64, end: u64) -> Extent {
        Extent {
            offset: start,
            length: u32::try_from(end - start).expect("at most a block of 2 GiB"),
            unit: u32::try_from(self.unit).expect("at most an extent"),
            whole: self.blocks() == 1,
        }
    }

    pub(super) fn units_in(&self, block: u32) -> usize {
        usize::try_from((self.block_end(block) - self.block_start(block)).div_ceil(self.unit))
            .unwrap_or(usize::MAX)
    }
}

/// Where the bytes of a piece come from.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Fill {
    /// From the sender.
    Data(Rope),
    /// They are zeros.
    Zeros,
    /// The partial may hold them already.
    Held,
    /// They may stand in the basis.
    Basis,
}

/// Something to write, or to look at.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Piece {
    pub(crate) extent: Extent,
    pub(crate) fill: Fill,
    /// The chaining values that the sender claims for the blocks that end here.
    pub(super) claims: Vec<(u32, Cv)>,
}

impl Piece {
    /// One without claims.
    pub(crate) fn new(extent: Extent, fill: Fill) -> Piece {
        Piece { extent, fill, claims: Vec::new() }
    }

    /// Bytes of the sender's data in it.
    pub(crate) fn credit(&self) -> u64 {
        match &self.fill {
            Fill::Data(data) => data.len() as u64,
            Fill::Zeros | Fill::Held | Fill::Basis => 0,
        }
    }
}

/// Gathers segments into pieces. A run goes on as long as segments follow on each other, and ends at an extent's end,
/// at the file's end, at a jump, or when it is told to.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Assembly {
    shape: Shape,
    start: u64,
    data: Rope,
    claims: Vec<(u32, Cv)>,
    /// Where the next segment must begin, while a block is incomplete.
    within: Option<u64>,
}

impl Assembly {
    pub(crate) fn new(shape: Shape) -> Assembly {
        Assembly { shape, start: 0, data: Rope::new(), claims: Vec::new(), within: None }
    }

    pub(crate) fn footprint(&self) -> usize {
        self.data.footprint() + self.claims.capacity() * size_of::<(u32, Cv)>()
    }

    /// Takes a segment; gives the pieces that it completes. The error says which rule was broken.
    pub(crate) fn data(&mut self, data: Data, pieces: &mut Vec<Piece>) -> Result<(), &'static str> {
        let end = data.offset.saturating_add(data.payload.len() as u64);
        if end > self.shape.length {
            return Err("data beyond the file's end");
        }
        let block = self.shape.block_of(data.offset);
        let block_end = self.shape.block_end(block);
        if end > block_end {
            return Err("data across a block's end");
        }
        if data.cv.is_some() != (end == block_end) {
            return Err("a block's chaining value comes with its last segment, and only there");
        }
        match self.within {
            Some(expected) if expected != data.offset => return Err("a block was left before its end"),
            None if data.offset != self.shape.block_start(block) => {
                return Err("a block was begun in its middle");
            }
            Some(_) | None => {}
        }
        if data.offset != self.start + self.data.len() as u64 {
            self.flush(pieces);
        }
        if self.data.is_empty() {
            self.start = data.offset;
        }
        self.data.append(data.payload);
        self.claims.extend(data.cv.map(|cv| (block, cv)));
        self.within = (end < block_end).then_some(end);
        if end.is_multiple_of(EXTENT) || end == self.shape.length {
            self.flush(pieces);
        }
        Ok(())
    }

    /// Takes a hole: whole blocks, at most an extent or one block.
    pub(crate) fn hole(&mut self, hole: &Hole, pieces: &mut Vec<Piece>) -> Result<(), &'static str> {
        let end = hole.offset + hole.length;
        if end > self.shape.length || hole.length > EXTENT.max(self.shape.block) {
            return Err("a hole that is too long");
        }
        let (first, last) = (self.shape.block_of(hole.offset), self.shape.block_of(end - 1));
        if hole.offset != self.shape.block_start(first) || end != self.shape.block_end(last) {
            return Err("a hole that is not of whole blocks");
        }
        if self.within.is_some() {
            return Err("a block was left before its end");
        }
        self.flush(pieces);
        let mut start = hole.offset;
        while start < end {
            let cut = ((start / EXTENT + 1) * EXTENT).min(end);
            pieces.push(Piece::new(self.shape.extent(start, cut), Fill::Zeros));
            start = cut;
        }
        Ok(())
    }

    /// Nothing follows on the run for now. An incomplete block stays open.
    pub(crate) fn flush(&mut self, pieces: &mut Vec<Piece>) {
        if self.data.is_empty() {
            return;
        }
        let data = core::mem::take(&mut self.data);
        let extent = self.shape.extent(self.start, self.start + data.len() as u64);
        self.start += data.len() as u64;
        pieces.push(Piece { extent, fill: Fill::Data(data), claims: core::mem::take(&mut self.claims) });
    }

    /// True while a block has begun and not ended.
    pub(crate) fn is_within_block(&self) -> bool {
        self.within.is_some()
    }
}
