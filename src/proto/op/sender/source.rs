//! Where a sender's bytes come from: a file that is open, or one so small that it was loaded at once.

use bytes::Bytes;

use super::{Sender, State};
use crate::proto::machine::Out;
use crate::proto::op::OpError;
use crate::proto::storage::{BlockOp, Extent, FileDone, FileOp, Lease, RootId, StoreOp, Ticket};
use crate::wire::{Code, Cv, Metadata, RelPath};

/// Where the bytes of a file come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// It is open.
    Open(Lease),
    /// It was small, and loaded at once: this version of it. To be sent again it is loaded again.
    Loaded(u128),
}

impl Source {
    /// What is to be released.
    pub(super) fn lease(self) -> Option<Lease> {
        match self {
            Source::Open(lease) => Some(lease),
            Source::Loaded(_) => None,
        }
    }

    /// Reads `shape` of the file at `path`, or learns that it is a hole where that is of use.
    pub(super) fn read(self, root: RootId, path: &RelPath, shape: Extent, holes: bool) -> StoreOp {
        match self {
            Source::Open(lease) => StoreOp::Block(BlockOp::Read { lease, shape, holes }),
            Source::Loaded(_) => StoreOp::File(FileOp::Load { root, path: path.clone() }),
        }
    }
}

/// What was loaded at once.
pub(super) struct Load {
    pub(super) metadata: Metadata,
    pub(super) version: u128,
    pub(super) data: Bytes,
    pub(super) cvs: Vec<Cv>,
}

impl Sender {
    /// All of a small file is there: it goes out as if it had been read ahead.
    pub(super) fn on_loaded(&mut self, ticket: Ticket, load: Load, out: &mut Out<Sender>) {
        let Load { metadata, version, data, cvs } = load;
        self.on_opened(Source::Loaded(version), &metadata, version, out);
        if let State::Sending(outgoing) = &mut self.state
            && let Some(extent) = outgoing.pipeline.next_read(1)
        {
            outgoing.pipeline.reading(ticket, extent);
            outgoing.pipeline.read(ticket, Some(data), cvs);
        }
        self.advance(out);
    }

    /// A small file that was to be sent again is another one by now.
    pub(super) fn changed(&mut self, loaded: FileDone, out: &mut Out<Sender>) {
        if let (State::Sending(outgoing), FileDone::Source { lease, .. }) = (&mut self.state, loaded) {
            outgoing.source = Source::Open(lease);
        }
        self.leave(Err(OpError::us(Code::CHANGED, "the file has changed since it was first sent")), out);
    }
}
