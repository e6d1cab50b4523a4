//! The timer of a machine's deadline.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

use crate::probe::{Bug, planted};

/// The runtime's timer counts milliseconds, and may be early by a fraction of one.
const GRAIN: Duration = Duration::from_millis(1);

/// Wakes its task when a deadline comes. Most deadlines move on with each message, and nearly all are far away: one that has moved on is
/// looked at when the timer is due as it was set, and until then nothing of the runtime's is touched.
#[derive(Debug)]
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    set: Option<Set>,
}

/// The timer will wake `task` at `at`.
#[derive(Debug)]
struct Set {
    at: Instant,
    task: Waker,
}

impl Timer {
    /// One that is not set.
    pub(super) fn new() -> Timer {
        Timer { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), set: None }
    }

    /// Ready once `deadline` has come, at `now`; until then the task is woken no later than that.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Instant, deadline: Instant) -> Poll<()> {
        if now >= deadline {
            return Poll::Ready(());
        }
        // So near to its time it may have woken the task already, and is set again.
        let is_ahead = |set: &Set| now + GRAIN < set.at;
        let is_set = |set: &Set| is_ahead(set) && set.at <= deadline && set.task.will_wake(cx.waker());
        if self.set.as_ref().is_some_and(is_set) {
            return Poll::Pending;
        }
        if planted(Bug::TimerFiresOnce) && self.set.is_some() && self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        let mut at = deadline;
        self.sleep.as_mut().reset(at);
        // A task that has had its turn would be told to wait, and the timer would not know it.
        while pin!(unconstrained(self.sleep.as_mut())).poll(cx).is_ready() {
            at = at.max(Instant::now()) + GRAIN;
            self.sleep.as_mut().reset(at);
        }
        self.set = Some(Set { at, task: cx.waker().clone() });
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// How often a task is polled until `deadline`, which moves on by itself, has come.
    async fn polls(timer: &mut Timer, mut deadline: impl FnMut() -> Instant) -> u32 {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            timer.poll(cx, Instant::now(), deadline())
        })
        .await;
        polls
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_at_a_deadline_and_once_for_each_time_that_it_had_moved_on() {
        let (mut timer, start) = (Timer::new(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(polls(&mut timer, || after(10)).await, 2);
        assert_eq!(start.elapsed().as_millis(), 10);
        let mut moving = [after(50), after(80)].into_iter();
        assert_eq!(polls(&mut timer, || moving.next().unwrap_or(after(80))).await, 3, "at 50 and at 80");
        assert_eq!(start.elapsed().as_millis(), 80);
        let mut earlier = true;
        let sooner = || if std::mem::take(&mut earlier) { after(500) } else { after(90) };
        let both =
            async { tokio::join!(polls(&mut timer, sooner), async { tokio::task::yield_now().await }).0 };
        both.await;
        assert_eq!(start.elapsed().as_millis(), 90, "a deadline that has come nearer");
        assert_eq!(polls(&mut timer, || start).await, 1, "one that is past");
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_the_task_that_asked_last() {
        let (mut timer, start) = (Timer::new(), Instant::now());
        let deadline = start + Duration::from_secs(3);
        let first = poll_fn(|cx| Poll::Ready(timer.poll(cx, Instant::now(), deadline))).await;
        assert!(first.is_pending());
        let other = tokio::spawn(async move {
            poll_fn(|cx| timer.poll(cx, Instant::now(), deadline)).await;
            start.elapsed()
        });
        assert_eq!(other.await.expect("it ends").as_secs(), 3);
    }
}
