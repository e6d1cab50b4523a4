//! What is received: a partial is opened, filled through its handle, and published or discarded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors::{because, failed, no_lease, refused};
use super::names::Held;
use super::requests::Intent;
use super::reserved::partial_name;
use super::root::Root;
use super::{File, FileError, FileErrorKind, Files, Names};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::storage::{Lease, NameDone, RootId, StoreError};
use crate::wire::{Code, Cv, Offer, RelPath, RequestId, UploadId, limits};

/// A file being received.
pub(super) struct Partial<F: Files> {
    pub(super) root: RootId,
    pub(super) file: Arc<F::File>,
    key: Key,
    /// In the reserved folder.
    name: Vec<u8>,
    offer: Offer,
    /// Set when a sync failed: what was written may be lost although a second sync would say that all is well.
    broken: Option<StoreError>,
}

/// What is offered, as a hash: two openers with the same one may have the same file in hand, or files that look alike.
type Key = [u8; 32];

/// How many have opened what looks alike, while anybody has it open: it tells their partials apart.
#[derive(Default)]
pub(super) struct Openers(BTreeMap<(RootId, Key), Opened>);

struct Opened {
    latest: u64,
    leases: usize,
}

impl Openers {
    fn next(&self, root: RootId, key: Key) -> u64 {
        self.0.get(&(root, key)).map_or(1, |opened| opened.latest + 1)
    }

    fn open(&mut self, root: RootId, key: Key, generation: u64) {
        let opened = self.0.entry((root, key)).or_insert(Opened { latest: 0, leases: 0 });
        mark_if(Mark::OpenedTwice, || opened.leases > 0);
        opened.latest = generation;
        opened.leases += 1;
    }

    fn close(&mut self, root: RootId, key: Key) {
        if let Some(opened) = self.0.get_mut(&(root, key)) {
            opened.leases -= 1;
            if opened.leases == 0 {
                self.0.remove(&(root, key));
            }
        }
    }
}

impl<F: Files> Names<F> {
    pub(super) fn open_partial(&mut self, root: RootId, offer: Offer) -> Result<NameDone, StoreError> {
        let key = key(&offer);
        let generation = self.openers.next(root, key);
        let name = partial_name(&key, generation, self.nonce);
        let place = self.root_mut(root)?;
        place.check_destination(&offer.path)?;
        let file = Arc::new(create(place, &name, &offer)?);
        self.openers.open(root, key, generation);
        let upload = upload_id(&name);
        let partial = Partial { root, file, key, name, offer, broken: None };
        let lease = self.lease(Held::Partial(partial));
        Ok(NameDone::Partial { lease, upload, generation, have: Vec::new() })
    }

    /// Every opener has a file of its own, so that the last one to publish wins, whoever opened last. A retry comes with
    /// a lease of its own, too: of the attempts of one request the first one publishes, and what the others hold is dropped.
    pub(super) fn publish(
        &mut self,
        lease: Lease,
        request: RequestId,
        hash: Cv,
    ) -> Result<NameDone, StoreError> {
        let Some(Held::Partial(partial)) = self.leases.get_mut(&lease) else { return Err(no_lease(lease)) };
        let (root, key) = (partial.root, partial.key);
        let intent = Intent::publish(root, &partial.offer.path, hash);
        if self.requests.succeeded(request, intent) {
            mark(Mark::AnsweredAgain);
            self.abandon(lease);
            return Ok(NameDone::Published);
        }
        let place = self.roots.get_mut(&root).expect("a root outlives its leases");
        partial.publish(place)?;
        self.leases.remove(&lease);
        self.openers.close(root, key);
        self.requests.remember(request, intent);
        Ok(NameDone::Published)
    }

    pub(super) fn discard(&mut self, lease: Lease) -> Result<NameDone, StoreError> {
        let Some(Held::Partial(_)) = self.leases.get(&lease) else { return Err(no_lease(lease)) };
        let Some(Held::Partial(partial)) = self.leases.remove(&lease) else { unreachable!("looked above") };
        self.openers.close(partial.root, partial.key);
        let place = self.root(partial.root)?;
        let Some(reserved) = &place.reserved else { return Ok(NameDone::Released) };
        if planted(Bug::LeavePartial) {
            return Ok(NameDone::Released);
        }
        match place.files.remove_file(&reserved.folder, &partial.name) {
            Ok(()) => Ok(NameDone::Released),
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(NameDone::Released),
            Err(error) => Err(failed("remove the partial file of", &partial.offer.path, error)),
        }
    }
}

impl<F: Files> Partial<F> {
    /// Makes the file durable, then its folders, then its name. Until the rename nothing that was there has changed but
    /// for folders that were missing. The rename takes the name out of the reserved folder, which is not synced: if a
    /// crash brings the name back, it is swept.
    ///
    /// An error after the rename (the last sync) leaves the new file visible, but not known to be durable.
    fn publish(&mut self, place: &mut Root<F>) -> Result<(), StoreError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let path = self.offer.path.clone();
        place.check_destination(&path)?;
        self.file.set_mode(self.offer.mode & 0o777).map_err(because("set the mode of", &path))?;
        self.file.set_modified(self.offer.modified).map_err(because("set the time of", &path))?;
        if !planted(Bug::RenameBeforeSync) {
            self.sync()?;
        }

        let folder = place.folder_for(&path)?;
        let name = path.name().expect("checked when it was opened");
        place.check_target(&folder, name, &path)?;
        let Some(reserved) = &place.reserved else { return Err(vanished(&path)) };
        if planted(Bug::NeverRename) {
            return Ok(());
        }
        match place.files.rename(&reserved.folder, &self.name, &folder, name) {
            Ok(()) => {}
            Err(error) if error.kind == FileErrorKind::NotFound => return Err(vanished(&path)),
            Err(error) => return Err(failed("publish", &path, error)),
        }
        if planted(Bug::RenameBeforeSync) {
            self.sync()?;
        }
        let synced = if planted(Bug::SkipFolderSync) { Ok(()) } else { place.files.sync_folder(&folder) };
        self.unless_broken(synced, "write to disk the name of")
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let synced = if planted(Bug::SkipFileSync) { Ok(()) } else { self.file.sync() };
        self.unless_broken(synced, "write to disk")
    }

    fn unless_broken(&mut self, synced: Result<(), FileError>, what: &str) -> Result<(), StoreError> {
        synced.map_err(|error| {
            mark(Mark::SyncFailed);
            let error = failed(what, &self.offer.path, error);
            self.broken = Some(error.clone());
            error
        })
    }
}

/// Creates the file of a partial, of its full length from the start, so that blocks may come in any order.
fn create<F: Files>(place: &mut Root<F>, name: &[u8], offer: &Offer) -> Result<F::File, StoreError> {
    let path = &offer.path;
    if offer.length > limits::FILE_MAX {
        return Err(refused(Code::FILE_TOO_LONG, "receive", path, "it is longer than 2^47 bytes"));
    }
    place.reserve()?;
    check_space(place, offer)?;
    let file = match create_once(place, name) {
        // The folder was removed under us. Made again, it is empty: what was in it is lost to its leases.
        Err(error) if error.kind == FileErrorKind::NotFound => {
            place.reserved = None;
            place.reserve()?;
            create_once(place, name)
        }
        other => other,
    };
    let file = file.map_err(because("create a partial file for", path))?;
    let sized = if offer.length == 0 { Ok(()) } else { file.set_len(offer.length) };
    if sized.is_err()
        && let Some(reserved) = &place.reserved
    {
        let _left_to_the_next_sweep = place.files.remove_file(&reserved.folder, name);
    }
    sized.map_err(because("make room for", path))?;
    Ok(file)
}

fn create_once<F: Files>(place: &Root<F>, name: &[u8]) -> Result<F::File, FileError> {
    let Some(reserved) = &place.reserved else { return Err(FileErrorKind::NotFound.into()) };
    match place.files.create_file(&reserved.folder, name) {
        // Ours, by its nonce, of a lease that has ended: it could not be removed then.
        Err(error) if error.kind == FileErrorKind::Exists => {
            place.files.remove_file(&reserved.folder, name)?;
            place.files.create_file(&reserved.folder, name)
        }
        other => other,
    }
}

/// What others are about to fill counts as free: a disk may still run full in the middle.
fn check_space<F: Files>(place: &Root<F>, offer: &Offer) -> Result<(), StoreError> {
    let Some(reserved) = &place.reserved else { return Ok(()) };
    let free =
        place.files.free_space(&reserved.folder).map_err(because("see the free space for", &offer.path))?;
    if free >= offer.length {
        return Ok(());
    }
    mark(Mark::NoSpace);
    let why = format!("it needs {} bytes, and {free} are free", offer.length);
    Err(refused(Code::NO_SPACE, "receive", &offer.path, why))
}

fn vanished(path: &RelPath) -> StoreError {
    refused(Code::IO, "publish", path, "its partial file was removed by somebody else")
}

fn key(offer: &Offer) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"towline partial");
    hasher.update(&offer.length.to_le_bytes());
    hasher.update(&offer.modified.seconds.to_le_bytes());
    hasher.update(&offer.modified.nanoseconds.to_le_bytes());
    hasher.update(&offer.block_size().to_le_bytes());
    hasher.update(offer.path.as_bytes());
    hasher.finalize().into()
}

/// As unique as the partial's name; not to be guessed from another's by counting.
fn upload_id(name: &[u8]) -> UploadId {
    let hash = blake3::hash(name);
    UploadId(u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 of 32 bytes")))
}
