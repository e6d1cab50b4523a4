//! [`MemoryFiles`]: the primitive file operations in memory, deterministic, for tests. It logs every primitive in order,
//! has a capacity, returns errors that a test planted, and reads and writes in short pieces; it loses nothing, unless a crash is asked for.

#![expect(
    clippy::disallowed_types,
    reason = "a driver under test may run block operations on several threads"
)]

mod decay;
mod disk;
mod fixtures;
mod locks;
mod pages;
mod path;
mod resolve;
mod shadow;
mod unnamed;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use self::disk::{Content, Disk, Inode, Plant};
pub use self::disk::{Primitive, Step};
pub use self::path::escaped;
use self::shadow::Change;
use super::{File, FileError, FileErrorKind, Files, Links, Lock, Status};
use crate::wire::Modified;

/// Most bytes that one read or write carries; odd, so that callers have to go on in the middle of a piece.
const SHORT: usize = 100_003;

/// A file system in memory; a clone is the same one, as another process would see it.
#[derive(Clone, Debug)]
pub struct MemoryFiles {
    disk: Arc<Mutex<Disk>>,
}

/// An open folder.
#[derive(Clone, Copy, Debug)]
pub struct MemoryFolder(Inode);

/// An open file.
#[derive(Debug)]
pub struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
    inode: Inode,
    /// Tells this opening from others, for locks.
    handle: u64,
}

/// A folder being read.
#[derive(Debug)]
pub struct MemoryListing {
    folder: Inode,
    after: Option<Vec<u8>>,
}

impl Default for MemoryFiles {
    fn default() -> Self {
        MemoryFiles::new()
    }
}

impl MemoryFiles {
    /// An empty root folder, on a disk without limit.
    pub fn new() -> MemoryFiles {
        MemoryFiles { disk: Arc::new(Mutex::new(Disk::new())) }
    }

    /// An empty root folder on a disk that a [`MemoryFiles::crash`] robs of what was not synced.
    pub fn volatile() -> MemoryFiles {
        let files = MemoryFiles::new();
        files.disk().shadow = Some(shadow::Shadow::default());
        files
    }

    /// The same without a log, which would grow for nobody.
    #[must_use]
    pub fn unlogged(self) -> MemoryFiles {
        self.disk().log = None;
        self
    }

    /// The power fails. Each change since its last sync is kept or lost by itself, as `draw` says (odd numbers keep; a
    /// kept write may be torn); locks are gone. Nothing on a disk that is not [`MemoryFiles::volatile`]. Whoever has
    /// files open must drop them: they are of a process that is dead.
    pub fn crash(&self, draw: impl FnMut() -> u64) {
        self.disk().crash(draw);
    }

    /// After so many primitives more, every one fails: the process is dead and does not know yet. `None`: none does.
    pub fn die_after(&self, primitives: Option<usize>) {
        self.disk().dies_after = primitives;
    }

    /// Lets the primitive fail once: the next time, or after `passes` times more. What a sync of a file would have made
    /// durable is lost then, to a crash, although it can still be read.
    pub fn fail(&self, primitive: Primitive, passes: usize, error: FileError) {
        self.disk().plants.push((primitive, passes, Plant::Fail(error)));
    }

    /// Lets somebody else put a new, empty file at `path` just before the primitive runs, the next time or after `passes`
    /// times more.
    pub fn replace_before(&self, primitive: Primitive, passes: usize, path: &str) {
        self.disk().plants.push((primitive, passes, Plant::Replace(path.to_owned())));
    }

    /// The path of `name` in a folder, as the log has it.
    pub fn path_below(&self, at: &MemoryFolder, name: &[u8]) -> String {
        self.disk().path_below(at.0, name)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, disk: &mut Disk, inode: Inode) -> MemoryFile {
        MemoryFile { disk: Arc::clone(&self.disk), inode, handle: disk.next_handle() }
    }
}

impl Files for MemoryFiles {
    type Folder = MemoryFolder;
    type File = MemoryFile;
    type Listing = MemoryListing;

    fn root(&self) -> Result<MemoryFolder, FileError> {
        Ok(MemoryFolder(Disk::ROOT))
    }

    fn open_folder(&self, at: &MemoryFolder, path: &[u8], links: Links) -> Result<MemoryFolder, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::OpenFolder, at.0, path)?;
        let inode = disk.resolve(at.0, path, links)?;
        disk.entries(inode)?;
        Ok(MemoryFolder(inode))
    }

    fn open_file(&self, at: &MemoryFolder, path: &[u8]) -> Result<MemoryFile, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::OpenFile, at.0, path)?;
        let inode = disk.resolve(at.0, path, Links::Beneath)?;
        Ok(self.file(&mut disk, inode))
    }

    fn create_file(&self, at: &MemoryFolder, name: &[u8]) -> Result<MemoryFile, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::CreateFile, at.0, name)?;
        let inode = disk.create(at.0, name, Content::file(), 0o600)?;
        Ok(self.file(&mut disk, inode))
    }

    fn create_unnamed(&self, at: &MemoryFolder, mode: u32) -> Result<Option<MemoryFile>, FileError> {
        let mut disk = self.disk();
        if !disk.has_unnamed {
            return Ok(None);
        }
        disk.begin(Primitive::CreateFile, at.0, b"")?;
        let inode = disk.create_unnamed(at.0, mode);
        Ok(Some(self.file(&mut disk, inode)))
    }

    fn name_file(&self, file: &MemoryFile, to: &MemoryFolder, name: &[u8]) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::Rename, to.0, name)?;
        disk.name_file(file.inode, to.0, name)
    }

    fn open_own(&self, at: &MemoryFolder, name: &[u8]) -> Result<MemoryFile, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::OpenOwn, at.0, name)?;
        let inode = match disk.child(at.0, name) {
            Ok(inode) if matches!(disk.node(inode).content, Content::Link(_)) => {
                return Err(FileErrorKind::Link.into());
            }
            Ok(inode) => inode,
            Err(_) => disk.create(at.0, name, Content::file(), 0o600)?,
        };
        Ok(self.file(&mut disk, inode))
    }

    fn create_folder(&self, at: &MemoryFolder, name: &[u8], mode: u32) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::CreateFolder, at.0, name)?;
        disk.create(at.0, name, Content::folder(), mode).map(|_| ())
    }

    fn set_folder_mode(&self, at: &MemoryFolder, mode: u32) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::SetFolderMode, at.0, b"")?;
        disk.set_mode(at.0, mode);
        Ok(())
    }

    fn set_folder_modified(&self, at: &MemoryFolder, modified: Modified) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::SetFolderModified, at.0, b"")?;
        disk.set_modified(at.0, modified);
        Ok(())
    }

    fn create_link(&self, at: &MemoryFolder, name: &[u8], target: &[u8]) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::CreateLink, at.0, name)?;
        disk.create(at.0, name, Content::Link(target.to_vec()), 0o777).map(|_| ())
    }

    fn read_link(&self, at: &MemoryFolder, name: &[u8]) -> Result<Vec<u8>, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::ReadLink, at.0, name)?;
        disk.target(at.0, name)
    }

    fn rename(
        &self,
        from: &MemoryFolder,
        from_name: &[u8],
        to: &MemoryFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::Rename, to.0, to_name)?;
        disk.rename(from.0, from_name, to.0, to_name)
    }

    fn rename_new(
        &self,
        from: &MemoryFolder,
        from_name: &[u8],
        to: &MemoryFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::Rename, to.0, to_name)?;
        match disk.child(to.0, to_name) {
            Ok(_) => Err(FileErrorKind::Exists.into()),
            Err(_) => disk.rename(from.0, from_name, to.0, to_name),
        }
    }

    fn remove_file(&self, at: &MemoryFolder, name: &[u8]) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::RemoveFile, at.0, name)?;
        disk.remove_file(at.0, name)
    }

    fn remove_folder(&self, at: &MemoryFolder, name: &[u8]) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::RemoveFolder, at.0, name)?;
        disk.remove_folder(at.0, name)
    }

    fn status(&self, at: &MemoryFolder, name: &[u8]) -> Result<Status, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::Status, at.0, name)?;
        let inode = if name.is_empty() { at.0 } else { disk.child(at.0, name)? };
        Ok(disk.status(inode))
    }

    fn list(&self, at: &MemoryFolder) -> Result<MemoryListing, FileError> {
        self.disk().begin(Primitive::List, at.0, b"")?;
        Ok(MemoryListing { folder: at.0, after: None })
    }

    fn next_names(&self, listing: &mut MemoryListing, most: usize) -> Result<Vec<Vec<u8>>, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::NextNames, listing.folder, b"")?;
        let names = disk.names_after(listing.folder, listing.after.as_deref(), most)?;
        if let Some(last) = names.last() {
            listing.after = Some(last.clone());
        }
        Ok(names)
    }

    fn sync_folder(&self, at: &MemoryFolder) -> Result<(), FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::SyncFolder, at.0, b"")?;
        if let Some(shadow) = &mut disk.shadow {
            shadow.sync_folder(at.0);
        }
        Ok(())
    }

    fn sync_file_system(&self, at: &MemoryFolder) -> Result<bool, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::SyncFileSystem, at.0, b"")?;
        if let Some(shadow) = &mut disk.shadow {
            shadow.sync_all();
        }
        Ok(true)
    }

    fn now(&self) -> Modified {
        Modified { seconds: self.disk().ticks, nanoseconds: 0 }
    }

    fn free_space(&self, at: &MemoryFolder) -> Result<u64, FileError> {
        let mut disk = self.disk();
        disk.begin(Primitive::FreeSpace, at.0, b"")?;
        Ok(disk.free())
    }
}

impl MemoryFile {
    fn begin(&self, primitive: Primitive) -> Result<MutexGuard<'_, Disk>, FileError> {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        disk.begin(primitive, self.inode, b"")?;
        Ok(disk)
    }
}

impl File for MemoryFile {
    fn status(&self) -> Result<Status, FileError> {
        Ok(self.begin(Primitive::FileStatus)?.status(self.inode))
    }

    fn names(&self) -> Result<u64, FileError> {
        Ok(self.begin(Primitive::FileStatus)?.names(self.inode))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, FileError> {
        let count = buffer.len().min(SHORT);
        Ok(self.begin(Primitive::ReadAt)?.pages(self.inode)?.read(offset, &mut buffer[..count]))
    }

    fn next_data(&self, offset: u64) -> Result<Option<u64>, FileError> {
        Ok(self.begin(Primitive::NextData)?.pages(self.inode)?.next_data(offset))
    }

    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> Result<usize, FileError> {
        let mut disk = self.begin(Primitive::WriteAt)?;
        let mut pieces: VecDeque<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
        let mut written = 0;
        while let Some(piece) = pieces.pop_front()
            && written < SHORT
        {
            let piece = &piece[..piece.len().min(SHORT - written)];
            match disk.write(self.inode, offset + written as u64, piece) {
                Ok(()) => written += piece.len(),
                Err(error) if written == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(written)
    }

    fn zero(&self, offset: u64, length: u64) -> Result<(), FileError> {
        let mut disk = self.begin(Primitive::Zero)?;
        disk.pages_mut(self.inode)?.zero(offset, length);
        disk.note(|| Change::Zero(self.inode, offset, length));
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), FileError> {
        let mut disk = self.begin(Primitive::SetLen)?;
        disk.pages_mut(self.inode)?.set_len(length);
        disk.note(|| Change::SetLen(self.inode, length));
        Ok(())
    }

    fn set_mode(&self, mode: u32) -> Result<(), FileError> {
        let mut disk = self.begin(Primitive::SetMode)?;
        disk.set_mode(self.inode, mode);
        Ok(())
    }

    fn set_modified(&self, modified: Modified) -> Result<(), FileError> {
        let mut disk = self.begin(Primitive::SetModified)?;
        disk.set_modified(self.inode, modified);
        Ok(())
    }

    fn sync(&self) -> Result<(), FileError> {
        let mut disk = self.begin(Primitive::Sync)?;
        if std::mem::take(&mut disk.node_mut(self.inode).owes_error) {
            return Err(FileErrorKind::Other.into());
        }
        if let Some(shadow) = &mut disk.shadow {
            shadow.sync_file(self.inode);
        }
        Ok(())
    }

    fn lock(&self, lock: Lock) -> Result<bool, FileError> {
        Ok(self.begin(Primitive::Lock)?.lock(self.inode, self.handle, lock))
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        disk.unlock(self.inode, self.handle);
        disk.forget_unnamed(self.inode);
    }
}
