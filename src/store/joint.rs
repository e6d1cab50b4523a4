//! A partial that several connections fill: what those who joined its opener have written of it. Who brings which block is
//! not decided here; it is only remembered whether it is known what stands in a block.

use std::collections::BTreeMap;

use super::blocks::Open;
use super::errors::{no_lease, refused};
use super::names::Held;
use super::{Files, Names};
use crate::probe::{Mark, mark};
use crate::proto::storage::{BlockOp, BlockSet, Extent, Lease, NameDone, RootId, StoreError};
use crate::wire::{Code, Cv, Offer, Push};

/// How many may join one partial.
const JOINED_MAX: usize = 64;

/// What those who joined have brought.
#[derive(Debug, Default)]
pub(super) struct Joint {
    blocks: BTreeMap<u32, Touched>,
    joined: usize,
    /// Writes under way.
    writing: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Others may join and write.
    #[default]
    Open,
    /// Nothing is begun any more.
    Fenced,
    /// The opener knows what they brought.
    Gathered,
}

#[derive(Clone, Copy, Debug)]
struct Touched {
    by: Lease,
    landed: Option<Cv>,
    /// More than one has written, or it was written once more after it had landed.
    is_contested: bool,
}

impl Joint {
    fn begin(&mut self, lease: Lease, blocks: impl Iterator<Item = u32>) {
        self.writing += 1;
        for block in blocks {
            let touched = self.blocks.entry(block);
            let touched = touched.or_insert(Touched { by: lease, landed: None, is_contested: false });
            if touched.by != lease || touched.landed.is_some() {
                mark(Mark::BlockContested);
                *touched = Touched { by: lease, landed: None, is_contested: true };
            }
        }
    }

    /// Nothing is begun any more. False if somebody brought something that the opener does not know of.
    pub(super) fn fence(&mut self) -> bool {
        if self.state == State::Open {
            self.state = State::Fenced;
        }
        self.blocks.is_empty() || self.state == State::Gathered
    }

    /// What is there for whoever goes on with it.
    pub(super) fn landed(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().filter(|(_, touched)| touched.landed.is_some()).map(|(block, _)| *block)
    }

    fn gathered(&self) -> NameDone {
        let landed = self.blocks.iter().filter_map(|(block, touched)| Some((*block, touched.landed?)));
        let contested = self.blocks.iter().filter(|(_, touched)| touched.is_contested);
        let doubtful: BlockSet = contested.map(|(block, _)| *block).collect();
        NameDone::Gathered { landed: landed.collect(), doubtful }
    }
}

/// What is to be done for a block operation of somebody who joined.
#[derive(Debug)]
pub enum Joined<T> {
    /// To be carried out on this, and [`Names::end_joined`] with the lease of the partial once it is.
    Write(Open<T>, Lease),
    /// It is done.
    Landed,
}

impl<F: Files> Names<F> {
    pub(super) fn join(&mut self, root: RootId, push: &Push) -> Result<NameDone, StoreError> {
        let is_it = |held: &Held<F>| matches!(held, Held::Partial(partial) if partial.is_of(root, push));
        let found = self.leases.iter().find(|(_, held)| is_it(held)).map(|(lease, _)| *lease);
        let partial = found.and_then(|lease| self.partial_mut(lease));
        let (Some(lease), Some(partial)) = (found, partial) else {
            let why = "no upload of this name, path and length is under way";
            return Err(refused(Code::NOT_FOUND, "receive blocks of", &push.path, why));
        };
        if partial.joint.joined >= JOINED_MAX {
            return Err(refused(
                Code::BUSY,
                "receive blocks of",
                &push.path,
                "too many connections bring them",
            ));
        }
        partial.joint.joined += 1;
        Ok(NameDone::Joined { lease: self.lease(Held::Joined(root, lease)) })
    }

    pub(super) fn leave_joint(&mut self, lease: Lease) -> Result<NameDone, StoreError> {
        let Some(Held::Joined(_, to)) = self.leases.remove(&lease) else { return Err(no_lease(lease)) };
        if let Some(partial) = self.partial_mut(to) {
            partial.joint.joined -= 1;
        }
        Ok(NameDone::Released)
    }

    /// True if the lease is of somebody who joined: [`Names::begin_joined`] is for its blocks.
    pub fn is_joined(&self, lease: Lease) -> bool {
        matches!(self.leases.get(&lease), Some(Held::Joined(..)))
    }

    /// A block operation of somebody who joined is to begin.
    ///
    /// # Errors
    /// `SUPERSEDED` if the partial takes no more blocks.
    pub fn begin_joined(&mut self, op: &BlockOp) -> Result<Joined<F::File>, StoreError> {
        let (lease, shape) = (op.lease(), op.shape());
        let Some(Held::Joined(_, to)) = self.leases.get(&lease) else { return Err(no_lease(lease)) };
        let to = *to;
        let partial = self.partial_mut(to).filter(|partial| partial.joint.state == State::Open);
        let Some(partial) = partial else {
            let text = "the upload is over, or its first connection has committed";
            return Err(StoreError::new(Code::SUPERSEDED, text));
        };
        let blocks = blocks_of(&partial.offer, shape);
        match op {
            BlockOp::Write { .. } | BlockOp::Zero { .. } => {
                partial.joint.begin(lease, blocks);
                Ok(Joined::Write(partial.open(), to))
            }
            BlockOp::Land { cvs, .. } => {
                for (block, cv) in blocks.zip(cvs) {
                    if let Some(touched) = partial.joint.blocks.get_mut(&block) {
                        touched.landed = Some(*cv);
                    }
                }
                Ok(Joined::Landed)
            }
            BlockOp::Read { .. } | BlockOp::Check { .. } | BlockOp::Copy { .. } => {
                let text =
                    "who has joined an upload writes blocks, and nothing else (a mistake in this program)";
                Err(StoreError::new(Code::IO, text))
            }
        }
    }

    /// A write of somebody who joined the partial of this lease is over. Whoever wrote may have left meanwhile.
    pub fn end_joined(&mut self, to: Lease) {
        if let Some(partial) = self.partial_mut(to) {
            partial.joint.writing -= 1;
        }
    }

    /// Lets those who joined a partial begin nothing more; true while some of them still write. What is gathered waits for
    /// that.
    pub fn fence(&mut self, lease: Lease) -> bool {
        self.partial_mut(lease).is_some_and(|partial| {
            let _whatever_came = partial.joint.fence();
            partial.joint.writing > 0
        })
    }

    pub(super) fn gather(&mut self, lease: Lease) -> Result<NameDone, StoreError> {
        let partial = self.partial_mut(lease).ok_or_else(|| no_lease(lease))?;
        debug_assert_eq!(partial.joint.writing, 0, "who gathers has waited");
        partial.joint.state = State::Gathered;
        Ok(partial.joint.gathered())
    }
}

/// The blocks that a piece of a file is in.
fn blocks_of(offer: &Offer, shape: Extent) -> std::ops::RangeInclusive<u32> {
    let size = u64::from(offer.block_size());
    let end = shape.offset + u64::from(shape.length).max(1);
    let block = |offset: u64| u32::try_from(offset / size).unwrap_or(u32::MAX);
    block(shape.offset)..=block(end - 1)
}
