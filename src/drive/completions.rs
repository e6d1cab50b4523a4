//! One machine's use of a store: its completions, and the leases that end with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::disk::{Reply, Submit, ends, opens, opens_file};
use crate::probe::{Bug, planted};
use crate::proto::storage::{Lease, StoreOp, Stored, Ticket};

/// One machine's use of a store: its completions, and the leases that end with it.
pub struct Completions {
    disk: Arc<dyn Submit>,
    reply: Reply,
    inbox: UnboundedReceiver<(Ticket, Stored)>,
    /// Leases that the machine holds.
    held: BTreeSet<Lease>,
    /// What the operations under way will end.
    ending: BTreeMap<Ticket, Lease>,
}

impl Completions {
    /// For one machine.
    pub fn new(disk: Arc<dyn Submit>) -> Completions {
        let (reply, inbox) = unbounded_channel();
        Completions { disk, reply, inbox, held: BTreeSet::new(), ending: BTreeMap::new() }
    }

    pub(super) fn submit(&mut self, ticket: Ticket, op: StoreOp) {
        if let StoreOp::Name(name) = &op
            && let Some(lease) = ends(name)
        {
            self.ending.insert(ticket, lease);
        }
        self.disk.submit(ticket, op, &self.reply);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Ticket, Stored)> {
        match self.inbox.poll_recv(cx) {
            Poll::Ready(Some((ticket, stored))) => {
                let ended = self.ending.remove(&ticket);
                self.held.extend(opened(&stored));
                if let (Stored::Name(Ok(_)), Some(lease)) = (&stored, ended) {
                    self.held.remove(&lease);
                }
                Poll::Ready((ticket, stored))
            }
            // The channel cannot close: `reply` is held here.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        self.inbox.close();
        while let Ok((_, stored)) = self.inbox.try_recv() {
            self.held.extend(opened(&stored));
        }
        if planted(Bug::ForgetLeases) {
            return;
        }
        for lease in std::mem::take(&mut self.held) {
            self.disk.abandon(lease);
        }
    }
}

/// The lease that a completion opens.
fn opened(stored: &Stored) -> Option<Lease> {
    match stored {
        Stored::Name(Ok(done)) => opens(done),
        Stored::File(Ok(done)) => opens_file(done),
        Stored::Block(_) | Stored::Stream(_) | Stored::Name(Err(_)) | Stored::File(Err(_)) => None,
    }
}
