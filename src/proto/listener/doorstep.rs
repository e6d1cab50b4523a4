//! The connections that have not said who they are: they cost their peer nothing, so that there are few, and the oldest gives way.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConnectionId, Source};
use crate::time::{Duration, Time};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Doorstep {
    /// From accept to greeted.
    patience: Option<Duration>,
    /// By age, since numbers ascend and all have the same time; until when each may take.
    waiting: BTreeMap<ConnectionId, (Source, Option<Time>)>,
    sources: BTreeMap<Source, BTreeSet<ConnectionId>>,
}

impl Doorstep {
    pub(super) fn new(patience: Option<Duration>) -> Doorstep {
        Doorstep { patience, waiting: BTreeMap::new(), sources: BTreeMap::new() }
    }

    pub(super) fn enter(&mut self, now: Time, id: ConnectionId, source: Source) {
        self.waiting.insert(id, (source, self.patience.map(|patience| now + patience)));
        self.sources.entry(source).or_default().insert(id);
    }

    /// It has greeted, or is gone; false if it is not here.
    pub(super) fn leave(&mut self, id: ConnectionId) -> bool {
        let Some((source, _)) = self.waiting.remove(&id) else { return false };
        if let Some(ids) = self.sources.get_mut(&source) {
            ids.remove(&id);
            if ids.is_empty() {
                self.sources.remove(&source);
            }
        }
        true
    }

    /// How many are here.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many of them are from this address.
    pub(super) fn of(&self, source: Source) -> usize {
        self.sources.get(&source).map_or(0, BTreeSet::len)
    }

    /// The oldest one from this address.
    pub(super) fn oldest_of(&self, source: Source) -> Option<ConnectionId> {
        self.sources.get(&source)?.first().copied()
    }

    /// The oldest one of whichever address has the most: who sends many is the first to lose one.
    pub(super) fn oldest_of_most(&self) -> Option<ConnectionId> {
        let most = self.sources.values().max_by_key(|ids| (ids.len(), core::cmp::Reverse(ids.first())))?;
        most.first().copied()
    }

    /// When the first one has taken too long.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.waiting.first_key_value().and_then(|(_, (_, until))| *until)
    }

    /// Takes out one that has taken too long.
    pub(super) fn overdue(&mut self, now: Time) -> Option<ConnectionId> {
        let (id, (_, until)) = self.waiting.first_key_value()?;
        let id = (*until).is_some_and(|until| until <= now).then_some(*id)?;
        self.leave(id);
        Some(id)
    }

    pub(super) fn footprint(&self) -> usize {
        self.waiting.len() * Doorstep::EACH
    }

    /// Bytes of each.
    pub(super) const EACH: usize = size_of::<(ConnectionId, (Source, Option<Time>))>()
        + size_of::<(Source, BTreeSet<ConnectionId>)>()
        + size_of::<ConnectionId>();

    pub(super) fn rebase(&mut self, now: Time) {
        for (_, until) in self.waiting.values_mut() {
            *until = until.map(|until| Time::ZERO + until.since(now));
        }
    }
}
