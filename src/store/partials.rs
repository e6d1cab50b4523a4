//! What is received: a partial is opened, filled through its handle, and published or discarded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors::{because, failed, no_lease, refused};
use super::joint::Joint;
use super::journal::Note;
use super::names::Held;
use super::reserved::{Unique, key, short};
use super::room::check_space;
use super::root::Root;
use super::slots::{Slot, Taken, stem};
use super::{File, FileError, FileErrorKind, Files, Names, Open, Status};
use crate::probe::{Bug, Mark, mark, mark_if, planted};
use crate::proto::storage::{BlockSet, Existing, Lease, NameDone, Owner, RootId, StoreError};
use crate::wire::{Code, FileKind, Offer, Push, Start, UploadId, limits};

/// A file being received.
pub(super) struct Partial<F: Files> {
    pub(super) root: RootId,
    pub(super) file: Arc<F::File>,
    /// Where blocks may be copied from.
    basis: Option<Arc<F::File>>,
    /// For a file that is worth it: how the next one who receives it finds this one.
    pub(super) slot: Option<Slot<F>>,
    pub(super) unique: Unique,
    /// False where the file has no name at all yet.
    pub(super) is_named: bool,
    pub(super) offer: Offer,
    /// What may stand where it is published.
    pub(super) existing: Existing,
    /// Names it to other connections.
    upload: UploadId,
    /// What those brought.
    pub(super) joint: Joint,
    /// Set when a sync failed: what was written may be lost although a second sync would say that all is well.
    pub(super) broken: Option<StoreError>,
}

/// Where it is to stand, and whose it is, as a hash. Neither length nor time are in it: a source that has changed since finds what was kept
/// of it, and there is never more left behind than a few partials for each path.
pub(super) type Key = [u8; 32];

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

    pub(super) fn open(&mut self, root: RootId, unique: &Unique) {
        let Unique { key, generation, .. } = *unique;
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
        let opened = self.0.get(&(partial.root, partial.unique.key));
        opened.is_some_and(|opened| opened.published >= partial.unique.generation)
    }

    pub(super) fn close(&mut self, root: RootId, key: Key) {
        if let Some(opened) = self.0.get_mut(&(root, key)) {
            opened.leases -= 1;
            if opened.leases == 0 {
                self.0.remove(&(root, key));
            }
        }
    }
}

impl<F: Files> Names<F> {
    /// What tells this opener's partial from others.
    pub(super) fn begin_opening(
        &mut self,
        root: RootId,
        offer: &Offer,
        owner: Owner,
    ) -> Result<Unique, StoreError> {
        let place = self.root_mut(root)?;
        let now = place.files.now().seconds;
        let begins = place.requests.begins(offer.attempt, now);
        begins.map_err(|why| refused(Code::SUPERSEDED, "receive", &offer.path, why))?;
        let key = key(offer, owner);
        let generation = self.openers.next(root, key);
        Ok(Unique { key, generation, nonce: self.nonce })
    }

    pub(super) fn open_partial(
        &mut self,
        root: RootId,
        offer: Offer,
        existing: Existing,
        owner: Owner,
    ) -> Result<NameDone, StoreError> {
        let unique = self.begin_opening(root, &offer, owner)?;
        let start = offer.attempt.start;
        let place = self.root_mut(root)?;
        // What this request has published before is its own.
        if existing == Existing::Refuse && !place.requests.has_succeeded(offer.attempt.request) {
            place.refuse_existing(&offer.path)?;
        }
        place.check_destination(&offer.path)?;
        let New { name, file, slot, held, mut basis } = create(place, &unique, &offer)?;
        let reuses = slot.as_ref().map(|_| &name[..]);
        let needed = self.meters.beyond(root, offer.length, reuses);
        if let Err(error) = self.meters.check(root, &offer.path, needed) {
            self.not_granted(root, slot, (&name, held));
            return Err(error);
        }
        let place = self.root_mut(root)?;
        if start == Start::Resume && slot.is_some() && basis.is_none() {
            basis = old_version(place, &offer);
        }
        let (basis, same) = basis.map_or_else(Default::default, |(file, same)| (Some(Arc::new(file)), same));
        self.openers.open(root, &unique);
        let upload = upload_id(self.nonce, self.next_lease());
        let (file, is_named, joint, broken) = (Arc::new(file), true, Joint::default(), None);
        let partial =
            Partial { root, file, basis, slot, unique, is_named, offer, existing, upload, joint, broken };
        let reuses = partial.slot.is_some().then(|| name.clone());
        let (path, length) = (partial.offer.path.clone(), partial.offer.length);
        let lease = self.lease(Held::Partial(Box::new(partial)));
        self.meters.begin(lease, (root, &path), length, reuses.as_deref());
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
        let (root, key) = (partial.root, partial.unique.key);
        if let Some(reserved) = &mut self.root_mut(root)?.reserved {
            reserved.kept.insert(short(&key));
        }
        if let Some(Held::Partial(partial)) = self.leases.remove(&lease) {
            self.meters.keep(lease, &partial.name());
        }
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
            self.meters.cleared(partial.root, &stem(&partial.unique.key));
            self.openers.publish(partial.root, partial.unique.key);
            self.openers.close(partial.root, partial.unique.key);
        }
    }

    pub(super) fn discard(&mut self, lease: Lease) -> Result<NameDone, StoreError> {
        let Some(Held::Partial(_)) = self.leases.get(&lease) else { return Err(no_lease(lease)) };
        self.meters.drop_lease(lease);
        let Some(Held::Partial(mut partial)) = self.leases.remove(&lease) else {
            unreachable!("looked above")
        };
        self.openers.close(partial.root, partial.unique.key);
        let place = self.root(partial.root)?;
        let Some(reserved) = &place.reserved else { return Ok(NameDone::Released) };
        if planted(Bug::LeavePartial) {
            return Ok(NameDone::Released);
        }
        if let Some(slot) = &mut partial.slot {
            let _left_to_the_next_sweep = slot.drop_journal(&*place.files, &reserved.folder);
        }
        match place.files.remove_file(&reserved.folder, &partial.name()) {
            Ok(()) => Ok(NameDone::Released),
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(NameDone::Released),
            Err(error) => Err(failed("remove the partial file of", &partial.offer.path, error)),
        }
    }
}

impl<F: Files> Partial<F> {
    /// Of a small file, which is there.
    pub(super) fn whole(
        root: RootId,
        file: F::File,
        unique: Unique,
        is_named: bool,
        offer: Offer,
        existing: Existing,
    ) -> Partial<F> {
        let (file, basis, slot, broken) = (Arc::new(file), None, None, None);
        // Nobody joins it.
        let (upload, joint) = (UploadId(0), Joint::default());
        Partial { root, file, basis, slot, unique, is_named, offer, existing, upload, joint, broken }
    }

    /// In the reserved folder.
    pub(super) fn name(&self) -> Vec<u8> {
        self.slot.as_ref().map_or_else(|| self.unique.name(), |slot| slot.name.clone())
    }

    /// For block operations.
    pub(super) fn open(&self) -> Open<F::File> {
        Open { file: Arc::clone(&self.file), basis: self.basis.clone(), is_metered: false }
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

    /// Gives the file what is published with it, as far as it has not got that yet, and the file, to be synced, with what it is
    /// now.
    pub(super) fn prepare(&mut self) -> Result<(Arc<F::File>, Status), StoreError> {
        if !self.joint.fence() {
            let why = "other connections have brought blocks of it that were not looked at";
            return Err(refused(Code::UNEXPECTED, "publish", &self.offer.path, why));
        }
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let path = &self.offer.path;
        let look = || self.file.status().map_err(because("look at the partial file of", path));
        let mut status = look()?;
        let is_right = |status: &Status| {
            (status.mode, status.modified) == (self.offer.mode & 0o777, self.offer.modified)
        };
        if !is_right(&status) {
            self.file.set_mode(self.offer.mode & 0o777).map_err(because("set the mode of", path))?;
            self.file.set_modified(self.offer.modified).map_err(because("set the time of", path))?;
            status = look()?;
        }
        Ok((Arc::clone(&self.file), status))
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
fn create<F: Files>(place: &mut Root<F>, unique: &Unique, offer: &Offer) -> Result<New<F>, StoreError> {
    let path = &offer.path;
    if offer.length > limits::FILE_MAX {
        return Err(refused(Code::FILE_TOO_LONG, "receive", path, "it is longer than 2^47 bytes"));
    }
    place.reserve()?;
    let new = match find(place, unique, offer) {
        // The folder was removed under us. Made again, it is empty: what was in it is lost to its leases.
        Err(error) if error.kind == FileErrorKind::NotFound => {
            place.reserved = None;
            place.reserve()?;
            find(place, unique, offer)
        }
        other => other,
    };
    let new = new.map_err(because("create a partial file for", path))?;
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

fn find<F: Files>(place: &Root<F>, unique: &Unique, offer: &Offer) -> Result<New<F>, FileError> {
    let Some(reserved) = &place.reserved else { return Err(FileErrorKind::NotFound.into()) };
    if offer.length > limits::EXTENT
        && let Some(taken) = Slot::take(&*place.files, reserved, &unique.key, offer)?
    {
        let Taken { slot, file, held, busy } = taken;
        return Ok(New { name: slot.name.clone(), file, slot: Some(slot), held, basis: busy });
    }
    let name = unique.name();
    let file = create_once(&*place.files, &reserved.folder, &name)?;
    Ok(New { name, file, slot: None, held: BlockSet::default(), basis: None })
}

pub(super) fn create_once<F: Files>(
    files: &F,
    folder: &F::Folder,
    name: &[u8],
) -> Result<F::File, FileError> {
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
    let (file, status) =
        place.open_file(&offer.path).ok().filter(|(_, status)| status.kind == FileKind::File)?;
    let size = u64::from(offer.block_size());
    let is_there = |block: &u32| ((u64::from(*block) + 1) * size).min(offer.length) <= status.length;
    let same: BlockSet = (0..offer.blocks()).filter(is_there).collect();
    (!same.is_empty()).then_some((file, same))
}

/// Unique, and not to be guessed without the process's nonce: who knows it may bring blocks of the upload. Never 0.
fn upload_id(nonce: u64, lease: u64) -> UploadId {
    let hash = blake3::hash(&[&b"towline upload"[..], &nonce.to_le_bytes(), &lease.to_le_bytes()].concat());
    UploadId(u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 of 32 bytes")).max(1))
}
