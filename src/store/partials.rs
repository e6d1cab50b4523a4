//! What is received: a partial is opened, filled through its handle, and published or discarded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors::{because, failed, no_lease, refused};
use super::joint::Joint;
use super::journal::Note;
use super::names::Held;
use super::reserved::{partial_name, short};
use super::root::Root;
use super::slots::{Slot, Taken};
use super::{File, FileError, FileErrorKind, Files, Names, Open, Status};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::storage::{BlockSet, Lease, NameDone, RootId, StoreError};
use crate::wire::{Code, FileKind, Offer, Push, RelPath, Start, UploadId, limits};

/// A file being received.
pub(super) struct Partial<F: Files> {
    pub(super) root: RootId,
    file: Arc<F::File>,
    /// Where blocks may be copied from.
    basis: Option<Arc<F::File>>,
    /// For a file that is worth it: how the next one who receives it finds this one.
    slot: Option<Slot<F>>,
    key: Key,
    /// The opener's, among those of `key`.
    generation: u64,
    /// In the reserved folder.
    name: Vec<u8>,
    pub(super) offer: Offer,
    /// Names it to other connections.
    upload: UploadId,
    /// What those brought.
    pub(super) joint: Joint,
    /// Set when a sync failed: what was written may be lost although a second sync would say that all is well.
    pub(super) broken: Option<StoreError>,
}

/// How a partial is to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    /// At once and whole: whether there is room for it is seen then.
    AtOnce,
    /// Block by block, in any order.
    InTime,
}

/// Where it is to stand, as a hash. Neither length nor time are in it: a source that has changed since finds what was kept
/// of it, and there is never more left behind than a few partials for each path.
type Key = [u8; 32];

/// How many have opened a partial for the same path, while anybody has one open: it tells them apart.
#[derive(Default)]
pub(super) struct Openers(BTreeMap<(RootId, Key), Opened>);

struct Opened {
    latest: u64,
    leases: usize,
    /// The latest when a file was last published there; 0 if none was.
    published: u64,
}

impl Openers {
    fn next(&self, root: RootId, key: Key) -> u64 {
        self.0.get(&(root, key)).map_or(1, |opened| opened.latest + 1)
    }

    fn open(&mut self, root: RootId, key: Key, generation: u64) {
        let opened = self.0.entry((root, key)).or_insert(Opened { latest: 0, leases: 0, published: 0 });
        mark_if(Mark::OpenedTwice, || opened.leases > 0);
        opened.latest = generation;
        opened.leases += 1;
    }

    /// A file is published there.
    fn publish(&mut self, root: RootId, key: Key) {
        if let Some(opened) = self.0.get_mut(&(root, key)) {
            opened.published = opened.latest;
        }
    }

    /// True if a file was published there after this one was opened.
    fn is_late(&self, partial: &Partial<impl Files>) -> bool {
        let opened = self.0.get(&(partial.root, partial.key));
        opened.is_some_and(|opened| opened.published >= partial.generation)
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
    pub(super) fn open_partial(
        &mut self,
        root: RootId,
        offer: Offer,
        filling: Filling,
    ) -> Result<NameDone, StoreError> {
        let place = self.root_mut(root)?;
        let now = place.files.now().seconds;
        let begins = place.requests.begins(offer.attempt, now);
        begins.map_err(|why| refused(Code::SUPERSEDED, "receive", &offer.path, why))?;
        let start = offer.attempt.start;
        let key = key(&offer);
        let generation = self.openers.next(root, key);
        let unique = partial_name(&key, generation, self.nonce);
        let place = self.root_mut(root)?;
        match filling {
            // All of it is there: it is checked once, where it is published.
            Filling::AtOnce if !offer.path.is_root() => {}
            Filling::AtOnce | Filling::InTime => place.check_destination(&offer.path)?,
        }
        let New { name, file, slot, held, mut basis } = create(place, unique, &key, &offer, filling)?;
        if start == Start::Resume && slot.is_some() && basis.is_none() {
            basis = old_version(place, &offer);
        }
        let (basis, same) = basis.map_or_else(Default::default, |(file, same)| (Some(Arc::new(file)), same));
        self.openers.open(root, key, generation);
        let upload = upload_id(self.nonce, self.next_lease());
        let (file, joint) = (Arc::new(file), Joint::default());
        let partial =
            Partial { root, file, basis, slot, key, generation, name, offer, upload, joint, broken: None };
        let lease = self.lease(Held::Partial(Box::new(partial)));
        Ok(NameDone::Partial { lease, upload, held, basis: same })
    }

    pub(super) fn note(&mut self, lease: Lease, held: BlockSet) -> Result<NameDone, StoreError> {
        let (to, held) = match self.leases.get(&lease) {
            Some(Held::Joined(_, to)) => (*to, self.noted(*to)),
            Some(Held::Partial(_) | Held::Source(_) | Held::Folder(_)) | None => (lease, held),
        };
        let Some(Held::Partial(partial)) = self.leases.get_mut(&to) else { return Err(no_lease(to)) };
        let held = partial.with_landed(held);
        let place = self.roots.get(&partial.root).expect("a root outlives its leases");
        if let (Some(slot), Some(reserved)) = (&mut partial.slot, &place.reserved) {
            let note = Note::new(&partial.offer, held);
            // It is a hint: a transfer does not fail for want of one.
            let _none = slot.note(&*place.files, &reserved.folder, note);
        }
        Ok(NameDone::Noted)
    }

    /// What was not written to disk when it was asked for is not trusted again, even if it can be read. What a later
    /// attempt took the place of is of no use, nor is what is left where a file has been published since: whoever was cut
    /// off may have come again and been done before it shows that the first connection is lost.
    pub(super) fn keep(&mut self, lease: Lease, held: BlockSet) -> Result<NameDone, StoreError> {
        let Some(Held::Partial(partial)) = self.leases.get_mut(&lease) else { return Err(no_lease(lease)) };
        let held = partial.with_landed(held);
        let place = self.roots.get(&partial.root).expect("a root outlives its leases");
        let is_late = self.openers.is_late(partial);
        mark_if(Mark::PublishedMeanwhile, || is_late && !held.is_empty());
        let is_current = !is_late && place.requests.is_current(partial.offer.attempt).is_ok();
        let kept = match (&mut partial.slot, &place.reserved) {
            (Some(slot), Some(reserved)) if !held.is_empty() && partial.broken.is_none() && is_current => {
                slot.note(&*place.files, &reserved.folder, Note::new(&partial.offer, held)).is_ok()
            }
            _ => false,
        };
        if !kept {
            return self.discard(lease);
        }
        mark(Mark::PartialKept);
        let (root, key) = (partial.root, partial.key);
        if let Some(reserved) = &mut self.root_mut(root)?.reserved {
            reserved.kept.insert(short(&key));
        }
        self.leases.remove(&lease);
        self.openers.close(root, key);
        Ok(NameDone::Released)
    }

    fn noted(&self, lease: Lease) -> BlockSet {
        match self.leases.get(&lease) {
            Some(Held::Partial(partial)) => partial.noted(),
            Some(Held::Source(_) | Held::Folder(_) | Held::Joined(..)) | None => BlockSet::default(),
        }
    }

    /// A partial that was published is no partial any more.
    pub(super) fn end_partial(&mut self, lease: Lease) {
        if let Some(Held::Partial(partial)) = self.leases.remove(&lease) {
            self.openers.publish(partial.root, partial.key);
            self.openers.close(partial.root, partial.key);
        }
    }

    pub(super) fn discard(&mut self, lease: Lease) -> Result<NameDone, StoreError> {
        let Some(Held::Partial(_)) = self.leases.get(&lease) else { return Err(no_lease(lease)) };
        let Some(Held::Partial(mut partial)) = self.leases.remove(&lease) else {
            unreachable!("looked above")
        };
        self.openers.close(partial.root, partial.key);
        let place = self.root(partial.root)?;
        let Some(reserved) = &place.reserved else { return Ok(NameDone::Released) };
        if planted(Bug::LeavePartial) {
            return Ok(NameDone::Released);
        }
        if let Some(slot) = &mut partial.slot {
            let _left_to_the_next_sweep = slot.drop_journal(&*place.files, &reserved.folder);
        }
        match place.files.remove_file(&reserved.folder, &partial.name) {
            Ok(()) => Ok(NameDone::Released),
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(NameDone::Released),
            Err(error) => Err(failed("remove the partial file of", &partial.offer.path, error)),
        }
    }
}

impl<F: Files> Partial<F> {
    /// For block operations.
    pub(super) fn open(&self) -> Open<F::File> {
        Open { file: Arc::clone(&self.file), basis: self.basis.clone() }
    }

    /// What its journal says that it holds.
    pub(super) fn noted(&self) -> BlockSet {
        self.slot.as_ref().map(Slot::noted).unwrap_or_default()
    }

    /// True if this is what blocks are brought of. A small file comes in one breath.
    pub(super) fn is_of(&self, root: RootId, push: &Push) -> bool {
        let Offer { path, length, .. } = &self.offer;
        self.root == root && self.upload == push.upload && *path == push.path && *length == push.length
    }

    /// With what other connections brought.
    fn with_landed(&self, mut held: BlockSet) -> BlockSet {
        self.joint.landed().for_each(|block| held.insert(block));
        held
    }

    /// True where the file was perhaps written to before this process opened it, or may be gone on with after it.
    pub(super) fn may_be_kept(&self) -> bool {
        self.slot.is_some()
    }

    /// Gives the file what is published with it, and the file, to be synced, with what it is now.
    pub(super) fn prepare(&mut self) -> Result<(Arc<F::File>, Status), StoreError> {
        if !self.joint.fence() {
            let why = "other connections have brought blocks of it that were not looked at";
            return Err(refused(Code::UNEXPECTED, "publish", &self.offer.path, why));
        }
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let path = &self.offer.path;
        self.file.set_mode(self.offer.mode & 0o777).map_err(because("set the mode of", path))?;
        self.file.set_modified(self.offer.modified).map_err(because("set the time of", path))?;
        let status = self.file.status().map_err(because("look at the partial file of", path))?;
        Ok((Arc::clone(&self.file), status))
    }

    /// Makes the file visible in `folder`.
    pub(super) fn rename(&mut self, place: &mut Root<F>, folder: &F::Folder) -> Result<(), StoreError> {
        let path = &self.offer.path;
        let name = path.name().expect("checked when it was opened");
        let Some(reserved) = &mut place.reserved else { return Err(vanished(path)) };
        if planted(Bug::NeverRename) {
            return Ok(());
        }
        match place.files.rename(&reserved.folder, &self.name, folder, name) {
            Ok(()) => {}
            Err(error) if error.kind == FileErrorKind::NotFound => return Err(vanished(path)),
            Err(error) => return Err(failed("publish", path, error)),
        }
        if let Some(slot) = &mut self.slot {
            let _left_to_the_next_sweep = slot.drop_journal(&*place.files, &reserved.folder);
        }
        if reserved.kept.remove(&short(&self.key)) {
            let _left_to_the_next_sweep = Slot::clear(&*place.files, &reserved.folder, &self.key);
        }
        Ok(())
    }
}

/// The file of a partial, and what is in it.
struct New<F: Files> {
    name: Vec<u8>,
    file: F::File,
    slot: Option<Slot<F>>,
    held: BlockSet,
    basis: Option<(F::File, BlockSet)>,
}

/// Opens or creates the file of a partial, of its full length from the start, so that blocks may come in any order. A
/// file that comes in one breath has come before it could be said what is there: its partial is never kept.
fn create<F: Files>(
    place: &mut Root<F>,
    unique: Vec<u8>,
    key: &Key,
    offer: &Offer,
    filling: Filling,
) -> Result<New<F>, StoreError> {
    let path = &offer.path;
    if offer.length > limits::FILE_MAX {
        return Err(refused(Code::FILE_TOO_LONG, "receive", path, "it is longer than 2^47 bytes"));
    }
    place.reserve()?;
    let new = match find(place, &unique, key, offer) {
        // The folder was removed under us. Made again, it is empty: what was in it is lost to its leases.
        Err(error) if error.kind == FileErrorKind::NotFound => {
            place.reserved = None;
            place.reserve()?;
            find(place, &unique, key, offer)
        }
        other => other,
    };
    let new = new.map_err(because("create a partial file for", path))?;
    if filling == Filling::AtOnce {
        return Ok(new);
    }
    let is_kept = !new.held.is_empty();
    let ready = check_space(place, offer, &new.held).and_then(|()| {
        if offer.length == 0 {
            return Ok(());
        }
        new.file.set_len(offer.length).map_err(because("make room for", path))
    });
    if ready.is_err()
        && !is_kept
        && let Some(reserved) = &place.reserved
    {
        let _left_to_the_next_sweep = place.files.remove_file(&reserved.folder, &new.name);
    }
    ready.map(|()| new)
}

fn find<F: Files>(place: &Root<F>, unique: &[u8], key: &Key, offer: &Offer) -> Result<New<F>, FileError> {
    let Some(reserved) = &place.reserved else { return Err(FileErrorKind::NotFound.into()) };
    if offer.length > limits::EXTENT
        && let Some(taken) = Slot::take(&*place.files, reserved, key, offer)?
    {
        let Taken { slot, file, held, busy } = taken;
        return Ok(New { name: slot.name.clone(), file, slot: Some(slot), held, basis: busy });
    }
    let file = create_once(&*place.files, &reserved.folder, unique)?;
    Ok(New { name: unique.to_vec(), file, slot: None, held: BlockSet::default(), basis: None })
}

fn create_once<F: Files>(files: &F, folder: &F::Folder, name: &[u8]) -> Result<F::File, FileError> {
    match files.create_file(folder, name) {
        // Ours, by its nonce, of a lease that has ended: it could not be removed then.
        Err(error) if error.kind == FileErrorKind::Exists => {
            files.remove_file(folder, name)?;
            files.create_file(folder, name)
        }
        other => other,
    }
}

/// The version that stands where the file is to be published, and the blocks that it is long enough for.
fn old_version<F: Files>(place: &Root<F>, offer: &Offer) -> Option<(F::File, BlockSet)> {
    let file = place.files.open_file(&place.top, offer.path.as_bytes()).ok()?;
    let status = file.status().ok().filter(|status| status.kind == FileKind::File)?;
    let size = u64::from(offer.block_size());
    let is_there = |block: &u32| ((u64::from(*block) + 1) * size).min(offer.length) <= status.length;
    let same: BlockSet = (0..offer.blocks()).filter(is_there).collect();
    (!same.is_empty()).then_some((file, same))
}

/// What others are about to fill counts as free: a disk may still run full in the middle.
fn check_space<F: Files>(place: &Root<F>, offer: &Offer, held: &BlockSet) -> Result<(), StoreError> {
    let Some(reserved) = &place.reserved else { return Ok(()) };
    let free =
        place.files.free_space(&reserved.folder).map_err(because("see the free space for", &offer.path))?;
    let needed = offer.length.saturating_sub(held.len() as u64 * u64::from(offer.block_size()));
    if free >= needed {
        return Ok(());
    }
    mark(Mark::NoSpace);
    let why = format!("it needs {needed} bytes, and {free} are free");
    Err(refused(Code::NO_SPACE, "receive", &offer.path, why))
}

fn vanished(path: &RelPath) -> StoreError {
    refused(Code::IO, "publish", path, "its partial file was removed by somebody else")
}

fn key(offer: &Offer) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"towline partial");
    hasher.update(offer.path.as_bytes());
    hasher.finalize().into()
}

/// Unique, and not to be guessed without the process's nonce: who knows it may bring blocks of the upload. Never 0.
fn upload_id(nonce: u64, lease: u64) -> UploadId {
    let hash = blake3::hash(&[&b"towline upload"[..], &nonce.to_le_bytes(), &lease.to_le_bytes()].concat());
    UploadId(u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 of 32 bytes")).max(1))
}
