//! One machine's use of a store: its completions, and the leases that end with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::disk::{Submit, ends, opens, opens_file};
use super::inbox::{Completed, Inbox, Reply};
use crate::probe::{Bug, planted};
use crate::proto::storage::{Lease, StoreOp, Stored, Ticket};

/// One machine's use of a store: its completions, and the leases that end with it.
pub struct Completions {
    disk: Arc<dyn Submit>,
    reply: Reply,
    inbox: Inbox,
    /// Asked for by the machine, and to be handed over together once it has been told all that there is to tell.
    gathered: Vec<(Ticket, StoreOp)>,
    /// Leases that the machine holds.
    held: BTreeSet<Lease>,
    /// What the operations under way will end.
    ending: BTreeMap<Ticket, Lease>,
}

impl Completions {
    /// For one machine.
    pub fn new(disk: Arc<dyn Submit>) -> Completions {
        let inbox = Inbox::default();
        let (reply, gathered) = (inbox.reply(), Vec::new());
        Completions { disk, reply, inbox, gathered, held: BTreeSet::new(), ending: BTreeMap::new() }
    }

    pub(super) fn submit(&mut self, ticket: Ticket, op: StoreOp) {
        if let StoreOp::Name(name) = &op
            && let Some(lease) = ends(name)
        {
            self.ending.insert(ticket, lease);
        }
        self.gathered.push((ticket, op));
        if !self.disk.takes_many() {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if !self.gathered.is_empty() {
            self.disk.submit(&mut self.gathered, &self.reply);
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Completed> {
        if self.inbox.is_drained() {
            self.hand_over();
        }
        match self.inbox.poll(cx) {
            Poll::Ready((ticket, stored)) => {
                let ended = self.ending.remove(&ticket);
                self.held.extend(opened(&stored));
                if let (Stored::Name(Ok(_)), Some(lease)) = (&stored, ended) {
                    self.held.remove(&lease);
                }
                Poll::Ready((ticket, stored))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        self.held.extend(self.inbox.close().iter().filter_map(|(_, stored)| opened(stored)));
        if planted(Bug::ForgetLeases) {
            return;
        }
        for lease in std::mem::take(&mut self.held) {
            self.disk.abandon(lease);
        }
    }
}

/// The lease that a completion opens.
pub(super) fn opened(stored: &Stored) -> Option<Lease> {
    match stored {
        Stored::Name(Ok(done)) => opens(done),
        Stored::File(Ok(done)) => opens_file(done),
        Stored::Block(_) | Stored::Stream(_) | Stored::Name(Err(_)) | Stored::File(Err(_)) => None,
    }
}
