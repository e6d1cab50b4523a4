//! A root: where below it a file may be published, and making the way there durable.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::errors::{because, failed, refused};
use super::log::Log;
use super::naming::stands_there;
use super::requests::Requests;
use super::reserved::Reserved;
use super::{File, FileError, FileErrorKind, Files, Links, Status};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::storage::StoreError;
use crate::wire::{Code, FileKind, RESERVED, RelPath};

/// How many folders are known to be durable before all are forgotten, and synced again when they are next used.
const DURABLE_MAX: usize = 4096;
/// Permission bits of new folders, less what the process masks.
const FOLDER_MODE: u32 = 0o777;
/// Permission bits of the store's own files.
const OWN_MODE: u32 = 0o600;
/// Names read at once.
const NAMES_BATCH: usize = 256;

/// A folder below which paths are meant.
pub(super) struct Root<F: Files> {
    /// Shared with groups of publications, whose syncs run while others use the root.
    pub(super) files: Arc<F>,
    pub(super) top: F::Folder,
    /// There from the first partial on, or from the start if a process before left it.
    pub(super) reserved: Option<Reserved<F>>,
    /// Folders, by identity, whose names are durable in the folders above them, up to the root. A folder that was there
    /// already counts only after a sync of its parent: whoever made it may not have synced it.
    durable: BTreeSet<(u64, u64)>,
    pub(super) requests: Requests,
    pub(super) log: Log,
}

impl<F: Files> Root<F> {
    /// Takes the root over from processes before this one: sweeps their partials if none of them is alive, and remembers
    /// what they logged. What forbids
    /// to write does not forbid to serve: it is reported when something is to be received.
    pub(super) fn new(files: F) -> Result<Root<F>, StoreError> {
        let top = files.root().map_err(because("open", &RelPath::ROOT))?;
        let reserved = match Reserved::open(&files, &top) {
            Ok(reserved) => reserved,
            Err(error) => match error.kind {
                FileErrorKind::TooManyFiles | FileErrorKind::Other => return Err(reserve_failed(error)),
                FileErrorKind::Denied | FileErrorKind::ReadOnly | FileErrorKind::NoSpace => None,
                FileErrorKind::Reserved => None,
                FileErrorKind::Link | FileErrorKind::NotAFolder | FileErrorKind::NotAFile => None,
                FileErrorKind::NotFound | FileErrorKind::Exists | FileErrorKind::NotEmpty => None,
                FileErrorKind::Outside | FileErrorKind::Busy => None,
                FileErrorKind::BadName | FileErrorKind::TooLong => None,
            },
        };
        let (requests, log) = Default::default();
        let mut root =
            Root { files: Arc::new(files), top, reserved, durable: BTreeSet::new(), requests, log };
        // What fails is tried again before anything is done for a request.
        let _later = root.catch_up();
        Ok(root)
    }

    /// Holds the reserved folder from now on; makes it if there is none.
    pub(super) fn reserve(&mut self) -> Result<Arc<F::Folder>, StoreError> {
        let reserved = match &mut self.reserved {
            Some(reserved) => reserved,
            none => none.insert(Reserved::create(&*self.files, &self.top).map_err(reserve_failed)?),
        };
        Ok(Arc::clone(&reserved.folder))
    }

    /// The same where it was found to be removed under us.
    pub(super) fn reserve_again(&mut self, removed: &Arc<F::Folder>) -> Result<Arc<F::Folder>, StoreError> {
        self.reserved.take_if(|reserved| Arc::ptr_eq(&reserved.folder, removed));
        self.reserve()
    }

    /// Opens a folder to look at what is in it, over links that stay beneath the folder that its path is confined to; never the
    /// reserved one, to which such a link may lead.
    pub(super) fn look_into(&self, path: &RelPath) -> Result<F::Folder, FileError> {
        let (at, way) = self.confined(path)?;
        let folder = self.files.open_folder(at.as_ref().unwrap_or(&self.top), way, Links::Beneath)?;
        match self.reserved_folder() {
            Some((_, reserved)) if self.files.status(&folder, b"")?.identity() == reserved => {
                Err(FileErrorKind::Outside.into())
            }
            Some(_) | None => Ok(folder),
        }
    }

    /// Opens what stands at `path` for reading, over the same links, and gives what it is; nothing that lies in the reserved folder.
    pub(super) fn open_file(&self, path: &RelPath) -> Result<(F::File, Status), FileError> {
        let (at, way) = self.confined(path)?;
        let file = self.files.open_file(at.as_ref().unwrap_or(&self.top), way)?;
        let status = file.status()?;
        // What lies there has this mode, and few others have.
        if status.mode == OWN_MODE && status.kind == FileKind::File && self.is_own(&status)? {
            return Err(FileErrorKind::Outside.into());
        }
        Ok((file, status))
    }

    /// The reserved folder as it is now, whoever made it, and what tells it from others.
    fn reserved_folder(&self) -> Option<(F::Folder, (u64, u64))> {
        let folder = self.files.open_folder(&self.top, RESERVED, Links::None).ok()?;
        let identity = self.files.status(&folder, b"").ok()?.identity();
        Some((folder, identity))
    }

    /// Whether a file has a name in the reserved folder.
    fn is_own(&self, file: &Status) -> Result<bool, FileError> {
        let Some((folder, _)) = self.reserved_folder() else { return Ok(false) };
        let mut listing = self.files.list(&folder)?;
        loop {
            let names = self.files.next_names(&mut listing, NAMES_BATCH)?;
            if names.is_empty() {
                return Ok(false);
            }
            let is_it = |name: &Vec<u8>| {
                self.files.status(&folder, name).is_ok_and(|status| status.identity() == file.identity())
            };
            if names.iter().any(is_it) {
                return Ok(true);
            }
        }
    }

    /// The folder that `path` is confined to, if to any, and the way from there.
    fn confined<'a>(&self, path: &'a RelPath) -> Result<(Option<F::Folder>, &'a [u8]), FileError> {
        match path.confinement() {
            (b"", way) => Ok((None, way)),
            (folder, way) => Ok((Some(self.files.open_folder(&self.top, folder, Links::None)?), way)),
        }
    }

    /// Refuses to publish where anything stands, so that no data moves in vain.
    pub(super) fn refuse_existing(&self, path: &RelPath) -> Result<(), StoreError> {
        let Some((parent, name)) = path.parent().zip(path.name()) else { return Ok(()) };
        let found = self.files.open_folder(&self.top, parent.as_bytes(), Links::None);
        match found.and_then(|folder| self.files.status(&folder, name)) {
            Ok(_) => Err(stands_there(path)),
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("write to", path, error)),
        }
    }

    /// Refuses what could not be published at `path`, as far as can be seen without changing anything, so that no data
    /// moves in vain.
    pub(super) fn check_destination(&self, path: &RelPath) -> Result<(), StoreError> {
        let Some((parent, name)) = path.parent().zip(path.name()) else {
            return Err(refused(Code::BAD_PATH, "write to", path, "it is the root"));
        };
        match self.files.open_folder(&self.top, parent.as_bytes(), Links::None) {
            Ok(folder) => self.check_target(&folder, name, path),
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("write to", path, error)),
        }
    }

    /// Refuses a folder, a link or a device at `name` in `folder`. A link is refused rather than replaced: whoever made
    /// it meant the file that it leads to, and that is not written through it.
    pub(super) fn check_target(
        &self,
        folder: &F::Folder,
        name: &[u8],
        path: &RelPath,
    ) -> Result<(), StoreError> {
        self.refuse_reserved(folder, path)?;
        self.check_name(folder, name, path)
    }

    /// The same in a folder that is known not to be the reserved one.
    pub(super) fn check_name(
        &self,
        folder: &F::Folder,
        name: &[u8],
        path: &RelPath,
    ) -> Result<(), StoreError> {
        let (code, why) = match self.files.status(folder, name) {
            Err(error) if error.kind == FileErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("write to", path, error)),
            Ok(status) => match status.kind {
                FileKind::File => return Ok(()),
                FileKind::Folder => (Code::NOT_A_FILE, "a folder stands there"),
                FileKind::Other => (Code::NOT_A_FILE, "a device, socket or pipe stands there"),
                FileKind::Link => {
                    (Code::OUTSIDE, "a symbolic link stands there, and links are not written through")
                }
            },
        };
        Err(refused(code, "write to", path, why))
    }

    /// Refuses the reserved folder by any name that the file system may have for it (`.TOWLINE` where case does not
    /// count): a path cannot hold its proper one.
    pub(super) fn refuse_reserved(&self, folder: &F::Folder, path: &RelPath) -> Result<(), StoreError> {
        let Some(reserved) = &self.reserved else { return Ok(()) };
        let status = self.files.status(folder, b"").map_err(because("reach", path))?;
        if status.identity() == reserved.identity {
            return Err(refused(Code::BAD_PATH, "change", path, "it is within the folder for partial files"));
        }
        Ok(())
    }

    /// The folder that `path` is to stand in; missing ones are made. What of them is not known to be durable is added to
    /// `fresh`.
    pub(super) fn folder_for(
        &mut self,
        path: &RelPath,
        fresh: &mut Fresh<F>,
    ) -> Result<F::Folder, StoreError> {
        let parent = path.parent().unwrap_or(RelPath::ROOT);
        let bytes = parent.as_bytes();
        match self.files.open_folder(&self.top, bytes, Links::None) {
            Ok(folder) if parent.is_root() || self.is_durable(&folder, path)? => {
                return Ok(folder);
            }
            Ok(_) => {}
            Err(error) if error.kind == FileErrorKind::NotFound => {}
            Err(error) => return Err(failed("write to", path, error)),
        }
        let whole = |error| failed("make the folder of", path, error);
        let mut at = self.files.open_folder(&self.top, b"", Links::None).map_err(whole)?;
        for name in parent.components() {
            let child = self.enter(&at, name).map_err(whole)?;
            let parent = core::mem::replace(&mut at, child);
            let identity = self.files.status(&at, b"").map_err(whole)?.identity();
            if !self.durable.contains(&identity) && fresh.identities.insert(identity) {
                fresh.parents.push(parent);
            }
        }
        Ok(at)
    }

    /// The same, durable by now.
    pub(super) fn durable_folder_for(&mut self, path: &RelPath) -> Result<F::Folder, StoreError> {
        let mut fresh = Fresh::default();
        let folder = self.folder_for(path, &mut fresh)?;
        fresh.sync(&self.files).map_err(because("make the folder of", path))?;
        self.are_durable(fresh);
        Ok(folder)
    }

    /// These are durable now.
    pub(super) fn are_durable(&mut self, fresh: Fresh<F>) {
        if self.durable.len() + fresh.identities.len() > DURABLE_MAX {
            self.durable.clear();
        }
        self.durable.extend(fresh.identities);
    }

    /// Makes the name of the folder `child` durable in `at`, where that is not known.
    pub(super) fn make_durable(&mut self, at: &F::Folder, child: &F::Folder) -> Result<(), FileError> {
        let identity = self.files.status(child, b"")?.identity();
        if self.durable.contains(&identity) {
            return Ok(());
        }
        if !planted(Bug::SkipParentSync) {
            self.files.sync_folder(at)?;
        }
        if self.durable.len() >= DURABLE_MAX {
            self.durable.clear();
        }
        self.durable.insert(identity);
        Ok(())
    }

    /// Opens a folder in `at`, and makes it if there is none.
    fn enter(&self, at: &F::Folder, name: &[u8]) -> Result<F::Folder, FileError> {
        match self.files.open_folder(at, name, Links::None) {
            Err(error) if error.kind == FileErrorKind::NotFound => {}
            other => return other,
        }
        match self.files.create_folder(at, name, FOLDER_MODE) {
            Ok(()) => mark(Mark::FolderMade),
            Err(error) if error.kind == FileErrorKind::Exists => {}
            Err(error) => return Err(error),
        }
        self.files.open_folder(at, name, Links::None)
    }

    /// True if the folder's name is known to be durable.
    fn is_durable(&self, folder: &F::Folder, path: &RelPath) -> Result<bool, StoreError> {
        let identity = self.files.status(folder, b"").map_err(because("reach", path))?.identity();
        Ok(self.durable.contains(&identity))
    }

    /// A removed folder's number may be given to another one.
    pub(super) fn forget_durable(&mut self, identity: (u64, u64)) {
        self.durable.remove(&identity);
    }
}

/// Folders whose names are not known to be durable.
pub(super) struct Fresh<F: Files> {
    identities: BTreeSet<(u64, u64)>,
    /// Those that their names stand in.
    parents: Vec<F::Folder>,
}

impl<F: Files> Default for Fresh<F> {
    fn default() -> Self {
        Fresh { identities: BTreeSet::new(), parents: Vec::new() }
    }
}

impl<F: Files> Fresh<F> {
    /// How many syncs it takes to make all of them durable.
    pub(super) fn len(&self) -> usize {
        self.parents.len()
    }

    /// Makes their names durable, one after another.
    pub(super) fn sync(&self, files: &F) -> Result<(), FileError> {
        if planted(Bug::SkipParentSync) {
            return Ok(());
        }
        self.parents.iter().try_for_each(|parent| files.sync_folder(parent))
    }
}

fn reserve_failed(error: FileError) -> StoreError {
    let folder = RESERVED.escape_ascii();
    let text = format!("cannot use the folder for partial files, \"{folder}\" below the root: {error}");
    StoreError { code: error.kind.code(), os: error.os, text }
}
