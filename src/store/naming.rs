//! How a partial gets the name that it is published by.

use super::errors::{because, failed, refused};
use super::partials::Partial;
use super::reserved::short;
use super::root::Root;
use super::slots::Slot;
use super::{FileError, FileErrorKind, Files};
use crate::probe::{Bug, planted};
use crate::proto::storage::{Existing, StoreError};
use crate::wire::{Code, RelPath};

impl<F: Files> Partial<F> {
    /// Makes the file visible in `folder`; `is_named` says if it has its name in the reserved folder by now.
    pub(super) fn publish(
        &mut self,
        place: &mut Root<F>,
        folder: &F::Folder,
        is_named: bool,
    ) -> Result<(), StoreError> {
        if planted(Bug::NeverRename) {
            return Ok(());
        }
        if is_named || !self.appear(place, folder)? {
            self.rename(place, folder)?;
        }
        let Some(reserved) = &mut place.reserved else { return Ok(()) };
        if let Some(slot) = &mut self.slot {
            let _left_to_the_next_sweep = slot.drop_journal(&*place.files, &reserved.folder);
        }
        if reserved.kept.remove(&short(&self.unique.key)) {
            let _left_to_the_next_sweep = Slot::clear(&*place.files, &reserved.folder, &self.unique.key);
        }
        Ok(())
    }

    /// A file without a name gets the one that it is published by; false if something stands there, and then it has got its
    /// name in the reserved folder.
    fn appear(&self, place: &Root<F>, folder: &F::Folder) -> Result<bool, StoreError> {
        let path = &self.offer.path;
        let name = path.name().expect("checked when it was opened");
        match place.files.name_file(&self.file, folder, name) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind == FileErrorKind::Exists => match self.existing {
                Existing::Replace => {}
                Existing::Refuse => return Err(stands_there(path)),
            },
            Err(error) => return Err(failed("publish", path, error)),
        }
        let Some(reserved) = &place.reserved else { return Err(vanished(path)) };
        give_name(&*place.files, &self.file, &reserved.folder, &self.unique.name())
            .map_err(because("replace", path))?;
        Ok(false)
    }

    fn rename(&self, place: &Root<F>, folder: &F::Folder) -> Result<(), StoreError> {
        let path = &self.offer.path;
        let name = path.name().expect("checked when it was opened");
        let Some(reserved) = &place.reserved else { return Err(vanished(path)) };
        if !self.is_named {
            // All others were checked when they were prepared.
            place.check_name(folder, name, path)?;
        }
        let own = self.name();
        let renamed = match self.existing {
            Existing::Replace => place.files.rename(&reserved.folder, &own, folder, name),
            Existing::Refuse => place.files.rename_new(&reserved.folder, &own, folder, name),
        };
        match renamed {
            Ok(()) => Ok(()),
            Err(error) if error.kind == FileErrorKind::Exists => Err(stands_there(path)),
            Err(error) if error.kind == FileErrorKind::NotFound => Err(vanished(path)),
            Err(error) => Err(failed("publish", path, error)),
        }
    }
}

/// Gives a file its name in the reserved folder.
pub(super) fn give_name<F: Files>(
    files: &F,
    file: &F::File,
    reserved: &F::Folder,
    name: &[u8],
) -> Result<(), FileError> {
    match files.name_file(file, reserved, name) {
        // Ours, of a lease that has ended: it could not be removed then.
        Err(error) if error.kind == FileErrorKind::Exists => {
            files.remove_file(reserved, name)?;
            files.name_file(file, reserved, name)
        }
        other => other,
    }
}

/// Whoever may not replace what stands there is not told what it is.
pub(super) fn stands_there(path: &RelPath) -> StoreError {
    StoreError::new(Code::EXISTS, format!("\"{path}\""))
}

fn vanished(path: &RelPath) -> StoreError {
    refused(Code::IO, "publish", path, "its partial file was removed by somebody else")
}
