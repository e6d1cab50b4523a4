//! The plan's faults: which is due, and what must not run ahead of it. Each waits for its own time, and one that comes
//! after another for that one: chains, which do not wait for one another.

use towline::harness::Side;

use super::disks::is_of_disk;
use super::facts::{Dial, Facts, Fuse};
use crate::plan::{Fault, Plan, What, When};
use crate::trace::{Kind, Lane};

/// What is to come.
pub(super) struct Script {
    faults: Vec<Fault>,
    /// When each happened.
    happened_ms: Vec<Option<u64>>,
    happened: usize,
    /// What waits for nothing but its own time: each fault by its place.
    waiting: Vec<(usize, Fault)>,
}

/// Where a stream is held up until the script has gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) dial: Dial,
    /// Whose bytes.
    pub(super) side: Side,
    /// How many are heard.
    pub(super) byte: u64,
}

/// How many bytes of `side` may be heard on a dial.
pub(super) fn allowed(gates: &[Gate], dial: Dial, side: Side) -> u64 {
    let here = gates.iter().filter(|gate| gate.dial == dial && gate.side == side);
    here.map(|gate| gate.byte).min().unwrap_or(u64::MAX)
}

impl Script {
    pub(super) fn new(plan: &Plan) -> Script {
        let (faults, happened_ms) = (plan.faults.clone(), vec![None; plan.faults.len()]);
        let mut script = Script { faults, happened_ms, happened: 0, waiting: Vec::new() };
        script.waiting = script.next_ones().collect();
        script
    }

    /// How many have happened: what they change changes with it.
    pub(super) fn happened(&self) -> usize {
        self.happened
    }

    fn waiting(&self) -> impl Iterator<Item = (usize, Fault)> {
        self.waiting.iter().copied()
    }

    /// What has not happened.
    pub(super) fn ahead(&self) -> impl Iterator<Item = Fault> {
        self.faults.iter().zip(&self.happened_ms).filter(|(_, at)| at.is_none()).map(|(fault, _)| *fault)
    }

    /// Looks for what waits for nothing but its own time.
    fn next_ones(&self) -> impl Iterator<Item = (usize, Fault)> {
        let is_next = |at: usize, fault: &Fault| match fault.when {
            When::After(_) => at.checked_sub(1).is_some_and(|before| self.happened_ms[before].is_some()),
            When::At(_) | When::Byte { .. } | When::Primitive { .. } => true,
        };
        let ahead = self.faults.iter().enumerate().filter(|(at, _)| self.happened_ms[*at].is_none());
        ahead.filter(move |(at, fault)| is_next(*at, fault)).map(|(at, fault)| (at, *fault))
    }

    fn due_of(&self, at: usize, when: When) -> Option<u64> {
        match when {
            When::At(ms) => Some(ms),
            When::After(ms) => {
                at.checked_sub(1).and_then(|before| self.happened_ms[before]).map(|past| past + ms)
            }
            When::Byte { .. } | When::Primitive { .. } => None,
        }
    }

    /// When the next fault comes, if that is known: in milliseconds, after `now`.
    pub(super) fn due_ms(&self, now: u64) -> Option<u64> {
        self.waiting().filter_map(|(at, fault)| self.due_of(at, fault.when)).filter(|at| *at > now).min()
    }

    /// True if something will happen however little does.
    pub(super) fn has_timed_ahead(&self) -> bool {
        self.waiting().any(|(_, fault)| fault.when.is_timed())
    }

    /// True if this client is to begin again, however little happens.
    pub(super) fn client_comes(&self, client: u32) -> bool {
        let comes = |(at, fault): (usize, &Fault)| {
            fault.what == What::StartClient(client) && self.happened_ms[at].is_none() && self.is_certain(at)
        };
        self.faults.iter().enumerate().any(comes)
    }

    /// True if a fault will happen however little does.
    fn is_certain(&self, at: usize) -> bool {
        let chain = (0..=at).rev();
        for link in chain {
            match (self.happened_ms[link], self.faults[link].when) {
                (Some(_), _) | (None, When::At(_)) => return true,
                (None, When::After(_)) => {}
                (None, When::Byte { .. } | When::Primitive { .. }) => return false,
            }
        }
        false
    }

    /// Takes a fault that is due; `heard` are the bytes that were heard of a side on the connection of a dial.
    pub(super) fn take(
        &mut self,
        facts: &mut Facts,
        heard: impl Fn(Dial, Side) -> Option<u64>,
    ) -> Option<What> {
        let is_time = |(at, fault): &(usize, Fault)| match fault.when {
            When::At(_) | When::After(_) => self.due_of(*at, fault.when).is_some_and(|ms| facts.now_ms >= ms),
            When::Byte { client, dial: number, side, byte } => {
                heard(Dial { client, number }, side).is_some_and(|heard| heard >= byte)
            }
            When::Primitive { .. } => fuse(fault).is_some_and(|fuse| facts.blown.contains(&fuse)),
        };
        // A server begins when none is left.
        let is_free =
            |(_, fault): &(usize, Fault)| fault.what != What::StartServer || !facts.server.is_stopping;
        let (at, fault) = self.waiting().filter(is_time).find(is_free)?;
        self.happened_ms[at] = Some(facts.now_ms);
        self.happened += 1;
        self.waiting = self.next_ones().collect();
        facts.outcome.faults_at_ms[at] = Some(facts.now_ms);
        let is_there = match fault.what {
            What::StartServer => facts.server.serves,
            What::StartClient(client) => facts.clients[client as usize].is_alive,
            // What waited for a primitive of a store came before it.
            what if is_of_disk(what) => matches!(fault.when, When::Primitive { .. }),
            _ => false,
        };
        if is_there {
            return self.take(facts, heard);
        }
        facts.record(Lane::FAULTS, None, Kind::Fault(fault.what));
        Some(fault.what)
    }

    /// Where streams are held up: what a fault waits for must not be missed. The byte of a partition or a
    /// hold is the last that is heard until what comes after it, although more may have arrived.
    pub(super) fn gates(&self) -> Vec<Gate> {
        let gate = |fault: &Fault| match fault.when {
            When::Byte { client, dial: number, side, byte } => {
                Some(Gate { dial: Dial { client, number }, side, byte })
            }
            When::At(_) | When::After(_) | When::Primitive { .. } => None,
        };
        let is_parted = |at: &usize| {
            let is_followed = self.faults.get(at + 1).is_some_and(|next| matches!(next.when, When::After(_)));
            self.happened_ms[*at].is_some()
                && matches!(self.faults[*at].what, What::Partition(..) | What::Hold(_))
                && is_followed
                && self.happened_ms[at + 1].is_none()
        };
        let parted = (0..self.faults.len()).filter(is_parted).filter_map(|at| gate(&self.faults[at]));
        self.waiting().filter_map(|(_, fault)| gate(&fault)).chain(parted).collect()
    }

    /// The primitives before which faults come.
    pub(super) fn fuses(&self, facts: &Facts) -> Vec<Fuse> {
        let ahead = self.waiting().filter_map(|(_, fault)| fuse(&fault));
        ahead.filter(|fuse| !facts.blown.contains(fuse)).collect()
    }
}

fn fuse(fault: &Fault) -> Option<Fuse> {
    match fault.when {
        When::Primitive { host, primitive, nth } => {
            let is_deadly = matches!(
                fault.what,
                What::KillServer | What::PowerLossServer | What::KillClient(_) | What::PowerLossClient(_)
            );
            Some(Fuse { host, primitive, nth, is_deadly, what: fault.what })
        }
        When::At(_) | When::After(_) | When::Byte { .. } => None,
    }
}
