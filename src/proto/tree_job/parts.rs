//! The operations under way. Each is asked of this side's store or of the server, whichever side it is about; what comes
//! back is the same.

use super::decide::Entry;
use super::folders::{FolderId, Side};
use super::{Direction, Phase, TreeJob, Wish, store};
use crate::probe::{Mark, mark};
use crate::proto::client::JobError;
use crate::proto::machine::Out;
use crate::proto::op::{OpDone, OpError, Question};
use crate::proto::session::Request;
use crate::proto::states::state_names;
use crate::proto::storage::{Lease, NameDone, NameOp, RootId, StoreError, Stored, Ticket};
use crate::wire::{self, Class, Code, Get, LinkTarget, RelPath, Remove, RequestId, limits};
use crate::wire::{Attempt, MakeFolder, MakeLink};

/// Names an operation of a tree job; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub u64);

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Part {
    /// The folder that it is for, or that the entry is in.
    pub(super) folder: Option<FolderId>,
    pub(super) step: Step,
}

/// What an operation is for.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Step {
    LookSource(Entry),
    LookDestination(Entry),
    Resolve(Entry),
    ReadSource(Entry),
    ReadDestination(Entry, LinkTarget),
    MakeLink(Entry),
    Move(Entry),
    Compare(Entry),
    Remove(Entry),
    Make,
    List(Listing),
    Settle,
    RemoveFolder,
}

/// A folder being listed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Listing {
    pub(super) side: Side,
    /// Of this side's store.
    lease: Option<Lease>,
    failed: Option<StoreError>,
}

state_names!(
    pub(super) Part, STEPS, step_name, step, Step: LookSource, LookDestination, Resolve, ReadSource,
    ReadDestination, MakeLink, Move, Compare, Remove, Make, List, Settle, RemoveFolder);

impl Step {
    /// Files that are under way with it, and their bytes.
    pub(super) fn moving(&self) -> (usize, u128) {
        match self {
            Step::Move(entry) | Step::Compare(entry) => {
                (1, entry.source.map_or(0, |source| source.length.into()))
            }
            Step::LookSource(_) | Step::LookDestination(_) | Step::Resolve(_) | Step::ReadSource(_) => (0, 0),
            Step::ReadDestination(..) | Step::MakeLink(_) | Step::Remove(_) | Step::Make => (0, 0),
            Step::List(_) | Step::Settle | Step::RemoveFolder => (0, 0),
        }
    }
}

impl Part {
    pub(super) fn side(&self) -> Side {
        match &self.step {
            Step::LookSource(_) | Step::Resolve(_) | Step::ReadSource(_) => Side::Source,
            Step::LookDestination(_) | Step::ReadDestination(..) | Step::MakeLink(_) => Side::Destination,
            Step::Remove(_) | Step::Make | Step::Settle | Step::RemoveFolder => Side::Destination,
            Step::List(listing) => listing.side,
            // Moved and compared by an operation of the server, whichever way.
            Step::Move(_) | Step::Compare(_) => Side::Both,
        }
    }

    pub(super) fn footprint(&self) -> usize {
        let more = match &self.step {
            Step::LookSource(entry) | Step::LookDestination(entry) | Step::Resolve(entry) => {
                entry.footprint()
            }
            Step::ReadSource(entry) | Step::MakeLink(entry) | Step::Move(entry) => entry.footprint(),
            Step::Compare(entry) | Step::Remove(entry) => entry.footprint(),
            Step::ReadDestination(entry, target) => entry.footprint() + target.as_bytes().len(),
            Step::Make | Step::List(_) | Step::Settle | Step::RemoveFolder => 0,
        };
        size_of::<Part>() + more
    }
}

impl TreeJob {
    /// True if it is this side's store that is asked about `side`.
    pub(super) fn is_here(&self, side: Side) -> bool {
        match (self.request.direction, side) {
            (Direction::Up, Side::Source) | (Direction::Down, Side::Destination) => true,
            (Direction::Up, Side::Destination) | (Direction::Down, Side::Source) => false,
            (_, Side::Both) => false,
        }
    }

    fn next_part(&mut self, folder: Option<FolderId>, step: Step) -> PartId {
        let id = PartId(self.next_part);
        self.next_part += 1;
        self.parts.insert(id, Part { folder, step });
        id
    }

    fn root(&self, item: u32) -> RootId {
        self.request.items[item as usize].root
    }

    /// Asks about `side`, for `step`.
    pub(super) fn ask(
        &mut self,
        item: u32,
        folder: Option<FolderId>,
        step: Step,
        question: Question,
        out: &mut Out<TreeJob>,
    ) {
        let root = self.root(item);
        let id = self.next_part(folder, step);
        let is_here = self.is_here(self.parts[&id].side());
        match question.here(root).filter(|_| is_here) {
            Some(op) => store(id, op, out),
            None => out.event(Wish::Start(id, Request::Ask(question))),
        }
    }

    pub(super) fn list(
        &mut self,
        item: u32,
        folder: FolderId,
        side: Side,
        path: RelPath,
        out: &mut Out<TreeJob>,
    ) {
        let listing = Listing { side, lease: None, failed: None };
        self.ask(item, Some(folder), Step::List(listing), Question::List(path), out);
    }

    pub(super) fn remove(
        &mut self,
        entry: &Entry,
        folder: Option<FolderId>,
        step: Step,
        out: &mut Out<TreeJob>,
    ) {
        // Here nothing is retried, and so nothing has to be remembered.
        let request =
            if self.is_here(Side::Destination) { RequestId::default() } else { self.next_request() };
        let question = Question::Remove(Remove { request, path: entry.to.clone() });
        self.ask(entry.item, folder, step, question, out);
    }

    pub(super) fn make_folder(
        &mut self,
        folder: FolderId,
        step: Step,
        item: u32,
        make: MakeFolder,
        out: &mut Out<TreeJob>,
    ) {
        self.ask(item, Some(folder), step, Question::MakeFolder(make), out);
    }

    pub(super) fn make_link(
        &mut self,
        above: Option<FolderId>,
        entry: Entry,
        target: LinkTarget,
        out: &mut Out<TreeJob>,
    ) {
        let question = Question::MakeLink(MakeLink { path: entry.to.clone(), target });
        self.ask(entry.item, above, Step::MakeLink(entry), question, out);
    }

    pub(super) fn move_file(&mut self, above: Option<FolderId>, entry: Entry, out: &mut Out<TreeJob>) {
        let (root, start) = (self.root(entry.item), self.request.options.start);
        let (from, to) = (entry.from.clone(), entry.to.clone());
        let request = match self.request.direction {
            Direction::Up => {
                let attempt = Attempt { start, ..Attempt::new(self.next_request()) };
                Request::Put { root, source: from, path: to, attempt }
            }
            Direction::Down => Request::Fetch { root, at: to, get: Get { path: from, version: 0 }, start },
        };
        self.start(above, Step::Move(entry), request, out);
    }

    pub(super) fn compare_file(&mut self, above: Option<FolderId>, entry: Entry, out: &mut Out<TreeJob>) {
        let (root, from, to) = (self.root(entry.item), entry.from.clone(), entry.to.clone());
        let (source, path) = if self.is_here(Side::Source) { (from, to) } else { (to, from) };
        self.start(above, Step::Compare(entry), Request::Compare { root, source, path }, out);
    }

    /// Starts what reads a file from one end to the other.
    fn start(&mut self, above: Option<FolderId>, step: Step, request: Request, out: &mut Out<TreeJob>) {
        let (files, bytes) = step.moving();
        self.moving.0 += files;
        self.moving.1 += bytes;
        let id = self.next_part(above, step);
        out.event(Wish::Start(id, request));
    }

    fn next_request(&mut self) -> RequestId {
        let RequestId(first) = self.request.requests;
        let request = first.wrapping_add(u128::from(self.requests) << 64);
        self.requests += 1;
        RequestId(request)
    }

    /// A listing at the server goes on.
    pub(super) fn on_entries(&mut self, id: PartId, entries: Vec<wire::Entry>, out: &mut Out<TreeJob>) {
        let part = self.parts.get(&id);
        if let Some(Part { folder: Some(folder), step: Step::List(listing) }) = part {
            let (folder, side) = (*folder, listing.side);
            if !self.take_names(folder, side, entries) {
                out.event(Wish::Cancel(id));
            }
        }
    }

    /// A listing at the server begins again.
    pub(super) fn on_again(&mut self, id: PartId) {
        if let Some(Part { folder: Some(folder), step: Step::List(listing) }) = self.parts.get(&id)
            && let Some(folder) = self.folders.get_mut(folder)
        {
            mark(Mark::ListedAgain);
            folder.window(listing.side).clear();
        }
    }

    /// This side's store has done something.
    pub(super) fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<TreeJob>) {
        let id = PartId(ticket.0);
        let result = match stored {
            Stored::Name(result) => result,
            Stored::Block(_) | Stored::File(_) | Stored::Stream(_) => return,
        };
        let is_listing = self.parts.get(&id).is_some_and(|part| matches!(part.step, Step::List(_)));
        let result = if is_listing {
            match self.on_listing(id, result, out) {
                Some(result) => result,
                None => return,
            }
        } else {
            result.and_then(done)
        };
        if let Some(part) = self.parts.remove(&id) {
            self.on_over(part, result.map_err(|error| JobError::Operation(error.into())), out);
        }
    }

    /// A listing here goes on; gives how it ended once its folder is closed.
    fn on_listing(
        &mut self,
        id: PartId,
        result: Result<NameDone, StoreError>,
        out: &mut Out<TreeJob>,
    ) -> Option<Result<OpDone, StoreError>> {
        let is_walking = matches!(self.phase, Phase::Walking);
        let Some(Part { folder, step: Step::List(listing) }) = self.parts.get_mut(&id) else { return None };
        let (folder, side) = (*folder, listing.side);
        let mut goes_on = is_walking;
        match result {
            Ok(NameDone::Folder { lease }) => listing.lease = Some(lease),
            Ok(NameDone::Entries { entries, last }) => {
                goes_on = folder.is_some_and(|folder| self.take_names(folder, side, entries)) && !last;
            }
            Ok(NameDone::Released) => {
                listing.lease = None;
                return Some(listing.failed.take().map_or(Ok(OpDone::Listed), Err));
            }
            Ok(other) => return Some(done(other)),
            Err(error) if listing.lease.is_none() || listing.failed.is_some() => return Some(Err(error)),
            Err(error) => {
                listing.failed = Some(error);
                goes_on = false;
            }
        }
        let Some(Part { step: Step::List(listing), .. }) = self.parts.get(&id) else { return None };
        let lease = listing.lease?;
        let op = match goes_on {
            true => NameOp::ReadFolder { lease, bytes: limits::PAGE_MAX },
            false => NameOp::Release { lease },
        };
        store(id, op, out);
        None
    }
}

/// True for what would fail every other part, too: the connection, or a server that stops.
pub(super) fn ends_all(error: &JobError) -> bool {
    match error {
        JobError::Dial(_) | JobError::Session(_) | JobError::Overdue => true,
        JobError::Operation(error) => {
            error.failure.code == Code::DRAINING || error.failure.code.class() == Class::Protocol
        }
    }
}

/// The code of an operation that failed.
pub(super) fn code(error: &JobError) -> Option<Code> {
    match error {
        JobError::Operation(error) => Some(error.failure.code),
        JobError::Dial(_) | JobError::Session(_) | JobError::Overdue => None,
    }
}

/// An operation ended as another one would.
pub(super) fn mistaken(done: &OpDone) -> JobError {
    JobError::Operation(OpError::us(Code::IO, format!("the operation ended as another: {done:?}")))
}

/// What the store did, as the same thing at a server would be told.
fn done(done: NameDone) -> Result<OpDone, StoreError> {
    match done {
        NameDone::Metadata(metadata) => Ok(OpDone::Described(metadata)),
        NameDone::Removed => Ok(OpDone::Removed),
        NameDone::Made => Ok(OpDone::Made),
        NameDone::Target(target) => Ok(OpDone::Target(target)),
        NameDone::Resolved(resolved) => Ok(OpDone::Resolved(resolved)),
        NameDone::Partial { .. } | NameDone::Noted | NameDone::Published | NameDone::Source { .. } => {
            Err(StoreError::new(Code::IO, "the store did something else"))
        }
        NameDone::Joined { .. } | NameDone::Gathered { .. } => {
            Err(StoreError::new(Code::IO, "the store did something else"))
        }
        NameDone::Unchanged | NameDone::Folder { .. } | NameDone::Entries { .. } | NameDone::Released => {
            Err(StoreError::new(Code::IO, "the store did something else"))
        }
    }
}
