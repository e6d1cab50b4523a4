//! Folders in which no more than so many bytes may be stored, and how many are. What counts is the length of every file below the
//! folder, of everything that is being received into it (from when it is offered), and of what was kept of transfers that broke off.
//!
//! What is there is counted when a quota is set ([`Names::set_quotas`]), and from then on what this process publishes, removes and
//! receives; what others change is seen when the quotas are set again. A quota is the folder's: whoever stores below it counts, and is bound
//! by it, and by those of the folders around it.

use std::collections::BTreeMap;

use super::errors::{because, refused};
use super::{FileErrorKind, Files, Links, Names};
use crate::proto::storage::{Lease, RootId, StoreError};
use crate::wire::{Code, FileKind, RelPath};

/// Names read at once.
const BATCH: usize = 256;

/// The folders with a quota, and what counts against it beside what stands there.
#[derive(Debug, Default)]
pub(super) struct Meters {
    folders: BTreeMap<(RootId, RelPath), Meter>,
    /// What is being received.
    receiving: BTreeMap<Lease, Charge>,
    /// What was kept, by its name in the reserved folder.
    kept: BTreeMap<(RootId, Vec<u8>), Charge>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    most: u64,
    used: u64,
}

#[derive(Clone, Debug)]
struct Charge {
    root: RootId,
    path: RelPath,
    bytes: u64,
}

impl Meters {
    /// True if a quota of some folder is about `path`.
    pub(super) fn is_about(&self, root: RootId, path: &RelPath) -> bool {
        !self.folders.is_empty() && around(path).any(|folder| self.folders.contains_key(&(root, folder)))
    }

    fn each(&mut self, root: RootId, path: &RelPath, mut change: impl FnMut(&mut Meter)) {
        if self.folders.is_empty() {
            return;
        }
        for folder in around(path) {
            if let Some(meter) = self.folders.get_mut(&(root, folder)) {
                change(meter);
            }
        }
    }

    fn add(&mut self, charge: &Charge) {
        self.each(charge.root, &charge.path, |meter| meter.used = meter.used.saturating_add(charge.bytes));
    }

    fn take(&mut self, charge: &Charge) {
        self.each(charge.root, &charge.path, |meter| meter.used = meter.used.saturating_sub(charge.bytes));
    }

    /// Refuses what would not fit.
    pub(super) fn check(&self, root: RootId, path: &RelPath, bytes: u64) -> Result<(), StoreError> {
        if self.folders.is_empty() {
            return Ok(());
        }
        for folder in around(path) {
            if let Some(Meter { most, used }) = self.folders.get(&(root, folder))
                && used.saturating_add(bytes) > *most
            {
                let left = most.saturating_sub(*used);
                let why = format!(
                    "it needs {bytes} bytes, and {left} of the {most} that may be stored in its folder are left"
                );
                return Err(refused(Code::QUOTA, "receive", path, why));
            }
        }
        Ok(())
    }

    /// `lease` receives so many bytes; `reuses` is what was kept that it goes on with.
    pub(super) fn begin(
        &mut self,
        lease: Lease,
        (root, path): (RootId, &RelPath),
        bytes: u64,
        reuses: Option<&[u8]>,
    ) {
        if let Some(before) = reuses.and_then(|name| self.kept.remove(&(root, name.to_vec()))) {
            self.take(&before);
        }
        if self.is_about(root, path) {
            let charge = Charge { root, path: path.clone(), bytes };
            self.add(&charge);
            self.receiving.insert(lease, charge);
        }
    }

    /// What a lease that goes on with `reuses` needs beyond what that counts already.
    pub(super) fn beyond(&self, root: RootId, bytes: u64, reuses: Option<&[u8]>) -> u64 {
        let before = reuses.and_then(|name| self.kept.get(&(root, name.to_vec())));
        bytes.saturating_sub(before.map_or(0, |charge| charge.bytes))
    }

    /// What `lease` receives has become `length` bytes long.
    pub(super) fn grow(&mut self, lease: Lease, length: u64) -> Result<(), StoreError> {
        let Some(Charge { root, path, bytes }) = self.receiving.get(&lease).cloned() else { return Ok(()) };
        let more = length.saturating_sub(bytes);
        self.check(root, &path, more)?;
        self.add(&Charge { root, path, bytes: more });
        if let Some(charge) = self.receiving.get_mut(&lease) {
            charge.bytes += more;
        }
        Ok(())
    }

    /// What `lease` received is so long: a quota that was set meanwhile may know nothing of it.
    pub(super) fn settle(&mut self, lease: Lease, length: u64) {
        let Some(charge) = self.receiving.get_mut(&lease) else { return };
        let more = length.saturating_sub(charge.bytes);
        charge.bytes += more;
        let more = Charge { bytes: more, ..charge.clone() };
        self.add(&more);
    }

    /// Nothing is left of what `lease` received.
    pub(super) fn drop_lease(&mut self, lease: Lease) {
        if let Some(charge) = self.receiving.remove(&lease) {
            self.take(&charge);
        }
    }

    /// It is kept by this name.
    pub(super) fn keep(&mut self, lease: Lease, name: &[u8]) {
        if let Some(charge) = self.receiving.remove(&lease) {
            self.kept.insert((charge.root, name.to_vec()), charge);
        }
    }

    /// It stands where it was to stand, in place of a file of `replaced` bytes.
    pub(super) fn publish(&mut self, lease: Lease, replaced: u64) {
        if let Some(charge) = self.receiving.remove(&lease) {
            self.take(&Charge { bytes: replaced, ..charge });
        }
    }

    /// What was kept by names that begin with this was removed.
    pub(super) fn cleared(&mut self, root: RootId, stem: &[u8]) {
        let is_of = |(of, name): &(RootId, Vec<u8>)| *of == root && name.starts_with(stem);
        let gone: Vec<_> = self.kept.keys().filter(|key| is_of(key)).cloned().collect();
        for key in gone {
            if let Some(charge) = self.kept.remove(&key) {
                self.take(&charge);
            }
        }
    }

    /// A file of so many bytes is gone.
    pub(super) fn removed(&mut self, root: RootId, path: &RelPath, bytes: u64) {
        self.each(root, path, |meter| meter.used = meter.used.saturating_sub(bytes));
    }
}

/// The folders that something is in, up to the root.
fn around(path: &RelPath) -> impl Iterator<Item = RelPath> {
    std::iter::successors(path.parent(), RelPath::parent)
}

impl<F: Files> Names<F> {
    /// Lets no more than so many bytes be stored in these folders below `root`, and in no other ones: counts what is there now. That
    /// takes a look at each file below them, and no other operation on names goes on meanwhile.
    ///
    /// # Errors
    /// If a folder cannot be read to its end. The quotas stay as they were.
    pub fn set_quotas(&mut self, root: RootId, quotas: &BTreeMap<RelPath, u64>) -> Result<(), StoreError> {
        let place = self.root(root)?;
        let mut found = Vec::new();
        for (folder, most) in quotas {
            found.push((folder.clone(), Meter { most: *most, used: count(place, folder)? }));
        }
        let kept = if quotas.is_empty() { Vec::new() } else { super::kept::kept(&*place.files)? };
        self.meters.folders.retain(|(of, _), _| *of != root);
        self.meters.kept.retain(|(of, _), _| *of != root);
        self.meters.receiving.retain(|_, charge| charge.root != root);
        self.meters.folders.extend(found.into_iter().map(|(folder, meter)| ((root, folder), meter)));
        let is_open: Vec<_> = self.partials_of(root).collect();
        for partial in kept {
            let (name, charge) = (partial.name(), Charge { root, path: partial.path, bytes: partial.length });
            if !is_open.iter().any(|(_, open, ..)| *open == name) && self.meters.is_about(root, &charge.path)
            {
                self.meters.add(&charge);
                self.meters.kept.insert((root, name), charge);
            }
        }
        for (lease, _, path, bytes) in is_open {
            self.meters.begin(lease, (root, &path), bytes, None);
        }
        Ok(())
    }

    /// How many bytes count against the quota of a folder; `None` where it has none.
    pub fn counted(&self, root: RootId, folder: &RelPath) -> Option<u64> {
        self.meters.folders.get(&(root, folder.clone())).map(|meter| meter.used)
    }

    /// What `lease` receives, a stream, is about to be so long.
    ///
    /// # Errors
    /// `QUOTA` where that is more than may be stored there.
    pub fn grow(&mut self, lease: Lease, length: u64) -> Result<(), StoreError> {
        self.meters.grow(lease, length)
    }
}

/// Bytes of all files below a folder, which need not be there. Links are not followed, and what is mounted there is left out.
fn count<F: Files>(place: &super::root::Root<F>, folder: &RelPath) -> Result<u64, StoreError> {
    let files = &*place.files;
    let failed = |error| because("count what is stored below", folder)(error);
    let mut total = 0_u64;
    let mut left = vec![folder.clone()];
    while let Some(path) = left.pop() {
        let at = match files.open_folder(&place.top, path.as_bytes(), Links::None) {
            Ok(at) => at,
            // Gone, or something else by now; what lies on another file system takes nothing of this one.
            Err(error)
                if matches!(
                    error.kind,
                    FileErrorKind::NotFound
                        | FileErrorKind::NotAFolder
                        | FileErrorKind::Outside
                        | FileErrorKind::Link
                ) =>
            {
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        let mut listing = files.list(&at).map_err(failed)?;
        loop {
            let names = files.next_names(&mut listing, BATCH).map_err(failed)?;
            if names.is_empty() {
                break;
            }
            for name in names {
                // What no path can hold is not counted, and can be reached by nobody here: the reserved folder, too.
                let (Ok(below), Ok(status)) = (path.join(&name), files.status(&at, &name)) else { continue };
                match status.kind {
                    FileKind::File => total = total.saturating_add(status.length),
                    FileKind::Folder => left.push(below),
                    FileKind::Link | FileKind::Other => {}
                }
            }
        }
    }
    Ok(total)
}
