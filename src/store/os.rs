//! The primitive file operations on the operating system, with directory handles that cannot leave the root. The one
//! part of the store that touches a disk; only the driver and tests import it.
//!
//! On Linux the kernel resolves whole paths beneath a handle (`openat2`, see `openat2(2)`); elsewhere, and where a
//! container forbids that, `walk` opens one component after another and follows no link at all. Names in a folder are
//! always used with that folder's handle, and never followed.

mod beneath;
mod errors;
mod holes;
mod rename;
mod reserve;
mod status;
mod sync;
mod unnamed;
mod walk;

use std::io::IoSlice;
use std::path::Path;

use bytes::Bytes;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use self::beneath::Beneath;
use self::holes::next_data;
pub use self::reserve::Reserve;
use self::status::status_of;
pub use self::sync::Durability;
use self::sync::{sync, sync_whole, tells_of_lost_writes};
use self::unnamed::Unnamed;
use super::{File, FileError, FileErrorKind, Files, Links, Lock, Status};
use crate::proto::storage::StoreError;
use crate::wire::{Code, Modified};

/// Most pieces given to the system in one write.
const PIECES_MAX: usize = 64;
/// A read-only handle on a folder.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A read-only handle on whatever it is: a pipe does not wait for a writer, a terminal does not become ours.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// A new or existing file to write, by its own name.
const WRITE: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The same for a name that anybody may have put something at: a pipe does not wait.
const OWN: OFlags = WRITE.union(OFlags::NONBLOCK);

/// A folder of the operating system as a root.
#[derive(Debug)]
pub struct OsFiles {
    root: OwnedFd,
    beneath: Beneath,
    durability: Durability,
    reserve: Reserve,
    syncs_whole: bool,
    unnamed: Unnamed,
}

/// An open folder.
#[derive(Debug)]
pub struct OsFolder(OwnedFd);

/// An open file.
#[derive(Debug)]
pub struct OsFile(OwnedFd, Durability, Reserve);

/// A folder being read.
#[derive(Debug)]
pub struct OsListing(Dir);

impl OsFiles {
    /// Opens the folder at `path`, which the user named: links in it are followed.
    ///
    /// # Errors
    /// `NOT_FOUND`, `NOT_A_FOLDER`, `DENIED` and what else the system says.
    pub fn open(path: impl AsRef<Path>) -> Result<OsFiles, StoreError> {
        let path = path.as_ref();
        let root = rustix::fs::open(path, FOLDER, Mode::empty()).map_err(|errno| {
            let error = FileError::from(errno);
            let code = if errno == Errno::NOTDIR { Code::NOT_A_FOLDER } else { error.kind.code() };
            let text =
                format!("cannot open the folder \"{}\": {error}", path.display().to_string().escape_debug());
            StoreError { code, os: error.os, text }
        })?;
        let beneath = Beneath::detect(&root);
        let syncs_whole = tells_of_lost_writes();
        let unnamed = Unnamed::default();
        let (durability, reserve) = Default::default();
        Ok(OsFiles { root, beneath, durability, reserve, syncs_whole, unnamed })
    }

    /// The same folder, with another promise.
    pub fn with_durability(self, durability: Durability) -> OsFiles {
        OsFiles { durability, ..self }
    }

    /// The same folder, on a disk of which some space stays free.
    pub fn with_reserve(self, reserve: Reserve) -> OsFiles {
        OsFiles { reserve, ..self }
    }

    /// As on a system whose kernel neither keeps paths beneath a folder nor has files without names, which tests have to see
    /// too.
    pub fn without_kernel_help(self) -> OsFiles {
        OsFiles { beneath: Beneath::Walk, unnamed: Unnamed::none(), ..self }
    }
}

impl Files for OsFiles {
    type Folder = OsFolder;
    type File = OsFile;
    type Listing = OsListing;

    fn root(&self) -> Result<OsFolder, FileError> {
        Ok(OsFolder(rustix::fs::openat(&self.root, ".", FOLDER, Mode::empty())?))
    }

    fn open_folder(&self, at: &OsFolder, path: &[u8], links: Links) -> Result<OsFolder, FileError> {
        self.beneath.open(&at.0, path, FOLDER, links).map(OsFolder)
    }

    fn open_file(&self, at: &OsFolder, path: &[u8]) -> Result<OsFile, FileError> {
        let file = self.beneath.open(&at.0, path, READ, Links::Beneath)?;
        Ok(OsFile(file, self.durability, self.reserve))
    }

    fn create_file(&self, at: &OsFolder, name: &[u8]) -> Result<OsFile, FileError> {
        let file = rustix::fs::openat(&at.0, name, WRITE | OFlags::EXCL, Mode::RUSR | Mode::WUSR)?;
        Ok(OsFile(file, self.durability, self.reserve))
    }

    fn create_unnamed(&self, at: &OsFolder, mode: u32) -> Result<Option<OsFile>, FileError> {
        let file = self.unnamed.create(&at.0, mode_of(mode))?;
        Ok(file.map(|file| OsFile(file, self.durability, self.reserve)))
    }

    fn name_file(&self, file: &OsFile, to: &OsFolder, name: &[u8]) -> Result<(), FileError> {
        unnamed::name(&file.0, &to.0, name)
    }

    fn open_own(&self, at: &OsFolder, name: &[u8]) -> Result<OsFile, FileError> {
        let file = rustix::fs::openat(&at.0, name, OWN, Mode::RUSR | Mode::WUSR)?;
        Ok(OsFile(file, self.durability, self.reserve))
    }

    fn create_folder(&self, at: &OsFolder, name: &[u8], mode: u32) -> Result<(), FileError> {
        Ok(rustix::fs::mkdirat(&at.0, name, mode_of(mode))?)
    }

    fn set_folder_mode(&self, at: &OsFolder, mode: u32) -> Result<(), FileError> {
        Ok(rustix::fs::fchmod(&at.0, mode_of(mode))?)
    }

    fn set_folder_modified(&self, at: &OsFolder, modified: Modified) -> Result<(), FileError> {
        set_modified(&at.0, modified)
    }

    fn create_link(&self, at: &OsFolder, name: &[u8], target: &[u8]) -> Result<(), FileError> {
        Ok(rustix::fs::symlinkat(target, &at.0, name)?)
    }

    fn read_link(&self, at: &OsFolder, name: &[u8]) -> Result<Vec<u8>, FileError> {
        match rustix::fs::readlinkat(&at.0, name, Vec::new()) {
            Err(Errno::INVAL) => Err(FileErrorKind::NotAFile.into()), // it is no link
            other => Ok(other?.into_bytes()),
        }
    }

    fn rename(
        &self,
        from: &OsFolder,
        from_name: &[u8],
        to: &OsFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        Ok(rustix::fs::renameat(&from.0, from_name, &to.0, to_name)?)
    }

    fn rename_new(
        &self,
        from: &OsFolder,
        from_name: &[u8],
        to: &OsFolder,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        rename::rename_new(&from.0, from_name, &to.0, to_name)
    }

    fn remove_file(&self, at: &OsFolder, name: &[u8]) -> Result<(), FileError> {
        Ok(rustix::fs::unlinkat(&at.0, name, AtFlags::empty())?)
    }

    fn remove_folder(&self, at: &OsFolder, name: &[u8]) -> Result<(), FileError> {
        match rustix::fs::unlinkat(&at.0, name, AtFlags::REMOVEDIR) {
            // POSIX lets a system say so of a folder that is not empty.
            Err(Errno::EXIST) => Err(FileError::from(Errno::NOTEMPTY)),
            other => Ok(other?),
        }
    }

    fn status(&self, at: &OsFolder, name: &[u8]) -> Result<Status, FileError> {
        let stat = if name.is_empty() {
            rustix::fs::fstat(&at.0)?
        } else {
            rustix::fs::statat(&at.0, name, AtFlags::SYMLINK_NOFOLLOW)?
        };
        Ok(status_of(&stat))
    }

    fn list(&self, at: &OsFolder) -> Result<OsListing, FileError> {
        Ok(OsListing(Dir::read_from(&at.0)?))
    }

    fn next_names(&self, listing: &mut OsListing, most: usize) -> Result<Vec<Vec<u8>>, FileError> {
        let mut names = Vec::new();
        while names.len() < most
            && let Some(entry) = listing.0.read()
        {
            match entry?.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(name.to_vec()),
            }
        }
        Ok(names)
    }

    fn sync_folder(&self, at: &OsFolder) -> Result<(), FileError> {
        match sync(&at.0, self.durability) {
            // Some network file systems cannot sync a folder, and write names through.
            Err(error) if error.os == Some(Errno::INVAL.raw_os_error()) => Ok(()),
            other => other,
        }
    }

    fn sync_file_system(&self, at: &OsFolder) -> Result<bool, FileError> {
        match self.durability {
            Durability::None => Ok(true),
            Durability::Full if !self.syncs_whole => Ok(false),
            Durability::Full => sync_whole(&at.0).map(|()| true),
        }
    }

    fn now(&self) -> Modified {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Modified { seconds: now.tv_sec, nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0) }
    }

    fn free_space(&self, at: &OsFolder) -> Result<u64, FileError> {
        self.reserve.free(&at.0)
    }
}

impl File for OsFile {
    fn status(&self) -> Result<Status, FileError> {
        Ok(status_of(&rustix::fs::fstat(&self.0)?))
    }

    fn names(&self) -> Result<u64, FileError> {
        Ok(rustix::fs::fstat(&self.0)?.st_nlink as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, FileError> {
        retry(|| rustix::io::pread(&self.0, &mut *buffer, offset))
    }

    fn next_data(&self, offset: u64) -> Result<Option<u64>, FileError> {
        next_data(&self.0, offset)
    }

    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> Result<usize, FileError> {
        self.2.grants(&self.0, pieces.iter().map(Bytes::len).sum())?;
        let slices: Vec<IoSlice<'_>> =
            pieces.iter().take(PIECES_MAX).map(|piece| IoSlice::new(piece)).collect();
        retry(|| rustix::io::pwritev(&self.0, &slices, offset))
    }

    fn zero(&self, offset: u64, length: u64) -> Result<(), FileError> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::FallocateFlags;
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match retry(|| rustix::fs::fallocate(&self.0, hole, offset, length)) {
                Err(error) if error.os == Some(Errno::OPNOTSUPP.raw_os_error()) => {}
                Err(error) if error.os == Some(Errno::NOSYS.raw_os_error()) => {}
                other => return other,
            }
        }
        self.write_zeros(offset, length)
    }

    fn set_len(&self, length: u64) -> Result<(), FileError> {
        retry(|| rustix::fs::ftruncate(&self.0, length))
    }

    fn set_mode(&self, mode: u32) -> Result<(), FileError> {
        Ok(rustix::fs::fchmod(&self.0, mode_of(mode))?)
    }

    fn set_modified(&self, modified: Modified) -> Result<(), FileError> {
        set_modified(&self.0, modified)
    }

    fn sync(&self) -> Result<(), FileError> {
        sync(&self.0, self.1)
    }

    fn lock(&self, lock: Lock) -> Result<bool, FileError> {
        let operation = match lock {
            Lock::TryExclusive => FlockOperation::NonBlockingLockExclusive,
            Lock::Exclusive => FlockOperation::LockExclusive,
            Lock::Shared => FlockOperation::LockShared,
        };
        match retry(|| rustix::fs::flock(&self.0, operation)) {
            Err(error) if error.os == Some(Errno::WOULDBLOCK.raw_os_error()) => Ok(false),
            other => other.map(|()| true),
        }
    }
}

impl OsFile {
    fn write_zeros(&self, mut offset: u64, mut length: u64) -> Result<(), FileError> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        while length > 0 {
            let count = usize::try_from(length).map_or(ZEROS.len(), |length| length.min(ZEROS.len()));
            let count = retry(|| rustix::io::pwrite(&self.0, &ZEROS[..count], offset))? as u64;
            if count == 0 {
                return Err(FileErrorKind::Other.into());
            }
            offset += count;
            length -= count;
        }
        Ok(())
    }
}

fn set_modified(fd: &OwnedFd, modified: Modified) -> Result<(), FileError> {
    let keep = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let last_modification =
        Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanoseconds.min(999_999_999).into() };
    Ok(rustix::fs::futimens(fd, &Timestamps { last_access: keep, last_modification })?)
}

/// To the disk itself: on Apple's systems `fsync` stops at the drive's cache.
fn retry<T>(call: impl FnMut() -> rustix::io::Result<T>) -> Result<T, FileError> {
    Ok(rustix::io::retry_on_intr(call)?)
}

fn mode_of(mode: u32) -> Mode {
    Mode::from_raw_mode((mode & 0o777) as rustix::fs::RawMode)
}

/// True if both are on one file system, as far as their numbers tell.
fn same_device(a: impl AsFd, b: impl AsFd) -> Result<bool, Errno> {
    Ok(rustix::fs::fstat(a)?.st_dev == rustix::fs::fstat(b)?.st_dev)
}
