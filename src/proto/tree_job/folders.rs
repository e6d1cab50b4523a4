//! The folders that are open: each is made or cleared of what is in it, window by window.

use std::collections::VecDeque;

use super::decide::Entry;
use super::parts::{Step, code};
use super::told::Outcome;
use super::window::{ENTRY, Pair, Window};
use super::{ENTRIES_MAX, FOLDERS_MAX, LISTING_MAX, MOVING_BYTES_MAX, MOVING_MIN, Purpose, TreeJob};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::client::JobError;
use crate::proto::machine::Out;
use crate::proto::op::OpError;
use crate::proto::states::state_names;
use crate::wire::{self, Code, FileKind, MakeFolder, PathError};

/// What a folder is made with beyond its mode, as long as something is to come into it.
const OWNER: u32 = 0o700;

/// Names an open folder; later ones are deeper, or come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FolderId(u32);

/// Which side something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Source,
    Destination,
    Both,
}

/// A folder that is open.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Folder {
    /// The folder that it is in, if that is open.
    pub(super) above: Option<FolderId>,
    pub(super) entry: Entry,
    /// It is to be gone in the end, and not like its source.
    pub(super) is_cleared: bool,
    pub(super) stage: Stage,
    /// Parts and folders within that are under way.
    pub(super) open: usize,
    /// Where the window begins.
    from: Vec<u8>,
    windows: [Window; 2],
    /// No window comes after this one.
    pub(super) is_last: bool,
    /// Entries of the window that have not begun.
    pub(super) work: VecDeque<Pair>,
    /// Folders of the window, for when its files have begun.
    pub(super) later: VecDeque<Pair>,
    /// Something in it was changed, so that its time is another one.
    pub(super) is_changed: bool,
    /// Something in it stays that should go.
    pub(super) is_spoiled: bool,
    /// Why it could not be listed.
    failed: Option<JobError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It is being made.
    Making,
    /// So many listings are under way.
    Listing(u8),
    Walking,
    /// Its mode and time are being set, or it is being removed.
    Settling,
}

state_names!(pub(super) Folder, STAGES, stage_name, stage, Stage: Making, Listing, Walking, Settling);

impl Folder {
    pub(super) fn window(&mut self, side: Side) -> &mut Window {
        &mut self.windows[usize::from(side != Side::Source)]
    }

    /// Bytes of names held.
    pub(super) fn names(&self) -> usize {
        let pairs = self.work.iter().chain(&self.later).map(|pair| pair.name.len() + ENTRY);
        self.windows.iter().map(Window::footprint).sum::<usize>() + pairs.sum::<usize>() + self.from.len()
    }

    pub(super) fn footprint(&self) -> usize {
        size_of::<Folder>() + self.entry.footprint() + self.names()
    }

    fn is_busy(&self) -> bool {
        self.stage != Stage::Walking || !self.work.is_empty()
    }
}

impl TreeJob {
    /// Opens a folder: to make it like its source, or to clear it.
    pub(super) fn open_folder(
        &mut self,
        above: Option<FolderId>,
        entry: Entry,
        is_cleared: bool,
        out: &mut Out<TreeJob>,
    ) {
        let id = FolderId(self.next_folder);
        self.next_folder += 1;
        let is_dry = !self.request.options.changes();
        let lacks_owner = entry.found.is_none_or(|found| found.mode & OWNER != OWNER);
        let makes = !is_cleared && !is_dry && lacks_owner && !entry.to.is_root();
        let mode = entry.source.map_or(0, |source| source.mode) | OWNER;
        let make = MakeFolder { path: entry.to.clone(), mode, modified: None };
        if !is_cleared && is_dry && entry.found.is_none() {
            self.tell_of(&entry, Outcome::FolderMade, out);
        }
        let item = entry.item;
        let folder = Folder {
            above,
            entry,
            is_cleared,
            stage: Stage::Making,
            open: 0,
            from: Vec::new(),
            windows: [Window::default(), Window::default()],
            is_last: false,
            work: VecDeque::new(),
            later: VecDeque::new(),
            is_changed: makes,
            is_spoiled: false,
            failed: None,
        };
        self.folders.insert(id, folder);
        match makes {
            true => self.make_folder(id, Step::Make, item, make, out),
            false => self.list_folder(id, out),
        }
    }

    /// The folder is there.
    pub(super) fn on_made(&mut self, id: FolderId, result: Result<(), JobError>, out: &mut Out<TreeJob>) {
        if let Err(error) = result {
            return self.fail_folder(id, error, out);
        }
        let Some(folder) = self.folders.get(&id) else { return };
        if folder.entry.found.is_none() {
            let entry = folder.entry.clone();
            self.tell_of(&entry, Outcome::FolderMade, out);
        }
        self.list_folder(id, out);
    }

    /// The next window.
    fn list_folder(&mut self, id: FolderId, out: &mut Out<TreeJob>) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        let (source, destination) = (!folder.is_cleared, folder.entry.found.is_some());
        mark_if(Mark::WindowFollows, || !folder.from.is_empty());
        folder.stage = Stage::Listing(u8::from(source) + u8::from(destination));
        let (item, from, to) = (folder.entry.item, folder.entry.from.clone(), folder.entry.to.clone());
        if source {
            self.list(item, id, Side::Source, from, out);
        }
        if destination {
            self.list(item, id, Side::Destination, to, out);
        }
    }

    /// Names of a listing; false if it is too long to be true.
    pub(super) fn take_names(&mut self, id: FolderId, side: Side, entries: Vec<wire::Entry>) -> bool {
        let room = self.room_for_names(id);
        let Some(folder) = self.folders.get_mut(&id) else { return false };
        let from = core::mem::take(&mut folder.from);
        folder.window(side).take(entries, &from, room);
        folder.from = from;
        let is_endless = folder.window(side).seen > LISTING_MAX;
        if is_endless {
            let error = OpError::us(Code::TOO_LONG, "the folder has more names than anybody could mean");
            folder.failed.get_or_insert(JobError::Operation(error));
        }
        !is_endless
    }

    /// A listing is over.
    pub(super) fn on_listed(
        &mut self,
        id: FolderId,
        side: Side,
        result: Result<(), JobError>,
        out: &mut Out<TreeJob>,
    ) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        match result {
            // It was removed meanwhile.
            Err(error) if side == Side::Destination && code(&error) == Some(Code::NOT_FOUND) => {
                folder.window(side).clear();
            }
            Err(error) => {
                folder.failed.get_or_insert(error);
            }
            Ok(()) => {}
        }
        let Stage::Listing(open) = &mut folder.stage else { return };
        *open -= 1;
        if *open > 0 {
            return;
        }
        if let Some(error) = folder.failed.take() {
            return self.fail_folder(id, error, out);
        }
        let [source, found] = core::mem::take(&mut folder.windows);
        let (pairs, next) = Window::join(source, found);
        self.seen += pairs.len() as u64;
        folder.work = pairs.into();
        folder.is_last = next.is_none() || planted(Bug::ForgetWindows);
        folder.from = next.unwrap_or_default();
        folder.stage = Stage::Walking;
        if self.seen > ENTRIES_MAX {
            let error = OpError::us(Code::TOO_LONG, "the tree has more entries than anybody could mean");
            return self.leave(JobError::Operation(error), out);
        }
        self.settle(id, out);
    }

    /// The latest folder that can go on: so the walk goes into the depth.
    pub(super) fn next_folder(&self) -> Option<FolderId> {
        let busy = self.folders.values().filter(|folder| folder.is_busy()).count();
        let can_go_on = |folder: &Folder| {
            folder.stage == Stage::Walking
                && match folder.work.front() {
                    Some(pair) => self.has_room_for(pair),
                    None => busy < FOLDERS_MAX && (!folder.later.is_empty() || !folder.is_last),
                }
        };
        self.folders.iter().rev().find(|(_, folder)| can_go_on(folder)).map(|(id, _)| *id)
    }

    fn has_room_for(&self, pair: &Pair) -> bool {
        let (files, bytes) = self.moving;
        match pair.source {
            Some(source) if source.kind == FileKind::File => {
                files < MOVING_MIN || bytes.saturating_add(source.length) <= MOVING_BYTES_MAX
            }
            Some(_) | None => true,
        }
    }

    /// Begins the next entry of a folder, or its next window.
    pub(super) fn go_on(&mut self, id: FolderId, out: &mut Out<TreeJob>) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        if let Some(pair) = folder.work.pop_front() {
            let is_folder =
                [pair.source, pair.found].iter().flatten().any(|metadata| metadata.kind == FileKind::Folder);
            match self.entry_of(id, &pair, is_folder, out) {
                Some(_) if is_folder => self.defer(id, pair),
                Some(entry) => self.begin(id, entry, out),
                None => {}
            }
            return self.settle(id, out);
        }
        if let Some(pair) = folder.later.pop_front() {
            let Some(entry) = folder.entry.below(&pair).ok() else { return };
            return self.begin(id, entry, out);
        }
        self.list_folder(id, out);
    }

    fn defer(&mut self, id: FolderId, pair: Pair) {
        if let Some(folder) = self.folders.get_mut(&id) {
            folder.later.push_back(pair);
        }
    }

    fn begin(&mut self, id: FolderId, entry: Entry, out: &mut Out<TreeJob>) {
        if let Some(folder) = self.folders.get_mut(&id) {
            folder.open += 1;
        }
        self.handle(Some(id), entry, out);
    }

    /// What a pair of names is about; `None` where nothing is to be done, and has been told if it is worth a word.
    fn entry_of(
        &mut self,
        id: FolderId,
        pair: &Pair,
        is_folder: bool,
        out: &mut Out<TreeJob>,
    ) -> Option<Entry> {
        let folder = self.folders.get_mut(&id)?;
        let options = &self.request.options;
        let minds = folder.is_cleared || options.delete || options.purpose == Purpose::Compare;
        if pair.source.is_none() && !minds && !planted(Bug::RemoveUnasked) {
            return None;
        }
        let (item, path) = (folder.entry.item, joined(folder.entry.below.as_bytes(), &pair.name));
        if pair.name.eq_ignore_ascii_case(wire::RESERVED) {
            folder.is_spoiled = true;
            if pair.source.is_some() {
                self.tell(item, path, Outcome::Reserved, out);
            }
            return None;
        }
        if self.request.options.filter.excludes(&path, is_folder) {
            folder.is_spoiled = true;
            if pair.source.is_some() {
                self.tell(item, path, Outcome::Excluded, out);
            }
            return None;
        }
        match folder.entry.below(pair) {
            Ok(entry) => Some(entry),
            Err(error) => {
                folder.is_spoiled = true;
                let error = OpError::us(Code::BAD_PATH, error.describe());
                self.tell(item, path, Outcome::Failed(JobError::Operation(error)), out);
                None
            }
        }
    }

    /// True if a folder is open that leads to `id`, or is it, and is the same behind links.
    pub(super) fn is_within(&self, mut at: Option<FolderId>, identity: u128) -> bool {
        while let Some(folder) = at.and_then(|id| self.folders.get(&id)) {
            if folder.entry.identity == identity {
                return true;
            }
            at = folder.above;
        }
        false
    }
}

impl Entry {
    /// An entry in this folder.
    fn below(&self, pair: &Pair) -> Result<Entry, PathError> {
        // What only one side has is named at that side only.
        let from = if pair.source.is_some() { self.from.join(&pair.name)? } else { self.from.clone() };
        let to = self.to.join(&pair.name)?;
        let below = self.below.join(&pair.name)?;
        let (source, found) = (pair.source, pair.found);
        Ok(Entry { item: self.item, below, from, to, source, found, identity: 0 })
    }
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    [folder, separator, name].concat()
}
