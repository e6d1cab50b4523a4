//! Which file a partial of a long file is in: one of a few names that follow from where it is to stand, so that whoever
//! receives a file there finds it. Who has it open holds its lock; a second one takes the next name, and may copy.

use super::journal::{Journal, Note};
use super::reserved::{JOURNAL_END, PARTIAL_END, Reserved, short};
use super::{File, FileError, FileErrorKind, Files, Lock};
use crate::probe::{Mark, mark};
use crate::proto::storage::BlockSet;
use crate::wire::{FileKind, Offer, Start};

/// How many may receive a file to one place at once and each leave a partial behind.
const SLOTS: u8 = 4;

/// The names of a partial that can be kept.
pub(super) struct Slot<F: Files> {
    pub(super) name: Vec<u8>,
    journal_name: Vec<u8>,
    journal: Option<Journal<F::File>>,
}

/// A slot that is locked.
pub(super) struct Taken<F: Files> {
    pub(super) slot: Slot<F>,
    pub(super) file: F::File,
    /// What its journal says that it holds.
    pub(super) held: BlockSet,
    /// A partial of the same file that somebody else fills, and what its journal says.
    pub(super) busy: Option<(F::File, BlockSet)>,
}

impl<F: Files> Slot<F> {
    fn new(key: &[u8; 32], number: u8) -> Slot<F> {
        let name = |end: &[u8]| [&stem(key)[..], number.to_string().as_bytes(), end].concat();
        Slot { name: name(PARTIAL_END), journal_name: name(JOURNAL_END), journal: None }
    }

    /// Takes a partial of what is offered: one that was kept, or a new one. `None` if all are in use.
    pub(super) fn take(
        files: &F,
        reserved: &Reserved<F>,
        key: &[u8; 32],
        offer: &Offer,
    ) -> Result<Option<Taken<F>>, FileError> {
        let start = offer.attempt.start;
        let folder = &reserved.folder;
        let (mut fresh, mut free, mut busy) = (None, Vec::new(), None);
        for number in 0..SLOTS {
            let mut slot = Slot::new(key, number);
            match files.status(folder, &slot.name) {
                Err(error) if error.kind == FileErrorKind::NotFound => {
                    free.push(slot);
                    continue;
                }
                status => status?,
            };
            let file = files.open_own(folder, &slot.name)?;
            let mine = slot.is_mine(files, folder, &file)?;
            let note = slot.read(files, folder)?.filter(|_| start == Start::Resume);
            if mine && file.names()? > 1 {
                // It was published, and a crash brought the old name back: what has another name is not written to.
                mark(Mark::PartialHasAnotherName);
                slot.remove(files, folder)?;
                free.push(slot);
                continue;
            }
            if !mine {
                let same = note.filter(|note| note.is_about(offer)).map(|note| note.held_of(offer));
                busy = busy.or(same.filter(|held| !held.is_empty()).map(|held| (file, held)));
                continue;
            }
            let held = note.map(|note| note.held_of(offer)).unwrap_or_default();
            if !held.is_empty() {
                mark(Mark::PartialResumed);
                return Ok(Some(Taken { slot, file, held, busy: None }));
            }
            fresh = fresh.or(Some((slot, file)));
        }
        if fresh.is_none() {
            fresh = create(files, folder, free)?;
        }
        let Some((mut slot, file)) = fresh else { return Ok(None) };
        slot.drop_journal(files, folder)?;
        Ok(Some(Taken { slot, file, held: BlockSet::default(), busy }))
    }

    /// Locks the partial; false if somebody else has it, or if its name is no longer its own.
    fn is_mine(&self, files: &F, folder: &F::Folder, file: &F::File) -> Result<bool, FileError> {
        if file.status()?.kind != FileKind::File {
            return Err(FileErrorKind::NotAFile.into());
        }
        if !file.lock(Lock::TryExclusive)? {
            return Ok(false);
        }
        match files.status(folder, &self.name) {
            Err(error) if error.kind == FileErrorKind::NotFound => Ok(false),
            status => Ok(status?.identity() == file.status()?.identity()),
        }
    }

    /// What the journal says.
    fn read(&mut self, files: &F, folder: &F::Folder) -> Result<Option<Note>, FileError> {
        let file = match files.status(folder, &self.journal_name) {
            Err(error) if error.kind == FileErrorKind::NotFound => return Ok(None),
            status => status.and_then(|_| files.open_own(folder, &self.journal_name))?,
        };
        Ok(self.journal.insert(Journal::open(file)).latest().cloned())
    }

    /// What was noted last.
    pub(super) fn noted(&self) -> BlockSet {
        let latest = self.journal.as_ref().and_then(Journal::latest);
        latest.map(|note| note.held.clone()).unwrap_or_default()
    }

    /// Writes into the journal what is verified.
    pub(super) fn note(&mut self, files: &F, folder: &F::Folder, note: Note) -> Result<(), FileError> {
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(Journal::open(files.open_own(folder, &self.journal_name)?)),
        };
        journal.write(note)
    }

    /// Removes the journal, if there is one.
    pub(super) fn drop_journal(&mut self, files: &F, folder: &F::Folder) -> Result<(), FileError> {
        if self.journal.take().is_none() {
            return Ok(());
        }
        absent(files.remove_file(folder, &self.journal_name))
    }

    fn remove(&mut self, files: &F, folder: &F::Folder) -> Result<(), FileError> {
        self.journal = None;
        absent(files.remove_file(folder, &self.name))?;
        absent(files.remove_file(folder, &self.journal_name))
    }

    /// A file is published where these partials were to stand: those that were kept, and that nobody holds, are of no use
    /// any more.
    pub(super) fn clear(files: &F, folder: &F::Folder, key: &[u8; 32]) -> Result<(), FileError> {
        for number in 0..SLOTS {
            let mut slot: Slot<F> = Slot::new(key, number);
            if files.status(folder, &slot.name).is_err() {
                continue;
            }
            let file = files.open_own(folder, &slot.name)?;
            if slot.is_mine(files, folder, &file)? {
                slot.remove(files, folder)?;
            }
        }
        Ok(())
    }
}

/// What the names of all partials for this key begin with.
pub(super) fn stem(key: &[u8; 32]) -> Vec<u8> {
    format!("{:032x}-", short(key)).into_bytes()
}

/// A slot and its file, which is locked.
type Locked<F> = (Slot<F>, <F as Files>::File);

/// The first free slot that nobody else takes meanwhile.
fn create<F: Files>(
    files: &F,
    folder: &F::Folder,
    free: Vec<Slot<F>>,
) -> Result<Option<Locked<F>>, FileError> {
    for mut slot in free {
        let file = files.open_own(folder, &slot.name)?;
        if slot.is_mine(files, folder, &file)? {
            // A journal without a partial is left over from a crash.
            if files.status(folder, &slot.journal_name).is_ok() {
                slot.journal = Some(Journal::open(files.open_own(folder, &slot.journal_name)?));
            }
            return Ok(Some((slot, file)));
        }
    }
    Ok(None)
}

/// What is gone already was to go.
fn absent(removed: Result<(), FileError>) -> Result<(), FileError> {
    match removed {
        Err(error) if error.kind == FileErrorKind::NotFound => Ok(()),
        other => other,
    }
}
