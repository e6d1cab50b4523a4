//! What a run asks of the real clock or of the system's randomness, caught: nothing may. On the fast tier all of a run is
//! watched; on turmoil what its hosts' own futures do when they are polled. Not their tokio, which reads the clock for its
//! metrics around every poll, nor what the driver spawns as tasks of its own.

use towline_tripwire::{self as tripwire, Caught};

/// Runs `action`; gives what it asked of the system as well.
pub(super) fn strict<T>(action: impl FnOnce() -> T) -> (T, Vec<Caught>) {
    drop(tripwire::take());
    let done = {
        let _armed = tripwire::arm();
        action()
    };
    (done, tripwire::take())
}

#[cfg(feature = "turmoil")]
pub(super) use polled::Polled;

#[cfg(feature = "turmoil")]
mod polled {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use towline_tripwire as tripwire;

    /// A future that is watched while it is polled.
    pub(in crate::tier) struct Polled<F>(Pin<Box<F>>);

    impl<F: Future> Polled<F> {
        pub(in crate::tier) fn new(future: F) -> Polled<F> {
            Polled(Box::pin(future))
        }
    }

    impl<F: Future> Future for Polled<F> {
        type Output = F::Output;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
            let _armed = tripwire::arm();
            self.0.as_mut().poll(context)
        }
    }
}
