//! The rate of each key, over all its connections together. A connection is allowed a *quantum* of bytes at a time, and asks for the next
//! one when that is used up; what has come beyond it by then is owed by the key, and paid off before any of its connections is allowed
//! more. So a key has its rate in the long run however many connections it opens, one after another too, and they take turns. Nothing is
//! dropped for it and nothing fails: a connection that is not allowed anything is not read from, and sends no data.

use std::collections::{BTreeMap, VecDeque};

use super::ConnectionId;
use crate::proto::bucket::{Bucket, Flow};
use crate::proto::storage::Owner;
use crate::time::Time;

/// Quanta in a burst: so many connections of a key may be allowed something at once.
const QUANTA: u64 = 4;
/// But no longer ones than that.
const QUANTUM_MAX: u64 = 1024 * 1024;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Pacing {
    keys: BTreeMap<Owner, Paced>,
    connections: BTreeMap<ConnectionId, Member>,
    /// Keys that are remembered at the most.
    most: usize,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Paced {
    flow: Flow,
    bucket: Bucket,
    /// Those who are to be allowed something, in turn.
    waiting: VecDeque<ConnectionId>,
    /// Connections that are there.
    present: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
struct Member {
    owner: Owner,
    /// What was taken for it and not accounted for.
    allowed: u64,
}

impl Paced {
    fn quantum(&self) -> u64 {
        (self.flow.burst / QUANTA).clamp(1, QUANTUM_MAX)
    }
}

impl Pacing {
    pub(super) fn new(most: usize) -> Pacing {
        Pacing { keys: BTreeMap::new(), connections: BTreeMap::new(), most }
    }

    /// A connection of a key that has this rate, in bytes a second: a second's worth of it may pass at once after silence.
    pub(super) fn enter(&mut self, now: Time, id: ConnectionId, owner: Owner, rate: u64) {
        self.keys.retain(|_, key| key.present > 0 || !key.bucket.is_full(now, &key.flow));
        if self.connections.contains_key(&id) {
            return;
        }
        let flow = Flow { bytes_per_second: rate, burst: rate };
        let new = Paced { flow, bucket: Bucket::FULL, waiting: VecDeque::new(), present: 0 };
        let key = self.keys.entry(owner).or_insert(new);
        // The keys may have been read again.
        key.flow = flow;
        key.present += 1;
        key.waiting.push_back(id);
        self.connections.insert(id, Member { owner, allowed: 0 });
        self.forget(now);
    }

    /// Of keys that owe something and have nobody here, those that owe least are forgotten first.
    fn forget(&mut self, now: Time) {
        while self.keys.len() > self.most {
            let gone = self.keys.iter().filter(|(_, key)| key.present == 0);
            let least = gone.min_by_key(|(_, key)| key.bucket.lacks(now, &key.flow)).map(|(owner, _)| *owner);
            let Some(least) = least else { return };
            self.keys.remove(&least);
        }
    }

    /// What a connection has moved since it was allowed something; `more`: it is to be allowed more.
    pub(super) fn spent(&mut self, now: Time, id: ConnectionId, bytes: u64, more: bool) {
        let Some(member) = self.connections.get_mut(&id) else { return };
        let Some(key) = self.keys.get_mut(&member.owner) else { return };
        let allowed = core::mem::take(&mut member.allowed);
        key.bucket.spend(bytes.saturating_sub(allowed), now, &key.flow);
        key.bucket.give_back(allowed.saturating_sub(bytes));
        if more && !key.waiting.contains(&id) {
            key.waiting.push_back(id);
        }
    }

    /// It is gone; what it was allowed and has not accounted for counts as used.
    pub(super) fn leave(&mut self, id: ConnectionId) {
        let Some(Member { owner, .. }) = self.connections.remove(&id) else { return };
        if let Some(key) = self.keys.get_mut(&owner) {
            key.present -= 1;
            key.waiting.retain(|waiting| *waiting != id);
        }
    }

    /// Who is allowed so many bytes now.
    pub(super) fn allow(&mut self, now: Time) -> Vec<(ConnectionId, u64)> {
        let mut allowed = Vec::new();
        for key in self.keys.values_mut() {
            while !key.waiting.is_empty() && key.bucket.ready_at(&key.flow) <= now {
                let quantum = key.quantum();
                let Some(id) = key.waiting.pop_front() else { break };
                key.bucket.spend(quantum, now, &key.flow);
                if let Some(member) = self.connections.get_mut(&id) {
                    member.allowed += quantum;
                }
                allowed.push((id, quantum));
            }
        }
        allowed
    }

    /// When somebody who waits is allowed more.
    pub(super) fn deadline(&self) -> Option<Time> {
        let waited_for = self.keys.values().filter(|key| !key.waiting.is_empty());
        waited_for.map(|key| key.bucket.ready_at(&key.flow)).min()
    }

    pub(super) const EACH: usize = size_of::<(Owner, Paced)>() + size_of::<(ConnectionId, Member)>() + 32;

    pub(super) fn footprint(&self) -> usize {
        self.keys.len() * size_of::<(Owner, Paced)>()
            + self.connections.len() * size_of::<(ConnectionId, Member)>()
            + self.keys.values().map(|key| key.waiting.len() * size_of::<ConnectionId>()).sum::<usize>()
    }

    pub(super) fn rebase(&mut self, now: Time) {
        for key in self.keys.values_mut() {
            key.bucket.rebase(now, &key.flow);
        }
    }
}
