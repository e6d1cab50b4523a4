//! How a folder ends: once all in it is over, its mode and time are set, or it is removed; then it is its parent's turn.

use super::TreeJob;
use super::folders::{Folder, FolderId, Stage};
use super::parts::{Step, code};
use super::told::Outcome;
use crate::probe::{Mark, mark};
use crate::proto::client::JobError;
use crate::proto::machine::Out;
use crate::wire::{Code, FileKind, MakeFolder, Metadata};

impl TreeJob {
    /// Something within a folder is over.
    pub(super) fn finish(
        &mut self,
        above: Option<FolderId>,
        is_changed: bool,
        is_spoiled: bool,
        out: &mut Out<TreeJob>,
    ) {
        let Some((id, folder)) = above.and_then(|id| Some((id, self.folders.get_mut(&id)?))) else { return };
        folder.open -= 1;
        folder.is_changed |= is_changed;
        folder.is_spoiled |= is_spoiled;
        self.settle(id, out);
    }

    /// Ends a folder if all in it is over.
    pub(super) fn settle(&mut self, id: FolderId, out: &mut Out<TreeJob>) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        let rests = folder.work.is_empty() && folder.later.is_empty() && folder.open == 0;
        if folder.stage != Stage::Walking || !folder.is_last || !rests {
            return;
        }
        folder.stage = Stage::Settling;
        let is_dry = !self.request.options.changes();
        let entry = &folder.entry;
        match entry.source.filter(|_| !folder.is_cleared) {
            None if folder.is_spoiled => self.close_folder(id, out),
            None if is_dry => self.on_folder_removed(id, Ok(()), out),
            None => {
                let entry = entry.clone();
                self.remove(&entry, Some(id), Step::RemoveFolder, out);
            }
            Some(source) => {
                let is_other =
                    |found: Metadata| (found.mode, found.modified) != (source.mode, source.modified);
                let differs = folder.is_changed || entry.found.is_none_or(is_other);
                if is_dry || !differs || entry.to.is_root() {
                    return self.close_folder(id, out);
                }
                let make =
                    MakeFolder { path: entry.to.clone(), mode: source.mode, modified: Some(source.modified) };
                let item = entry.item;
                self.make_folder(id, Step::Settle, item, make, out);
            }
        }
    }

    /// Mode and time of a folder are set.
    pub(super) fn on_settled(&mut self, id: FolderId, result: Result<(), JobError>, out: &mut Out<TreeJob>) {
        match result {
            Ok(()) => self.close_folder(id, out),
            Err(error) => self.fail_folder(id, error, out),
        }
    }

    pub(super) fn on_folder_removed(
        &mut self,
        id: FolderId,
        result: Result<(), JobError>,
        out: &mut Out<TreeJob>,
    ) {
        let Some(folder) = self.folders.get(&id) else { return };
        let entry = folder.entry.clone();
        match result {
            Ok(()) => self.tell_of(&entry, Outcome::Removed(FileKind::Folder), out),
            // Somebody else removed it.
            Err(error) if code(&error) == Some(Code::NOT_FOUND) => {}
            Err(error) => return self.fail_folder(id, error, out),
        }
        self.close_folder(id, out);
    }

    pub(super) fn fail_folder(&mut self, id: FolderId, error: JobError, out: &mut Out<TreeJob>) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        folder.is_spoiled = true;
        let entry = folder.entry.clone();
        self.tell_of(&entry, Outcome::Failed(error), out);
        self.close_folder(id, out);
    }

    /// Forgets a folder. One that was cleared to make place gives its place to what it was cleared for.
    fn close_folder(&mut self, id: FolderId, out: &mut Out<TreeJob>) {
        let Some(folder) = self.folders.remove(&id) else { return };
        let Folder { above, mut entry, is_cleared, is_spoiled, .. } = folder;
        let is_new = entry.found.is_none();
        if is_cleared && !is_spoiled && entry.source.is_some() {
            mark(Mark::ClearedForPlace);
            entry.found = None;
            return self.again.push_back((above, entry));
        }
        self.finish(above, is_cleared || is_new, is_cleared && is_spoiled, out);
    }
}
