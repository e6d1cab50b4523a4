//! What goes in order, in blocks of an extent: on its way out from what was read to `Data` frames, and on its way in from
//! those to blocks. Nothing of it grows with the length of what is moved.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::proto::storage::{Extent, Ticket};
use crate::proto::tree::Stack;
use crate::wire::limits::{DATA_MAX, EXTENT};
use crate::wire::{Cv, Data, Rope};

/// Blocks between "to be read" and "sent".
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub(super) struct Outflow {
    slots: VecDeque<Slot>,
    /// Bytes of the front block that have been sent.
    sent: usize,
    /// Of the blocks that have gone, sent or only hashed.
    pub(super) stack: Stack,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum Slot {
    Pending(Ticket, u64),
    /// To be sent.
    Ready(u64, Bytes, Cv),
    /// Not to be sent: it counts for the root.
    Hashed(Cv),
}

impl Outflow {
    /// Blocks that are under way.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The next block, at `offset`, is being read.
    pub(super) fn pending(&mut self, ticket: Ticket, offset: u64) {
        self.slots.push_back(Slot::Pending(ticket, offset));
    }

    /// A block has been read.
    pub(super) fn ready(&mut self, ticket: Ticket, data: Bytes, cv: Cv) {
        self.fill(ticket, |offset| Slot::Ready(offset, data, cv));
    }

    /// A block that is not sent has been hashed.
    pub(super) fn hashed(&mut self, ticket: Ticket, cv: Cv) {
        self.fill(ticket, |_| Slot::Hashed(cv));
    }

    /// What was to be read last is not there: the input has ended.
    pub(super) fn nothing(&mut self, ticket: Ticket) {
        self.slots.retain(|slot| !matches!(slot, Slot::Pending(open, _) if *open == ticket));
    }

    fn fill(&mut self, ticket: Ticket, filled: impl FnOnce(u64) -> Slot) {
        let open = self.slots.iter_mut().find_map(|slot| match slot {
            Slot::Pending(open, offset) if *open == ticket => Some((*offset, slot)),
            Slot::Pending(..) | Slot::Ready(..) | Slot::Hashed(_) => None,
        });
        if let Some((offset, slot)) = open {
            *slot = filled(offset);
        }
        self.pass();
    }

    fn pass(&mut self) {
        while let Some(Slot::Hashed(cv)) = self.slots.front() {
            self.stack.push(*cv);
            self.slots.pop_front();
        }
    }

    /// The length of the next segment; `None` while nothing is ready.
    pub(super) fn next_len(&self) -> Option<usize> {
        match self.slots.front()? {
            Slot::Ready(_, data, _) => Some((data.len() - self.sent).min(DATA_MAX)),
            Slot::Pending(..) | Slot::Hashed(_) => None,
        }
    }

    /// Takes the next segment.
    pub(super) fn next_data(&mut self) -> Option<Data> {
        let length = self.next_len()?;
        let Some(Slot::Ready(offset, data, cv)) = self.slots.front() else { return None };
        let (start, end) = (self.sent, self.sent + length);
        let is_last = end == data.len();
        let payload = Rope::from(data.slice(start..end));
        let segment = Data { offset: offset + start as u64, cv: is_last.then_some(*cv), payload };
        self.sent = end;
        if is_last {
            self.stack.push(*cv);
            self.slots.pop_front();
            self.sent = 0;
            self.pass();
        }
        Some(segment)
    }

    /// True while part of a block has been sent and part has not.
    pub(super) fn is_within_block(&self) -> bool {
        self.sent > 0
    }

    /// Bytes that have been read and not sent.
    pub(super) fn read_ahead(&self) -> usize {
        let length = |slot: &Slot| match slot {
            Slot::Ready(_, data, _) => data.len(),
            Slot::Pending(..) | Slot::Hashed(_) => 0,
        };
        self.slots.iter().map(length).sum()
    }

    pub(super) fn footprint(&self) -> usize {
        self.read_ahead() + self.stack.footprint()
    }
}

/// A block that has come, whole.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) data: Rope,
    /// What the sender says that it is.
    pub(super) claim: Cv,
}

impl Block {
    /// How it is hashed; `whole` where it is all that there is.
    pub(super) fn shape(&self, whole: bool) -> Extent {
        let length = u32::try_from(self.data.len()).expect("at most an extent");
        Extent { offset: self.offset, length, unit: EXTENT as u32, whole }
    }
}

/// Gathers segments, which come in order, into blocks.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Inflow {
    /// Where the next segment begins.
    next: u64,
    /// Where the last block ends, if that is known.
    end: Option<u64>,
    data: Rope,
    /// A block shorter than an extent has come: nothing follows.
    has_ended: bool,
}

impl Inflow {
    /// From `start`, a block's beginning, to `end`, or to the first short block.
    pub(super) fn new(start: u64, end: Option<u64>) -> Inflow {
        Inflow { next: start, end, data: Rope::new(), has_ended: false }
    }

    /// Bytes before the end of what has come.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes a segment; gives the block that it completes. The error says which rule was broken.
    pub(super) fn data(&mut self, data: Data) -> Result<Option<Block>, &'static str> {
        if data.offset != self.next || self.has_ended {
            return Err("data out of order");
        }
        let start = self.next - self.data.len() as u64;
        let limit = self.end.unwrap_or(u64::MAX).min(start + EXTENT);
        let end = self.next + data.payload.len() as u64;
        if end > limit {
            return Err("data across a block's end");
        }
        let must_end = end == limit;
        let may_end = must_end || self.end.is_none();
        if (must_end && data.cv.is_none()) || (data.cv.is_some() && !may_end) {
            return Err("a block's chaining value comes with its last segment, and only there");
        }
        self.next = end;
        self.data.append(data.payload);
        let Some(claim) = data.cv else { return Ok(None) };
        let data = core::mem::take(&mut self.data);
        self.has_ended = (data.len() as u64) < EXTENT;
        Ok(Some(Block { offset: start, data, claim }))
    }

    /// True while a block has begun and not ended.
    pub(super) fn is_within_block(&self) -> bool {
        !self.data.is_empty()
    }

    pub(super) fn footprint(&self) -> usize {
        self.data.footprint()
    }
}
