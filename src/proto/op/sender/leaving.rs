//! How a sender ends: completions are awaited, and the source is closed.

use super::{Sender, State};
use crate::probe::{Bug, planted};
use crate::proto::machine::{Effect, Out};
use crate::proto::op::{OpError, OpResult};
use crate::proto::storage::{NameOp, StoreOp};
use crate::wire::{Body, Code};

impl Sender {
    /// Without a commit the receiver publishes nothing.
    pub(super) fn cancel(&mut self, out: &mut Out<Sender>) {
        match self.state {
            State::Committing(..) => out.push(Effect::Transmit((), Body::Cancel)),
            State::New | State::Opening | State::Sending(_) | State::Rechecking(_) => {
                self.leave(Err(OpError::us(Code::CANCELLED, "")), out);
            }
            State::Leaving(..) | State::Closed => {}
        }
    }

    pub(super) fn leave(&mut self, outcome: OpResult, out: &mut Out<Sender>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Sending(outgoing) | State::Rechecking(outgoing) | State::Committing(outgoing, _) => {
                outgoing.source.lease()
            }
            State::Leaving(_, lease) => lease,
            State::New | State::Opening | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    pub(super) fn go_on_leaving(&mut self, out: &mut Out<Sender>) {
        let State::Leaving(outcome, lease) = &mut self.state else { return };
        if self.tickets.open > 0 {
            return;
        }
        let is_kept = planted(Bug::KeepSource) && outcome.is_err();
        if let Some(lease) = lease.take().filter(|_| !is_kept) {
            self.tickets.issue(StoreOp::Name(NameOp::Release { lease }), out);
            return;
        }
        if let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed) {
            out.push(Effect::Close(outcome));
        }
    }
}
