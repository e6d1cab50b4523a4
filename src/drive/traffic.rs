//! Bytes that went over connections: what the system took and gave, whatever they meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the bytes of all connections that share it.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    counts: Arc<Counts>,
    /// Of all together, where these are those of one.
    all: Option<Arc<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    /// Somebody waits for the next arrival.
    is_awaited: AtomicBool,
    arrival: Notify,
}

impl Counts {
    fn on_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.is_awaited.load(Ordering::Relaxed) {
            self.arrival.notify_one();
        }
    }
}

impl Traffic {
    /// Counts for itself what it counts here as well.
    pub(super) fn apart(&self) -> Traffic {
        Traffic { counts: Arc::default(), all: Some(Arc::clone(&self.counts)) }
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.counts.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(all) = &self.all {
            all.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn received(&self, bytes: usize) {
        self.counts.on_received(bytes);
        if let Some(all) = &self.all {
            all.on_received(bytes);
        }
    }

    /// Bytes sent and received so far.
    pub fn so_far(&self) -> (u64, u64) {
        (self.counts.sent.load(Ordering::Relaxed), self.counts.received.load(Ordering::Relaxed))
    }

    /// Waits until something is received.
    pub(super) async fn arrival(&self) {
        self.counts.is_awaited.store(true, Ordering::Relaxed);
        self.counts.arrival.notified().await;
        self.counts.is_awaited.store(false, Ordering::Relaxed);
    }
}
