//! From `Data` and `Hole` frames to pieces of up to an extent that are written and hashed at once, and from their
//! chaining values to blocks that are verified. Knows nothing of leases and tickets.

use std::collections::BTreeMap;

use crate::probe::{Mark, mark};
use crate::proto::storage::{BlockSet, Extent};
use crate::proto::tree;
use crate::wire::limits::EXTENT;
use crate::wire::{Cv, Data, Hole, Offer, Range, Rope};

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
        let block = u64::from(offer.block_size());
        Shape { length: offer.length, block, unit: block.min(EXTENT) }
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

    fn units_in(&self, block: u32) -> usize {
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
    claims: Vec<(u32, Cv)>,
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

/// Which blocks are there, which are being written, which were refused.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub(crate) struct Blocks {
    shape: Shape,
    have: Vec<Option<Cv>>,
    /// Blocks that began to come since the last commit: each comes once.
    came: Vec<bool>,
    pending: BTreeMap<u32, Pending>,
    refusals: BTreeMap<u32, u8>,
    /// Blocks that arrived damaged, in all.
    pub(crate) refused: u32,
    /// Blocks that came over another connection than the receiver's own.
    brought: Vec<bool>,
    /// Bytes of blocks that were there already and have not come since.
    pub(crate) kept: u64,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Pending {
    units: Vec<Unit>,
    claim: Claim,
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
enum Unit {
    Absent,
    Writing,
    Written(Cv),
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
enum Claim {
    /// It comes with the block's last segment.
    Awaited,
    /// The sender says that it is this.
    Said(Cv),
    /// Zeros need none, nor does what was there already.
    None,
}

impl Blocks {
    pub(crate) fn new(shape: Shape) -> Blocks {
        let blocks = shape.blocks() as usize;
        let (pending, refusals) = (BTreeMap::new(), BTreeMap::new());
        let (have, came) = (vec![None; blocks], vec![false; blocks]);
        let brought = vec![false; blocks];
        Blocks { shape, have, came, pending, refusals, refused: 0, brought, kept: 0 }
    }

    /// What is there, from block `first` to before `end`.
    pub(crate) fn have(&self, first: u32, end: u32) -> Vec<Option<Cv>> {
        self.have[first as usize..end as usize].to_vec()
    }

    /// The blocks that are there.
    pub(crate) fn held(&self) -> BlockSet {
        (0u32..).zip(&self.have).filter_map(|(block, cv)| cv.map(|_| block)).collect()
    }

    /// What was to be looked at cannot be read: it is not there.
    pub(crate) fn unreadable(&mut self, extent: &Extent) {
        for (block, _) in self.units(extent) {
            self.pending.remove(&block);
        }
    }

    /// Blocks begin to come. What was held of them counts no more: it is about to be written over.
    pub(crate) fn comes(&mut self, first: u32, last: u32) -> Result<(), &'static str> {
        for block in first..=last {
            if core::mem::replace(&mut self.came[block as usize], true) {
                return Err("a block was sent twice");
            }
            let was_brought = core::mem::take(&mut self.brought[block as usize]);
            if self.have[block as usize].take().is_some() && !was_brought {
                mark(Mark::HeldRefused);
                self.kept = self.kept.saturating_sub(self.block_length(block));
            }
        }
        Ok(())
    }

    /// A piece that came over another connection is about to be written.
    pub(crate) fn brings(&mut self, piece: &Piece) -> Result<(), &'static str> {
        for (block, _) in self.units(&piece.extent) {
            self.brought[block as usize] = true;
        }
        self.begin(piece)
    }

    /// True if the block is verified.
    pub(crate) fn is_here(&self, block: u32) -> bool {
        self.have[block as usize].is_some()
    }

    /// True if some of the block has come, and not all is written.
    pub(crate) fn is_pending(&self, block: u32) -> bool {
        self.pending.contains_key(&block)
    }

    /// What has come of the block counts no more.
    pub(crate) fn forget(&mut self, block: u32) {
        self.pending.remove(&block);
    }

    /// The sender has committed: what is asked for again may come again.
    pub(crate) fn begin_round(&mut self) {
        self.came.fill(false);
    }

    fn block_length(&self, block: u32) -> u64 {
        self.shape.block_end(block) - self.shape.block_start(block)
    }

    pub(crate) fn footprint(&self) -> usize {
        let pending = size_of::<Pending>() + size_of::<Unit>();
        self.have.capacity() * size_of::<Option<Cv>>()
            + self.pending.len() * pending
            + self.came.capacity()
            + self.brought.capacity()
            + self.refusals.len() * 8
    }

    /// A piece is about to be written.
    pub(crate) fn begin(&mut self, piece: &Piece) -> Result<(), &'static str> {
        for (block, unit) in self.units(&piece.extent) {
            let units = self.shape.units_in(block);
            let pending = self.pending.entry(block).or_insert_with(|| Pending {
                units: vec![Unit::Absent; units],
                claim: if matches!(piece.fill, Fill::Data(_)) { Claim::Awaited } else { Claim::None },
            });
            if pending.units[unit] != Unit::Absent {
                return Err("a block was sent twice");
            }
            pending.units[unit] = Unit::Writing;
        }
        for (block, cv) in &piece.claims {
            if let Some(pending) = self.pending.get_mut(block) {
                pending.claim = Claim::Said(*cv);
            }
        }
        Ok(())
    }

    /// A piece was written. Gives the bytes of the blocks that are verified by it, or the block that was refused
    /// `attempts` times.
    pub(crate) fn written(&mut self, extent: &Extent, cvs: &[Cv], attempts: u8) -> Result<u64, u32> {
        let mut verified = 0;
        let units: Vec<(u32, usize)> = self.units(extent).collect();
        for ((block, unit), cv) in units.into_iter().zip(cvs) {
            let Some(pending) = self.pending.get_mut(&block) else { continue };
            pending.units[unit] = Unit::Written(*cv);
            let Some((cv, as_claimed)) = pending.verdict() else { continue };
            self.pending.remove(&block);
            if as_claimed {
                self.have[block as usize] = Some(cv);
                let length = self.block_length(block);
                verified += length;
                if !self.came[block as usize] && !self.brought[block as usize] {
                    self.kept += length;
                }
                continue;
            }
            mark(Mark::BlockRefused);
            self.refused += 1;
            let refusals = self.refusals.entry(block).or_default();
            *refusals += 1;
            if *refusals >= attempts {
                return Err(block);
            }
        }
        Ok(verified)
    }

    /// The root, once every block is there.
    pub(crate) fn root(&self) -> Option<Cv> {
        let cvs: Vec<Cv> = self.have.iter().copied().collect::<Option<_>>()?;
        Some(tree::root_of(&cvs))
    }

    /// What is missing, in at most `most` ranges.
    pub(crate) fn missing(&self, most: usize) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        for (block, _) in (0u32..).zip(&self.have).filter(|(_, cv)| cv.is_none()) {
            let full = ranges.len() == most;
            match ranges.last_mut() {
                Some(range) if range.first + range.count == block => range.count += 1,
                Some(_) if full => break,
                Some(_) | None => ranges.push(Range { first: block, count: 1 }),
            }
        }
        ranges
    }

    fn units(&self, extent: &Extent) -> impl Iterator<Item = (u32, usize)> + use<> {
        let shape = self.shape;
        let offset = extent.offset;
        (0..extent.units() as u64).map(move |i| {
            let at = offset + i * shape.unit;
            let block = shape.block_of(at);
            (block, usize::try_from((at - shape.block_start(block)) / shape.unit).unwrap_or(usize::MAX))
        })
    }
}

impl Pending {
    /// The block's chaining value and whether it is what the sender claimed, once both are known.
    fn verdict(&self) -> Option<(Cv, bool)> {
        let cvs: Vec<Cv> = self
            .units
            .iter()
            .map(|unit| match unit {
                Unit::Written(cv) => Some(*cv),
                Unit::Absent | Unit::Writing => None,
            })
            .collect::<Option<_>>()?;
        let cv = tree::block_of(&cvs);
        match self.claim {
            Claim::Awaited => None,
            Claim::Said(claim) => Some((cv, claim == cv)),
            Claim::None => Some((cv, true)),
        }
    }
}
