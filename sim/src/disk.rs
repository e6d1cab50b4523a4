//! Files in memory that can lose their power: from then on no primitive happens any more, so that nothing is tidied up
//! by what is dropped. Counts primitives, tells of renames, and carries what is planted. What the disk itself loses then is the
//! matter of `MemoryFiles::crash`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use towline::store::memory::{MemoryFile, MemoryFiles, MemoryFolder, MemoryListing, Primitive};
use towline::store::{File, FileError, FileErrorKind, Files, Links, Lock, Status};
use towline::wire::Modified;

use crate::plant::Plant;

/// A machine's power, while one of its processes runs. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Power(Arc<AtomicBool>);

impl Power {
    /// Turned on.
    pub fn new() -> Power {
        Power::default()
    }

    /// Gone, for ever.
    pub fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True until it is cut.
    pub fn is_on(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

/// Told of a primitive that is about to run; may cut the power.
pub type Before = Arc<dyn Fn(Primitive) + Send + Sync>;
/// Told of a name that a file had, empty if it had none, and of the path that it got.
pub type Renamed = Arc<dyn Fn(&[u8], &str) + Send + Sync>;

/// A process's view of a file system.
#[derive(Clone)]
pub struct PoweredFiles {
    inner: MemoryFiles,
    wires: Wires,
    renamed: Renamed,
}

#[derive(Clone)]
struct Wires {
    power: Power,
    before: Before,
    plant: Option<Plant>,
    flipped: Arc<Mutex<bool>>,
}

/// An open file.
pub struct PoweredFile {
    inner: MemoryFile,
    wires: Wires,
}

impl Wires {
    fn begin(&self, primitive: Primitive) -> Result<(), FileError> {
        if self.power.is_on() {
            (self.before)(primitive);
        }
        if self.power.is_on() { Ok(()) } else { Err(FileErrorKind::Other.into()) }
    }
}

impl PoweredFiles {
    /// `inner` as long as there is `power`.
    pub fn new(
        inner: MemoryFiles,
        power: Power,
        before: Before,
        renamed: Renamed,
        plant: Option<Plant>,
    ) -> PoweredFiles {
        PoweredFiles { inner, wires: Wires { power, before, plant, flipped: Arc::default() }, renamed }
    }

    fn file(&self, inner: MemoryFile) -> PoweredFile {
        PoweredFile { inner, wires: self.wires.clone() }
    }
}

impl Files for PoweredFiles {
    type Folder = MemoryFolder;
    type File = PoweredFile;
    type Listing = MemoryListing;

    fn root(&self) -> Result<MemoryFolder, FileError> {
        self.inner.root()
    }

    fn open_folder(&self, at: &MemoryFolder, path: &[u8], links: Links) -> Result<MemoryFolder, FileError> {
        self.wires.begin(Primitive::OpenFolder)?;
        self.inner.open_folder(at, path, links)
    }

    fn open_file(&self, at: &MemoryFolder, path: &[u8]) -> Result<PoweredFile, FileError> {
        self.wires.begin(Primitive::OpenFile)?;
        Ok(self.file(self.inner.open_file(at, path)?))
    }

    fn create_file(&self, at: &MemoryFolder, name: &[u8]) -> Result<PoweredFile, FileError> {
        self.wires.begin(Primitive::CreateFile)?;
        Ok(self.file(self.inner.create_file(at, name)?))
    }

    fn create_unnamed(&self, at: &MemoryFolder, mode: u32) -> Result<Option<PoweredFile>, FileError> {
        if !self.inner.has_unnamed() {
            return Ok(None);
        }
        self.wires.begin(Primitive::CreateFile)?;
        Ok(self.inner.create_unnamed(at, mode)?.map(|inner| self.file(inner)))
    }

    fn name_file(&self, file: &PoweredFile, to: &MemoryFolder, name: &[u8]) -> Result<(), FileError> {
        self.wires.begin(Primitive::Rename)?;
        self.inner.name_file(&file.inner, to, name)?;
        (self.renamed)(b"", &self.inner.path_below(to, name));
        Ok(())
    }

    fn open_own(&self, at: &MemoryFolder, name: &[u8]) -> Result<PoweredFile, FileError> {
        self.wires.begin(Primitive::OpenOwn)?;
        Ok(self.file(self.inner.open_own(at, name)?))
    }

    fn create_folder(&self, at: &MemoryFolder, name: &[u8], mode: u32) -> Result<(), FileError> {
        self.wires.begin(Primitive::CreateFolder)?;
        self.inner.create_folder(at, name, mode)
    }

    fn set_folder_mode(&self, at: &MemoryFolder, mode: u32) -> Result<(), FileError> {
        self.wires.begin(Primitive::SetFolderMode)?;
        self.inner.set_folder_mode(at, mode)
    }

    fn set_folder_modified(&self, at: &MemoryFolder, modified: Modified) -> Result<(), FileError> {
        self.wires.begin(Primitive::SetFolderModified)?;
        self.inner.set_folder_modified(at, modified)
    }

    fn create_link(&self, at: &MemoryFolder, name: &[u8], target: &[u8]) -> Result<(), FileError> {
        self.wires.begin(Primitive::CreateLink)?;
        self.inner.create_link(at, name, target)
    }

    fn read_link(&self, at: &MemoryFolder, name: &[u8]) -> Result<Vec<u8>, FileError> {
        self.wires.begin(Primitive::ReadLink)?;
        self.inner.read_link(at, name)
    }

    fn rename(
        &self,
        from: &MemoryFolder,
        from_name: &[u8],
        to: &MemoryFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        self.wires.begin(Primitive::Rename)?;
        self.inner.rename(from, from_name, to, to_name)?;
        (self.renamed)(from_name, &self.inner.path_below(to, to_name));
        Ok(())
    }

    fn rename_new(
        &self,
        from: &MemoryFolder,
        from_name: &[u8],
        to: &MemoryFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        self.wires.begin(Primitive::Rename)?;
        self.inner.rename_new(from, from_name, to, to_name)?;
        (self.renamed)(from_name, &self.inner.path_below(to, to_name));
        Ok(())
    }

    fn remove_file(&self, at: &MemoryFolder, name: &[u8]) -> Result<(), FileError> {
        self.wires.begin(Primitive::RemoveFile)?;
        self.inner.remove_file(at, name)
    }

    fn remove_folder(&self, at: &MemoryFolder, name: &[u8]) -> Result<(), FileError> {
        self.wires.begin(Primitive::RemoveFolder)?;
        self.inner.remove_folder(at, name)
    }

    fn status(&self, at: &MemoryFolder, name: &[u8]) -> Result<Status, FileError> {
        self.wires.begin(Primitive::Status)?;
        self.inner.status(at, name)
    }

    fn list(&self, at: &MemoryFolder) -> Result<MemoryListing, FileError> {
        self.wires.begin(Primitive::List)?;
        self.inner.list(at)
    }

    fn next_names(&self, listing: &mut MemoryListing, most: usize) -> Result<Vec<Vec<u8>>, FileError> {
        self.wires.begin(Primitive::NextNames)?;
        self.inner.next_names(listing, most)
    }

    fn sync_folder(&self, at: &MemoryFolder) -> Result<(), FileError> {
        self.wires.begin(Primitive::SyncFolder)?;
        self.inner.sync_folder(at)
    }

    fn sync_file_system(&self, at: &MemoryFolder) -> Result<bool, FileError> {
        self.wires.begin(Primitive::SyncFileSystem)?;
        self.inner.sync_file_system(at)
    }

    fn now(&self) -> Modified {
        self.inner.now()
    }

    fn free_space(&self, at: &MemoryFolder) -> Result<u64, FileError> {
        self.wires.begin(Primitive::FreeSpace)?;
        self.inner.free_space(at)
    }
}

impl File for PoweredFile {
    fn status(&self) -> Result<Status, FileError> {
        self.wires.begin(Primitive::FileStatus)?;
        self.inner.status()
    }

    fn names(&self) -> Result<u64, FileError> {
        self.wires.begin(Primitive::FileStatus)?;
        self.inner.names()
    }

    fn next_data(&self, offset: u64) -> Result<Option<u64>, FileError> {
        self.wires.begin(Primitive::NextData)?;
        self.inner.next_data(offset)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, FileError> {
        self.wires.begin(Primitive::ReadAt)?;
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> Result<usize, FileError> {
        self.wires.begin(Primitive::WriteAt)?;
        let mut flipped = self.wires.flipped.lock().unwrap_or_else(PoisonError::into_inner);
        if self.wires.plant == Some(Plant::StoreWrongBit) && !*flipped && !pieces.is_empty() {
            *flipped = true;
            let mut bytes = pieces.concat();
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 1;
            }
            return self.inner.write_at(offset, &[Bytes::from(bytes)]);
        }
        self.inner.write_at(offset, pieces)
    }

    fn zero(&self, offset: u64, length: u64) -> Result<(), FileError> {
        self.wires.begin(Primitive::Zero)?;
        self.inner.zero(offset, length)
    }

    fn set_len(&self, length: u64) -> Result<(), FileError> {
        self.wires.begin(Primitive::SetLen)?;
        self.inner.set_len(length)
    }

    fn set_mode(&self, mode: u32) -> Result<(), FileError> {
        self.wires.begin(Primitive::SetMode)?;
        self.inner.set_mode(mode)
    }

    fn set_modified(&self, modified: Modified) -> Result<(), FileError> {
        self.wires.begin(Primitive::SetModified)?;
        self.inner.set_modified(modified)
    }

    fn sync(&self) -> Result<(), FileError> {
        self.wires.begin(Primitive::Sync)?;
        self.inner.sync()
    }

    fn lock(&self, lock: Lock) -> Result<bool, FileError> {
        self.wires.begin(Primitive::Lock)?;
        self.inner.lock(lock)
    }
}
