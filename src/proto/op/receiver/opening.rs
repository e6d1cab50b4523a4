//! How a receiver begins: with a question or an offer, and with a partial, unless the file is small.

use super::super::OpEvent;
use super::super::incoming::Incoming;
use super::{Opening, Receiver, State};
use crate::proto::machine::{Effect, Out};
use crate::proto::storage::{Existing, NameDone, NameOp, Owner, StoreOp};
use crate::wire::{Attempt, Body, Offer, limits};

impl Receiver {
    pub(super) fn begin(&mut self, out: &mut Out<Receiver>) {
        let State::New(opening) = &self.state else { return };
        match opening.clone() {
            Opening::Offered(offer) => self.open(offer, out),
            Opening::Ask(get) => {
                out.push(Effect::Transmit((), Body::Get(get.clone())));
                self.state = State::Asked(get);
            }
        }
    }

    pub(super) fn open(&mut self, offer: Offer, out: &mut Out<Receiver>) {
        out.event(OpEvent::Started { length: offer.length });
        let mut incoming = Incoming::new(offer);
        if incoming.offer.length <= limits::BLOCK_MIN {
            out.push(Effect::Transmit((), Body::Have(incoming.holding.nothing())));
            self.state = State::Gathering(incoming);
        } else {
            self.open_partial(incoming, out);
        }
    }

    pub(super) fn open_partial(&mut self, incoming: Incoming, out: &mut Out<Receiver>) {
        let (root, offer) = (self.root, self.offer_here(&incoming));
        let open = NameOp::OpenPartial { root, offer, existing: Existing::Replace, owner: Owner::ANYBODY };
        self.state = State::Opening(incoming);
        self.tickets.issue(StoreOp::Name(open), out);
    }

    /// What is offered, as this side's store is to take it.
    pub(super) fn offer_here(&self, incoming: &Incoming) -> Offer {
        let attempt = Attempt { start: self.start, ..incoming.offer.attempt };
        Offer { path: self.at.clone(), attempt, ..incoming.offer.clone() }
    }

    pub(super) fn on_opened(&mut self, partial: NameDone, out: &mut Out<Receiver>) {
        let NameDone::Partial { lease, upload, held, basis } = partial else { return };
        let State::Opening(mut incoming) = core::mem::replace(&mut self.state, State::Closed) else { return };
        incoming.opened(upload, held, basis);
        if self.is_shared {
            incoming.share(out);
        }
        let early = core::mem::take(&mut incoming.early);
        incoming.look(lease, self.ahead, &mut self.tickets, out);
        self.state = State::Receiving(incoming, lease);
        self.tell(0, out);
        self.write(early, out);
        self.try_commit(out);
    }
}
