//! [`Recorded`]: the system's primitive file operations, with a record of what they changed and of what was made durable.
//!
//! Nothing is synced in truth: what a sync promises is what images are made by. Files and folders have numbers of the
//! record's own instead of the system's, so that what is remembered of one by its number also holds in an image, where
//! the system has given it another.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;

use bytes::Bytes;
use towline::store::os::{Durability, OsFile, OsFiles, OsFolder, OsListing};
use towline::store::{File, FileError, Files, Links, Lock, Status};
use towline::wire::Modified;

/// A file, folder or link of a record.
pub(super) type Object = u64;

/// What an object is made as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    File,
    Folder,
    Link(Vec<u8>),
}

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An object comes to be, without a name.
    Make(Object, Made, u32),
    /// A name in a folder comes to stand for an object, or for nothing. A rename is two of these, each of which its own
    /// folder's sync makes durable: a crash may leave both names.
    Name(Object, Vec<u8>, Option<Object>),
    Write(Object, u64, Vec<u8>),
    Zero(Object, u64, u64),
    SetLen(Object, u64),
    SetMode(Object, u32),
    SetModified(Object, Modified),
    SyncFile(Object),
    SyncFolder(Object),
    SyncAll,
    /// The store has said that this is done; the number is the scenario's.
    Acknowledged(usize),
}

/// What is recorded, and what the system's numbers stand for.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) steps: Vec<Step>,
    objects: BTreeMap<(u64, u64), Object>,
    next: Object,
}

impl Record {
    /// The root is the first object.
    pub(super) const ROOT: Object = 0;

    fn born(&mut self, status: &Status) -> Object {
        let object = self.next;
        self.next += 1;
        self.objects.insert(status.identity(), object);
        object
    }

    /// What stands in an image already: the system's number of an object of another record.
    pub(super) fn found(&mut self, path: &Path, object: Object) {
        let metadata = std::fs::symlink_metadata(path).expect("written just now");
        self.objects.insert((metadata.dev(), metadata.ino()), object);
        self.next = self.next.max(object + 1);
    }

    /// Numbers that an earlier record has given are not given again.
    pub(super) fn begin_after(&mut self, earlier: Object) {
        self.next = self.next.max(earlier);
    }

    pub(super) fn next(&self) -> Object {
        self.next
    }
}

/// A folder of the system whose changes are recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    inner: OsFiles,
    /// Whether a sync of the whole file system is to be had.
    syncs_whole: bool,
    record: Rc<RefCell<Record>>,
}

#[derive(Debug)]
pub(super) struct RecordedFolder(OsFolder, Object);

#[derive(Debug)]
pub(super) struct RecordedFile {
    inner: OsFile,
    object: Object,
    record: Rc<RefCell<Record>>,
}

impl Recorded {
    /// The folder at `path`, all in which has been [found](Record::found).
    pub(super) fn new(path: &Path, syncs_whole: bool, record: Rc<RefCell<Record>>) -> Recorded {
        let inner = OsFiles::open(path).expect("a folder").with_durability(Durability::None);
        Recorded { inner, syncs_whole, record }
    }

    fn note(&self, step: Step) {
        self.record.borrow_mut().steps.push(step);
    }

    fn object(&self, status: &Status) -> Object {
        self.record.borrow().objects[&status.identity()]
    }

    fn told(&self, status: Status) -> Status {
        Status { device: 1, inode: self.object(&status), ..status }
    }

    fn file(&self, inner: OsFile) -> Result<RecordedFile, FileError> {
        let object = self.object(&inner.status()?);
        Ok(RecordedFile { inner, object, record: Rc::clone(&self.record) })
    }

    /// What was made just now at `name`.
    fn made(&self, at: &RecordedFolder, name: &[u8], made: Made) -> Result<(), FileError> {
        let status = self.inner.status(&at.0, name)?;
        let object = self.record.borrow_mut().born(&status);
        self.note(Step::Make(object, made, status.mode));
        self.note(Step::Name(at.1, name.to_vec(), Some(object)));
        Ok(())
    }
}

impl Files for Recorded {
    type Folder = RecordedFolder;
    type File = RecordedFile;
    type Listing = OsListing;

    fn root(&self) -> Result<RecordedFolder, FileError> {
        Ok(RecordedFolder(self.inner.root()?, Record::ROOT))
    }

    fn open_folder(
        &self,
        at: &RecordedFolder,
        path: &[u8],
        links: Links,
    ) -> Result<RecordedFolder, FileError> {
        let folder = self.inner.open_folder(&at.0, path, links)?;
        let object = self.object(&self.inner.status(&folder, b"")?);
        Ok(RecordedFolder(folder, object))
    }

    fn open_file(&self, at: &RecordedFolder, path: &[u8]) -> Result<RecordedFile, FileError> {
        self.file(self.inner.open_file(&at.0, path)?)
    }

    fn create_file(&self, at: &RecordedFolder, name: &[u8]) -> Result<RecordedFile, FileError> {
        let file = self.inner.create_file(&at.0, name)?;
        self.made(at, name, Made::File)?;
        self.file(file)
    }

    fn create_unnamed(&self, at: &RecordedFolder, mode: u32) -> Result<Option<RecordedFile>, FileError> {
        let Some(file) = self.inner.create_unnamed(&at.0, mode)? else { return Ok(None) };
        let status = file.status()?;
        let object = self.record.borrow_mut().born(&status);
        self.note(Step::Make(object, Made::File, status.mode));
        self.file(file).map(Some)
    }

    fn name_file(&self, file: &RecordedFile, to: &RecordedFolder, name: &[u8]) -> Result<(), FileError> {
        self.inner.name_file(&file.inner, &to.0, name)?;
        self.note(Step::Name(to.1, name.to_vec(), Some(file.object)));
        Ok(())
    }

    fn open_own(&self, at: &RecordedFolder, name: &[u8]) -> Result<RecordedFile, FileError> {
        let is_new = self.inner.status(&at.0, name).is_err();
        let file = self.inner.open_own(&at.0, name)?;
        if is_new {
            self.made(at, name, Made::File)?;
        }
        self.file(file)
    }

    fn create_folder(&self, at: &RecordedFolder, name: &[u8], mode: u32) -> Result<(), FileError> {
        self.inner.create_folder(&at.0, name, mode)?;
        self.made(at, name, Made::Folder)
    }

    fn set_folder_mode(&self, at: &RecordedFolder, mode: u32) -> Result<(), FileError> {
        self.note(Step::SetMode(at.1, mode));
        self.inner.set_folder_mode(&at.0, mode)
    }

    fn set_folder_modified(&self, at: &RecordedFolder, modified: Modified) -> Result<(), FileError> {
        self.note(Step::SetModified(at.1, modified));
        self.inner.set_folder_modified(&at.0, modified)
    }

    fn create_link(&self, at: &RecordedFolder, name: &[u8], target: &[u8]) -> Result<(), FileError> {
        self.inner.create_link(&at.0, name, target)?;
        self.made(at, name, Made::Link(target.to_vec()))
    }

    fn read_link(&self, at: &RecordedFolder, name: &[u8]) -> Result<Vec<u8>, FileError> {
        self.inner.read_link(&at.0, name)
    }

    fn rename(
        &self,
        from: &RecordedFolder,
        from_name: &[u8],
        to: &RecordedFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        let object = self.inner.status(&from.0, from_name).map(|status| self.object(&status));
        self.inner.rename(&from.0, from_name, &to.0, to_name)?;
        self.note(Step::Name(to.1, to_name.to_vec(), Some(object?)));
        self.note(Step::Name(from.1, from_name.to_vec(), None));
        Ok(())
    }

    fn rename_new(
        &self,
        from: &RecordedFolder,
        from_name: &[u8],
        to: &RecordedFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        let object = self.inner.status(&from.0, from_name).map(|status| self.object(&status));
        self.inner.rename_new(&from.0, from_name, &to.0, to_name)?;
        self.note(Step::Name(to.1, to_name.to_vec(), Some(object?)));
        self.note(Step::Name(from.1, from_name.to_vec(), None));
        Ok(())
    }

    fn remove_file(&self, at: &RecordedFolder, name: &[u8]) -> Result<(), FileError> {
        self.inner.remove_file(&at.0, name)?;
        self.note(Step::Name(at.1, name.to_vec(), None));
        Ok(())
    }

    fn remove_folder(&self, at: &RecordedFolder, name: &[u8]) -> Result<(), FileError> {
        self.inner.remove_folder(&at.0, name)?;
        self.note(Step::Name(at.1, name.to_vec(), None));
        Ok(())
    }

    fn status(&self, at: &RecordedFolder, name: &[u8]) -> Result<Status, FileError> {
        self.inner.status(&at.0, name).map(|status| self.told(status))
    }

    fn list(&self, at: &RecordedFolder) -> Result<OsListing, FileError> {
        self.inner.list(&at.0)
    }

    fn next_names(&self, listing: &mut OsListing, most: usize) -> Result<Vec<Vec<u8>>, FileError> {
        self.inner.next_names(listing, most)
    }

    fn sync_folder(&self, at: &RecordedFolder) -> Result<(), FileError> {
        self.note(Step::SyncFolder(at.1));
        self.inner.sync_folder(&at.0)
    }

    fn sync_file_system(&self, at: &RecordedFolder) -> Result<bool, FileError> {
        if !self.syncs_whole {
            return Ok(false);
        }
        self.note(Step::SyncAll);
        self.inner.sync_file_system(&at.0)
    }

    fn now(&self) -> Modified {
        self.inner.now()
    }

    fn free_space(&self, at: &RecordedFolder) -> Result<u64, FileError> {
        self.inner.free_space(&at.0)
    }
}

impl RecordedFile {
    fn note(&self, step: Step) {
        self.record.borrow_mut().steps.push(step);
    }
}

impl File for RecordedFile {
    fn status(&self) -> Result<Status, FileError> {
        Ok(Status { device: 1, inode: self.object, ..self.inner.status()? })
    }

    fn names(&self) -> Result<u64, FileError> {
        self.inner.names()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, FileError> {
        self.inner.read_at(offset, buffer)
    }

    fn next_data(&self, offset: u64) -> Result<Option<u64>, FileError> {
        self.inner.next_data(offset)
    }

    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> Result<usize, FileError> {
        let count = self.inner.write_at(offset, pieces)?;
        let mut written = pieces.concat();
        written.truncate(count);
        self.note(Step::Write(self.object, offset, written));
        Ok(count)
    }

    fn zero(&self, offset: u64, length: u64) -> Result<(), FileError> {
        self.inner.zero(offset, length)?;
        self.note(Step::Zero(self.object, offset, length));
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), FileError> {
        self.inner.set_len(length)?;
        self.note(Step::SetLen(self.object, length));
        Ok(())
    }

    fn set_mode(&self, mode: u32) -> Result<(), FileError> {
        self.note(Step::SetMode(self.object, mode));
        self.inner.set_mode(mode)
    }

    fn set_modified(&self, modified: Modified) -> Result<(), FileError> {
        self.note(Step::SetModified(self.object, modified));
        self.inner.set_modified(modified)
    }

    fn sync(&self) -> Result<(), FileError> {
        self.note(Step::SyncFile(self.object));
        self.inner.sync()
    }

    fn lock(&self, lock: Lock) -> Result<bool, FileError> {
        self.inner.lock(lock)
    }
}
