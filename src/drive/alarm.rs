//! A timer for schedules: tokio's counts milliseconds, which is as long as many round trips. On Linux a timer of the system's
//! (timerfd) wakes a task to some tens of microseconds; elsewhere tokio's does.

use std::io;
use std::task::{Context, Poll};

use super::Clock;
use crate::time::Time;

/// Wakes a task at a time.
pub(super) struct Alarm {
    timer: system::Timer,
    /// What it is set for: the deadline, or an earlier one that was moved meanwhile, which costs one needless wake-up.
    set: Option<Time>,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Alarm> {
        Ok(Alarm { timer: system::Timer::new()?, set: None })
    }

    /// Ready once `deadline` has come; true if the task slept until then, and so shows how late it was woken.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, clock: &Clock, deadline: Time) -> Poll<bool> {
        let mut has_slept = false;
        loop {
            let now = clock.now();
            if now >= deadline {
                return Poll::Ready(has_slept);
            }
            if self.set.is_none_or(|set| set > deadline) {
                self.timer.set(deadline.since(now));
                self.set = Some(deadline);
            }
            match self.timer.poll(cx) {
                Poll::Ready(()) => has_slept = self.set.take() == Some(deadline),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(super) fn new() -> io::Result<Timer> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Timer(AsyncFd::register_with_interest(timer, Interest::READABLE)?))
        }

        /// In place of whatever it was set for; never for no time, which would stop it.
        pub(super) fn set(&self, after: Duration) {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let after = Timespec {
                tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().max(u32::from(after.as_secs() == 0)).into(),
            };
            let set = Itimerspec { it_interval: zero, it_value: after };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &set).expect("a timer can be set");
        }

        pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
            while let Poll::Ready(Ok(mut guard)) = self.0.poll_read_ready(cx) {
                let mut count = [0; 8];
                match rustix::io::read(guard.get_inner(), &mut count) {
                    Ok(_) => return Poll::Ready(()),
                    Err(_) => guard.clear_ready(),
                }
            }
            Poll::Pending
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::time::{Instant, Sleep, sleep};

    pub(super) struct Timer(Pin<Box<Sleep>>);

    impl Timer {
        pub(super) fn new() -> io::Result<Timer> {
            Ok(Timer(Box::pin(sleep(Duration::ZERO))))
        }

        pub(super) fn set(&mut self, after: Duration) {
            self.0.as_mut().reset(Instant::now() + after);
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.0.as_mut().poll(cx)
        }
    }
}
