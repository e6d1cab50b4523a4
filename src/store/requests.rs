//! The requests that were begun or succeeded below a root, so that a retry after a lost answer does not act twice. What
//! of it outlives the process is in the [`log`](super::log).

use std::collections::{BTreeMap, VecDeque};

use crate::probe::{Bug, Mark, mark, planted};
use crate::wire::{Attempt, Cv, RelPath, RequestId};

/// How many are remembered; the oldest goes first.
pub(super) const REMEMBERED_MAX: usize = 4096;
/// For how many seconds they are: longer than any client tries again.
pub(super) const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;

/// What a request asks for, as a hash. A request id that comes back with another intent is another request: to answer
/// it with the first one's success would be a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Intent(pub(super) [u8; 32]);

impl Intent {
    /// Publish a file with this root hash at `path`.
    pub(super) fn publish(path: &RelPath, hash: Cv) -> Intent {
        Intent::new(b"publish", path, &hash.0)
    }

    /// Remove `path`.
    pub(super) fn remove(path: &RelPath) -> Intent {
        Intent::new(b"remove.", path, &[])
    }

    fn new(kind: &[u8; 7], path: &RelPath, hash: &[u8]) -> Intent {
        let mut hasher = blake3::Hasher::new();
        hasher.update(kind).update(hash).update(path.as_bytes());
        Intent(hasher.finalize().into())
    }
}

/// The requests that are remembered.
#[derive(Debug, Default)]
pub(super) struct Requests {
    known: BTreeMap<RequestId, Known>,
    /// Oldest first; the keys of `known`.
    order: VecDeque<RequestId>,
}

/// What is known of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The number of its latest attempt.
    pub(super) attempt: u32,
    /// What it was carried out with.
    pub(super) succeeded: Option<Intent>,
    /// When that was, in seconds.
    pub(super) at: i64,
}

impl Requests {
    /// True if `request` has succeeded with this intent.
    pub(super) fn succeeded(&self, request: RequestId, intent: Intent) -> bool {
        self.known.get(&request).is_some_and(|known| known.succeeded == Some(intent))
    }

    /// True if `request` has succeeded, with whatever intent.
    pub(super) fn has_succeeded(&self, request: RequestId) -> bool {
        self.known.get(&request).is_some_and(|known| known.succeeded.is_some())
    }

    /// An attempt begins, if there was no later one: what its client has given up must not come after what took its place.
    pub(super) fn begins(&mut self, attempt: Attempt, now: i64) -> Result<(), String> {
        self.is_current(attempt)?;
        self.has_begun(attempt.request, attempt.number, now);
        Ok(())
    }

    /// There was this attempt, however late that is learnt.
    pub(super) fn has_begun(&mut self, request: RequestId, number: u32, now: i64) {
        if let Some(known) = self.entry(request, now) {
            known.attempt = known.attempt.max(number);
        }
    }

    /// Fails with the reason if there was a later attempt.
    pub(super) fn is_current(&self, attempt: Attempt) -> Result<(), String> {
        match self.known.get(&attempt.request) {
            Some(known) if known.attempt > attempt.number => {
                mark(Mark::Superseded);
                Err(format!("attempt {} of the same request took the place of this one", known.attempt))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Remembers a success; id 0 is never remembered.
    pub(super) fn remember(&mut self, request: RequestId, intent: Intent, now: i64) {
        if !planted(Bug::ForgetRequests)
            && let Some(known) = self.entry(request, now)
        {
            known.succeeded = Some(intent);
        }
    }

    /// What is to be remembered at `now`, oldest first.
    pub(super) fn remembered(&self, now: i64) -> impl Iterator<Item = (RequestId, Known)> + '_ {
        let all = self.order.iter().map(|request| (*request, self.known[request]));
        all.filter(move |(_, known)| !is_expired(known.at, now))
    }

    /// `None` for id 0.
    fn entry(&mut self, request: RequestId, now: i64) -> Option<&mut Known> {
        if request == RequestId::default() {
            return None;
        }
        if let Some(known) = self.known.get_mut(&request) {
            known.at = known.at.max(now);
        } else {
            self.order.push_back(request);
            self.known.insert(request, Known { at: now.max(0), ..Known::default() });
            self.forget(request, now);
        }
        self.known.get_mut(&request)
    }

    /// Makes room for `request`.
    fn forget(&mut self, request: RequestId, now: i64) {
        while let Some(oldest) = self.order.front().copied()
            && oldest != request
            && (self.order.len() > REMEMBERED_MAX || is_expired(self.known[&oldest].at, now))
        {
            self.order.pop_front();
            self.known.remove(&oldest);
        }
    }
}

/// True if what was done at `at` need not be remembered any more.
pub(super) fn is_expired(at: i64, now: i64) -> bool {
    at.saturating_add(REMEMBERED_SECONDS) < now
}

#[cfg(test)]
mod tests {
    use super::{Intent, REMEMBERED_MAX, REMEMBERED_SECONDS, Requests};
    use crate::wire::{RelPath, RequestId};

    #[test]
    fn the_oldest_goes_first_and_zero_is_not_remembered() {
        let intent = Intent::remove(&RelPath::new("a").unwrap());
        let other = Intent::remove(&RelPath::new("b").unwrap());
        let mut requests = Requests::default();
        for id in 0..=REMEMBERED_MAX as u128 {
            requests.remember(RequestId(id), intent, 0);
            requests.remember(RequestId(id), intent, 0);
        }
        assert!(!requests.succeeded(RequestId(0), intent));
        assert!(requests.succeeded(RequestId(1), intent));
        assert!(!requests.succeeded(RequestId(1), other), "the same id for another intent");
        requests.remember(RequestId(u128::MAX), intent, 0);
        assert!(!requests.succeeded(RequestId(1), intent));
        assert!(requests.succeeded(RequestId(2), intent));
        assert_eq!(requests.order.len(), requests.known.len());
    }

    #[test]
    fn what_is_old_goes() {
        let intent = Intent::remove(&RelPath::new("a").unwrap());
        let mut requests = Requests::default();
        requests.remember(RequestId(1), intent, 10);
        requests.remember(RequestId(2), intent, 11);
        requests.remember(RequestId(3), intent, 10 + REMEMBERED_SECONDS);
        assert!(requests.succeeded(RequestId(1), intent), "to the last second");
        assert_eq!(requests.remembered(11 + REMEMBERED_SECONDS).count(), 2);
        requests.remember(RequestId(4), intent, 11 + REMEMBERED_SECONDS);
        assert!(!requests.succeeded(RequestId(1), intent));
        assert!(requests.succeeded(RequestId(2), intent));
    }
}
