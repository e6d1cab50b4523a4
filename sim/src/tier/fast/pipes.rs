//! What a client's application writes, and reads, in order.

use bytes::Bytes;
use towline::store::streams::MemoryPipe;

use super::super::steps;
use super::world::World;
use crate::plan::Operation;

/// What a step reads from, or writes to.
pub(super) fn pipe(operation: &Operation) -> Option<MemoryPipe> {
    match operation {
        Operation::Print { room, .. } => {
            let capacity = room.map(|room| usize::try_from(room).unwrap_or(usize::MAX));
            Some(MemoryPipe { capacity, ..MemoryPipe::default() })
        }
        Operation::Pour { content, fails_at, .. } => {
            let mut input = Bytes::from(content.bytes());
            if let Some(at) = fails_at {
                input.truncate(usize::try_from(*at).unwrap_or(usize::MAX));
            }
            Some(MemoryPipe { input, fails: fails_at.is_some(), ..MemoryPipe::default() })
        }
        _ => None,
    }
}

impl World {
    /// What whoever reads has of a step that is not over.
    pub(super) fn note_printed(&mut self, client: u32, step: usize) {
        let is_open = !self.facts().has_ended(client, step);
        let host = self.clients[client as usize].as_ref().filter(|_| is_open);
        if let Some(Operation::Print { .. }) = self.plan.step(client, step).map(|step| &step.operation)
            && let Some(stream) = host.and_then(|host| host.streams.get(&steps::stream_of(step)))
        {
            self.facts().printed(client, step, &stream.pipe().output);
        }
    }
}
