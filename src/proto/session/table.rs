//! The open operations of a connection: how many, whose turn it is, which reads may begin.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Role, Tag};
use crate::probe::{Mark, mark, mark_if};
use crate::proto::Limits;
use crate::proto::op::{Operation, Stage};
use crate::proto::storage::{BlockOp, FileOp, StoreOp, Ticket};
use crate::wire::{Capabilities, OperationId, limits};

/// The operations of one connection.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Table {
    pub(super) role: Role,
    pub(super) limits: Limits,
    pub(super) open: BTreeMap<SlotId, Slot>,
    /// The slots of operations that the peer knows.
    pub(super) ids: BTreeMap<OperationId, SlotId>,
    pub(super) next_slot: u32,
    /// Operations of this client that are over here, and whose terminal reply is still to come.
    pub(super) leaving: BTreeSet<OperationId>,
    /// The highest operation begun.
    pub(super) last: OperationId,
    /// What the peer takes at once (client); until it has said so, what every server takes.
    pub(super) peer_operations: u32,
    pub(super) capabilities: Capabilities,
    /// The operation that sent bulk last.
    pub(super) turn: SlotId,
    /// The operation that data came for last.
    pub(super) data_from: SlotId,
    /// Reads that wait until enough of what was read is sent.
    pub(super) reads: VecDeque<(SlotId, Ticket, StoreOp)>,
    /// Bytes of reads under way.
    reading: BTreeMap<Ticket, usize>,
    /// Sums over what is open, so that no step walks over all of it.
    sums: Sums,
    /// Store operations under way.
    pub(super) storing: usize,
}

/// Names an operation within this side, in the order in which they began here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SlotId(pub(super) u32);

#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Slot {
    pub(super) operation: Operation,
    pub(super) tag: Tag,
    /// Given with the first frame, so that ids ascend on the wire: an offer waits for its source, an echo for credit.
    pub(super) id: Option<OperationId>,
    is_echo: bool,
    /// The terminal reply has been sent (server) or has come (client).
    is_answered: bool,
    /// As it was after its last step; counted in the sums.
    read_ahead: usize,
    /// The same.
    stage: Option<Stage>,
}

/// What the open operations come to together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Sums {
    /// Those with bulk to send.
    sending: BTreeSet<SlotId>,
    /// Bytes read ahead of what is sent, and of reads under way.
    held: usize,
    /// How many have no terminal reply yet.
    unanswered: usize,
    /// Those of them that are echoes.
    echoes: usize,
    /// How many transfers are how far.
    stages: BTreeMap<Stage, usize>,
}

impl Sums {
    fn moved(&mut self, before: Option<Stage>, after: Option<Stage>) {
        if let Some(before) = before
            && let Some(count) = self.stages.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.stages.remove(&before);
            }
        }
        if let Some(after) = after {
            *self.stages.entry(after).or_default() += 1;
        }
    }
}

impl Table {
    pub(super) fn new(role: Role, limits: &Limits) -> Table {
        Table {
            role,
            limits: limits.clone(),
            open: BTreeMap::new(),
            ids: BTreeMap::new(),
            next_slot: 1,
            leaving: BTreeSet::new(),
            last: OperationId::CONNECTION,
            peer_operations: limits::OPERATIONS_MIN,
            capabilities: Capabilities::default(),
            turn: SlotId(0),
            data_from: SlotId(0),
            reads: VecDeque::new(),
            reading: BTreeMap::new(),
            sums: Sums::default(),
            storing: 0,
        }
    }

    pub(super) fn peer_allows(&mut self, operations: u32, capabilities: Capabilities) {
        self.peer_operations = operations;
        self.capabilities = capabilities;
        self.open.values_mut().for_each(|slot| slot.operation.peer_can(Some(capabilities)));
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.leaving.len()
    }

    /// An operation that has been answered is over for the client; few of them may still wait for the store here.
    pub(super) fn is_full(&self) -> bool {
        let most = self.limits.operations as usize;
        self.sums.unanswered >= most || self.open.len() >= 2 * most
    }

    /// An operation begins.
    pub(super) fn insert(&mut self, operation: Operation, tag: Tag, id: Option<OperationId>) -> SlotId {
        let slot = SlotId(self.next_slot);
        self.next_slot = self.next_slot.saturating_add(1);
        self.ids.extend(id.map(|id| (id, slot)));
        let is_echo = operation.is_echo();
        let new = Slot { operation, tag, id, is_echo, is_answered: false, read_ahead: 0, stage: None };
        self.open.insert(slot, new);
        self.sums.unanswered += 1;
        self.sums.echoes += usize::from(is_echo);
        slot
    }

    /// An operation was stepped.
    pub(super) fn stepped(&mut self, id: SlotId) {
        let Some(slot) = self.open.get_mut(&id) else { return };
        let ahead = slot.operation.read_ahead();
        self.sums.held = self.sums.held + ahead - core::mem::replace(&mut slot.read_ahead, ahead);
        let stage = slot.operation.stage();
        let before = core::mem::replace(&mut slot.stage, stage);
        if before != stage {
            self.sums.moved(before, stage);
        }
        if slot.operation.wants_room() > 0 {
            self.sums.sending.insert(id);
        } else {
            self.sums.sending.remove(&id);
        }
    }

    /// The terminal reply has been sent, or has come.
    pub(super) fn answered(&mut self, id: SlotId) {
        if let Some(slot) = self.open.get_mut(&id)
            && !core::mem::replace(&mut slot.is_answered, true)
        {
            self.sums.unanswered -= 1;
            self.sums.echoes -= usize::from(slot.is_echo);
        }
    }

    /// An operation is over: gives it, and whether it was answered.
    pub(super) fn remove(&mut self, id: SlotId) -> Option<(Slot, bool)> {
        let slot = self.open.remove(&id)?;
        self.sums.held -= slot.read_ahead;
        self.sums.moved(slot.stage, None);
        self.sums.sending.remove(&id);
        self.sums.unanswered -= usize::from(!slot.is_answered);
        self.sums.echoes -= usize::from(!slot.is_answered && slot.is_echo);
        let is_answered = slot.is_answered;
        Some((slot, is_answered))
    }

    /// How many more operations the peer takes now.
    pub(super) fn spaces(&self) -> usize {
        (self.peer_operations as usize).saturating_sub(self.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True while so much waits for the store that nothing more may be read: frames without data, such as `Hole`, are not
    /// held back by credit.
    pub(super) fn is_clogged(&self) -> bool {
        self.storing >= self.limits.store_operations
    }

    /// True while there is work that only the peer can go on with; echoes may take their time.
    pub(super) fn waits_for_peer(&self) -> bool {
        self.sums.unanswered > self.sums.echoes && self.storing == 0 && self.reads.is_empty()
    }

    pub(super) fn last(&self) -> OperationId {
        self.last
    }

    pub(super) fn footprint(&self) -> usize {
        let slots: usize =
            self.open.values().map(|slot| size_of::<Slot>() + slot.operation.footprint()).sum();
        slots + self.leaving.len() * 16 + self.reads.capacity() * size_of::<(SlotId, Ticket, StoreOp)>()
    }

    /// What the operations that are open may take, and the reads that all of them share.
    pub(super) fn footprint_max(&self) -> usize {
        let most = |slot: &Slot| size_of::<Slot>() + slot.operation.footprint_max();
        let leaving = self.limits.operations as usize * 64;
        self.open.values().map(most).sum::<usize>() + leaving + self.limits.read_ahead + 64 * 1024
    }

    /// The next operation that has bulk to send and fits `budget`. One within an extent goes first, so that the peer
    /// holds back data of one transfer at the most.
    pub(super) fn next_turn(&mut self, budget: usize) -> Option<SlotId> {
        if self.sums.sending.is_empty() {
            return None;
        }
        let fits = |slot: &Slot| (1..=budget).contains(&slot.operation.wants_room());
        if let Some(slot) = self.open.get(&self.turn)
            && slot.operation.is_within_extent()
        {
            return fits(slot).then_some(self.turn);
        }
        let sending = &self.sums.sending;
        let after = sending.range((core::ops::Bound::Excluded(self.turn), core::ops::Bound::Unbounded));
        let up_to = sending.range(..=self.turn);
        let before = self.turn;
        self.turn = *after.chain(up_to).find(|id| self.open.get(id).is_some_and(fits))?;
        let still_sends = || self.open.get(&before).is_some_and(|slot| slot.operation.wants_room() > 0);
        mark_if(Mark::SendersTakeTurns, || self.turn != before && still_sends());
        Some(self.turn)
    }

    /// Bytes that each operation with bulk to send would send next.
    pub(super) fn wanted(&self) -> impl Iterator<Item = usize> {
        self.sums.sending.iter().filter_map(|id| self.open.get(id)).map(|slot| slot.operation.wants_room())
    }

    /// How far the transfer is that is furthest.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.sums.stages.last_key_value().map(|(stage, _)| *stage)
    }

    /// Reads that may begin now.
    pub(super) fn next_read(&mut self) -> Option<(Ticket, StoreOp)> {
        let (.., op) = self.reads.front()?;
        let length = read_length(op)?;
        let held = self.sums.held;
        if held > 0 && held + length > self.limits.read_ahead {
            mark(Mark::ReadsWait);
            return None;
        }
        let (_, ticket, op) = self.reads.pop_front()?;
        self.reading.insert(ticket, length);
        self.sums.held += length;
        Some((ticket, op))
    }

    /// An operation of the store's is over.
    pub(super) fn stored(&mut self, ticket: Ticket) {
        self.storing = self.storing.saturating_sub(1);
        self.sums.held -= self.reading.remove(&ticket).unwrap_or(0);
    }
}

/// Bytes that an operation on the store reads ahead of what is sent, at most; `None` for one that reads nothing to be sent.
pub(super) fn read_length(op: &StoreOp) -> Option<usize> {
    match op {
        StoreOp::Block(BlockOp::Read { shape, .. }) => Some(shape.length as usize),
        StoreOp::File(FileOp::Load { .. }) => usize::try_from(limits::BLOCK_MIN).ok(),
        StoreOp::File(FileOp::Stage { .. }) | StoreOp::Name(_) | StoreOp::Stream(_) => None,
        StoreOp::Block(BlockOp::Write { .. } | BlockOp::Zero { .. }) => None,
        StoreOp::Block(BlockOp::Check { .. } | BlockOp::Copy { .. } | BlockOp::Land { .. }) => None,
    }
}

/// An operation's ticket as the session's: the slot above, its own below.
pub(super) fn outer(slot: SlotId, ticket: Ticket) -> Ticket {
    Ticket(u64::from(slot.0) << 32 | ticket.0)
}

pub(super) fn inner(ticket: Ticket) -> (SlotId, Ticket) {
    let slot = u32::try_from(ticket.0 >> 32).unwrap_or(0);
    (SlotId(slot), Ticket(ticket.0 & 0xffff_ffff))
}
