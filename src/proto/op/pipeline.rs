//! The sender's pipeline: reads extents ahead, in order, and cuts what has been read into `Data` frames.

use std::collections::VecDeque;

use bytes::Bytes;

use super::HEAD;
use super::assembly::Shape;
use super::handout::Handout;
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::storage::{Extent, Ticket};
use crate::proto::tree;
use crate::wire::limits::{DATA_MAX, EXTENT};
use crate::wire::{Body, Cv, Data, Hole, Range, Rope};

/// Extents between "to be read" and "sent".
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Pipeline {
    shape: Shape,
    /// Runs of bytes still to be read: `(start, end)`, at blocks' ends.
    todo: VecDeque<(u64, u64)>,
    slots: VecDeque<Slot>,
    /// How far the front slot has been sent.
    cursor: u64,
    /// Chaining values of the units of the block that the front slot is in, where blocks are larger than extents.
    units: Vec<Cv>,
    /// What the receiver holds already.
    have: Vec<Option<Cv>>,
    /// The file's blocks, as they become known.
    cvs: Vec<Option<Cv>>,
    /// Bytes passed over since that was last asked.
    passed: u64,
    /// What the receiver does not have is not sent yet.
    is_withheld: bool,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum Slot {
    Reading(Ticket, Extent),
    /// Without bytes where all of it lies in a hole.
    Read(Extent, Option<Bytes>, Vec<Cv>),
}

impl Pipeline {
    /// All blocks of a file, in order.
    pub(crate) fn new(shape: Shape) -> Pipeline {
        let todo = if shape.length == 0 { VecDeque::new() } else { VecDeque::from([(0, shape.length)]) };
        let cvs = vec![None; shape.blocks() as usize];
        let (slots, units, have) = (VecDeque::new(), Vec::new(), Vec::new());
        Pipeline { shape, todo, slots, cursor: 0, units, have, cvs, passed: 0, is_withheld: false }
    }

    /// None, until some are asked for.
    pub(crate) fn of_nothing(shape: Shape) -> Pipeline {
        let mut pipeline = Pipeline::new(shape);
        pipeline.todo.clear();
        pipeline.receiver_has_no_more();
        pipeline
    }

    /// Of blocks that the receiver may have, until those are given back that others are to send.
    pub(crate) fn withheld(shape: Shape) -> Pipeline {
        let mut pipeline = Pipeline::new(shape);
        pipeline.todo.clear();
        pipeline.is_withheld = true;
        pipeline
    }

    /// Once all is told: what the receiver does not have is for others to send.
    pub(crate) fn hand_out(&mut self) -> Option<Handout> {
        core::mem::take(&mut self.is_withheld).then(|| Handout::of_missing(self.shape, &self.have)).flatten()
    }

    /// Somebody else has sent it.
    pub(crate) fn landed(&mut self, block: u32, cv: Cv) {
        self.cvs[block as usize] = Some(cv);
    }

    /// The value of a block that has been read, and whose turn has come.
    pub(crate) fn cv(&self, block: u32) -> Option<Cv> {
        self.cvs.get(block as usize).copied().flatten()
    }

    /// Bytes in the file.
    pub(crate) fn file_length(&self) -> u64 {
        self.shape.length
    }

    /// Bytes in a block.
    pub(crate) fn length(&self, block: u32) -> u64 {
        self.shape.block_end(block) - self.shape.block_start(block)
    }

    /// Runs of blocks that are not all being read.
    pub(crate) fn runs(&self) -> usize {
        self.todo.len()
    }

    /// The next page of what the receiver holds.
    pub(crate) fn receiver_has(&mut self, cvs: Vec<Option<Cv>>) {
        if self.is_withheld {
            let first = u32::try_from(self.have.len()).expect("at most 65,536 blocks");
            for (block, _) in (first..).zip(&cvs).filter(|(_, cv)| cv.is_some()) {
                let (start, end) = (self.shape.block_start(block), self.shape.block_end(block));
                match self.todo.back_mut() {
                    Some((_, last)) if *last == start => *last = end,
                    Some(_) | None => self.todo.push_back((start, end)),
                }
            }
        }
        self.have.extend(cvs);
    }

    /// The last page has come: the receiver holds nothing of what none was about.
    pub(crate) fn receiver_has_no_more(&mut self) {
        self.have.resize(self.cvs.len(), None);
    }

    /// Bytes passed over since this was last asked, because the receiver has them.
    pub(crate) fn take_passed(&mut self) -> u64 {
        core::mem::take(&mut self.passed)
    }

    /// Bytes of the file that the receiver has as they are here, and that are not sent.
    pub(crate) fn skipped(&self) -> u64 {
        let same = (0u32..).zip(self.have.iter().zip(&self.cvs));
        let same = same.filter(|(_, (have, cv))| have.is_some() && have == cv);
        same.map(|(block, _)| self.shape.block_end(block) - self.shape.block_start(block)).sum()
    }

    /// Sends these blocks, whatever the receiver said before.
    pub(crate) fn send_again(&mut self, ranges: &[Range]) {
        for range in ranges {
            let (first, last) = (range.first, range.first + range.count - 1);
            for have in self.have.iter_mut().skip(first as usize).take(range.count as usize) {
                *have = None;
            }
            self.todo.push_back((self.shape.block_start(first), self.shape.block_end(last)));
        }
    }

    /// The next extent to read, if fewer than `ahead` are under way or waiting, and if it is known what the receiver has of
    /// it (or no matter).
    pub(crate) fn next_read(&mut self, ahead: usize) -> Option<Extent> {
        if self.slots.len() >= ahead {
            return None;
        }
        let told = self.have.len();
        let (start, end) = self.todo.front_mut()?;
        let cut = ((*start / EXTENT + 1) * EXTENT).min(*end);
        if self.shape.block_of(cut - 1) as usize >= told {
            return None;
        }
        let extent = self.shape.extent(*start, cut);
        *start = cut;
        if *start == *end {
            self.todo.pop_front();
        }
        Some(extent)
    }

    /// The read of an extent is under way.
    pub(crate) fn reading(&mut self, ticket: Ticket, extent: Extent) {
        if self.slots.is_empty() {
            self.cursor = extent.offset;
        }
        self.slots.push_back(Slot::Reading(ticket, extent));
    }

    /// True if a hole can be sent as one: not where it may be part of a block, since a hole is of whole blocks.
    pub(crate) fn takes_holes(&self) -> bool {
        self.shape.block == self.shape.unit
    }

    /// A read completed; without bytes where it met a hole.
    pub(crate) fn read(&mut self, ticket: Ticket, data: Option<Bytes>, cvs: Vec<Cv>) {
        let is_it = |slot: &Slot| matches!(slot, Slot::Reading(open, _) if *open == ticket || planted(Bug::ReadsByOrder));
        let front = self.slots.front();
        mark_if(Mark::ReadOvertakes, || matches!(front, Some(Slot::Reading(first, _)) if *first != ticket));
        if let Some(slot) = self.slots.iter_mut().find(|slot| is_it(slot))
            && let Slot::Reading(_, extent) = *slot
        {
            *slot = Slot::Read(extent, data, cvs);
        }
        self.skip();
    }

    /// The room that the next segment to send takes; `None` while nothing is ready.
    pub(crate) fn next_len(&self) -> Option<usize> {
        match self.slots.front()? {
            Slot::Reading(..) => None,
            Slot::Read(_, None, _) => Some(HEAD),
            Slot::Read(extent, Some(_), _) => {
                Some(usize::try_from(self.segment_end(extent) - self.cursor).unwrap_or(DATA_MAX))
            }
        }
    }

    /// Takes the next segment, or the next run of blocks in a hole: how many bytes of the file it is about, and its body.
    pub(crate) fn next_body(&mut self) -> Option<(u64, Body)> {
        let Slot::Read(extent, bytes, _) = self.slots.front()? else { return None };
        let Some(bytes) = bytes else {
            let hole = self.hole(extent);
            self.cursor = hole.offset + hole.length;
            self.skip();
            return Some((hole.length, Body::Hole(hole)));
        };
        let (offset, end) = (self.cursor, self.segment_end(extent));
        let from = usize::try_from(offset - extent.offset).ok()?;
        let to = usize::try_from(end - extent.offset).ok()?;
        let payload = Rope::from(bytes.slice(from..to));
        let block = self.shape.block_of(offset);
        let is_short = end == self.shape.length && !end.is_multiple_of(self.shape.block);
        let is_last = end == self.shape.block_end(block) && !(is_short && planted(Bug::ForgetLastValue));
        let cv = if is_last { self.cvs[block as usize] } else { None };
        self.cursor = end;
        self.skip();
        Some((end - offset, Body::Data(Data { offset, cv, payload })))
    }

    /// From the cursor to the next block that the receiver holds, or to the end of what was read.
    fn hole(&self, extent: &Extent) -> Hole {
        let end = extent.offset + u64::from(extent.length);
        let mut to = self.cursor;
        while to < end && (to == self.cursor || !self.is_held(to)) {
            to = self.shape.block_end(self.shape.block_of(to)).min(end);
        }
        Hole { offset: self.cursor, length: to - self.cursor }
    }

    /// True if nothing is to be read and nothing to be sent.
    pub(crate) fn is_done(&self) -> bool {
        self.todo.is_empty() && self.slots.is_empty() && !self.is_withheld
    }

    /// The blocks' chaining values, once all are known.
    pub(crate) fn cvs(&self) -> Option<Vec<Cv>> {
        self.cvs.iter().copied().collect()
    }

    /// Bytes that have been read and not sent.
    pub(crate) fn read_ahead(&self) -> usize {
        self.slots
            .iter()
            .map(|slot| match slot {
                Slot::Reading(..) => 0,
                Slot::Read(_, bytes, _) => bytes.as_ref().map_or(0, Bytes::len),
            })
            .sum()
    }

    /// True while part of the front extent has been sent and part has not.
    pub(crate) fn is_within_extent(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Read(extent, ..)) if self.cursor > extent.offset)
    }

    /// Bytes held, with the chaining values.
    pub(crate) fn footprint(&self) -> usize {
        self.read_ahead()
            + (self.have.capacity() + self.cvs.capacity() + self.units.capacity()) * size_of::<Option<Cv>>()
    }

    fn segment_end(&self, extent: &Extent) -> u64 {
        let slot_end = extent.offset + u64::from(extent.length);
        let block_end = self.shape.block_end(self.shape.block_of(self.cursor));
        (self.cursor + DATA_MAX as u64).min(block_end).min(slot_end)
    }

    /// Notes the values of the front slot when it is first looked at, passes over blocks that the receiver holds, and
    /// drops the slot when all of it has been sent.
    fn skip(&mut self) {
        while let Some(Slot::Read(extent, _, cvs)) = self.slots.front() {
            let (extent, end) = (*extent, extent.offset + u64::from(extent.length));
            if self.cursor == extent.offset {
                let cvs = cvs.clone();
                self.note(&extent, &cvs);
            }
            while self.cursor < end && self.is_held(self.cursor) {
                let next = self.shape.block_end(self.shape.block_of(self.cursor)).min(end);
                self.passed += next - self.cursor;
                self.cursor = next;
            }
            if self.cursor < end {
                return;
            }
            self.slots.pop_front();
            if let Some(Slot::Reading(_, next) | Slot::Read(next, ..)) = self.slots.front() {
                self.cursor = next.offset;
            }
        }
    }

    /// True if the receiver holds the block at `offset` as it is here; for a block larger than an extent that is not
    /// known until its last unit, so that it is read once to compare and once more if it differs.
    fn is_held(&self, offset: u64) -> bool {
        let block = self.shape.block_of(offset) as usize;
        match (self.have.get(block).copied().flatten(), self.cvs[block]) {
            (Some(have), Some(cv)) => have == cv,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn note(&mut self, extent: &Extent, cvs: &[Cv]) {
        if self.shape.block == self.shape.unit {
            let first = self.shape.block_of(extent.offset) as usize;
            for (known, cv) in self.cvs[first..].iter_mut().zip(cvs) {
                *known = Some(*cv);
            }
            return;
        }
        let block = self.shape.block_of(extent.offset);
        if extent.offset == self.shape.block_start(block) {
            self.units.clear();
        }
        self.units.extend_from_slice(cvs);
        if extent.offset + u64::from(extent.length) < self.shape.block_end(block) {
            return;
        }
        let cv = tree::block_of(&self.units);
        self.cvs[block as usize] = Some(cv);
        let have = self.have.get_mut(block as usize);
        if let Some(have) = have
            && have.is_some_and(|have| have != cv)
        {
            *have = None;
            self.cursor = extent.offset + u64::from(extent.length);
            self.todo.push_back((self.shape.block_start(block), self.shape.block_end(block)));
        }
    }
}
