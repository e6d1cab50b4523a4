//! What is there already: files read, folders listed, paths described and removed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::errors::{because, failed, no_lease, refused};
use super::log::{Act, Acting};
use super::names::Held;
use super::record::{Target, What};
use super::requests::Intent;
use super::root::Root;
use super::{File, FileErrorKind, Files, Links, Names, Status};
use crate::probe::{Mark, mark};
use crate::proto::storage::{Lease, NameDone, RootId, StoreError};
use crate::wire::{Attempt, Code, Entry, FileKind, Metadata, Modified, RelPath, RequestId, limits};

/// Where a removal that cannot be logged for this is done all the same.
const UNLOGGED: [Code; 6] =
    [Code::NO_SPACE, Code::DENIED, Code::READ_ONLY, Code::OUTSIDE, Code::NOT_A_FOLDER, Code::NOT_A_FILE];
/// Names read from the system at once.
const NAMES_BATCH: usize = 256;

/// A file being read.
pub struct SourceLease<F: Files> {
    pub(super) root: RootId,
    pub(super) file: Arc<F::File>,
    path: RelPath,
    /// As it was when it was opened.
    status: Status,
    pub(super) version: u128,
}

/// A folder being listed.
pub(super) struct FolderLease<F: Files> {
    pub(super) root: RootId,
    path: RelPath,
    folder: F::Folder,
    listing: F::Listing,
    names: VecDeque<Vec<u8>>,
    /// An entry that did not fit into the page before.
    held: Option<Entry>,
    ended: bool,
}

impl<F: Files> Names<F> {
    pub(super) fn open_source(&mut self, root: RootId, path: &RelPath) -> Result<NameDone, StoreError> {
        let (source, metadata) = self.source(root, path)?;
        let version = source.version;
        Ok(NameDone::Source { lease: self.lease_source(source), metadata, version })
    }

    /// Opens a regular file; it has no lease yet.
    pub(super) fn source(
        &self,
        root: RootId,
        path: &RelPath,
    ) -> Result<(SourceLease<F>, Metadata), StoreError> {
        let place = self.root(root)?;
        let (file, status) = place.open_file(path).map_err(because("read", path))?;
        let why = match status.kind {
            FileKind::File if status.length > limits::FILE_MAX => {
                return Err(refused(Code::FILE_TOO_LONG, "read", path, "it is longer than 2^47 bytes"));
            }
            FileKind::File => None,
            FileKind::Folder => Some("it is a folder"),
            FileKind::Link => Some("it is a symbolic link"),
            FileKind::Other => Some("it is a device, socket or pipe"),
        };
        if let Some(why) = why {
            return Err(refused(Code::NOT_A_FILE, "read", path, why));
        }
        let version = version(&status);
        let source = SourceLease { root, file: Arc::new(file), path: path.clone(), status, version };
        Ok((source, status.metadata()))
    }

    pub(super) fn lease_source(&mut self, source: SourceLease<F>) -> Lease {
        self.lease(Held::Source(source))
    }

    pub(super) fn recheck(&self, lease: Lease) -> Result<NameDone, StoreError> {
        let Some(Held::Source(source)) = self.leases.get(&lease) else { return Err(no_lease(lease)) };
        source.recheck().map(|()| NameDone::Unchanged)
    }

    pub(super) fn open_folder(&mut self, root: RootId, path: RelPath) -> Result<NameDone, StoreError> {
        let place = self.root(root)?;
        let folder = place.look_into(&path).map_err(because("list", &path))?;
        let listing = place.files.list(&folder).map_err(because("list", &path))?;
        let names = VecDeque::new();
        let held = FolderLease { root, path, folder, listing, names, held: None, ended: false };
        Ok(NameDone::Folder { lease: self.lease(Held::Folder(held)) })
    }

    pub(super) fn read_folder(&mut self, lease: Lease, bytes: usize) -> Result<NameDone, StoreError> {
        let Some(Held::Folder(folder)) = self.leases.get_mut(&lease) else { return Err(no_lease(lease)) };
        let place = self.roots.get(&folder.root).expect("a root outlives its leases");
        let mut entries = Vec::new();
        let mut room = bytes;
        while let Some(entry) = folder.next_entry(&*place.files)? {
            let length = entry.encoded_len();
            if length > room && !entries.is_empty() {
                folder.held = Some(entry);
                break;
            }
            room = room.saturating_sub(length);
            entries.push(entry);
        }
        Ok(NameDone::Entries { entries, last: folder.held.is_none() })
    }

    pub(super) fn stat(&self, root: RootId, path: &RelPath) -> Result<NameDone, StoreError> {
        let place = self.root(root)?;
        let status = match path.parent().zip(path.name()) {
            None => place.files.status(&place.top, b""),
            Some((parent, name)) => {
                place.look_into(&parent).and_then(|folder| place.files.status(&folder, name))
            }
        };
        Ok(NameDone::Metadata(status.map_err(because("look at", path))?.metadata()))
    }

    /// An error after the name is gone (the last sync) leaves it gone, but not known to be durably so.
    pub(super) fn remove(
        &mut self,
        root: RootId,
        path: &RelPath,
        request: RequestId,
    ) -> Result<NameDone, StoreError> {
        let mut act = Act::new(Attempt::new(request), Intent::remove(path));
        let place = self.root_mut(root)?;
        let mut acting = place.act(request != RequestId::default())?;
        if place.requests.succeeded(request, act.intent) {
            mark(Mark::AnsweredAgain);
            return Ok(NameDone::Removed);
        }
        let removed = remove(place, path, &mut acting, &mut act);
        place.acted(&acting, [(act, removed.is_ok())]);
        let bytes = removed?;
        self.meters.removed(root, path, bytes);
        Ok(NameDone::Removed)
    }
}

impl<F: Files> SourceLease<F> {
    /// Looks at the file that is open: one that was replaced has changed too, since its last change is when it lost its
    /// name.
    pub(super) fn recheck(&self) -> Result<(), StoreError> {
        let status = self.file.status().map_err(because("look again at", &self.path))?;
        if told_apart_by(&status) == told_apart_by(&self.status) {
            return Ok(());
        }
        mark(Mark::SourceChanged);
        Err(refused(Code::CHANGED, "go on reading", &self.path, "it has changed since it was opened"))
    }
}

impl<F: Files> FolderLease<F> {
    /// The next entry; none at the end. A name that is gone by now is left out, and so is one that no path can hold: at
    /// the root that is the reserved folder, too.
    fn next_entry(&mut self, files: &F) -> Result<Option<Entry>, StoreError> {
        if let Some(entry) = self.held.take() {
            return Ok(Some(entry));
        }
        loop {
            let Some(name) = self.next_name(files)? else { return Ok(None) };
            let Ok(path) = self.path.join(&name) else { continue };
            match files.status(&self.folder, &name) {
                Ok(status) => return Ok(Some(Entry { name, metadata: status.metadata() })),
                Err(error) if error.kind == FileErrorKind::NotFound => {}
                Err(error) => return Err(failed("look at", &path, error)),
            }
        }
    }

    fn next_name(&mut self, files: &F) -> Result<Option<Vec<u8>>, StoreError> {
        if self.names.is_empty() && !self.ended {
            let names =
                files.next_names(&mut self.listing, NAMES_BATCH).map_err(because("list", &self.path))?;
            self.ended = names.is_empty();
            self.names.extend(names);
        }
        Ok(self.names.pop_front())
    }
}

/// Gives how many bytes of files are gone.
fn remove<F: Files>(
    place: &mut Root<F>,
    path: &RelPath,
    acting: &mut Acting<F::File>,
    act: &mut Act,
) -> Result<u64, StoreError> {
    let Some((parent, name)) = path.parent().zip(path.name()) else {
        return Err(refused(Code::BAD_PATH, "remove", path, "it is the root"));
    };
    let what = because("remove", path);
    let folder = place.files.open_folder(&place.top, parent.as_bytes(), Links::None).map_err(what)?;
    place.refuse_reserved(&folder, path)?;
    let status = place.files.status(&folder, name).map_err(because("remove", path))?;
    if place.reserved.as_ref().is_some_and(|reserved| reserved.identity == status.identity()) {
        return Err(refused(Code::BAD_PATH, "remove", path, "it is the folder for partial files"));
    }
    match intend(place, acting, act, What::Removes(Target::new(path, &status))) {
        // A full disk is emptied by removing, and who may not write a log here may still remove below: then it is
        // remembered as long as the process lives.
        Err(error) if UNLOGGED.contains(&error.code) => {}
        intended => intended?,
    }
    let removed = match status.kind {
        FileKind::Folder => place.files.remove_folder(&folder, name),
        FileKind::File | FileKind::Link | FileKind::Other => place.files.remove_file(&folder, name),
    };
    removed.map_err(because("remove", path))?;
    place.forget_durable(status.identity());
    place.files.sync_folder(&folder).map_err(because("write to disk that there is no more", path))?;
    Ok(if status.kind == FileKind::File { status.length } else { 0 })
}

/// Logs durably what is about to be removed.
fn intend<F: Files>(
    place: &mut Root<F>,
    acting: &mut Acting<F::File>,
    act: &mut Act,
    what: What,
) -> Result<(), StoreError> {
    place.intend(acting, [(act, what)])?;
    acting.sync().inspect_err(|_| place.log_is_broken())?;
    place.name_log(acting)
}

/// Tells this version of a file from others; never 0. As fine as the file system's clock: a write in the same tick as
/// the last one before it may go unseen.
fn version(status: &Status) -> u128 {
    let mut hasher = blake3::Hasher::new();
    let (numbers, times) = told_apart_by(status);
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    for time in times {
        hasher.update(&time.seconds.to_le_bytes()).update(&time.nanoseconds.to_le_bytes());
    }
    let hash = hasher.finalize();
    u128::from_le_bytes(hash.as_bytes()[..16].try_into().expect("16 of 32 bytes")).max(1)
}

fn told_apart_by(status: &Status) -> ([u64; 3], [Modified; 2]) {
    ([status.device, status.inode, status.length], [status.modified, status.changed])
}
