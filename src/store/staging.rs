//! A small file on its way into a file of its own: created, written, hashed and given its time in one go, beside whatever
//! else the store does. Where the system has files without names, it gets one only when it is published.

use std::sync::Arc;

use super::errors::{because, failed, no_root};
use super::names::Held;
use super::partials::{Partial, create_once};
use super::reserved::Unique;
use super::{File, FileError, FileErrorKind, Files, Names, blocks};
use crate::proto::storage::{Existing, FileDone, Owner, RootId, StoreError, small_extent};
use crate::wire::{Code, Cv, Offer, Rope};

/// What is created when a small file is received, until it has a lease.
pub struct Staging<F: Files> {
    root: RootId,
    offer: Offer,
    existing: Existing,
    unique: Unique,
    files: Arc<F>,
    folder: Arc<F::Folder>,
    filled: Filled<F>,
}

enum Filled<F: Files> {
    /// With these bytes, once there is a folder to create it in.
    Not(Rope),
    Failed(StoreError),
    Written(Written<F>),
}

struct Written<F: Files> {
    file: F::File,
    is_named: bool,
    cvs: Vec<Cv>,
}

impl<F: Files> Names<F> {
    /// Whether it can be published there is checked once, when it is.
    pub(super) fn begin_staging(
        &mut self,
        root: RootId,
        offer: Offer,
        data: Rope,
        existing: Existing,
    ) -> Result<Staging<F>, StoreError> {
        if small_extent(offer.length).is_none() != data.is_empty() || data.len() as u64 != offer.length {
            let text = "what is staged is not the whole of a small file (a mistake in this program)";
            return Err(StoreError::new(Code::IO, text));
        }
        let unique = self.begin_opening(root, &offer, Owner::ANYBODY)?;
        // What is staged beside it is small; it is counted as it is leased.
        self.meters.check(root, &offer.path, offer.length)?;
        let place = self.root_mut(root)?;
        if offer.path.is_root() {
            place.check_destination(&offer.path)?;
        }
        let (folder, files) = (place.reserve()?, Arc::clone(&place.files));
        self.openers.open(root, &unique);
        Ok(Staging { root, offer, existing, unique, files, folder, filled: Filled::Not(data) })
    }

    /// Leases what was written.
    pub(super) fn end_staging(&mut self, mut staging: Staging<F>) -> Result<FileDone, StoreError> {
        if let Filled::Not(_) = staging.filled {
            // The folder was removed under us. Made again, it is empty: what was in it is lost to its leases.
            match self.root_mut(staging.root).and_then(|place| place.reserve_again(&staging.folder)) {
                Ok(folder) => {
                    staging.folder = folder;
                    staging.fill();
                }
                Err(error) => staging.filled = Filled::Failed(error),
            }
        }
        let written = match staging.filled {
            Filled::Written(written) if self.roots.contains_key(&staging.root) => written,
            filled @ (Filled::Not(_) | Filled::Failed(_) | Filled::Written(_)) => {
                self.openers.close(staging.root, staging.unique.key);
                return Err(match filled {
                    Filled::Failed(error) => error,
                    Filled::Written(_) => no_root(staging.root),
                    Filled::Not(_) => failed(CREATE, &staging.offer.path, FileErrorKind::NotFound.into()),
                });
            }
        };
        let Staging { root, offer, existing, unique, .. } = staging;
        let Written { file, is_named, cvs } = written;
        let (path, length) = (offer.path.clone(), offer.length);
        let granted = self.meters.check(root, &path, length);
        let partial = Partial::whole(root, file, unique, is_named, offer, existing);
        let lease = self.lease(Held::Partial(Box::new(partial)));
        self.meters.begin(lease, (root, &path), length, None);
        if let Err(error) = granted {
            let _left_to_the_next_sweep = self.discard(lease);
            return Err(error);
        }
        Ok(FileDone::Staged { lease, cvs })
    }
}

const CREATE: &str = "create a partial file for";

impl<F: Files> Staging<F> {
    /// Creates the file and writes it, unless that is done.
    pub(super) fn fill(&mut self) {
        let Filled::Not(data) = &mut self.filled else { return };
        let data = core::mem::take(data);
        self.filled = match self.create() {
            Err(error) if error.kind == FileErrorKind::NotFound => Filled::Not(data),
            Err(error) => Filled::Failed(failed(CREATE, &self.offer.path, error)),
            Ok((file, is_named)) => match self.write(&file, data) {
                Ok(cvs) => Filled::Written(Written { file, is_named, cvs }),
                Err(error) => {
                    if is_named {
                        let _left_to_the_next_sweep =
                            self.files.remove_file(&self.folder, &self.unique.name());
                    }
                    Filled::Failed(error)
                }
            },
        };
    }

    /// Nobody sees it before it is published, whatever its mode.
    fn create(&self) -> Result<(F::File, bool), FileError> {
        if let Some(file) = self.files.create_unnamed(&self.folder, self.offer.mode & 0o777)? {
            return Ok((file, false));
        }
        create_once(&*self.files, &self.folder, &self.unique.name()).map(|file| (file, true))
    }

    fn write(&self, file: &F::File, data: Rope) -> Result<Vec<Cv>, StoreError> {
        let cvs = match small_extent(self.offer.length) {
            Some(extent) => blocks::write(file, extent, data)?,
            None => Vec::new(),
        };
        file.set_modified(self.offer.modified).map_err(because("set the time of", &self.offer.path))?;
        Ok(cvs)
    }
}
