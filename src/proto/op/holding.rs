//! What is at the receiver already when a transfer begins, in a partial that was kept or in a basis to copy from: it is
//! hashed a few extents at a time, and told to the sender in pages of `Have` as far as it is known.

use std::collections::{BTreeMap, VecDeque};

use super::assembly::{Fill, Piece, Shape};
use super::blocks::Blocks;
use crate::proto::machine::Bulk;
use crate::proto::storage::{BlockSet, Extent, Ticket};
use crate::wire::limits::{EXTENT, HAVE_MAX};
use crate::wire::{Body, HavePage, UploadId};

/// Blocks in a page, at least, unless it is the last: few enough to come soon, and many enough to be few.
const PAGE_MIN: u32 = 64;

/// What is there, what of it is being looked at, and what has been told.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Holding {
    shape: Shape,
    upload: UploadId,
    held: BlockSet,
    basis: BlockSet,
    /// Where the next look begins; the file's end once there is nothing more to look at.
    cursor: u64,
    looking: BTreeMap<Ticket, Extent>,
    /// The first block that no page in `pages` is about, nor one that went out.
    paged: u32,
    /// Pages that wait for room.
    pages: VecDeque<HavePage>,
    /// The first block that no page that went out is about.
    told: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The partial is not open.
    Closed,
    Looking,
    /// The last page is written, and may wait for room.
    Done,
}

impl Holding {
    pub(super) fn new(shape: Shape) -> Holding {
        Holding {
            shape,
            upload: UploadId::default(),
            held: BlockSet::default(),
            basis: BlockSet::default(),
            cursor: 0,
            looking: BTreeMap::new(),
            paged: 0,
            pages: VecDeque::new(),
            told: 0,
            state: State::Closed,
        }
    }

    /// The partial is open.
    pub(super) fn opened(&mut self, upload: UploadId, held: BlockSet, basis: BlockSet) {
        (self.upload, self.held, self.basis) = (upload, held, basis);
        self.state = State::Looking;
        self.cursor = self.next_there(0);
    }

    /// Of a small file nothing is held, and so it is told before anything is opened.
    pub(super) fn nothing(&mut self) -> HavePage {
        (self.state, self.told) = (State::Done, self.shape.blocks());
        HavePage { upload: self.upload, first: 0, cvs: Vec::new(), last: true }
    }

    /// The next piece to look at, if fewer than `ahead` are under way.
    pub(super) fn next_look(&mut self, ahead: usize) -> Option<Piece> {
        if self.state != State::Looking || self.looking.len() >= ahead || self.cursor == self.shape.length {
            return None;
        }
        let first = self.shape.block_of(self.cursor);
        let fill = self.fill(first)?;
        let limit = ((self.cursor / EXTENT + 1) * EXTENT).min(self.shape.length);
        let mut end = self.shape.block_end(first).min(limit);
        while end < limit && self.fill(self.shape.block_of(end)).as_ref() == Some(&fill) {
            end = self.shape.block_end(self.shape.block_of(end)).min(limit);
        }
        let piece = Piece::new(self.shape.extent(self.cursor, end), fill);
        self.cursor = self.next_there(end);
        Some(piece)
    }

    pub(super) fn looking(&mut self, ticket: Ticket, extent: Extent) {
        self.looking.insert(ticket, extent);
    }

    pub(super) fn is_look(&self, ticket: Ticket) -> bool {
        self.looking.contains_key(&ticket)
    }

    /// True if it was a look that is over now.
    pub(super) fn looked(&mut self, ticket: Ticket) -> bool {
        self.looking.remove(&ticket).is_some()
    }

    /// True if the block seems to be there.
    pub(super) fn may_hold(&self, block: u32) -> bool {
        self.fill(block).is_some()
    }

    /// Writes pages about what is known by now; of blocks from `limit` on it is not known whether they will be here.
    pub(super) fn turn_pages(&mut self, blocks: &Blocks, limit: u32) {
        if self.state != State::Looking {
            return;
        }
        let earliest = self.looking.values().map(|extent| extent.offset).min().unwrap_or(self.cursor);
        let is_looked = earliest == self.shape.length;
        let is_over = is_looked && limit == self.shape.blocks();
        let known = match is_looked {
            _ if is_over => self.last_there(blocks),
            true => limit,
            false => self.shape.block_of(earliest).min(limit),
        };
        if !is_over && known < self.paged + PAGE_MIN {
            return;
        }
        loop {
            let end = known.max(self.paged).min(self.paged + u32::try_from(HAVE_MAX).unwrap_or(u32::MAX));
            let last = is_over && end == known.max(self.paged);
            let (upload, first) = (self.upload, self.paged);
            let cvs = blocks.have(first, end);
            self.pages.push_back(HavePage { upload, first, cvs, last });
            self.paged = end;
            if last {
                self.state = State::Done;
            }
            if end >= known {
                return;
            }
        }
    }

    /// The next page.
    pub(super) fn page(&self) -> Option<usize> {
        self.pages.front().map(|page| Body::Have(page.clone()).bulk())
    }

    /// Takes the next page, which goes out now.
    pub(super) fn tell(&mut self) -> Option<HavePage> {
        let page = self.pages.pop_front()?;
        self.told = if page.last { self.shape.blocks() } else { page.first + page.cvs.len() as u32 };
        Some(page)
    }

    /// The first block that has not been told of.
    pub(super) fn told(&self) -> u32 {
        self.told
    }

    /// True once all has been told.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Done && self.pages.is_empty()
    }

    pub(super) fn footprint(&self) -> usize {
        let pages: usize =
            self.pages.iter().map(|page| page.cvs.capacity() * size_of_val(&page.cvs[..0])).sum();
        pages + self.held.as_bytes().len() + self.basis.as_bytes().len()
    }

    fn fill(&self, block: u32) -> Option<Fill> {
        if self.held.contains(block) {
            return Some(Fill::Held);
        }
        self.basis.contains(block).then_some(Fill::Basis)
    }

    /// Where the first block from `offset` on begins that may be there; `offset` itself within one.
    fn next_there(&self, offset: u64) -> u64 {
        if offset == self.shape.length {
            return offset;
        }
        let first = self.shape.block_of(offset);
        let next = (first..self.shape.blocks()).find(|block| self.fill(*block).is_some());
        next.map_or(self.shape.length, |block| self.shape.block_start(block).max(offset))
    }

    /// The end of the last block that is there.
    fn last_there(&self, blocks: &Blocks) -> u32 {
        let have = blocks.have(0, self.shape.blocks());
        have.iter().rposition(Option::is_some).map_or(0, |last| last as u32 + 1)
    }
}
