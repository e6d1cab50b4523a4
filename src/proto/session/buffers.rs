//! What a connection may take of memory: the sums by which a server grants it.

use super::Session;
use crate::proto::limits::{ENCRYPTED_MAX, QUEUE_MAX};
use crate::proto::{Echo, Limits};
use crate::wire::Decoder;

impl Session {
    /// Bytes that the buffers of one connection with these limits may take together: data that has come and is not stored, or was read
    /// and is not sent, frames that are not whole, control that waits for room, and what the driver has queued and not got rid of. What
    /// the state of operations takes comes beside it: some 100 bytes for each block of a file that is under way.
    pub fn buffers_max(limits: &Limits) -> usize {
        let window = usize::try_from(limits.window).unwrap_or(usize::MAX);
        let queued = QUEUE_MAX + ENCRYPTED_MAX;
        [limits.read_ahead, Session::channel_max(limits), queued]
            .iter()
            .fold(window, |sum, part| sum.saturating_add(*part))
    }

    pub(super) fn channel_max(limits: &Limits) -> usize {
        // A chunk may be turned into replies before the clog is noticed.
        let chunk = Echo::CHUNK_MAX;
        2 * (Decoder::HELD_MAX + 2 * chunk + limits.backlog)
    }
}
