//! What other connections brought of an upload (see `taker`). The store alone knows of it, and is asked once all has been
//! said over the own connection. From then on nothing comes but over that.

use super::super::assembly::{Fill, Piece};
use super::super::incoming::Incoming;
use super::{Receiver, State};
use crate::probe::{Mark, mark, mark_if};
use crate::proto::machine::Out;
use crate::proto::storage::{BlockSet, NameOp, StoreError, StoreOp};
use crate::wire::{Code, Cv, limits};

impl Receiver {
    /// Something is missing, or others have written: what have they brought? True if the store is asked.
    pub(super) fn gather_others(&mut self, out: &mut Out<Receiver>) -> bool {
        let State::Receiving(incoming, lease) = &mut self.state else { return false };
        let is_upload = incoming.offer.version == 0 && incoming.offer.length > limits::EXTENT;
        if !is_upload || incoming.is_gathered {
            return false;
        }
        incoming.is_gathered = true;
        incoming.gathering = true;
        self.tickets.issue(StoreOp::Name(NameOp::Gather { lease: *lease }), out);
        true
    }

    /// The store published nothing. If it is that others have written, and it is not known what, that can be helped.
    pub(super) fn unpublish(&mut self, error: StoreError, out: &mut Out<Receiver>) {
        let is_untold = |incoming: &Incoming| error.code == Code::UNEXPECTED && !incoming.is_gathered;
        if !matches!(&self.state, State::Publishing(incoming, ..) if is_untold(incoming)) {
            return self.leave(Err(error.into()), out);
        }
        if let State::Publishing(incoming, lease, _) = core::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Receiving(incoming, lease);
        }
        self.gather_others(out);
    }

    /// Blocks that one other connection alone has written are what it hashed. Where more than one has, this one among them,
    /// what is there is hashed once more.
    pub(super) fn on_gathered(&mut self, landed: &[(u32, Cv)], doubtful: &BlockSet, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, lease) = &mut self.state else { return };
        incoming.gathering = false;
        mark_if(Mark::BlocksGathered, || !landed.is_empty());
        let shape = incoming.shape();
        let mut again: Vec<(u32, Cv)> = Vec::new();
        for (block, cv) in landed.iter().filter(|(block, _)| *block < shape.blocks()) {
            match incoming.blocks.have(*block, block + 1)[0] {
                Some(own) => again.push((*block, own)),
                None if doubtful.contains(*block) => again.push((*block, *cv)),
                None => incoming.blocks.landed(*block, *cv),
            }
        }
        let told: BlockSet = landed.iter().map(|(block, _)| *block).collect();
        for block in (0..shape.blocks()).filter(|block| doubtful.contains(*block)) {
            if let Some(own) = incoming.blocks.have(block, block + 1)[0]
                && !told.contains(block)
            {
                again.push((block, own));
            }
        }
        for (block, claim) in again {
            mark(Mark::BlockContested);
            incoming.blocks.doubt(block);
            let mut start = shape.block_start(block);
            while start < shape.block_end(block) {
                let end = (start + shape.unit).min(shape.block_end(block));
                let is_last = end == shape.block_end(block);
                let claims = if is_last { vec![(block, claim)] } else { Vec::new() };
                let piece = Piece { claims, ..Piece::new(shape.extent(start, end), Fill::Held) };
                let begun = incoming.blocks.begin(&piece);
                debug_assert!(begun.is_ok(), "nothing else comes now: {begun:?}");
                incoming.write(vec![piece], *lease, &mut self.tickets, out);
                start = end;
            }
        }
        self.try_commit(out);
    }
}
