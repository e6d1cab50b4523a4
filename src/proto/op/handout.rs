//! Which blocks of a file go out over which connection: the sender's book of it. A connection is given what keeps it busy,
//! first blocks first; what it leaves behind is anybody's. Ranges never overlap.

use std::collections::BTreeMap;

use super::assembly::Shape;
use super::share::Helper;
use crate::probe::{Bug, Mark, mark, planted};
use crate::wire::limits::{EXTENT, WANT_MAX};
use crate::wire::{Cv, Range};

/// Bytes that a helper is given ahead of what has landed, at the most: more than its credit lets it send, so that it is the
/// credit that holds it back. It begins with two extents and doubles each time, so that whoever joins first does not get all.
const GIVEN_MAX: u64 = 16 * EXTENT;

/// Who sends which block.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Handout {
    shape: Shape,
    parts: Vec<Part>,
    /// No block before it is free.
    free_from: u32,
    free_bytes: u64,
    /// Bytes that are to land.
    left: u64,
    helpers: BTreeMap<Helper, Given>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// It has landed, or it is the sender's own to send.
    Settled,
    /// To be given.
    Free,
    /// A helper is to bring it.
    Given(Helper),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Given {
    /// Bytes that were given and have not landed.
    bytes: u64,
    /// How many that may be.
    ahead: u64,
}

impl Handout {
    /// All blocks that the receiver does not seem to have; `None` if there are none.
    pub(super) fn of_missing(shape: Shape, have: &[Option<Cv>]) -> Option<Handout> {
        let part = |cv: &Option<Cv>| if cv.is_some() { Part::Settled } else { Part::Free };
        let parts: Vec<Part> = have.iter().map(part).collect();
        let helpers = BTreeMap::new();
        let mut handout = Handout { shape, parts, free_from: 0, free_bytes: 0, left: 0, helpers };
        let free = (0u32..).zip(&handout.parts).filter(|(_, part)| **part == Part::Free);
        handout.left = free.map(|(block, _)| handout.length(block)).sum();
        handout.free_bytes = handout.left;
        (handout.left > 0).then_some(handout)
    }

    /// Bytes that have not landed.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn helpers(&self) -> Vec<Helper> {
        self.helpers.keys().copied().collect()
    }

    pub(super) fn join(&mut self, helper: Helper) {
        self.helpers.insert(helper, Given { bytes: 0, ahead: 2 * EXTENT });
    }

    /// What the helper was given is free again.
    pub(super) fn leave(&mut self, helper: Helper) {
        if self.helpers.remove(&helper).is_none() || planted(Bug::ForgetPart) {
            return;
        }
        for block in 0..self.shape.blocks() {
            if self.parts[block as usize] == Part::Given(helper) {
                mark(Mark::PushLost);
                self.parts[block as usize] = Part::Free;
                self.free_bytes += self.length(block);
                self.free_from = self.free_from.min(block);
            }
        }
    }

    /// No helper is left: what has not landed is the sender's own to send.
    pub(super) fn alone(self) -> Vec<Range> {
        let open = (0u32..).zip(&self.parts).filter(|(_, part)| **part != Part::Settled);
        let mut ranges: Vec<Range> = Vec::new();
        for (block, _) in open {
            match ranges.last_mut() {
                Some(range) if range.first + range.count == block => range.count += 1,
                Some(_) | None => ranges.push(Range { first: block, count: 1 }),
            }
        }
        ranges
    }

    /// What a helper is to be given now, if it is time.
    pub(super) fn next_for(&mut self, helper: Helper) -> Option<Vec<Range>> {
        // Near the end nobody is given more than its part of what is left.
        let fair = (self.free_bytes / self.helpers.len().max(1) as u64).max(EXTENT);
        let given = self.helpers.get_mut(&helper)?;
        if given.bytes > given.ahead * 3 / 4 {
            return None;
        }
        let ahead = given.ahead.min(given.bytes + fair);
        given.ahead = (given.ahead * 2).min(GIVEN_MAX);
        let mut bytes = given.bytes;
        let mut ranges: Vec<Range> = Vec::new();
        let mut block = self.free_from;
        // Extents are not divided: each is read, and written, at once.
        let is_within = |block| !self.shape.block_start(block).is_multiple_of(EXTENT);
        while block < self.shape.blocks() && (bytes < ahead || is_within(block)) {
            if self.parts[block as usize] == Part::Free {
                let is_full = ranges.len() == WANT_MAX / 4;
                match ranges.last_mut() {
                    Some(range) if range.first + range.count == block => range.count += 1,
                    Some(_) if is_full => break,
                    Some(_) | None => ranges.push(Range { first: block, count: 1 }),
                }
                self.parts[block as usize] = Part::Given(helper);
                bytes += self.length(block);
                self.free_bytes -= self.length(block);
            }
            block += 1;
        }
        self.free_from = block;
        if let Some(given) = self.helpers.get_mut(&helper) {
            given.bytes = bytes;
        }
        (!ranges.is_empty()).then_some(ranges)
    }

    /// The receiver has this block of a helper's now: its bytes; 0 if nobody waits for it from there.
    pub(super) fn landed(&mut self, helper: Helper, block: u32) -> u64 {
        let length = self.length(block);
        if self.parts.get(block as usize) != Some(&Part::Given(helper)) {
            return 0;
        }
        self.parts[block as usize] = Part::Settled;
        self.left -= length;
        if let Some(given) = self.helpers.get_mut(&helper) {
            given.bytes -= length;
        }
        length
    }

    fn length(&self, block: u32) -> u64 {
        self.shape.block_end(block) - self.shape.block_start(block)
    }

    pub(super) fn footprint(&self) -> usize {
        self.parts.capacity() * size_of::<Part>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 64 * 1024;

    fn handout(blocks: u64) -> Handout {
        let shape = Shape { length: blocks * BLOCK, block: BLOCK, unit: BLOCK };
        Handout::of_missing(shape, &vec![None; blocks as usize]).expect("something is missing")
    }

    #[test]
    fn what_is_there_is_nobody_s() {
        let shape = Shape { length: 3 * BLOCK, block: BLOCK, unit: BLOCK };
        let have = [None, Some(Cv([1; 32])), None];
        let mut some = Handout::of_missing(shape, &have).expect("two are missing");
        assert_eq!(some.left(), 2 * BLOCK);
        some.join(Helper(1));
        let given = some.next_for(Helper(1));
        assert_eq!(given, Some(vec![Range { first: 0, count: 1 }, Range { first: 2, count: 1 }]));
        assert_eq!(Handout::of_missing(shape, &[Some(Cv([1; 32])); 3]), None);
    }

    #[test]
    fn what_a_helper_leaves_is_anybody_s() {
        let mut handout = handout(64);
        handout.join(Helper(1));
        handout.join(Helper(2));
        assert_eq!(handout.next_for(Helper(1)), Some(vec![Range { first: 0, count: 32 }]));
        assert_eq!(handout.landed(Helper(2), 3), 0, "it was given to another one");
        assert_eq!(handout.landed(Helper(1), 3), BLOCK);
        assert_eq!(handout.landed(Helper(1), 3), 0, "twice");
        handout.leave(Helper(1));
        let left = handout.next_for(Helper(2));
        assert_eq!(left, Some(vec![Range { first: 0, count: 3 }, Range { first: 4, count: 44 }]));
        handout.leave(Helper(2));
        assert_eq!(handout.left(), 63 * BLOCK);
        assert_eq!(handout.alone(), [Range { first: 0, count: 3 }, Range { first: 4, count: 60 }]);
    }

    #[test]
    fn near_the_end_nobody_gets_all() {
        let mut handout = handout(64);
        (1..=4).for_each(|helper| handout.join(Helper(helper)));
        for helper in 1..=4 {
            let first = (helper - 1) * 16;
            assert_eq!(handout.next_for(Helper(helper)), Some(vec![Range { first, count: 16 }]));
        }
    }
}
