//! Blocks that come over other connections than the receiver's own. They are stored, checked and told of like its own; its
//! own peer is told of them as held, and so sends what nobody else brought, compares everything, and commits.

use super::super::OpEvent;
use super::super::assembly::Piece;
use super::super::incoming::Incoming;
use super::super::share::{Brought, Helper, ShareEvent, ShareOrder};
use super::super::shares::Shares;
use super::{Receiver, State};
use crate::probe::{Mark, mark};
use crate::proto::machine::Out;
use crate::proto::storage::{Extent, Ticket};
use crate::wire::UploadId;
use crate::wire::limits::EXTENT;

impl Incoming {
    /// True if something of `block` is being written.
    fn is_written(&self, block: u32) -> bool {
        let shape = self.shape();
        let (start, end) = (shape.block_start(block), shape.block_end(block));
        let overlaps =
            |extent: &Extent| extent.offset < end && start < extent.offset + u64::from(extent.length);
        self.writing.values().any(|(extent, _)| overlaps(extent))
    }

    /// What the own peer may be told of.
    pub(in super::super) fn settled(&self) -> u32 {
        self.shares.as_ref().map_or(self.shape().blocks(), Shares::settled)
    }

    /// The partial is open: what is not in it may be shared. Small files come in one breath, and nothing is shared of a
    /// file whose version nobody knows.
    pub(super) fn share(&mut self, out: &mut Out<Receiver>) {
        if self.offer.length <= EXTENT || self.offer.version == 0 {
            return;
        }
        let shares = Shares::new(self.shape(), |block| self.holding.may_hold(block));
        let (version, length, missing) = (self.offer.version, self.offer.length, shares.missing());
        if missing > 0 {
            self.shares = Some(shares);
            out.event(OpEvent::Share(ShareEvent::Shares {
                version,
                length,
                missing,
                upload: UploadId::default(),
            }));
        }
    }
}

impl Receiver {
    pub(super) fn on_share(&mut self, order: ShareOrder, out: &mut Out<Receiver>) {
        match order {
            ShareOrder::Open if matches!(self.state, State::New(_) | State::Asked(_)) => {
                self.is_shared = true
            }
            ShareOrder::Join(helper) => {
                if let Some(shares) = self.shares() {
                    shares.join(helper);
                    self.ask(&[helper], out);
                }
            }
            ShareOrder::Leave(helper) => {
                if let State::Receiving(incoming, _) = &mut self.state
                    && let Some(mut shares) = incoming.shares.take()
                {
                    let mut blocks = core::mem::take(&mut incoming.blocks);
                    shares.leave(helper, &mut blocks, |block| incoming.is_written(block));
                    incoming.blocks = blocks;
                    incoming.shares = Some(shares);
                }
                self.ask_all(out);
            }
            ShareOrder::Alone => {
                if let Some(shares) = self.shares() {
                    shares.alone();
                }
                self.settle_shares(out);
            }
            ShareOrder::Brought(helper, brought) => self.on_brought(helper, brought, out),
            ShareOrder::Flush(helper) => {
                let pieces = self.shares().map(|shares| shares.flush(helper)).unwrap_or_default();
                self.write_brought(helper, pieces, out);
            }
            ShareOrder::Open | ShareOrder::Want(_) | ShareOrder::Stored(_) | ShareOrder::Finish => {}
            ShareOrder::Landed { .. } | ShareOrder::Damaged => {}
        }
    }

    fn shares(&mut self) -> Option<&mut Shares> {
        match &mut self.state {
            State::Receiving(incoming, _) => incoming.shares.as_mut(),
            State::New(_) | State::Asked(_) | State::Gathering(_) | State::Staging(_) => None,
            State::Opening(_) | State::Publishing(..) | State::Leaving(..) | State::Closed => None,
        }
    }

    fn ask_all(&mut self, out: &mut Out<Receiver>) {
        let helpers = self.shares().map(|shares| shares.helpers()).unwrap_or_default();
        self.ask(&helpers, out);
    }

    fn ask(&mut self, helpers: &[Helper], out: &mut Out<Receiver>) {
        let Some(shares) = self.shares() else { return };
        for helper in helpers {
            if let Some(ranges) = shares.next_for(*helper) {
                out.event(OpEvent::Share(ShareEvent::Ask(*helper, ranges)));
            }
        }
    }

    fn on_brought(&mut self, helper: Helper, brought: Brought, out: &mut Out<Receiver>) {
        let credit = brought.credit();
        match self.shares().and_then(|shares| shares.brought(helper, brought)) {
            Some(pieces) => {
                self.write_brought(helper, pieces, out);
                self.ask(&[helper], out);
            }
            None => out.event(OpEvent::Share(ShareEvent::Stored(helper, credit))),
        }
    }

    fn write_brought(&mut self, helper: Helper, pieces: Vec<Piece>, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, lease) = &mut self.state else { return };
        for piece in pieces {
            let credit = piece.credit();
            let begun = incoming.blocks.brings(&piece);
            debug_assert!(begun.is_ok(), "a block is asked of one at a time: {begun:?}");
            for ticket in incoming.write(vec![piece], *lease, &mut self.tickets, out) {
                if let Some((_, own)) = incoming.writing.get_mut(&ticket) {
                    *own = 0;
                }
                if let Some(shares) = &mut incoming.shares {
                    shares.writing(ticket, helper, credit);
                }
            }
        }
    }

    /// A write is over: of what a helper brought the credit is its own, and what it settles may be told of.
    pub(super) fn on_brought_written(&mut self, ticket: Ticket, extent: &Extent, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, _) = &mut self.state else { return };
        let Some(mut shares) = incoming.shares.take() else { return };
        let mut blocks = core::mem::take(&mut incoming.blocks);
        let whose = shares.written(ticket, extent, &mut blocks, |block| incoming.is_written(block));
        incoming.blocks = blocks;
        incoming.shares = Some(shares);
        if let Some((helper, credit)) = whose {
            out.event(OpEvent::Share(ShareEvent::Stored(helper, credit)));
            self.ask_all(out);
            self.settle_shares(out);
        }
    }

    /// Tells the own peer of what is settled by now. Once all is, no helper is needed.
    fn settle_shares(&mut self, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, _) = &mut self.state else { return };
        let Some(shares) = &incoming.shares else { return };
        let (is_whole, is_alone) = (shares.is_whole(), shares.is_alone());
        if is_whole {
            incoming.shares = None;
            if !is_alone {
                mark(Mark::SharedWhole);
                out.event(OpEvent::Share(ShareEvent::Whole));
            }
        }
        incoming.turn_pages();
        self.tell(0, out);
        self.try_commit(out);
    }
}
