//! What happens, as a stream that holds nobody up: whoever does not keep up misses some, and is told how many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// Events that wait for who reads them.
const WAITING_MAX: usize = 4096;

/// What happens, in its order, from when this was asked for. Ends when there is nobody any more who could tell something.
///
/// It implements no `Stream`, which is not in the standard library: [`next`](Events::next) is all that a loop needs, and for the
/// combinators of others `futures::stream::poll_fn(move |cx| events.poll_next(cx))` is one.
#[derive(Debug)]
pub struct Events<E> {
    queue: Receiver<E>,
    missed: Arc<AtomicU64>,
}

impl<E> Events<E> {
    /// The next event; `None` after the last. May be dropped at any point: nothing is lost.
    pub async fn next(&mut self) -> Option<E> {
        self.queue.recv().await
    }

    /// The same, as a poll.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<E>> {
        self.queue.poll_recv(cx)
    }

    /// The next event, if it is there.
    pub fn try_next(&mut self) -> Option<E> {
        self.queue.try_recv().ok()
    }

    /// How many events were left out since this was asked last, since 4,096 waited to be read already.
    pub fn missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

/// The other end of [`Events`].
#[derive(Debug)]
pub struct EventSink<E> {
    queue: Sender<E>,
    missed: Arc<AtomicU64>,
}

/// Both ends.
pub fn event_sink<E>() -> (EventSink<E>, Events<E>) {
    let (queue, events) = channel(WAITING_MAX);
    let missed = Arc::<AtomicU64>::default();
    (EventSink { queue, missed: Arc::clone(&missed) }, Events { queue: events, missed })
}

impl<E> EventSink<E> {
    /// False if nobody listens any more.
    pub fn tell(&self, event: E) -> bool {
        match self.queue.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

/// Tells everybody who listens. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Teller<E> {
    listeners: Arc<Mutex<Vec<EventSink<E>>>>,
}

impl<E> Default for Teller<E> {
    fn default() -> Self {
        Teller { listeners: Arc::default() }
    }
}

impl<E: Clone> Teller<E> {
    /// What is told from now on.
    pub fn listen(&self) -> Events<E> {
        let (sink, events) = event_sink();
        self.sinks().push(sink);
        events
    }

    /// Tells all.
    pub fn tell(&self, event: &E) {
        self.sinks().retain(|sink| sink.tell(event.clone()));
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<EventSink<E>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next<E>(events: &mut Events<E>) -> Poll<Option<E>> {
        events.poll_next(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn each_listener_is_told_all_in_order_until_nobody_tells() {
        let teller = Teller::default();
        teller.tell(&0);
        let (mut one, two) = (teller.listen(), teller.listen());
        teller.tell(&1);
        drop(two);
        teller.tell(&2);
        assert_eq!(teller.sinks().len(), 1, "who does not listen any more is forgotten");
        assert_eq!((next(&mut one), next(&mut one)), (Poll::Ready(Some(1)), Poll::Ready(Some(2))));
        assert!(next(&mut one).is_pending());
        drop(teller);
        assert_eq!(next(&mut one), Poll::Ready(None));
    }

    #[test]
    fn who_does_not_read_costs_a_fixed_amount_and_is_told_what_was_missed() {
        let teller = Teller::default();
        let mut events = teller.listen();
        for number in 0..WAITING_MAX + 7 {
            teller.tell(&number);
        }
        assert_eq!((events.missed(), events.missed()), (7, 0));
        assert_eq!(next(&mut events), Poll::Ready(Some(0)));
        teller.tell(&9);
        assert_eq!(std::iter::from_fn(|| events.try_next()).count(), WAITING_MAX);
        assert_eq!(events.missed(), 0);
    }
}
