//! What an operation has asked of the store.

use crate::proto::machine::{Effect, Machine, Out};
use crate::proto::storage::{Lease, NameOp, StoreOp, Ticket};

/// Gives out an operation's tickets, and knows how many are open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tickets {
    next: u64,
    pub(super) open: usize,
}

impl Tickets {
    /// What is issued next.
    pub(super) fn next(&self) -> Ticket {
        Ticket(self.next)
    }

    pub(super) fn issue<M: Machine>(&mut self, op: StoreOp, out: &mut Out<M>) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.open += 1;
        out.push(Effect::Store(ticket, op));
        ticket
    }

    pub(super) fn completed(&mut self) {
        self.open -= 1;
    }

    /// The end of an operation that reads a file: once nothing is awaited any more the file is closed; true once that is over, too.
    pub(super) fn end_with<M: Machine>(&mut self, lease: &mut Option<Lease>, out: &mut Out<M>) -> bool {
        if self.open > 0 {
            return false;
        }
        if let Some(lease) = lease.take() {
            self.issue(StoreOp::Name(NameOp::Release { lease }), out);
        }
        self.open == 0
    }
}
