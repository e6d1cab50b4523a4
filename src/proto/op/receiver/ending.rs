//! How a receiver ends: it publishes, or its partial is kept or dropped once nothing is under way in the store any more.

use super::super::incoming::Incoming;
use super::super::{Moved, OpDone, OpError, OpEvent, OpResult, Party, ROUNDS_MAX};
use super::{Receiver, State};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::machine::{Effect, Out};
use crate::proto::storage::{BlockSet, Lease, NameOp, StoreOp};
use crate::wire::{Body, Code, limits};

/// What becomes of a partial that is not published.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Rest {
    /// Whoever receives the same file next goes on with it; what is still being written counts once it is.
    Fill(Lease, Box<Incoming>),
    /// The same, with these blocks.
    Keep(Lease, BlockSet),
    Discard(Lease),
}

impl Receiver {
    /// Once the sender has committed and all is written: publishes, or asks for what is missing.
    pub(super) fn try_commit(&mut self, out: &mut Out<Receiver>) {
        let State::Receiving(incoming, _) = &mut self.state else { return };
        let Some(commit) = incoming.commit else { return };
        let is_writing = !incoming.writing.is_empty() && !planted(Bug::CommitWhileWriting);
        if is_writing || incoming.gathering || !incoming.holding.is_over() {
            return;
        }
        let root = incoming.blocks.root();
        if root.is_none() && self.gather_others(out) {
            return;
        }
        let State::Receiving(incoming, lease) = &mut self.state else { return };
        let Some(root) = root else {
            mark(Mark::BlocksWanted);
            incoming.commit = None;
            incoming.rounds += 1;
            if incoming.rounds > ROUNDS_MAX {
                let text = format!("the sender committed {ROUNDS_MAX} times without all blocks");
                return self.leave(Err(OpError::us(Code::BLOCK_DAMAGED, text)), out);
            }
            incoming.blocks.begin_round();
            let missing = incoming.blocks.missing(limits::WANT_MAX);
            return out.push(Effect::Transmit((), Body::Want(missing)));
        };
        if root != commit.root {
            let text = format!("received {root}, the sender has {}", commit.root);
            return self.leave(Err(OpError::us(Code::ROOT_MISMATCH, text)), out);
        }
        let publish = NameOp::Publish { lease: *lease, hash: root };
        if let State::Receiving(incoming, lease) = core::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Publishing(incoming, lease, root);
        }
        if planted(Bug::AnswerBeforePublish) {
            out.push(Effect::Transmit((), Body::Committed(root)));
        }
        self.tickets.issue(StoreOp::Name(publish), out);
    }

    /// The file is visible and durable, and only now its sender is told.
    pub(super) fn on_published(&mut self, out: &mut Out<Receiver>) {
        let State::Publishing(incoming, _, root) = &self.state else { return };
        let root = *root;
        let done = OpDone::Moved(Moved {
            length: incoming.offer.length,
            root,
            blocks_refused: incoming.blocks.refused,
            skipped: incoming.blocks.kept,
        });
        if !planted(Bug::AnswerBeforePublish) {
            out.push(Effect::Transmit((), Body::Committed(root)));
        }
        self.state = State::Leaving(Ok(done), None);
        self.go_on_leaving(out);
    }

    pub(super) fn can_be_stopped(&self) -> bool {
        !matches!(self.state, State::Publishing(..) | State::Leaving(..) | State::Closed)
    }

    pub(super) fn leave(&mut self, outcome: OpResult, out: &mut Out<Receiver>) {
        let rest = |lease, incoming: Incoming| match &outcome {
            Err(error) if is_worth_keeping(error) => Rest::Fill(lease, Box::new(incoming)),
            Ok(_) | Err(_) => Rest::Discard(lease),
        };
        let rest = match core::mem::replace(&mut self.state, State::Closed) {
            State::Receiving(incoming, lease) | State::Publishing(incoming, lease, _) => {
                Some(rest(lease, incoming))
            }
            State::Leaving(_, rest) => rest,
            State::New(_) | State::Asked(_) | State::Gathering(_) | State::Staging(_) => None,
            State::Opening(_) | State::Closed => None,
        };
        self.state = State::Leaving(outcome, rest);
        self.go_on_leaving(out);
    }

    pub(super) fn go_on_leaving(&mut self, out: &mut Out<Receiver>) {
        let State::Leaving(_, rest) = &mut self.state else { return };
        if self.tickets.open > 0 {
            return;
        }
        if let Some(rest) = rest.take().filter(|_| !planted(Bug::KeepPartial)) {
            let op = match rest {
                Rest::Fill(lease, incoming) => NameOp::Keep { lease, held: incoming.blocks.held() },
                Rest::Keep(lease, held) => NameOp::Keep { lease, held },
                Rest::Discard(lease) => NameOp::Discard { lease },
            };
            self.tickets.issue(StoreOp::Name(op), out);
            return;
        }
        if self.held > 0 {
            out.event(OpEvent::Consumed(core::mem::take(&mut self.held)));
        }
        if let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed) {
            out.push(Effect::Close(outcome));
        }
    }
}

/// What has arrived is of use to the next attempt, unless this side's disk failed, or the sender broke its word.
fn is_worth_keeping(error: &OpError) -> bool {
    match error.by {
        Party::Link | Party::Peer => true,
        Party::Us => error.failure.code == Code::CANCELLED,
    }
}
