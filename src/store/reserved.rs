//! The reserved folder below a root, where partials are: made when it is first needed, and swept by whoever has the
//! root for itself.
//!
//! Its lock file says who uses it: each process holds the lock shared as long as it has the root. Whoever can take it
//! exclusively is alone, so that partials in it are of processes that are gone: those with a journal wait to be gone on
//! with, for a week; all others are garbage of a crash. Whoever removes the lock file holds it
//! exclusively, and whoever takes the lock then looks whether the file still has its name: else two processes could hold
//! the locks of two files.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::journal::Journal;
use super::log::{self, LOG_NAME};
use super::{File, FileError, FileErrorKind, Files, Links, Lock};
use crate::probe::{Bug, planted};
use crate::proto::storage::Owner;
use crate::wire::{FileKind, Offer, RESERVED};

const LOCK_NAME: &[u8] = b"lock";
/// What the names of partials end with; nothing else is swept.
pub(super) const PARTIAL_END: &[u8] = b".partial";
/// What the names of journals end with, beside their partials.
pub(super) const JOURNAL_END: &[u8] = b".journal";
/// Seconds that a partial is kept after its last note.
const KEPT_SECONDS: i64 = 7 * 24 * 60 * 60;
const RESERVED_MODE: u32 = 0o700;
/// Names read at once while sweeping.
const SWEEP_BATCH: usize = 256;
/// How often another process may tidy the folder away while we take it.
const ATTEMPTS: usize = 16;

/// The reserved folder, held.
pub(super) struct Reserved<F: Files> {
    /// Shared with what is created in it.
    pub(super) folder: Arc<F::Folder>,
    /// Whatever name the file system finds it by.
    pub(super) identity: (u64, u64),
    /// Of which paths partials were kept, by [`short`], as far as this process knows: those of another that is alive are its
    /// business.
    pub(super) kept: BTreeSet<u128>,
    lock: F::File,
}

/// Where a partial is to stand, and whose it is.
pub(super) fn key(offer: &Offer, owner: Owner) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    if owner == Owner::ANYBODY {
        hasher.update(b"towline partial");
    } else {
        hasher.update(b"towline own partial");
        hasher.update(&owner.0);
    }
    hasher.update(offer.path.as_bytes());
    hasher.finalize().into()
}

/// The part of a key that names files.
pub(super) fn short(key: &[u8; 32]) -> u128 {
    u128::from_be_bytes(key[..16].try_into().expect("16 of 32 bytes"))
}

/// What tells a partial from all others: a hash over what is received, the opener's generation among those of it, and a
/// number of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unique {
    pub(super) key: [u8; 32],
    pub(super) generation: u64,
    pub(super) nonce: u64,
}

impl Unique {
    /// The name that follows from it, which few small files need.
    pub(super) fn name(&self) -> Vec<u8> {
        let Unique { key, generation, nonce } = self;
        let mut name = format!("{:032x}-{generation}-{nonce:016x}", short(key)).into_bytes();
        name.extend_from_slice(PARTIAL_END);
        name
    }
}

impl<F: Files> Reserved<F> {
    /// Holds the folder, having swept it if nobody else holds it; `None` if there is none.
    pub(super) fn open(files: &F, top: &F::Folder) -> Result<Option<Reserved<F>>, FileError> {
        let mut kept = BTreeSet::new();
        for _ in 0..ATTEMPTS {
            let folder = match files.open_folder(top, RESERVED, Links::None) {
                Err(error) if error.kind == FileErrorKind::NotFound => return Ok(None),
                folder => folder?,
            };
            let lock = match files.open_own(&folder, LOCK_NAME) {
                Err(error) if error.kind == FileErrorKind::NotFound => continue, // tidied away just now
                lock => lock?,
            };
            if lock.status()?.kind != FileKind::File {
                return Err(FileErrorKind::NotAFile.into());
            }
            if lock.lock(Lock::TryExclusive)? && is_named(files, &folder, &lock)? {
                kept = sweep(files, &folder)?.kept;
            }
            // To go from exclusive to shared is to let go for a moment: only what is found now counts.
            if lock.lock(Lock::Shared)? && is_named(files, &folder, &lock)? {
                let identity = files.status(&folder, b"")?.identity();
                return Ok(Some(Reserved { folder: Arc::new(folder), identity, kept, lock }));
            }
        }
        Err(FileErrorKind::Other.into())
    }

    /// Makes the folder if there is none, and holds it. It is not made durable: what is lost with it was never visible.
    pub(super) fn create(files: &F, top: &F::Folder) -> Result<Reserved<F>, FileError> {
        for _ in 0..ATTEMPTS {
            match files.create_folder(top, RESERVED, RESERVED_MODE) {
                Ok(()) => {}
                Err(error) if error.kind == FileErrorKind::Exists => {}
                Err(error) => return Err(error),
            }
            if let Some(reserved) = Reserved::open(files, top)? {
                return Ok(reserved);
            }
        }
        Err(FileErrorKind::Other.into())
    }

    /// Lets go of the folder, and removes it if nobody else holds it, no request is remembered in it and nothing foreign
    /// is there.
    pub(super) fn close(self, files: &F, top: &F::Folder) -> Result<(), FileError> {
        if !self.lock.lock(Lock::TryExclusive)? || !is_named(files, &self.folder, &self.lock)? {
            return Ok(());
        }
        if sweep(files, &self.folder)?.has_log {
            if !log::is_spent(files, &self.folder)? {
                return Ok(());
            }
            files.remove_file(&self.folder, LOG_NAME)?;
        }
        files.remove_file(&self.folder, LOCK_NAME)?;
        match files.remove_folder(top, RESERVED) {
            Err(error) if error.kind == FileErrorKind::NotEmpty => Ok(()),
            other => other,
        }
    }
}

/// True if the lock file that is open is the one that others would open now.
fn is_named<F: Files>(files: &F, folder: &F::Folder, lock: &F::File) -> Result<bool, FileError> {
    match files.status(folder, LOCK_NAME) {
        Err(error) if error.kind == FileErrorKind::NotFound => Ok(false),
        status => Ok(status?.identity() == lock.status()?.identity()),
    }
}

/// What a sweep found.
#[derive(Default)]
struct Swept {
    /// The keys of partials that were kept.
    kept: BTreeSet<u128>,
    /// There is a log of requests.
    has_log: bool,
}

/// Removes partials but for those that were kept. One that cannot be removed stays, and is tried again by the next
/// process.
fn sweep<F: Files>(files: &F, folder: &F::Folder) -> Result<Swept, FileError> {
    let mut listing = files.list(folder)?;
    let mut swept = Swept::default();
    loop {
        let names = files.next_names(&mut listing, SWEEP_BATCH)?;
        if names.is_empty() {
            return Ok(swept);
        }
        for name in names {
            swept.has_log |= name == LOG_NAME;
            if !planted(Bug::SkipSweep) && is_swept(files, folder, &name)? {
                let _stays = files.remove_file(folder, &name);
            } else if name.ends_with(PARTIAL_END) {
                let key = name.get(..32).and_then(|digits| core::str::from_utf8(digits).ok());
                swept.kept.extend(key.and_then(|digits| u128::from_str_radix(digits, 16).ok()));
            }
        }
    }
}

/// True for a partial without a journal, or with another name beside its own, for a journal without a partial, and for both where the journal is too old or
/// says nothing.
fn is_swept<F: Files>(files: &F, folder: &F::Folder, name: &[u8]) -> Result<bool, FileError> {
    let other = |end: &[u8], other: &[u8]| Some([name.strip_suffix(end)?, other].concat());
    if let Some(journal) = other(PARTIAL_END, JOURNAL_END) {
        return Ok(!is_kept(files, folder, &journal)? || files.open_file(folder, name)?.names()? > 1);
    }
    let Some(partial) = other(JOURNAL_END, PARTIAL_END) else { return Ok(false) };
    Ok(files.status(folder, &partial).is_err() || !is_kept(files, folder, name)?)
}

fn is_kept<F: Files>(files: &F, folder: &F::Folder, journal: &[u8]) -> Result<bool, FileError> {
    let status = match files.status(folder, journal) {
        Err(error) if error.kind == FileErrorKind::NotFound => return Ok(false),
        status => status?,
    };
    if status.kind != FileKind::File
        || status.modified.seconds.saturating_add(KEPT_SECONDS) < files.now().seconds
    {
        return Ok(false);
    }
    Ok(Journal::open(files.open_file(folder, journal)?).latest().is_some())
}
