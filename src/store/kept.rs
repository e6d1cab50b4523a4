//! What transfers that broke off have left below a root: listed for a person, and removed when they ask for it.

use super::errors::because;
use super::journal::Journal;
use super::reserved::{JOURNAL_END, PARTIAL_END};
use super::{File, FileError, FileErrorKind, Files, Links, Lock};
use crate::proto::storage::StoreError;
use crate::wire::{Modified, RESERVED, RelPath, block_size_for};

/// Names read at once.
const BATCH: usize = 256;

/// A partial that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where the file was to stand.
    pub path: RelPath,
    /// Its length in bytes.
    pub length: u64,
    /// Bytes of it that had been verified.
    pub held: u64,
    /// When that was noted last.
    pub noted: Modified,
    /// The names of its files in the reserved folder begin with this.
    stem: Vec<u8>,
}

impl Kept {
    /// Of its file in the reserved folder.
    pub(super) fn name(&self) -> Vec<u8> {
        [&self.stem[..], PARTIAL_END].concat()
    }
}

/// What was kept below a root, those in use included.
///
/// # Errors
/// If the reserved folder cannot be read; that there is none is no error.
pub fn kept<F: Files>(files: &F) -> Result<Vec<Kept>, StoreError> {
    let Some(folder) = reserved(files)? else { return Ok(Vec::new()) };
    let failed = |error| because("look for partial files below", &RelPath::ROOT)(error);
    let mut listing = files.list(&folder).map_err(failed)?;
    let mut all = Vec::new();
    loop {
        let names = files.next_names(&mut listing, BATCH).map_err(failed)?;
        if names.is_empty() {
            return Ok(all);
        }
        for name in &names {
            let Some(stem) = name.strip_suffix(JOURNAL_END) else { continue };
            match read(files, &folder, name, stem) {
                Ok(entry) => all.extend(entry),
                // Published or dropped just now.
                Err(error) if error.kind == FileErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

/// Removes a partial that was kept; false if somebody is filling it.
///
/// # Errors
/// What the system says of it.
pub fn remove_kept<F: Files>(files: &F, kept: &Kept) -> Result<bool, StoreError> {
    let Some(folder) = reserved(files)? else { return Ok(true) };
    let partial = [&kept.stem[..], PARTIAL_END].concat();
    let file = match files.open_file(&folder, &partial) {
        Err(error) if error.kind == FileErrorKind::NotFound => return Ok(true),
        file => file.map_err(because("open the partial file of", &kept.path))?,
    };
    if !file.lock(Lock::TryExclusive).map_err(because("lock the partial file of", &kept.path))? {
        return Ok(false);
    }
    for name in [[&kept.stem[..], JOURNAL_END].concat(), partial] {
        match files.remove_file(&folder, &name) {
            Err(error) if error.kind == FileErrorKind::NotFound => {}
            removed => removed.map_err(because("remove the partial file of", &kept.path))?,
        }
    }
    Ok(true)
}

fn reserved<F: Files>(files: &F) -> Result<Option<F::Folder>, StoreError> {
    let opened = files.root().and_then(|top| files.open_folder(&top, RESERVED, Links::None));
    match opened {
        Err(error) if error.kind == FileErrorKind::NotFound => Ok(None),
        folder => folder.map(Some).map_err(because("look for partial files below", &RelPath::ROOT)),
    }
}

fn read<F: Files>(
    files: &F,
    folder: &F::Folder,
    name: &[u8],
    stem: &[u8],
) -> Result<Option<Kept>, FileError> {
    let file = files.open_file(folder, name)?;
    let noted = file.status()?.modified;
    let journal = Journal::open(file);
    Ok(journal.latest().map(|note| Kept {
        path: note.path.clone(),
        length: note.length,
        held: (note.held.len() as u64 * u64::from(block_size_for(note.length))).min(note.length),
        noted,
        stem: stem.to_vec(),
    }))
}
