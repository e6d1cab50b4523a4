//! [`Names`]: the one place where operations on names and leases run, one after another.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::errors::{no_lease, no_root};
use super::group::Publication;
use super::meters::Meters;
use super::partials::{Openers, Partial};
use super::root::Root;
use super::sources::{FolderLease, SourceLease};
use super::{Files, Open, errors};
use crate::proto::storage::{Lease, NameDone, NameOp, RootId, StoreError};
use crate::wire::RelPath;

/// The roots, and what is open below them.
///
/// Every [`NameOp`] is carried out to its end by [`Names::execute`], which waits for the disk: a driver calls it where it
/// may block.
pub struct Names<F: Files> {
    /// Tells this process's partials from those of others.
    pub(super) nonce: u64,
    pub(super) roots: BTreeMap<RootId, Root<F>>,
    pub(super) leases: BTreeMap<Lease, Held<F>>,
    pub(super) openers: Openers,
    pub(super) meters: Meters,
    /// Roots that are closed once their last lease has ended.
    retired: BTreeSet<RootId>,
    next_lease: u64,
    next_root: u32,
}

/// What a lease stands for.
pub(super) enum Held<F: Files> {
    Partial(Box<Partial<F>>),
    /// Somebody brings blocks of the partial of this lease.
    Joined(RootId, Lease),
    Source(SourceLease<F>),
    Folder(FolderLease<F>),
}

impl<F: Files> Names<F> {
    /// No roots. `nonce` is to differ between processes that may have the same root: partials are named with it.
    pub fn new(nonce: u64) -> Names<F> {
        Names {
            nonce,
            roots: BTreeMap::new(),
            leases: BTreeMap::new(),
            openers: Openers::default(),
            meters: Meters::default(),
            retired: BTreeSet::new(),
            next_lease: 1,
            next_root: 0,
        }
    }

    /// Adds a root. Partials that a crash left there are removed, if no other process has it.
    ///
    /// # Errors
    /// If the root cannot be read. That it cannot be written is told when something is to be received.
    pub fn add_root(&mut self, files: F) -> Result<RootId, StoreError> {
        let root = Root::new(files)?;
        let id = RootId(self.next_root);
        self.next_root += 1;
        self.roots.insert(id, root);
        Ok(id)
    }

    /// How many roots there are.
    pub fn roots(&self) -> usize {
        self.roots.len()
    }

    /// Ends all leases of a root and forgets it; the reserved folder is removed unless another process uses it, or
    /// requests are remembered there. Waits for no block operation: the caller has.
    pub fn close_root(&mut self, id: RootId) -> Result<(), StoreError> {
        let of_root = |(lease, held): (&Lease, &Held<F>)| (held.root() == id).then_some(*lease);
        let leases: Vec<Lease> = self.leases.iter().filter_map(of_root).collect();
        for lease in leases {
            self.abandon(lease);
        }
        self.retired.remove(&id);
        let root = self.roots.remove(&id).ok_or_else(|| no_root(id))?;
        let Some(reserved) = root.reserved else { return Ok(()) };
        let tidied = reserved.close(&*root.files, &root.top);
        tidied.map_err(errors::because("tidy up below", &RelPath::ROOT))
    }

    /// Closes a root once nobody holds a lease of it: whoever does may still have to say what of it is worth keeping.
    pub fn retire_root(&mut self, id: RootId) {
        self.retired.insert(id);
        self.close_retired();
    }

    pub(super) fn close_retired(&mut self) {
        let is_free = |id: &RootId| !self.leases.values().any(|held| held.root() == *id);
        let free: Vec<RootId> = self.retired.iter().copied().filter(is_free).collect();
        for id in free {
            self.retired.remove(&id);
            // Nobody waits to hear of it; the next use of the folder sweeps what was left.
            let _ = self.close_root(id);
        }
    }

    /// Carries out one operation.
    pub fn execute(&mut self, op: NameOp) -> Result<NameDone, StoreError> {
        let done = self.carry_out(op);
        self.close_retired();
        done
    }

    fn carry_out(&mut self, op: NameOp) -> Result<NameDone, StoreError> {
        match op {
            NameOp::OpenPartial { root, offer, existing, owner } => {
                self.open_partial(root, offer, existing, owner)
            }
            NameOp::Note { lease, held } => self.note(lease, held),
            NameOp::Keep { lease, held } => self.keep(lease, held),
            NameOp::Publish { lease, hash } => {
                let mut alone = VecDeque::from([Publication { lease, hash }]);
                self.publish_group(&mut alone).pop().expect("at least one is carried out")
            }
            NameOp::Discard { lease } => self.discard(lease),
            NameOp::Join { root, push } => self.join(root, &push),
            NameOp::Gather { lease } => self.gather(lease),
            NameOp::OpenSource { root, path } => self.open_source(root, &path),
            NameOp::Recheck { lease } => self.recheck(lease),
            NameOp::OpenFolder { root, path } => self.open_folder(root, path),
            NameOp::ReadFolder { lease, bytes } => self.read_folder(lease, bytes),
            NameOp::Release { lease } => self.release(lease),
            NameOp::Stat { root, path } => self.stat(root, &path),
            NameOp::Remove { root, path, request } => self.remove(root, &path, request),
            NameOp::MakeFolder { root, folder } => self.make_folder(root, &folder),
            NameOp::MakeLink { root, link } => self.make_link(root, &link),
            NameOp::ReadLink { root, path } => self.read_link(root, &path),
            NameOp::Resolve { root, path } => self.resolve(root, &path),
        }
    }

    /// What a partial's or source's lease holds open, for [`super::blocks`].
    pub fn open(&self, lease: Lease) -> Option<Open<F::File>> {
        match self.leases.get(&lease)? {
            Held::Partial(partial) => {
                let is_metered = self.meters.is_about(partial.root, &partial.offer.path);
                Some(Open { is_metered: is_metered && partial.offer.length == 0, ..partial.open() })
            }
            Held::Source(source) => {
                Some(Open { file: Arc::clone(&source.file), basis: None, is_metered: false })
            }
            Held::Folder(_) | Held::Joined(..) => None,
        }
    }

    /// What is being received below a root: its name in the reserved folder, where it is to stand, and how many bytes.
    pub(super) fn partials_of(&self, root: RootId) -> impl Iterator<Item = (Lease, Vec<u8>, RelPath, u64)> {
        self.leases.iter().filter_map(move |(lease, held)| match held {
            Held::Partial(partial) if partial.root == root => {
                Some((*lease, partial.name(), partial.offer.path.clone(), partial.offer.length))
            }
            Held::Partial(_) | Held::Joined(..) | Held::Source(_) | Held::Folder(_) => None,
        })
    }

    /// The leases that are open, oldest first.
    pub fn leases(&self) -> impl Iterator<Item = Lease> + '_ {
        self.leases.keys().copied()
    }

    /// Ends a lease of any kind, for a connection that is gone; a partial is kept as it was last noted. Nothing if it
    /// has ended.
    pub fn abandon(&mut self, lease: Lease) {
        let _left_to_the_next_sweep = match self.leases.get(&lease) {
            Some(Held::Partial(partial)) => {
                let held = partial.noted();
                self.keep(lease, held)
            }
            Some(Held::Source(_) | Held::Folder(_) | Held::Joined(..)) => self.release(lease),
            None => Ok(NameDone::Released),
        };
        self.close_retired();
    }

    pub(super) fn root(&self, id: RootId) -> Result<&Root<F>, StoreError> {
        self.roots.get(&id).ok_or_else(|| no_root(id))
    }

    pub(super) fn root_mut(&mut self, id: RootId) -> Result<&mut Root<F>, StoreError> {
        self.roots.get_mut(&id).ok_or_else(|| no_root(id))
    }

    /// The number of the next lease.
    pub(super) fn next_lease(&self) -> u64 {
        self.next_lease
    }

    pub(super) fn lease(&mut self, held: Held<F>) -> Lease {
        let lease = Lease(self.next_lease);
        self.next_lease += 1;
        self.leases.insert(lease, held);
        lease
    }

    pub(super) fn partial_mut(&mut self, lease: Lease) -> Option<&mut Partial<F>> {
        match self.leases.get_mut(&lease)? {
            Held::Partial(partial) => Some(partial),
            Held::Source(_) | Held::Folder(_) | Held::Joined(..) => None,
        }
    }

    fn release(&mut self, lease: Lease) -> Result<NameDone, StoreError> {
        match self.leases.get(&lease) {
            Some(Held::Source(_) | Held::Folder(_)) => {
                self.leases.remove(&lease);
                Ok(NameDone::Released)
            }
            Some(Held::Joined(..)) => self.leave_joint(lease),
            Some(Held::Partial(_)) | None => Err(no_lease(lease)),
        }
    }
}

impl<F: Files> Held<F> {
    fn root(&self) -> RootId {
        match self {
            Held::Partial(partial) => partial.root,
            Held::Joined(root, _) => *root,
            Held::Source(source) => source.root,
            Held::Folder(folder) => folder.root,
        }
    }
}
