//! The outcomes that are remembered, so that a retry after a lost answer does not act twice.

use std::collections::{BTreeMap, VecDeque};

use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::storage::RootId;
use crate::wire::{Attempt, Cv, RelPath, RequestId};

/// How many outcomes are remembered; the oldest goes first.
const REMEMBERED_MAX: usize = 4096;

/// What a request asks for, as a hash. A request id that comes back with another intent is another request: to answer
/// it with the first one's success would be a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Intent([u8; 32]);

impl Intent {
    /// Publish a file with this root hash at `path`.
    pub(super) fn publish(root: RootId, path: &RelPath, hash: Cv) -> Intent {
        Intent::new(b"publish", root, path, &hash.0)
    }

    /// Remove `path`.
    pub(super) fn remove(root: RootId, path: &RelPath) -> Intent {
        Intent::new(b"remove.", root, path, &[])
    }

    fn new(kind: &[u8; 7], root: RootId, path: &RelPath, hash: &[u8]) -> Intent {
        let mut hasher = blake3::Hasher::new();
        hasher.update(kind).update(&root.0.to_le_bytes()).update(hash).update(path.as_bytes());
        Intent(hasher.finalize().into())
    }
}

/// The requests that were begun or succeeded. In memory only: a retry that comes after the process ended acts again. Persisting it is
/// later work.
#[derive(Debug, Default)]
pub(super) struct Requests {
    known: BTreeMap<RequestId, Known>,
    /// Oldest first; the keys of `known`.
    order: VecDeque<RequestId>,
}

/// What is known of a request.
#[derive(Debug, Default)]
struct Known {
    /// The number of its latest attempt.
    attempt: u32,
    /// What it was carried out with.
    succeeded: Option<Intent>,
}

impl Requests {
    /// True if `request` has succeeded with this intent.
    pub(super) fn succeeded(&self, request: RequestId, intent: Intent) -> bool {
        self.known.get(&request).is_some_and(|known| known.succeeded == Some(intent))
    }

    /// An attempt begins, if there was no later one: what its client has given up must not come after what took its place.
    pub(super) fn begins(&mut self, attempt: Attempt) -> Result<(), String> {
        self.is_current(attempt)?;
        if let Some(known) = self.entry(attempt.request) {
            known.attempt = attempt.number;
        }
        Ok(())
    }

    /// Fails with the reason if there was a later attempt.
    pub(super) fn is_current(&self, attempt: Attempt) -> Result<(), String> {
        match self.known.get(&attempt.request) {
            Some(known) if known.attempt > attempt.number && !planted(Bug::ForgetAttempts) => {
                mark(Mark::Superseded);
                Err(format!("attempt {} of the same request took the place of this one", known.attempt))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Remembers a success; id 0 is never remembered.
    pub(super) fn remember(&mut self, request: RequestId, intent: Intent) {
        if !planted(Bug::ForgetRequests)
            && let Some(known) = self.entry(request)
        {
            known.succeeded = Some(intent);
        }
    }

    /// `None` for id 0.
    fn entry(&mut self, request: RequestId) -> Option<&mut Known> {
        if request == RequestId::default() {
            return None;
        }
        if !self.known.contains_key(&request) {
            self.order.push_back(request);
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Some(self.known.entry(request).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Intent, REMEMBERED_MAX, Requests};
    use crate::proto::storage::RootId;
    use crate::wire::{RelPath, RequestId};

    #[test]
    fn the_oldest_goes_first_and_zero_is_not_remembered() {
        let intent = Intent::remove(RootId(0), &RelPath::new("a").unwrap());
        let other = Intent::remove(RootId(0), &RelPath::new("b").unwrap());
        let mut requests = Requests::default();
        for id in 0..=REMEMBERED_MAX as u128 {
            requests.remember(RequestId(id), intent);
            requests.remember(RequestId(id), intent);
        }
        assert!(!requests.succeeded(RequestId(0), intent));
        assert!(requests.succeeded(RequestId(1), intent));
        assert!(!requests.succeeded(RequestId(1), other), "the same id for another intent");
        requests.remember(RequestId(u128::MAX), intent);
        assert!(!requests.succeeded(RequestId(1), intent));
        assert!(requests.succeeded(RequestId(2), intent));
        assert_eq!(requests.order.len(), requests.known.len());
    }
}
