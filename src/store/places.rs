//! What stands at a path without being a file: folders that are made, symbolic links that are made and read, and where
//! they lead.

use super::errors::{because, failed, refused};
use super::reserved::Unique;
use super::root::Root;
use super::{FileError, FileErrorKind, Files, Links, Names, Status};
use crate::probe::{Mark, mark};
use crate::proto::storage::{NameDone, RootId, StoreError};
use crate::wire::{Code, FileKind, LinkTarget, MakeFolder, MakeLink, RelPath, Resolved};

/// What a folder is made with beyond the mode that is asked for, until that is set: its owner can fill it.
const OWNER: u32 = 0o700;

impl<F: Files> Names<F> {
    /// An error after the folder is there (the last sync) leaves it there, but not known to be durably so.
    pub(super) fn make_folder(&mut self, root: RootId, folder: &MakeFolder) -> Result<NameDone, StoreError> {
        let MakeFolder { path, mode, modified } = folder;
        let place = self.root_mut(root)?;
        let Some(name) = path.name() else {
            return Err(refused(Code::BAD_PATH, "make", path, "it is the root"));
        };
        let above = place.durable_folder_for(path)?;
        place.refuse_reserved(&above, path)?;
        let what = || because("make the folder", path);
        match place.files.create_folder(&above, name, mode & 0o777 | OWNER) {
            Ok(()) => mark(Mark::FolderMade),
            Err(error) if error.kind == FileErrorKind::Exists => {}
            Err(error) => return Err(failed("make the folder", path, error)),
        }
        let own = place.files.open_folder(&above, name, Links::None).map_err(what())?;
        place.refuse_reserved(&own, path)?;
        place.make_durable(&above, &own).map_err(what())?;
        let status = place.files.status(&own, b"").map_err(what())?;
        let is_new_mode = status.mode != mode & 0o777;
        if is_new_mode {
            place.files.set_folder_mode(&own, *mode).map_err(because("set the mode of", path))?;
        }
        let time = modified.filter(|modified| *modified != status.modified);
        if let Some(modified) = time {
            place.files.set_folder_modified(&own, modified).map_err(because("set the time of", path))?;
        }
        // Also where the time is as it is to be: who set it may have failed to make it durable.
        if is_new_mode || modified.is_some() {
            place.files.sync_folder(&own).map_err(because("write to disk", path))?;
        }
        Ok(NameDone::Made)
    }

    /// The link is made under a name of the store's own and renamed: what stood there stands there, or the link does.
    pub(super) fn make_link(&mut self, root: RootId, link: &MakeLink) -> Result<NameDone, StoreError> {
        let MakeLink { path, target } = link;
        let key = blake3::hash(&[b"towline link", path.as_bytes()].concat());
        let own = Unique { key: key.into(), generation: 0, nonce: self.nonce }.name();
        let place = self.root_mut(root)?;
        let Some(name) = path.name() else {
            return Err(refused(Code::BAD_PATH, "make", path, "it is the root"));
        };
        let folder = place.durable_folder_for(path)?;
        place.check_link(&folder, name, path)?;
        place.create_own_link(&own, target.as_bytes()).map_err(because("make the link", path))?;
        let Some(reserved) = &place.reserved else { unreachable!("a link was made in it") };
        let renamed = place.files.rename(&reserved.folder, &own, &folder, name);
        if renamed.is_err() {
            let _left_to_the_next_sweep = place.files.remove_file(&reserved.folder, &own);
        }
        renamed.map_err(because("make the link", path))?;
        place.files.sync_folder(&folder).map_err(because("write to disk the name of", path))?;
        Ok(NameDone::Made)
    }

    pub(super) fn read_link(&self, root: RootId, path: &RelPath) -> Result<NameDone, StoreError> {
        let place = self.root(root)?;
        let Some((parent, name)) = path.parent().zip(path.name()) else {
            return Err(refused(Code::NOT_A_FILE, "read the link", path, "it is the root"));
        };
        let what = || because("read the link", path);
        let folder = place.look_into(&parent).map_err(what())?;
        let target = place.files.read_link(&folder, name).map_err(what())?;
        let target = LinkTarget::new(target);
        target.map(NameDone::Target).ok_or_else(|| {
            refused(Code::BAD_PATH, "read the link", path, "it leads to a path that is too long")
        })
    }

    pub(super) fn resolve(&self, root: RootId, path: &RelPath) -> Result<NameDone, StoreError> {
        let place = self.root(root)?;
        let (_, status) = place.open_file(path).map_err(because("look at what stands behind", path))?;
        Ok(NameDone::Resolved(Resolved { identity: identity(&status), metadata: status.metadata() }))
    }
}

impl<F: Files> Root<F> {
    /// Refuses a folder or a device where a link is to stand.
    fn check_link(&self, folder: &F::Folder, name: &[u8], path: &RelPath) -> Result<(), StoreError> {
        self.refuse_reserved(folder, path)?;
        let why = match self.files.status(folder, name) {
            Err(error) if error.kind == FileErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("make the link", path, error)),
            Ok(status) => match status.kind {
                FileKind::File | FileKind::Link => return Ok(()),
                FileKind::Folder => "a folder stands there",
                FileKind::Other => "a device, socket or pipe stands there",
            },
        };
        Err(refused(Code::NOT_A_FILE, "make the link", path, why))
    }

    /// A link in the reserved folder, in place of one that a process of the same number left.
    fn create_own_link(&mut self, own: &[u8], target: &[u8]) -> Result<(), FileError> {
        for _ in 0..2 {
            if self.reserve().is_err() {
                return Err(FileErrorKind::NotFound.into());
            }
            let Some(reserved) = &self.reserved else { continue };
            match self.files.create_link(&reserved.folder, own, target) {
                // The folder was removed under us: it is made again.
                Err(error) if error.kind == FileErrorKind::NotFound => self.reserved = None,
                Err(error) if error.kind == FileErrorKind::Exists => {
                    self.files.remove_file(&reserved.folder, own)?;
                }
                other => return other,
            }
        }
        Err(FileErrorKind::Other.into())
    }
}

/// Of the file or folder that has it now; a number and a device that nobody can read from it.
fn identity(status: &Status) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"towline identity");
    hasher.update(&status.device.to_le_bytes()).update(&status.inode.to_le_bytes());
    u128::from_le_bytes(hasher.finalize().as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}
