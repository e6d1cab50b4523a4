//! A tree job: makes folders at one side like those at the other. Walks, compares, and says which operations are to run;
//! the client runs each as a job of its own, with its own retries, many at once.
//!
//! It walks depth first, a few folders at a time, and holds of each the names of one window: what it holds does not
//! grow with the tree. A folder is made, with the owner's bits, before anything comes into it, and gets its mode and its
//! time when all is in it. What stands only at the destination is removed if that is asked for, and nothing is removed of
//! a folder that could not be listed. An entry that fails is told, and the rest goes on; a server that cannot be reached
//! any more ends the job.
//!
//! | file | what |
//! |---|---|
//! | `request` | what is asked |
//! | `told` | what became of each entry, and the sum |
//! | `window` | a folder's names, in order and piece by piece |
//! | `decide` | what is to be done about an entry |
//! | `entries` | doing it, a step at a time |
//! | `folders` | the folders that are open: making, listing, walking |
//! | `closing` | how a folder ends |
//! | `parts` | the operations under way, here and at the server |

mod closing;
mod decide;
mod entries;
mod folders;
mod parts;
mod request;
mod told;
mod window;

use core::convert::Infallible;
use std::collections::{BTreeMap, VecDeque};

use self::decide::Entry;
use self::folders::{Folder, FolderId};
use self::parts::Part;
pub use self::parts::PartId;
pub use self::request::{Direction, Excludes, Filter, Item, LinkPolicy, Purpose, TreeOptions, TreeRequest};
pub use self::told::{Outcome, Summary, Told};
use super::Limits;
use super::client::JobError;
use super::machine::{Effect, Input, Machine, Out};
use super::op::{OpDone, OpError};
use super::session::Request;
use super::states::state_names;
use super::storage::{StoreOp, Ticket};
use crate::time::Time;
use crate::wire::{self, Code, RelPath, limits};

/// Operations under way at once: as many as a server takes by default.
const PARTS_MAX: usize = 256;
/// Folders that are being listed or have files to begin, at once.
const FOLDERS_MAX: usize = 16;
/// Files move at once as long as their bytes are no more than this, or they are few.
const MOVING_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many files move at once however large they are.
const MOVING_MIN: usize = 4;
/// Most entries that a listing may have: a server that never ends one is not to be trusted.
const LISTING_MAX: u64 = 1 << 24;
/// Most entries of a tree, for the same reason.
const ENTRIES_MAX: u64 = 1 << 32;

/// What a tree job is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The first step.
    Begin,
    /// Give up: what runs is called off.
    Cancel,
    /// Names that a listing at the server gave.
    Entries(PartId, Vec<wire::Entry>),
    /// A part failed in a way that may pass, and begins again.
    Again(PartId),
    /// A part is over.
    Over(PartId, Result<OpDone, JobError>),
}

/// What a tree job wants of the client that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Begin an operation at the server.
    Start(PartId, Request),
    /// Call one off.
    Cancel(PartId),
    /// Tell the application.
    Tell(Told),
}

/// Moves trees. See the [module](self).
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct TreeJob {
    request: TreeRequest,
    /// Bytes of names that are held, over all folders, when there are many.
    names_max: usize,
    phase: Phase,
    /// Items that have begun.
    begun: u32,
    folders: BTreeMap<FolderId, Folder>,
    next_folder: u32,
    parts: BTreeMap<PartId, Part>,
    next_part: u64,
    /// Entries to decide about anew, since what was in their way is gone.
    again: VecDeque<(Option<FolderId>, Entry)>,
    /// Files that move, and their bytes.
    moving: (usize, u64),
    /// Request ids given out.
    requests: u64,
    seen: u64,
    summary: Summary,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum Phase {
    New,
    Walking,
    /// Nothing begins any more; what runs is awaited.
    Leaving(JobError),
    Closed,
}

state_names!(pub TreeJob, PHASES, phase_name, phase, Phase: New, Walking, Leaving, Closed);

impl TreeJob {
    /// Does nothing before [`Order::Begin`].
    pub fn new(request: TreeRequest, limits: &Limits) -> TreeJob {
        TreeJob {
            request,
            names_max: limits.tree_names,
            phase: Phase::New,
            begun: 0,
            folders: BTreeMap::new(),
            next_folder: 0,
            parts: BTreeMap::new(),
            next_part: 0,
            again: VecDeque::new(),
            moving: (0, 0),
            requests: 0,
            seen: 0,
            summary: Summary::default(),
        }
    }

    /// The names of the states of a folder, and of the steps of a part.
    #[cfg(feature = "harness")]
    pub const PARTS: &'static [&'static [&'static str]] = &[Folder::STAGES, Part::STEPS];

    /// Where its newest folder is.
    #[cfg(feature = "harness")]
    pub fn newest_folder(&self) -> Option<&'static str> {
        self.folders.last_key_value().map(|(_, folder)| folder.stage_name())
    }

    /// Its newest part, and what that is for.
    #[cfg(feature = "harness")]
    pub fn newest_part(&self) -> Option<(PartId, &'static str)> {
        self.parts.last_key_value().map(|(id, part)| (*id, part.step_name()))
    }

    fn on_order(&mut self, order: Order, out: &mut Out<TreeJob>) {
        match order {
            Order::Begin if matches!(self.phase, Phase::New) => self.phase = Phase::Walking,
            Order::Begin => {}
            Order::Cancel => self.leave(JobError::Operation(OpError::us(Code::CANCELLED, "")), out),
            Order::Entries(part, entries) => self.on_entries(part, entries, out),
            Order::Again(part) => self.on_again(part),
            Order::Over(part, result) => {
                if let Some(part) = self.parts.remove(&part) {
                    self.on_over(part, result, out);
                }
            }
        }
    }

    /// Begins what may begin, and closes where nothing is left.
    fn advance(&mut self, out: &mut Out<TreeJob>) {
        while matches!(self.phase, Phase::Walking) && self.parts.len() < PARTS_MAX {
            if let Some((above, entry)) = self.again.pop_front() {
                self.handle(above, entry, out);
            } else if let Some(folder) = self.next_folder() {
                self.go_on(folder, out);
            } else if !self.begin_item(out) {
                break;
            }
        }
        if !self.parts.is_empty() || !self.folders.is_empty() || !self.again.is_empty() {
            return;
        }
        let all_begun = self.begun as usize == self.request.items.len();
        let outcome = match core::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Walking if all_begun => Ok(self.summary.clone()),
            Phase::Leaving(error) => Err(error),
            phase @ (Phase::New | Phase::Walking | Phase::Closed) => {
                self.phase = phase;
                return;
            }
        };
        out.push(Effect::Close(outcome));
    }

    /// Looks at the next source; false if there is none, or as many as may be are looked at.
    fn begin_item(&mut self, out: &mut Out<TreeJob>) -> bool {
        let Some(item) = self.request.items.get(self.begun as usize) else { return false };
        let entry = Entry {
            item: self.begun,
            below: RelPath::ROOT,
            from: item.from.clone(),
            to: item.to.clone(),
            source: None,
            found: None,
            identity: 0,
        };
        self.begun += 1;
        self.look_at_source(entry, out);
        true
    }

    /// Nothing begins any more.
    fn leave(&mut self, error: JobError, out: &mut Out<TreeJob>) {
        if matches!(self.phase, Phase::Leaving(_) | Phase::Closed) {
            return;
        }
        self.phase = Phase::Leaving(error);
        self.folders.clear();
        self.again.clear();
        for (id, part) in &self.parts {
            if !self.is_here(part.side()) {
                out.event(Wish::Cancel(*id));
            }
        }
    }

    fn tell(&mut self, item: u32, path: Vec<u8>, outcome: Outcome, out: &mut Out<TreeJob>) {
        self.summary.count(&outcome);
        out.event(Wish::Tell(Told { item, path, outcome }));
    }

    fn tell_of(&mut self, entry: &Entry, outcome: Outcome, out: &mut Out<TreeJob>) {
        self.tell(entry.item, entry.below.as_bytes().to_vec(), outcome, out);
    }

    /// Bytes of names that each listing of a folder may hold: a little, however much others do.
    fn room_for_names(&self, of: FolderId) -> usize {
        let others = self.folders.iter().filter(|(id, _)| **id != of).map(|(_, folder)| folder.names());
        self.window_min().max(self.names_max.saturating_sub(others.sum()) / 2)
    }

    fn window_min(&self) -> usize {
        self.names_max / 256
    }
}

impl Machine for TreeJob {
    type Link = ();
    type Rx = Infallible;
    type Tx = Infallible;
    type Command = Order;
    type Event = Wish;
    type Outcome = Result<Summary, JobError>;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<TreeJob>, out: &mut Out<TreeJob>) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match input {
            Input::Command(order) => self.on_order(order, out),
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Received((), never) => match never {},
            Input::Dialed(()) | Input::DialFailed((), _) | Input::Ended((), _) => {}
            Input::Room((), _) | Input::Elapsed => {}
        }
        self.advance(out);
    }

    fn footprint(&self) -> usize {
        let folders: usize = self.folders.values().map(Folder::footprint).sum();
        let parts: usize = self.parts.values().map(Part::footprint).sum();
        let again: usize = self.again.iter().map(|(_, entry)| size_of::<Entry>() + entry.footprint()).sum();
        folders + parts + again
    }

    fn footprint_max(&self) -> usize {
        // A folder's names may go a page beyond what is allowed, before they are cut.
        let entry = size_of::<Entry>() + 3 * limits::PATH_MAX;
        let folder = size_of::<Folder>() + entry + 2 * (self.window_min() + 1024);
        let part = size_of::<Part>() + entry + limits::TARGET_MAX;
        let names = 2 * self.names_max;
        names + self.folders.len() * folder + (PARTS_MAX + 2) * part + self.again.len() * entry
    }

    fn size(tx: &Infallible) -> usize {
        match *tx {}
    }
}

/// A store operation of a part.
fn store(id: PartId, op: crate::proto::storage::NameOp, out: &mut Out<TreeJob>) {
    out.push(Effect::Store(Ticket(id.0), StoreOp::Name(op)));
}
