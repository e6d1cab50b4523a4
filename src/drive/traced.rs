//! What machines tell, as spans and events of `tracing`: machines know nothing of it, and where nobody subscribes it costs a branch an
//! event. A span `connection` lives as long as one does, and in it a span `operation` for each operation. What came from a peer is
//! escaped: paths and failures escape themselves.

use std::collections::BTreeMap;
use std::fmt::Display;

use tracing::{Level, Span, debug, info, info_span, trace, warn};

use super::{Door, Traffic};
use crate::identity::PublicKey;
use crate::net::Peer;
use crate::proto::EchoEnd;
use crate::proto::op::{Moved, OpDone, OpEvent, OpResult, Summed};
use crate::proto::session::{Began, Event, SessionEnd, Tag};

/// One connection of a server's.
pub(super) struct Traced {
    connection: u64,
    span: Span,
    traffic: Traffic,
    operations: BTreeMap<Tag, Span>,
    begun: u64,
    failed: u64,
    is_heard: bool,
}

impl Traced {
    /// A connection that was accepted; what goes over it counts in `all` as well.
    pub(super) fn new(connection: u64, peer: Peer, door: Door, all: &Traffic) -> Traced {
        let is_heard = tracing::enabled!(Level::INFO);
        let traffic = if is_heard { all.apart() } else { all.clone() };
        let door = match door {
            Door::Files => "files",
            Door::Guarded => "files over TLS",
            Door::Echo => "echo",
        };
        let span = info_span!("connection", connection, %peer, door, key = tracing::field::Empty);
        debug!(parent: &span, "accepted");
        Traced { connection, span, traffic, operations: BTreeMap::new(), begun: 0, failed: 0, is_heard }
    }

    /// Who it is: by name in every line from now on.
    pub(super) fn on_known(&self, name: &str, key: &PublicKey) {
        self.span.record("key", name);
        debug!(parent: &self.span, fingerprint = %key.fingerprint(), "known");
    }

    /// Somebody whom nobody knows.
    pub(super) fn on_unknown(&self, key: &PublicKey) {
        warn!(parent: &self.span, fingerprint = %key.fingerprint(), %key, "a key that is not authorised");
    }

    /// Counts the connection's bytes.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    /// What the connection's task runs in.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(super) fn on_event(&mut self, event: &Event) {
        if !self.is_heard {
            return;
        }
        match event {
            Event::Ready { version, .. } => debug!(parent: &self.span, version, "the handshake is done"),
            Event::Began(tag, began) => self.on_began(*tag, began),
            Event::Op(tag, OpEvent::Progress(bytes)) => {
                trace!(parent: self.operation(*tag), bytes, "progress");
            }
            Event::Finished(tag, result) => self.on_finished(*tag, result),
            Event::Spent { bytes, .. } => trace!(parent: &self.span, bytes, "paced"),
            Event::Op(..) | Event::GoingAway => {}
        }
    }

    fn on_began(&mut self, tag: Tag, began: &Began) {
        self.begun += 1;
        let connection = self.connection;
        let span = info_span!(
            parent: &self.span,
            "operation",
            connection,
            operation = tag.0,
            what = began.name(),
            path = %began.path()
        );
        debug!(parent: &span, "begun");
        self.operations.insert(tag, span);
    }

    fn on_finished(&mut self, tag: Tag, result: &OpResult) {
        let span = self.operations.remove(&tag).unwrap_or_else(|| self.span.clone());
        match result {
            Ok(done) => {
                info!(parent: &span, bytes = bytes_of(done), outcome = "done", "an operation is over")
            }
            Err(error) => {
                self.failed += 1;
                warn!(parent: &span, outcome = "failed", %error, "an operation is over");
            }
        }
    }

    fn operation(&self, tag: Tag) -> &Span {
        self.operations.get(&tag).unwrap_or(&self.span)
    }

    /// The one line that every session ends with.
    pub(super) fn on_closed(&self, end: &SessionEnd) {
        match end {
            SessionEnd::Orderly => self.over("orderly", None),
            SessionEnd::Lost(_) => self.over("lost", None),
            SessionEnd::Broken(failure) => self.over("dropped", Some(failure)),
            SessionEnd::ByPeer(failure) => self.over("given up by the peer", Some(failure)),
        }
    }

    /// The one line that every raw echo ends with.
    pub(super) fn on_echo_closed(&self, end: Option<EchoEnd>) {
        match end {
            Some(EchoEnd::Orderly) => self.over("orderly", None),
            Some(EchoEnd::Reset) => self.over("lost", None),
            Some(EchoEnd::Idle) => self.over("idle for too long", None),
            None => self.over("refused, or cut off", None),
        }
    }

    fn over(&self, outcome: &str, error: Option<&dyn Display>) {
        let (sent, received) = self.traffic.so_far();
        let (operations, failed) = (self.begun, self.failed);
        match error {
            None => {
                info!(parent: &self.span, operations, failed, sent, received, outcome, "a connection is over")
            }
            Some(error) => {
                warn!(
                    parent: &self.span, operations, failed, sent, received, outcome, %error, "a connection is over"
                );
            }
        }
    }
}

/// Bytes of files that an operation moved, or hashed.
fn bytes_of(done: &OpDone) -> u64 {
    match done {
        OpDone::Moved(Moved { length, .. }) | OpDone::Summed(Summed { length, .. }) => *length,
        OpDone::Given { bytes } | OpDone::Pulled { bytes } => *bytes,
        OpDone::Printed(_) | OpDone::Compared(_) | OpDone::Listed | OpDone::Described(_) => 0,
        OpDone::Removed | OpDone::Made | OpDone::Target(_) | OpDone::Resolved(_) => 0,
        OpDone::Tree(_) | OpDone::Echoed => 0,
    }
}
