//! From the chaining values of pieces that were written, or looked at, to blocks that are verified. Knows nothing of leases and
//! tickets.

use std::collections::BTreeMap;

use super::assembly::{Fill, Piece, Shape};
use crate::probe::{Mark, mark};
use crate::proto::storage::{BlockSet, Extent};
use crate::proto::tree;
use crate::wire::{Cv, Range};

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

    /// It came damaged, and may come again.
    pub(crate) fn comes_again(&mut self, block: u32) {
        self.came[block as usize] = false;
    }

    /// Another connection has brought it.
    pub(crate) fn landed(&mut self, block: u32, cv: Cv) {
        self.brought[block as usize] = true;
        self.have[block as usize] = Some(cv);
    }

    /// It was here, and is to be looked at once more.
    pub(crate) fn doubt(&mut self, block: u32) {
        self.brought[block as usize] = true;
        self.have[block as usize] = None;
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
