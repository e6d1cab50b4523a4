//! A small file: nothing is done before all of it is there; then the store is asked once to open, write and hash it.

use super::{Receiver, State};
use crate::proto::machine::Out;
use crate::proto::storage::{Existing, FileOp, Lease, StoreOp, Ticket};
use crate::wire::Cv;

impl Receiver {
    /// Data of another transfer follows. A small file whose commit is still to come holds nothing back, either.
    pub(super) fn flush(&mut self, out: &mut Out<Receiver>) {
        self.gather(out);
        if let State::Gathering(incoming) = &self.state
            && !incoming.early.is_empty()
            && let State::Gathering(incoming) = core::mem::replace(&mut self.state, State::Closed)
        {
            self.open_partial(incoming, out);
        }
    }

    /// All of a small file has come, or all that its sender has.
    pub(super) fn store_whole(&mut self, out: &mut Out<Receiver>) {
        if !matches!(self.state, State::Gathering(_)) {
            return;
        }
        let State::Gathering(mut incoming) = core::mem::replace(&mut self.state, State::Closed) else {
            unreachable!("looked just now")
        };
        let Some(data) = incoming.take_whole(self.tickets.next()) else {
            return self.open_partial(incoming, out);
        };
        let (root, offer) = (self.root, Box::new(self.offer_here(&incoming)));
        let stage = FileOp::Stage { root, offer, data, existing: Existing::Replace };
        self.state = State::Staging(incoming);
        self.tickets.issue(StoreOp::File(stage), out);
    }

    pub(super) fn on_staged(&mut self, ticket: Ticket, lease: Lease, cvs: &[Cv], out: &mut Out<Receiver>) {
        let State::Staging(incoming) = core::mem::replace(&mut self.state, State::Closed) else { return };
        self.state = State::Receiving(incoming, lease);
        if cvs.is_empty() {
            return self.try_commit(out);
        }
        self.on_written(ticket, cvs, out);
    }
}
