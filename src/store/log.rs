//! What of the requests outlives the process: a log in the reserved folder, of [`record`]s. Before a name is changed for a
//! request, what is about to change is written there and synced; what came of it is written behind, and waits for the
//! next sync. Whoever finds an intent without outcome looks whether it happened.
//!
//! Those who share a root share its log, and hold its lock from before they look until the change is made. So nobody who
//! has a request has touched what an intent without outcome was to change: their own intent would have been synced, and
//! the outcome with it. Hence a publication has happened if the very file that was received stands at its path, and a removal
//! has not if what was to be removed stands there. Both hold also where a loss of power took back a rename.
//!
//! A damaged or torn record ends the log: what is behind it says nothing, and is written over.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};

use super::record::{self, Chain, HASH, Record, START, Target, What};
use super::requests::{Intent, Requests};
use super::root::Root;
use super::{File, FileError, FileErrorKind, Files, Links, Lock};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::storage::StoreError;
use crate::wire::{Attempt, Code, FileKind, Modified, RelPath, RequestId};

/// Its name in the reserved folder.
pub(super) const LOG_NAME: &[u8] = b"requests";
/// Where a shorter one is written; swept if that is not finished.
const NEW_NAME: &[u8] = b"requests.partial";
/// A longer one is written anew: several times what the remembered outcomes take, so that this is seldom.
const LENGTH_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a record of a path that is not long.
const USUAL: usize = 160;
/// Bytes that are looked at, at most; there are no more unless somebody else wrote them.
const READ_MAX: u64 = 2 * LENGTH_MAX;
/// How often others may write the log anew while we open it.
const ATTEMPTS: usize = 16;

/// How far the log was read.
pub(super) struct Log {
    /// Of the file that was read.
    identity: Option<(u64, u64)>,
    /// Where the next record goes.
    end: u64,
    chain: Chain,
    /// Intents without outcome.
    undecided: BTreeMap<RequestId, Record>,
    /// Set once the log's own name is known to be durable.
    is_durable: bool,
    /// Set when a sync failed: what was written may be lost although it can be read.
    is_broken: bool,
}

impl Default for Log {
    fn default() -> Log {
        Log {
            identity: None,
            end: 0,
            chain: START,
            undecided: BTreeMap::new(),
            is_durable: false,
            is_broken: false,
        }
    }
}

/// Attempts to carry out requests, while they change names.
pub(super) struct Acting<T> {
    /// The log, locked; `None` where there is no request, and where there is none yet.
    log: Option<T>,
    /// Something was written there that is not synced.
    is_dirty: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    pub(super) attempt: Attempt,
    pub(super) intent: Intent,
    is_logged: bool,
}

impl Log {
    /// Opens the log, waits for its lock, and reads what was written since.
    fn open<F: Files>(
        &mut self,
        files: &F,
        folder: &F::Folder,
        requests: &mut Requests,
    ) -> Result<F::File, FileError> {
        for _ in 0..ATTEMPTS {
            let file = files.open_own(folder, LOG_NAME)?;
            if file.status()?.kind != FileKind::File {
                return Err(FileErrorKind::NotAFile.into());
            }
            if !file.lock(Lock::Exclusive)? {
                return Err(FileErrorKind::Busy.into());
            }
            let status = file.status()?;
            match files.status(folder, LOG_NAME) {
                Err(error) if error.kind == FileErrorKind::NotFound => continue,
                named if named?.identity() != status.identity() => continue, // written anew meanwhile
                _ => {}
            }
            if self.identity != Some(status.identity()) || !self.read(&file, status.length, requests)? {
                *self = Log { identity: Some(status.identity()), ..Log::default() };
                self.read(&file, status.length, requests)?;
            }
            return Ok(file);
        }
        Err(FileErrorKind::Busy.into())
    }

    /// Takes in the records behind those that are known; false if these are not there any more.
    fn read<T: File>(&mut self, file: &T, length: u64, requests: &mut Requests) -> Result<bool, FileError> {
        let known = if self.end == 0 { 0 } else { HASH };
        let start = self.end - known as u64;
        let length = usize::try_from(length.min(READ_MAX).saturating_sub(start)).expect("at most 8 MiB");
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            let count = file.read_at(start + filled as u64, &mut bytes[filled..])?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        let Some((last, mut rest)) = bytes[..filled].split_at_checked(known) else { return Ok(false) };
        if !last.is_empty() && *last != self.chain {
            return Ok(false);
        }
        while let Some((record, length, chain)) = record::decode(rest, &self.chain) {
            rest.advance(length);
            self.end += length as u64;
            self.chain = chain;
            if !planted(Bug::ForgetLog) {
                self.apply(record, requests);
            }
        }
        Ok(true)
    }

    fn apply(&mut self, record: Record, requests: &mut Requests) {
        let Record { request, attempt, at, intent, ref what } = record;
        requests.has_begun(request, attempt, at);
        match what {
            What::Publishes(_) | What::Removes(_) => drop(self.undecided.insert(request, record)),
            What::Done => {
                self.undecided.remove(&request);
                requests.remember(request, intent, at);
            }
            What::Dropped => drop(self.undecided.remove(&request)),
        }
    }

    /// Writes records behind the others; what of which only a part was written is written over by the next. Not synced.
    fn append<T: File>(
        &mut self,
        file: &T,
        records: Vec<Record>,
        requests: &mut Requests,
    ) -> Result<(), FileError> {
        let (mut all, mut chain) = (Vec::with_capacity(records.len() * USUAL), self.chain);
        for record in &records {
            let (bytes, next) = record::encode(record, &chain);
            all.extend_from_slice(&bytes);
            chain = next;
        }
        let length = all.len() as u64;
        let mut bytes = Bytes::from(all);
        let mut offset = self.end;
        while !bytes.is_empty() {
            let count = file.write_at(offset, std::slice::from_ref(&bytes))?;
            if count == 0 {
                return Err(FileErrorKind::Other.into());
            }
            bytes.advance(count);
            offset += count as u64;
        }
        self.end += length;
        self.chain = chain;
        records.into_iter().for_each(|record| self.apply(record, requests));
        Ok(())
    }

    /// Writes the log anew, with what is still to be remembered. Everything is decided.
    fn rewrite<F: Files>(
        &mut self,
        files: &F,
        folder: &F::Folder,
        requests: &mut Requests,
    ) -> Result<F::File, FileError> {
        mark(Mark::LogWrittenAnew);
        let written = self.write_anew(files, folder, requests);
        if written.is_err() {
            let _left_to_the_next_sweep = files.remove_file(folder, NEW_NAME);
        }
        written
    }

    fn write_anew<F: Files>(
        &mut self,
        files: &F,
        folder: &F::Folder,
        requests: &mut Requests,
    ) -> Result<F::File, FileError> {
        let file = files.open_own(folder, NEW_NAME)?;
        file.set_len(0)?;
        if !file.lock(Lock::Exclusive)? {
            return Err(FileErrorKind::Busy.into());
        }
        let mut new = Log { identity: Some(file.status()?.identity()), ..Log::default() };
        let remembered = requests.remembered(files.now().seconds).map(|(request, known)| {
            let what = if known.succeeded.is_some() { What::Done } else { What::Dropped };
            let intent = known.succeeded.unwrap_or(Intent([0; 32]));
            Record { request, attempt: known.attempt, at: known.at, intent, what }
        });
        let remembered: Vec<Record> = remembered.collect();
        new.append(&file, remembered, requests)?;
        file.sync()?;
        files.rename(folder, NEW_NAME, folder, LOG_NAME)?;
        *self = new;
        Ok(file)
    }
}

/// True if nothing in the log needs to be remembered any more. The caller holds the folder exclusively.
pub(super) fn is_spent<F: Files>(files: &F, folder: &F::Folder) -> Result<bool, FileError> {
    let (mut log, mut requests) = (Log::default(), Requests::default());
    log.open(files, folder, &mut requests)?;
    Ok(log.undecided.is_empty() && requests.remembered(files.now().seconds).next().is_none())
}

impl<F: Files> Root<F> {
    /// Reads what others have logged, if there is a log, and decides what was left undecided.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        self.open_log(false).map(drop)
    }

    /// Attempts begin to change names; holds the log's lock until it is dropped.
    pub(super) fn act(&mut self, is_requested: bool) -> Result<Acting<F::File>, StoreError> {
        let log = if is_requested { self.open_log(false)? } else { None };
        Ok(Acting { log, is_dirty: false })
    }

    /// Logs what is about to be changed, each for its own request; nothing for request 0. It is not yet durable.
    pub(super) fn intend<'a>(
        &mut self,
        acting: &mut Acting<F::File>,
        acts: impl IntoIterator<Item = (&'a mut Act, What)>,
    ) -> Result<(), StoreError> {
        let now = self.files.now().seconds;
        let is_requested = |(act, _): &(&mut Act, What)| act.attempt.request != RequestId::default();
        let (acts, records): (Vec<&mut Act>, Vec<Record>) = acts
            .into_iter()
            .filter(is_requested)
            .map(|(act, what)| {
                let record = act.record(now, what);
                (act, record)
            })
            .unzip();
        if records.is_empty() {
            return Ok(());
        }
        if acting.log.is_none() {
            acting.log = self.open_log(true)?;
        }
        let Some(log) = &acting.log else { return Err(log_failed(FileErrorKind::NotFound.into())) };
        self.log.append(log, records, &mut self.requests).map_err(log_failed)?;
        acts.into_iter().for_each(|act| act.is_logged = true);
        acting.is_dirty = true;
        Ok(())
    }

    /// Makes the log's own name durable, once.
    pub(super) fn name_log(&mut self, acting: &Acting<F::File>) -> Result<(), StoreError> {
        let Some(reserved) = self.reserved.as_ref().filter(|_| acting.is_dirty && !self.log.is_durable)
        else {
            return Ok(());
        };
        self.files.sync_folder(&reserved.folder).map_err(log_failed)?;
        self.files.sync_folder(&self.top).map_err(log_failed)?;
        self.log.is_durable = true;
        Ok(())
    }

    /// What could not be made durable may be lost although it can be read.
    pub(super) fn log_is_broken(&mut self) {
        self.log.is_broken = true;
    }

    /// Remembers what came of each. Where that cannot be written, it is decided again from what stands there.
    pub(super) fn acted(&mut self, acting: &Acting<F::File>, acts: impl IntoIterator<Item = (Act, bool)>) {
        let now = self.files.now().seconds;
        let acts: Vec<(Act, bool)> = acts.into_iter().collect();
        let mut is_noted = false;
        if let Some(log) = &acting.log {
            let outcome = |is_done: bool| if is_done { What::Done } else { What::Dropped };
            let logged = acts.iter().filter(|(act, _)| act.is_logged);
            let records = logged.map(|(act, is_done)| act.record(now, outcome(*is_done))).collect();
            // Else undecided.
            is_noted = self.log.append(log, records, &mut self.requests).is_ok();
        }
        for (act, _) in acts.iter().filter(|(act, is_done)| *is_done && !(is_noted && act.is_logged)) {
            self.requests.remember(act.attempt.request, act.intent, now);
        }
    }

    fn open_log(&mut self, make: bool) -> Result<Option<F::File>, StoreError> {
        if make {
            self.reserve()?;
        }
        match self.try_open_log(make) {
            // The folder was removed under us.
            Err(error) if error.kind == FileErrorKind::NotFound && make => {
                self.reserved = None;
                self.reserve()?;
                self.try_open_log(make).map_err(log_failed)
            }
            other => other.map_err(log_failed),
        }
    }

    fn try_open_log(&mut self, make: bool) -> Result<Option<F::File>, FileError> {
        let Some(reserved) = &self.reserved else { return Ok(None) };
        if !make {
            match self.files.status(&reserved.folder, LOG_NAME) {
                Err(error) if error.kind == FileErrorKind::NotFound => return Ok(None),
                status => drop(status?),
            }
        }
        let file = self.log.open(&*self.files, &reserved.folder, &mut self.requests)?;
        let undecided: Vec<Record> = self.log.undecided.values().cloned().collect();
        for record in undecided {
            let has_happened = match &record.what {
                What::Publishes(target) => self.stands(target, false, true)?,
                What::Removes(target) => !self.stands(target, true, false)?,
                What::Done | What::Dropped => continue,
            };
            let what = if has_happened { What::Done } else { What::Dropped };
            self.log.append(&file, vec![Record { what, ..record }], &mut self.requests)?;
        }
        if self.log.end <= LENGTH_MAX && !self.log.is_broken {
            return Ok(Some(file));
        }
        self.log.rewrite(&*self.files, &reserved.folder, &mut self.requests).map(Some)
    }

    /// True if the target stands at its path, unless that `may_be_reused`, a number given to what was made there later.
    /// If it is found as it `should` be, that is made durable: it is about to be answered.
    fn stands(&self, target: &Target, may_be_reused: bool, should: bool) -> Result<bool, FileError> {
        let (parent, name) = (target.path.parent().unwrap_or(RelPath::ROOT), target.path.name());
        let opened = self.files.open_folder(&self.top, parent.as_bytes(), Links::None);
        let gone = [FileErrorKind::NotFound, FileErrorKind::NotAFolder, FileErrorKind::Link];
        let folder = match opened {
            Err(error) if gone.contains(&error.kind) => return Ok(false),
            folder => folder?,
        };
        let Some(name) = name else { return Ok(false) };
        let stands = match self.files.status(&folder, name) {
            Err(error) if error.kind == FileErrorKind::NotFound => false,
            status => {
                let status = status?;
                let time = |of: Modified| (of.seconds, of.nanoseconds);
                let is_later = time(status.modified) > time(target.modified);
                status.identity() == target.identity && !(may_be_reused && is_later)
            }
        };
        if stands == should {
            self.files.sync_folder(&folder)?;
        }
        Ok(stands)
    }
}

impl Act {
    pub(super) fn new(attempt: Attempt, intent: Intent) -> Act {
        Act { attempt, intent, is_logged: false }
    }

    fn record(&self, at: i64, what: What) -> Record {
        let Attempt { request, number, .. } = self.attempt;
        Record { request, attempt: number, at, intent: self.intent, what }
    }
}

impl<T: File> Acting<T> {
    /// Makes durable what was logged.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        match self.log.as_ref().filter(|_| self.is_dirty) {
            Some(log) => log.sync().map_err(log_failed),
            None => Ok(()),
        }
    }
}

fn log_failed(error: FileError) -> StoreError {
    let code = if error.kind == FileErrorKind::NotFound { Code::IO } else { error.kind.code() };
    StoreError { code, os: error.os, text: format!("cannot use the log of requests below the root: {error}") }
}
