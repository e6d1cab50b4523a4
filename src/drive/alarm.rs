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
        loop {
            let has_fired = self.set.is_some() && self.timer.poll(cx).is_ready();
            let woken_for = if has_fired { self.set.take() } else { None };
            let now = clock.now();
            if now >= deadline {
                return Poll::Ready(woken_for == Some(deadline));
            }
            if self.set.is_some_and(|set| set <= deadline) {
                return Poll::Pending;
            }
            self.timer.set(deadline.since(now));
            self.set = Some(deadline);
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{AsyncRead, ReadBuf};
    use tokio::net::unix::pipe;

    /// The timer's descriptor, which is read like a pipe's: nothing until it fires, then how often it did.
    pub(super) struct Timer {
        timer: File,
        fires: pipe::Receiver,
    }

    impl Timer {
        pub(super) fn new() -> io::Result<Timer> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = File::from(timerfd_create(TimerfdClockId::Monotonic, flags)?);
            let fires = pipe::Receiver::from_file_unchecked(timer.try_clone()?)?;
            Ok(Timer { timer, fires })
        }

        /// In place of whatever it was set for; never for no time, which would stop it.
        pub(super) fn set(&mut self, after: Duration) {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let after = Timespec {
                tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().max(u32::from(after.as_secs() == 0)).into(),
            };
            let set = Itimerspec { it_interval: zero, it_value: after };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &set).expect("a timer can be set");
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let mut count = [0; 8];
            let mut space = ReadBuf::new(&mut count);
            Pin::new(&mut self.fires).poll_read(cx, &mut space).map(|_| ())
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
