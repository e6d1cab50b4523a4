//! The plan's faults, one after another: which is due, and what must not run ahead of it.

use towline::harness::Side;
use towline::store::memory::Primitive;

use super::facts::Facts;
use crate::plan::{Fault, Plan, What, When};
use crate::trace::{Host, Kind};

/// What is to come.
pub(super) struct Script {
    faults: Vec<Fault>,
    next: usize,
    last_ms: u64,
}

impl Script {
    pub(super) fn new(plan: &Plan) -> Script {
        Script { faults: plan.faults.clone(), next: 0, last_ms: 0 }
    }

    /// The next fault.
    pub(super) fn ahead(&self) -> Option<Fault> {
        self.faults.get(self.next).copied()
    }

    /// When the next fault comes, if that is known: in milliseconds.
    pub(super) fn due_ms(&self) -> Option<u64> {
        match self.ahead()?.when {
            When::At(ms) => Some(ms),
            When::After(ms) => Some(self.last_ms + ms),
            When::Byte { .. } | When::Primitive { .. } => None,
        }
    }

    /// True if something will happen however little does.
    pub(super) fn has_timed_ahead(&self) -> bool {
        self.ahead().is_some_and(|fault| fault.when.is_timed())
    }

    /// True if a client is to begin.
    pub(super) fn client_comes(&self) -> bool {
        self.faults[self.next..].iter().any(|fault| fault.what == What::StartClient)
    }

    /// Takes the next fault if it is due; `heard` are the bytes that were heard of a side on the connection of a dial.
    pub(super) fn take(
        &mut self,
        facts: &mut Facts,
        heard: impl FnOnce(u32, Side) -> Option<u64>,
    ) -> Option<What> {
        let fault = self.ahead()?;
        let is_time = match fault.when {
            When::At(_) | When::After(_) => self.due_ms().is_some_and(|ms| facts.now_ms >= ms),
            When::Byte { dial, side, byte } => heard(dial, side).is_some_and(|heard| heard >= byte),
            When::Primitive { .. } => facts.server.is_dark,
        };
        // A server begins when none is left.
        if !is_time || (fault.what == What::StartServer && facts.server.serves) {
            return None;
        }
        self.next += 1;
        self.last_ms = facts.now_ms;
        facts.record(Host::FAULTS, None, Kind::Fault(fault.what));
        facts.outcome.faults_at_ms.push(facts.now_ms);
        Some(fault.what)
    }

    /// Where a stream is held up until the script has gone on: what the next fault waits for must not be missed. A
    /// partition's byte is the last that is heard until what comes after it, although more may have arrived.
    pub(super) fn gate(&self) -> Option<(u32, Side, u64)> {
        let last = self.next.checked_sub(1).and_then(|last| self.faults.get(last)).copied();
        let parted = last.filter(|fault| matches!(fault.what, What::Partition(_)));
        parted.or(self.ahead()).and_then(|fault| match fault.when {
            When::Byte { dial, side, byte } => Some((dial, side, byte)),
            When::At(_) | When::After(_) | When::Primitive { .. } => None,
        })
    }

    /// The primitive before which the next fault comes.
    pub(super) fn fuse(&self, facts: &Facts) -> Option<(Primitive, u32)> {
        match self.ahead()?.when {
            When::Primitive { primitive, nth } if !facts.server.is_dark => Some((primitive, nth)),
            When::At(_) | When::After(_) | When::Byte { .. } | When::Primitive { .. } => None,
        }
    }
}
