//! The outcomes that are remembered, so that a retry after a lost answer does not act twice.

use std::collections::{BTreeMap, VecDeque};

use crate::probe::{Bug, planted};
use crate::proto::storage::RootId;
use crate::wire::{Cv, RelPath, RequestId};

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

/// The requests that succeeded. In memory only: a retry that comes after the process ended acts again. Persisting it is
/// later work.
#[derive(Debug, Default)]
pub(super) struct Requests {
    succeeded: BTreeMap<RequestId, Intent>,
    /// Oldest first; the keys of `succeeded`.
    order: VecDeque<RequestId>,
}

impl Requests {
    /// True if `request` has succeeded with this intent.
    pub(super) fn succeeded(&self, request: RequestId, intent: Intent) -> bool {
        self.succeeded.get(&request) == Some(&intent)
    }

    /// Remembers a success; id 0 is never remembered.
    pub(super) fn remember(&mut self, request: RequestId, intent: Intent) {
        if request == RequestId::default() || planted(Bug::ForgetRequests) {
            return;
        }
        if self.succeeded.insert(request, intent).is_none() {
            self.order.push_back(request);
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.succeeded.remove(&oldest);
        }
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
        assert_eq!(requests.order.len(), requests.succeeded.len());
    }
}
