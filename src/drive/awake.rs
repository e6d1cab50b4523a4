//! Polling in place of sleeping. A thread that sleeps until something arrives takes tens of microseconds to be woken, most of
//! what a short exchange on one machine takes; one that looks again and again has it at once, and takes a processor for that.

use std::time::{Duration, Instant};

use super::Traffic;

/// Keeps the runtime that it runs on from sleeping for `limit` after each arrival that `traffic` counts; between, it costs
/// nothing. Never ends. The runtime must be one of a single thread: another thread that sleeps in the system would be woken, and
/// not this one.
pub async fn stay_awake(traffic: Traffic, limit: Duration) {
    loop {
        traffic.arrival().await;
        let (mut seen, mut last) = (traffic.so_far(), Instant::now());
        loop {
            // Who yields runs again once the runtime has asked the system what is ready, without waiting for it.
            tokio::task::yield_now().await;
            let now = Instant::now();
            match traffic.so_far() {
                unchanged if unchanged == seen && now.duration_since(last) >= limit => break,
                unchanged if unchanged == seen => {}
                changed => (seen, last) = (changed, now),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU64);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_asks_again_and_again_after_an_arrival_and_never_without_one() {
        let (traffic, wakes) = (Traffic::default(), Arc::new(Wakes::default()));
        let mut awake = pin!(stay_awake(traffic.clone(), Duration::from_millis(1)));
        let waker = Arc::clone(&wakes).into();
        let mut cx = Context::from_waker(&waker);
        let mut woken_by_a_poll = || {
            let before = wakes.0.load(Ordering::Relaxed);
            assert!(awake.as_mut().poll(&mut cx).is_pending());
            wakes.0.load(Ordering::Relaxed) > before
        };
        assert!(!woken_by_a_poll(), "nothing has arrived");
        for _ in 0..2 {
            traffic.received(1);
            let mut times = 0;
            while woken_by_a_poll() {
                times += 1;
            }
            assert!(times > 1, "it wants to run again at once for a while: {times}");
            assert!(!woken_by_a_poll(), "and then sleeps");
        }
        traffic.sent(1);
        assert!(!woken_by_a_poll(), "what is sent is no arrival");
    }
}
