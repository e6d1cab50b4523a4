//! Where a machine's completions arrive: many at once, for one wake-up and one lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::disk::lock;
use crate::proto::storage::{Stored, Ticket};

/// A completion, and what it completes.
pub type Completed = (Ticket, Stored);

/// Where completions go; a clone is the same place.
#[derive(Clone, Default)]
pub struct Reply(Arc<Mutex<State>>);

/// Where they are taken out, by one.
#[derive(Default)]
pub(super) struct Inbox {
    shared: Reply,
    /// All that waited when it was looked last.
    taken: VecDeque<Completed>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Completed>,
    waker: Option<Waker>,
    is_closed: bool,
}

impl Reply {
    /// Brings completions, in their order.
    ///
    /// # Errors
    /// All of them, if nobody takes any more.
    pub fn send(&self, completed: Vec<Completed>) -> Result<(), Vec<Completed>> {
        let waker = {
            let mut state = lock(&self.0);
            if state.is_closed {
                return Err(completed);
            }
            state.waiting.extend(completed);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// True if both go to the same place.
    pub(super) fn is(&self, other: &Reply) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Inbox {
    pub(super) fn reply(&self) -> Reply {
        self.shared.clone()
    }

    /// True if the next look asks for what has come meanwhile.
    pub(super) fn is_drained(&self) -> bool {
        self.taken.is_empty()
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Completed> {
        if self.taken.is_empty() {
            let mut state = lock(&self.shared.0);
            if state.waiting.is_empty() {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut self.taken, &mut state.waiting);
        }
        self.taken.pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes no more; gives what has come and was not taken.
    pub(super) fn close(&mut self) -> Vec<Completed> {
        let mut state = lock(&self.shared.0);
        state.is_closed = true;
        state.waker = None;
        self.taken.drain(..).chain(state.waiting.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::proto::storage::NameDone;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn completed(number: u64) -> Completed {
        (Ticket(number), Stored::Name(Ok(NameDone::Noted)))
    }

    #[test]
    fn several_come_in_order_for_one_wake_up_and_none_after_the_end() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let cx = Context::from_waker(&waker);
        let mut inbox = Inbox::default();
        let reply = inbox.reply();
        assert!(inbox.poll(&cx).is_pending());
        reply.send(vec![completed(1), completed(2)]).expect("it is open");
        reply.send(vec![completed(3)]).expect("it is open");
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "whoever is awake is not woken");
        for number in 1..=3 {
            assert_eq!(inbox.poll(&cx), Poll::Ready(completed(number)));
        }
        assert!(inbox.poll(&cx).is_pending());
        reply.send(vec![completed(4)]).expect("it is open");
        assert_eq!(inbox.close(), [completed(4)]);
        assert_eq!(reply.send(vec![completed(5)]), Err(vec![completed(5)]));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    }
}
