//! Bytes that went over connections: what the system took and gave, whatever they meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes of all connections that share it.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    counts: Arc<[AtomicU64; 2]>,
}

impl Traffic {
    pub(super) fn sent(&self, bytes: usize) {
        self.counts[0].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.counts[1].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes sent and received so far.
    pub fn so_far(&self) -> (u64, u64) {
        (self.counts[0].load(Ordering::Relaxed), self.counts[1].load(Ordering::Relaxed))
    }
}
