//! From frames to operations and back: which frame begins one, which ends one, and what their effects become.

use super::phase::Phase;
use super::table::{Slot, SlotId, inner, outer, read_length};
use super::{Began, Event, Request, Role, Session, Tag, Waits};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::machine::{Bulk, Effect, End, Out};
use crate::proto::op::{
    Answer, Ask, Comparison, Intake, OpEffect, OpError, OpEvent, OpInput, OpResult, Operation, Party, Pourer,
    Printer, Puller, Pusher, Question, Reader, Receiver, Sender, ShareOrder, Summary, Supplier, Taker,
};
use crate::proto::storage::{NameOp, RootId, StoreError, StoreOp, Stored, Ticket};
use crate::time::Time;
use crate::wire::{Body, Capabilities, Class, Code, Failure, OperationId};

/// True for the frames with which a server ends an operation.
fn is_terminal(body: &Body) -> bool {
    match body {
        Body::EchoReply(_) | Body::Failed(_) | Body::Done | Body::Committed(_) | Body::Metadata(_) => true,
        Body::LinkTarget(_) | Body::Resolved(_) => true,
        Body::Page(page) => page.last,
        Body::Hello(_) | Body::Refused(_) | Body::Ping(_) | Body::Pong(_) | Body::Credit(_) => false,
        Body::GoAway(_) | Body::Bye | Body::Echo(_) | Body::Cancel | Body::Offer(_) | Body::Get(_) => false,
        Body::Have(_) | Body::Data(_) | Body::Hole(_) | Body::Want(_) | Body::Commit(_) => false,
        Body::List(_) | Body::Next | Body::Stat(_) | Body::Remove(_) => false,
        Body::MakeFolder(_) | Body::MakeLink(_) | Body::ReadLink(_) | Body::Resolve(_) => false,
        Body::Sum(_) | Body::Read(_) | Body::Stream(_) | Body::End(_) | Body::Pull(_) => false,
        Body::Push(_) => false,
    }
}

/// True for the frames with which a client begins an operation.
fn begins(body: &Body) -> bool {
    matches!(
        body,
        Body::Echo(_)
            | Body::Stat(_)
            | Body::List(_)
            | Body::Remove(_)
            | Body::MakeFolder(_)
            | Body::MakeLink(_)
            | Body::ReadLink(_)
            | Body::Resolve(_)
            | Body::Get(_)
            | Body::Offer(_)
            | Body::Pull(_)
            | Body::Push(_)
            | Body::Sum(_)
            | Body::Read(_)
            | Body::Stream(_)
    )
}

impl Session {
    /// A client's operation begins.
    pub(super) fn start(&mut self, now: Time, tag: Tag, request: Request, out: &mut Out<Session>) {
        let may_begin = self.is_open() || self.phase == Phase::Handshake;
        let refusal = match (self.role, may_begin) {
            (Role::Server { .. }, _) => Some(OpError::us(Code::UNSUPPORTED, "a server begins no operations")),
            (Role::Client, false) => Some(OpError::us(Code::DRAINING, "the connection is not open")),
            (Role::Client, true) if self.table.spaces() == 0 => {
                Some(OpError::us(Code::TOO_MANY_OPERATIONS, ""))
            }
            (Role::Client, true) if self.table.next_slot == u32::MAX => {
                Some(OpError::us(Code::DRAINING, "the connection has used up its operation ids"))
            }
            (Role::Client, true) => None,
        };
        if let Some(error) = refusal {
            return out.event(Event::Finished(tag, Err(error)));
        }
        let limits = &self.limits;
        let operation: Operation = match request {
            Request::Ask(question) => Ask::new(question).into(),
            Request::List(path) => Ask::listing(path, limits.listed_max).into(),
            Request::Put { root, source, path, attempt } => {
                Sender::upload(root, source, path, attempt, limits).into()
            }
            Request::Fetch { root, at, get, start } => Receiver::asking(root, at, get, start, limits).into(),
            Request::Pull { get, length } => Puller::new(get, length).into(),
            Request::Push(what) => Pusher::new(what, limits).into(),
            Request::Print { stream, path, span, printed } => {
                Printer::new(stream, path, span, printed, limits).into()
            }
            Request::Pour { stream, to } => Pourer::new(stream, to, limits).into(),
            Request::Compare { root, source, path } => Comparison::new(root, source, path, limits).into(),
        };
        self.open(now, None, tag, operation, out);
    }

    /// `id` is the peer's, at a server.
    fn open(
        &mut self,
        now: Time,
        id: Option<OperationId>,
        tag: Tag,
        mut operation: Operation,
        out: &mut Out<Session>,
    ) {
        operation.peer_can((self.phase != Phase::Handshake).then_some(self.table.capabilities));
        let slot = self.table.insert(operation, tag, id);
        self.step_operation(now, slot, OpInput::Begin, out);
    }

    /// The operation decides whether it ends at once, or the server has to say how it ended.
    pub(super) fn cancel(&mut self, now: Time, tag: Tag, out: &mut Out<Session>) {
        let found = self.table.open.iter().find(|(_, slot)| slot.tag == tag).map(|(slot, _)| *slot);
        if let (Some(slot), Role::Client) = (found, self.role) {
            self.step_operation(now, slot, OpInput::Cancel, out);
        }
    }

    /// An operation that is over needs no order any more.
    pub(super) fn share(&mut self, now: Time, tag: Tag, order: ShareOrder, out: &mut Out<Session>) {
        let found = self.table.open.iter().find(|(_, slot)| slot.tag == tag).map(|(slot, _)| *slot);
        if let Some(slot) = found {
            self.step_operation(now, slot, OpInput::Share(order), out);
        }
    }

    pub(super) fn on_operation_frame(
        &mut self,
        now: Time,
        id: OperationId,
        body: Body,
        out: &mut Out<Session>,
    ) {
        if matches!(body, Body::Hole(_)) && !self.table.capabilities.has(Capabilities::HOLES) {
            return self.give_up(now, Failure::new(Code::UNEXPECTED, "Hole without the capability"), out);
        }
        if matches!(body, Body::Pull(_)) && !self.table.capabilities.has(Capabilities::PULLS) {
            return self.give_up(now, Failure::new(Code::UNEXPECTED, "Pull without the capability"), out);
        }
        if matches!(body, Body::Push(_)) && !self.table.capabilities.has(Capabilities::PUSHES) {
            return self.give_up(now, Failure::new(Code::UNEXPECTED, "Push without the capability"), out);
        }
        let known = self.table.ids.get(&id).copied();
        if let (Body::Data(_), Some(slot)) = (&body, known)
            && self.table.data_from != slot
        {
            let before = core::mem::replace(&mut self.table.data_from, slot);
            mark_if(Mark::ReceiversTakeTurns, || self.table.open.contains_key(&before));
            self.step_operation(now, before, OpInput::Flush, out);
        }
        if let Some(slot) = known {
            self.progress.moves(body.bulk() as u64);
            if self.role == Role::Client && is_terminal(&body) {
                self.table.answered(slot);
            }
            return self.step_operation(now, slot, OpInput::Received(body), out);
        }
        self.consumed(body.credit(), out);
        match self.role {
            Role::Client if self.table.leaving.contains(&id) => {
                if is_terminal(&body) {
                    self.table.leaving.remove(&id);
                }
            }
            Role::Server { root } if id > self.table.last => self.serve(now, root, id, body, out),
            Role::Server { .. } if begins(&body) => {
                let text = format!("{:?} under an operation id that was used already", body.kind());
                self.give_up(now, Failure::new(Code::UNEXPECTED, text), out);
            }
            // The operation is over here, and its peer did not know yet.
            Role::Server { .. } => {}
            Role::Client => {
                let text = format!("{:?} for an operation that is not open", body.kind());
                self.give_up(now, Failure::new(Code::UNEXPECTED, text), out);
            }
        }
    }

    /// A client's frame opens an operation.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every kind that begins nothing is the same mistake")]
    fn serve(&mut self, now: Time, root: RootId, id: OperationId, body: Body, out: &mut Out<Session>) {
        let kind = body.kind();
        let (operation, began): (Operation, Began) = match body {
            Body::Echo(bytes) => answer(root, Question::Echo(bytes)),
            Body::Stat(path) => answer(root, Question::Stat(path)),
            Body::List(path) => answer(root, Question::List(path)),
            Body::Remove(remove) => answer(root, Question::Remove(remove)),
            Body::MakeFolder(folder) => answer(root, Question::MakeFolder(folder)),
            Body::MakeLink(link) => answer(root, Question::MakeLink(link)),
            Body::ReadLink(path) => answer(root, Question::ReadLink(path)),
            Body::Resolve(path) => answer(root, Question::Resolve(path)),
            Body::Get(get) => {
                let began = Began::Get(get.path.clone());
                (Sender::download(root, get, &self.limits).into(), began)
            }
            Body::Read(read) => {
                let began = Began::Read(read.path.clone());
                (Reader::new(root, read, &self.limits).into(), began)
            }
            Body::Stream(stream) => {
                let began = Began::Stream(stream.path.clone());
                (Intake::new(root, stream, &self.limits).into(), began)
            }
            Body::Pull(get) => {
                let began = Began::Pull(get.path.clone());
                (Supplier::new(root, get, &self.limits).into(), began)
            }
            Body::Push(push) => {
                let began = Began::Push(push.path.clone());
                (Taker::new(root, push, &self.limits).into(), began)
            }
            Body::Sum(path) => (Summary::new(root, path.clone(), &self.limits).into(), Began::Sum(path)),
            Body::Offer(offer) => {
                let began = Began::Offer(offer.path.clone());
                (Receiver::offered(root, offer, &self.limits).into(), began)
            }
            _ => {
                let text = format!("{kind:?} for an operation that was not begun");
                return self.give_up(now, Failure::new(Code::UNEXPECTED, text), out);
            }
        };
        self.table.last = id;
        let refusal = if !self.phase.is_open() {
            Some(Failure::from(Code::DRAINING))
        } else if self.table.is_full() {
            Some(Failure::from(Code::TOO_MANY_OPERATIONS))
        } else {
            None
        };
        if let Some(failure) = refusal {
            return self.channel.send(id, Body::Failed(failure), out);
        }
        let tag = Tag(u64::from(id.0));
        let admitted = self.rights.admit(&began);
        out.event(Event::Began(tag, began));
        if let Err(failure) = admitted {
            // Whoever watches sees what was tried as well.
            out.event(Event::Finished(tag, Err(OpError { by: Party::Us, failure: failure.clone() })));
            return self.channel.send(id, Body::Failed(failure), out);
        }
        self.open(now, Some(id), tag, operation, out);
    }

    pub(super) fn on_stored(&mut self, now: Time, ticket: Ticket, stored: Stored, out: &mut Out<Session>) {
        self.table.stored(ticket);
        let (slot, ticket) = inner(ticket);
        self.step_operation(now, slot, OpInput::Stored(ticket, stored), out);
        self.begin_reads(out);
    }

    /// Steps an operation and carries its effects out.
    pub(super) fn step_operation(&mut self, now: Time, slot: SlotId, input: OpInput, out: &mut Out<Session>) {
        let Some(open) = self.table.open.get_mut(&slot) else { return };
        let mut effects = Vec::new();
        open.operation.step(now, input, &mut effects);
        let tag = open.tag;
        self.table.stepped(slot);
        for effect in effects {
            match effect {
                OpEffect::Transmit(body) => self.transmit(slot, body, out),
                OpEffect::Store(ticket, op) => self.on_operation_stores(now, slot, ticket, op, out),
                OpEffect::Event(OpEvent::Consumed(bytes)) => self.consumed(bytes, out),
                OpEffect::Event(event) => out.event(Event::Op(tag, event)),
                OpEffect::Close(result) => self.on_operation_closed(now, slot, result, out),
            }
        }
        self.begin_reads(out);
    }

    /// A server's operation means paths as its peer does. A path that cannot be meant was refused before.
    fn on_operation_stores(
        &mut self,
        now: Time,
        slot: SlotId,
        ticket: Ticket,
        op: StoreOp,
        out: &mut Out<Session>,
    ) {
        let confined = match self.role {
            Role::Client => Ok(op),
            Role::Server { .. } => {
                let op = self.with_owner(op);
                let failed = failure_of(&op);
                self.rights.confine(op).map_err(failed)
            }
        };
        match confined {
            Ok(op) if read_length(&op).is_some() => {
                self.table.reads.push_back((slot, outer(slot, ticket), op));
            }
            Ok(op) => self.store(outer(slot, ticket), op, out),
            Err(failed) => self.step_operation(now, slot, OpInput::Stored(ticket, failed), out),
        }
    }

    /// What is kept of an upload is its sender's.
    fn with_owner(&self, mut op: StoreOp) -> StoreOp {
        if let StoreOp::Name(NameOp::OpenPartial { owner, .. }) = &mut op {
            *owner = self.owner;
        }
        op
    }

    fn store(&mut self, ticket: Ticket, op: StoreOp, out: &mut Out<Session>) {
        self.table.storing += 1;
        out.push(Effect::Store(ticket, op));
    }

    fn transmit(&mut self, slot: SlotId, body: Body, out: &mut Out<Session>) {
        if !self.phase.speaks(self.role) {
            return;
        }
        mark_if(Mark::BeganWithHello, || self.phase == Phase::Handshake);
        if self.role != Role::Client && is_terminal(&body) {
            self.table.answered(slot);
        }
        let Some(open) = self.table.open.get_mut(&slot) else { return };
        let id = *open.id.get_or_insert_with(|| {
            let step = u32::from(!planted(Bug::ReuseOperationId));
            self.table.last = OperationId((self.table.last.0 + step).max(1));
            self.table.ids.insert(self.table.last, slot);
            self.table.last
        });
        self.channel.send(id, body, out);
    }

    fn begin_reads(&mut self, out: &mut Out<Session>) {
        while let Some((ticket, op)) = self.table.next_read() {
            self.store(ticket, op, out);
        }
    }

    fn on_operation_closed(&mut self, now: Time, slot: SlotId, result: OpResult, out: &mut Out<Session>) {
        let Some((Slot { operation, tag, id, .. }, is_answered)) = self.table.remove(slot) else { return };
        self.operation_counts();
        // What held a helper back held back the transfer that it helps.
        if self.role == Role::Client && !operation.helps() {
            let waits = self.meter.take(now);
            if waits != Waits::default() {
                out.event(Event::Op(tag, OpEvent::Waited(waits)));
            }
        }
        out.event(Event::Finished(tag, result.clone()));
        let Some(id) = id else { return };
        self.table.ids.remove(&id);
        if !self.phase.speaks(self.role) {
            return;
        }
        if let Err(OpError { by: Party::Us, failure }) = &result
            && failure.code.class() == Class::Protocol
        {
            return self.give_up(now, failure.clone(), out);
        }
        match (self.role, is_answered, result) {
            (_, true, _) => {}
            (Role::Server { .. }, false, Ok(_)) => self.channel.send(id, Body::Done, out),
            (Role::Server { .. }, false, Err(error)) => {
                self.channel.send(id, Body::Failed(error.failure), out)
            }
            (Role::Client, false, result) => {
                if result.is_err() {
                    self.channel.send(id, Body::Cancel, out);
                }
                self.table.leaving.insert(id);
            }
        }
    }

    /// The connection is over: every operation gives up.
    pub(super) fn end_operations(&mut self, now: Time, end: End, out: &mut Out<Session>) {
        self.table.leaving.clear();
        let open: Vec<SlotId> = self.table.open.keys().copied().collect();
        for slot in open {
            self.step_operation(now, slot, OpInput::Ended(end), out);
        }
        let lost = StoreError::new(Code::LOST, "");
        while let Some((slot, ticket, op)) = self.table.reads.pop_front() {
            let never_begun = failure_of(&op)(lost.clone());
            self.step_operation(now, slot, OpInput::Stored(inner(ticket).1, never_begun), out);
        }
    }

    /// Data of the peer's is no longer held.
    fn consumed(&mut self, bytes: u64, out: &mut Out<Session>) {
        if let Some(limit) = self.channel.inbound.consume(bytes)
            && self.phase.is_alive()
        {
            self.send(Body::Credit(limit), out);
        }
    }
}

/// How the failure of an operation on the store is told.
fn failure_of(op: &StoreOp) -> fn(StoreError) -> Stored {
    match op {
        StoreOp::Block(_) => |error| Stored::Block(Err(error)),
        StoreOp::File(_) => |error| Stored::File(Err(error)),
        StoreOp::Name(_) => |error| Stored::Name(Err(error)),
        StoreOp::Stream(_) => unreachable!("what an application gives is its own, and not read ahead"),
    }
}

fn answer(root: RootId, question: Question) -> (Operation, Began) {
    (Answer::new(root, question.clone()).into(), Began::Question(question))
}
