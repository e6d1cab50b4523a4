//! The two waits for the disk.

use std::collections::BTreeSet;

use super::{Group, Member, Shared, State};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::storage::StoreError;
use crate::store::errors::{because, failed};
use crate::store::naming::give_name;
use crate::store::{File, FileErrorKind, Files};
use crate::wire::RelPath;

/// From so many syncs on, one of the whole file system is asked for instead.
const TOGETHER: usize = 4;
/// Bugs that only show where each sync is asked for by itself.
const OF_SINGLE_SYNCS: [Bug; 4] =
    [Bug::SkipFileSync, Bug::RenameBeforeSync, Bug::SkipParentSync, Bug::SkipFolderSync];

impl<F: Files> Group<F> {
    /// The first barrier: what was received is durable, the new folders, and what is intended.
    pub fn sync_contents(&mut self) {
        let Some(shared) = &mut self.shared else { return };
        let together =
            |member: &&Member<F>| matches!(&member.state, State::Ready(ready) if !ready.syncs_alone);
        let count = self.members.iter().filter(together).count();
        let is_together = match shared.sync_together(count + shared.fresh.len()) {
            Ok(is_together) => is_together,
            Err(error) => return self.break_ready(&error),
        };
        if !is_together {
            self.name_all();
        }
        let Some(shared) = &mut self.shared else { return };
        for member in &mut self.members {
            if let State::Ready(ready) = &member.state
                && (!is_together || ready.syncs_alone)
                && !planted(Bug::SkipFileSync)
                && !planted(Bug::RenameBeforeSync)
                && let Err(error) = ready.file.sync()
            {
                member.state = State::Broken(failed("write to disk", &ready.path, error), ready.act);
            }
        }
        if is_together || !self.members.iter().any(Member::is_ready) {
            return;
        }
        let folders =
            shared.fresh.sync(&shared.files).map_err(because("make the folders of", &RelPath::ROOT));
        let synced = folders.and_then(|()| {
            let logged = shared.acting.sync();
            shared.log_failed = logged.is_err();
            logged
        });
        if let Err(error) = synced {
            self.fail_ready(&error);
        }
    }

    /// A file system may leave a file that has no name out of what a sync of that file makes durable (btrfs does), so that a
    /// sync of the folder later would bring its name alone. One of the whole file system leaves out nothing.
    fn name_all(&mut self) {
        let Some(shared) = &self.shared else { return };
        for member in &mut self.members {
            let State::Ready(ready) = &mut member.state else { continue };
            let Some(unique) = ready.unnamed.take() else { continue };
            let named = match &shared.reserved {
                Some(reserved) => give_name(&*shared.files, &ready.file, reserved, &unique.name()),
                None => Err(FileErrorKind::NotFound.into()),
            };
            if let Err(error) = named {
                let error = failed("name the partial file of", &ready.path, error);
                member.state = State::Failed(error, Some(ready.act));
            }
        }
    }

    /// The second barrier: the names are durable.
    pub fn sync_names(&mut self) {
        let Some(shared) = &mut self.shared else { return };
        let folder_of = |member: &Member<F>| match &member.state {
            State::Ready(ready) => Some(ready.folder),
            State::Remembered | State::Failed(..) | State::Broken(..) => None,
        };
        let folders: BTreeSet<usize> = self.members.iter().filter_map(folder_of).collect();
        match shared.sync_together(folders.len()) {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => return self.break_ready(&error),
        }
        for folder in folders {
            let skip = planted(Bug::SkipFolderSync);
            let synced = if skip { Ok(()) } else { shared.files.sync_folder(&shared.folders[folder]) };
            for member in self.members.iter_mut().filter(|member| folder_of(member) == Some(folder)) {
                let State::Ready(ready) = &member.state else { continue };
                let late = if planted(Bug::RenameBeforeSync) { ready.file.sync() } else { Ok(()) };
                if let Err(error) = synced.and(late) {
                    let error = failed("write to disk the name of", &ready.path, error);
                    member.state = State::Broken(error, ready.act);
                }
            }
        }
    }

    fn break_ready(&mut self, error: &StoreError) {
        for member in &mut self.members {
            if let State::Ready(ready) = &member.state {
                member.state = State::Broken(error.clone(), ready.act);
            }
        }
    }
}

impl<F: Files> Shared<F> {
    /// Syncs the whole file system, if that is better than so many syncs and the system can; false if not.
    fn sync_together(&mut self, syncs: usize) -> Result<bool, StoreError> {
        if syncs < TOGETHER || OF_SINGLE_SYNCS.into_iter().any(planted) {
            return Ok(false);
        }
        let synced = self.files.sync_file_system(&self.top);
        self.is_doubtful |= synced.is_err();
        mark_if(Mark::BarrierFailed, || synced.is_err());
        synced.map_err(because("write to disk all below", &RelPath::ROOT))
    }
}
