//! Store operations, carried out at once.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::proto::storage::{BlockDone, BlockOp, StoreError, StoreOp, Stored, StreamId};
use crate::store::memory::{MemoryFiles, escaped};
use crate::store::streams::{MemoryPipe, Stream};
use crate::store::{File, Files, Joined, Links, Names, Open, blocks};
use crate::wire::{Code, RESERVED};

/// Streams in memory, by their names.
pub type MemoryStreams = BTreeMap<StreamId, Stream<MemoryPipe>>;

/// Carries a store operation out at once.
pub fn carry_out<F: Files>(names: &mut Names<F>, streams: &mut MemoryStreams, op: StoreOp) -> Stored {
    match op {
        StoreOp::Name(op) => Stored::Name(names.execute(op)),
        StoreOp::Block(op) => Stored::Block(carry_out_block(names, op)),
        StoreOp::File(op) => Stored::File(names.execute_file(op)),
        StoreOp::Stream(op) => Stored::Stream(match streams.get_mut(&op.stream()) {
            Some(stream) => stream.carry_out_in_memory(op),
            None => Err(StoreError::new(Code::IO, "no such stream")),
        }),
    }
}

fn carry_out_block<F: Files>(names: &mut Names<F>, op: BlockOp) -> Result<BlockDone, StoreError> {
    let lease = op.lease();
    if names.is_joined(lease) {
        let (open, to) = match names.begin_joined(&op)? {
            Joined::Landed => return Ok(BlockDone::Landed),
            Joined::Write(open, to) => (open, to),
        };
        let done = carry_out_on(&open, op);
        names.end_joined(to);
        return done;
    }
    let open = names.open(lease).ok_or_else(|| StoreError::new(Code::IO, "no such lease"))?;
    if let Some(length) = blocks::grows(&open, &op) {
        names.grow(lease, length)?;
    }
    carry_out_on(&open, op)
}

fn carry_out_on<F: File>(open: &Open<F>, op: BlockOp) -> Result<BlockDone, StoreError> {
    blocks::carry_out(open, op, |file, shape| {
        let mut buffer = vec![0; shape.length as usize];
        let cvs = blocks::read(file, shape, &mut buffer)?;
        Ok((Bytes::from(buffer), cvs))
    })
}

/// What lies in the reserved folder that nobody can go on with, and so should not be there once all is over.
pub fn strays(files: &MemoryFiles) -> Vec<String> {
    let all = partials(files);
    let partner = |name: &String| match name.strip_suffix(".partial") {
        Some(stem) => format!("{stem}.journal"),
        None => name.replace(".journal", ".partial"),
    };
    all.iter().filter(|name| !all.contains(&partner(name))).cloned().collect()
}

/// The files of partials and their journals that lie in the reserved folder: none, once all has succeeded.
pub fn partials(files: &MemoryFiles) -> Vec<String> {
    let folder = files.root().and_then(|top| files.open_folder(&top, RESERVED, Links::None));
    let Ok(folder) = folder else { return Vec::new() };
    let mut listing = files.list(&folder).expect("memory can be read");
    let names = files.next_names(&mut listing, usize::MAX).expect("memory can be read");
    let names = names.iter().map(|name| escaped(name));
    names.filter(|name| name != "lock" && name != "requests").collect()
}
