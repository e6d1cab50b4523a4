//! The open operations of a connection: opening, dispatch, turns, completions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Began, Event, Request, Role, Session, Tag};
use crate::proto::Limits;
use crate::proto::machine::{Effect, End, Out};
use crate::proto::op::{
    Answer, Ask, OpEffect, OpError, OpEvent, OpInput, OpResult, Operation, Party, Question, Receiver, Sender,
};
use crate::proto::storage::{BlockOp, RootId, StoreError, StoreOp, Stored, Ticket};
use crate::time::Time;
use crate::wire::{Body, Capabilities, Class, Code, Failure, OperationId};

/// The operations of one connection.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Table {
    role: Role,
    limits: Limits,
    open: BTreeMap<OperationId, Slot>,
    /// Operations of this client that are over here, and whose terminal reply is still to come.
    leaving: BTreeSet<OperationId>,
    /// The highest operation begun.
    last: OperationId,
    /// What the peer takes at once (client).
    peer_operations: u32,
    capabilities: Capabilities,
    /// The operation that sent bulk last.
    turn: OperationId,
    /// The operation that data came for last.
    data_from: OperationId,
    /// Reads that wait until enough of what was read is sent.
    reads: VecDeque<(OperationId, Ticket, BlockOp)>,
    /// Bytes of reads under way.
    reading: BTreeMap<Ticket, usize>,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Slot {
    operation: Operation,
    tag: Tag,
    /// The terminal reply has been sent (server) or has come (client).
    is_answered: bool,
}

impl Table {
    pub(super) fn new(role: Role, limits: &Limits) -> Table {
        Table {
            role,
            limits: limits.clone(),
            open: BTreeMap::new(),
            leaving: BTreeSet::new(),
            last: OperationId::CONNECTION,
            peer_operations: 0,
            capabilities: Capabilities::default(),
            turn: OperationId::CONNECTION,
            data_from: OperationId::CONNECTION,
            reads: VecDeque::new(),
            reading: BTreeMap::new(),
        }
    }

    pub(super) fn peer_allows(&mut self, operations: u32, capabilities: Capabilities) {
        self.peer_operations = operations;
        self.capabilities = capabilities;
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.leaving.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn last(&self) -> OperationId {
        self.last
    }

    pub(super) fn footprint(&self) -> usize {
        let slots: usize =
            self.open.values().map(|slot| size_of::<Slot>() + slot.operation.footprint()).sum();
        slots + self.leaving.len() * 16 + self.reads.capacity() * size_of::<(OperationId, Ticket, BlockOp)>()
    }

    /// What the operations that are open may take, and the reads that all of them share.
    pub(super) fn footprint_max(&self) -> usize {
        let most = |slot: &Slot| size_of::<Slot>() + slot.operation.footprint_max();
        let leaving = self.limits.operations as usize * 64;
        self.open.values().map(most).sum::<usize>() + leaving + self.limits.read_ahead + 64 * 1024
    }

    /// The next operation that has bulk to send and fits `budget`. One within an extent goes first, so that the peer
    /// holds back data of one transfer at the most.
    pub(super) fn next_turn(&mut self, budget: usize) -> Option<OperationId> {
        let fits = |slot: &Slot| (1..=budget).contains(&slot.operation.wants_room());
        if let Some(slot) = self.open.get(&self.turn)
            && slot.operation.is_within_extent()
        {
            return fits(slot).then_some(self.turn);
        }
        let after = self.open.range((core::ops::Bound::Excluded(self.turn), core::ops::Bound::Unbounded));
        let up_to = self.open.range(..=self.turn);
        self.turn = after.chain(up_to).find(|(_, slot)| fits(slot)).map(|(id, _)| *id)?;
        Some(self.turn)
    }

    /// Reads that may begin now.
    fn next_read(&mut self) -> Option<(Ticket, BlockOp)> {
        let (.., op) = self.reads.front()?;
        let length = read_length(op);
        let ahead: usize = self.open.values().map(|slot| slot.operation.read_ahead()).sum();
        let held = ahead + self.reading.values().sum::<usize>();
        if held > 0 && held + length > self.limits.read_ahead {
            return None;
        }
        let (_, ticket, op) = self.reads.pop_front()?;
        self.reading.insert(ticket, length);
        Some((ticket, op))
    }
}

fn read_length(op: &BlockOp) -> usize {
    match op {
        BlockOp::Read { shape, .. } | BlockOp::Write { shape, .. } | BlockOp::Zero { shape, .. } => {
            shape.length as usize
        }
    }
}

/// An operation's ticket as the session's: the operation above, its own below.
fn outer(operation: OperationId, ticket: Ticket) -> Ticket {
    Ticket(u64::from(operation.0) << 32 | ticket.0)
}

fn inner(ticket: Ticket) -> (OperationId, Ticket) {
    let operation = u32::try_from(ticket.0 >> 32).unwrap_or(0);
    (OperationId(operation), Ticket(ticket.0 & 0xffff_ffff))
}

/// True for the frames with which a server ends an operation.
fn is_terminal(body: &Body) -> bool {
    match body {
        Body::EchoReply(_) | Body::Failed(_) | Body::Done | Body::Committed(_) | Body::Metadata(_) => true,
        Body::Page(page) => page.last,
        Body::Hello(_) | Body::Refused(_) | Body::Ping(_) | Body::Pong(_) | Body::Credit(_) => false,
        Body::GoAway(_) | Body::Bye | Body::Echo(_) | Body::Cancel | Body::Offer(_) | Body::Get(_) => false,
        Body::Have(_) | Body::Data(_) | Body::Hole(_) | Body::Want(_) | Body::Commit(_) => false,
        Body::List(_) | Body::Next | Body::Stat(_) | Body::Remove(_) => false,
    }
}

impl Session {
    /// A client's operation begins.
    pub(super) fn start(&mut self, now: Time, tag: Tag, request: Request, out: &mut Out<Session>) {
        let refusal = match (self.role, self.phase.is_open()) {
            (Role::Server { .. }, _) => Some(OpError::us(Code::UNSUPPORTED, "a server begins no operations")),
            (Role::Client, false) => Some(OpError::us(Code::DRAINING, "the connection is not open")),
            (Role::Client, true) if self.table.len() >= self.table.peer_operations as usize => {
                Some(OpError::us(Code::TOO_MANY_OPERATIONS, ""))
            }
            (Role::Client, true) if self.table.last.0 == u32::MAX => {
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
            Request::Put { root, source, path, request } => {
                Sender::upload(root, source, path, request, limits).into()
            }
            Request::Fetch { root, at, get } => Receiver::asking(root, at, get, limits).into(),
        };
        let id = OperationId(self.table.last.0 + 1);
        self.open(now, id, tag, operation, out);
    }

    fn open(&mut self, now: Time, id: OperationId, tag: Tag, operation: Operation, out: &mut Out<Session>) {
        self.table.last = id;
        self.table.open.insert(id, Slot { operation, tag, is_answered: false });
        self.step_operation(now, id, OpInput::Begin, out);
    }

    /// Tells the server; the operation's own terminal reply ends it, one way or the other.
    pub(super) fn cancel(&mut self, tag: Tag, out: &mut Out<Session>) {
        let found = self.table.open.iter().find(|(_, slot)| slot.tag == tag).map(|(id, _)| *id);
        if let (Some(id), Role::Client) = (found, self.role)
            && self.phase.is_alive()
        {
            self.channel.send(id, Body::Cancel, out);
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
        if matches!(body, Body::Data(_)) && self.table.data_from != id {
            let before = core::mem::replace(&mut self.table.data_from, id);
            self.step_operation(now, before, OpInput::Flush, out);
        }
        if let Some(slot) = self.table.open.get_mut(&id) {
            slot.is_answered |= self.role == Role::Client && is_terminal(&body);
            return self.step_operation(now, id, OpInput::Received(body), out);
        }
        self.consumed(body.credit(), out);
        match self.role {
            Role::Client if self.table.leaving.contains(&id) => {
                if is_terminal(&body) {
                    self.table.leaving.remove(&id);
                }
            }
            Role::Server { root } if id > self.table.last => self.serve(now, root, id, body, out),
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
            Body::Get(get) => {
                let began = Began::Get(get.path.clone());
                (Sender::download(root, get, &self.limits).into(), began)
            }
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
            Some(Code::DRAINING)
        } else if self.table.len() >= self.limits.operations as usize {
            Some(Code::TOO_MANY_OPERATIONS)
        } else {
            None
        };
        if let Some(code) = refusal {
            return self.channel.send(id, Body::Failed(Failure::from(code)), out);
        }
        let tag = Tag(u64::from(id.0));
        out.event(Event::Began(tag, began));
        self.open(now, id, tag, operation, out);
    }

    pub(super) fn on_stored(&mut self, now: Time, ticket: Ticket, stored: Stored, out: &mut Out<Session>) {
        self.table.reading.remove(&ticket);
        let (id, ticket) = inner(ticket);
        self.step_operation(now, id, OpInput::Stored(ticket, stored), out);
        self.begin_reads(out);
    }

    /// Steps an operation and carries its effects out.
    pub(super) fn step_operation(
        &mut self,
        now: Time,
        id: OperationId,
        input: OpInput,
        out: &mut Out<Session>,
    ) {
        let Some(slot) = self.table.open.get_mut(&id) else { return };
        let mut effects = Vec::new();
        slot.operation.step(now, input, &mut effects);
        let tag = slot.tag;
        for effect in effects {
            match effect {
                OpEffect::Transmit(body) => self.transmit(id, body, out),
                OpEffect::Store(ticket, StoreOp::Block(op @ BlockOp::Read { .. })) => {
                    self.table.reads.push_back((id, outer(id, ticket), op));
                }
                OpEffect::Store(ticket, op) => out.push(Effect::Store(outer(id, ticket), op)),
                OpEffect::Event(OpEvent::Consumed(bytes)) => self.consumed(bytes, out),
                OpEffect::Event(event) => out.event(Event::Op(tag, event)),
                OpEffect::Close(result) => self.on_operation_closed(now, id, result, out),
            }
        }
        self.begin_reads(out);
    }

    fn transmit(&mut self, id: OperationId, body: Body, out: &mut Out<Session>) {
        if !self.phase.is_alive() {
            return;
        }
        if let (Role::Server { .. }, Some(slot)) = (self.role, self.table.open.get_mut(&id)) {
            slot.is_answered |= is_terminal(&body);
        }
        self.channel.send(id, body, out);
    }

    fn begin_reads(&mut self, out: &mut Out<Session>) {
        while let Some((ticket, op)) = self.table.next_read() {
            out.push(Effect::Store(ticket, StoreOp::Block(op)));
        }
    }

    fn on_operation_closed(&mut self, now: Time, id: OperationId, result: OpResult, out: &mut Out<Session>) {
        let Some(slot) = self.table.open.remove(&id) else { return };
        out.event(Event::Finished(slot.tag, result.clone()));
        if !self.phase.is_alive() {
            return;
        }
        if let Err(OpError { by: Party::Us, failure }) = &result
            && failure.code.class() == Class::Protocol
        {
            return self.give_up(now, failure.clone(), out);
        }
        match (self.role, slot.is_answered, result) {
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
        let open: Vec<OperationId> = self.table.open.keys().copied().collect();
        for id in open {
            self.step_operation(now, id, OpInput::Ended(end), out);
        }
        let lost = StoreError::new(Code::LOST, "");
        while let Some((id, ticket, _)) = self.table.reads.pop_front() {
            let never_begun = Stored::Block(Err(lost.clone()));
            self.step_operation(now, id, OpInput::Stored(inner(ticket).1, never_begun), out);
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

fn answer(root: RootId, question: Question) -> (Operation, Began) {
    (Answer::new(root, question.clone()).into(), Began::Question(question))
}
