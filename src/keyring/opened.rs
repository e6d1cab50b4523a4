//! Opening a file of keys, and seeing through its handle that it is one's own.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, openat};
use rustix::io::Errno;

use super::{KeyringError, Wrong};
use crate::identity::FILE_MAX;

/// Bits of a mode by which others may write, and by which others may do anything.
const WRITE: u32 = 0o022;
const ANY: u32 = 0o077;
/// In such a folder only owners remove and rename.
const STICKY: u32 = 0o1000;

/// How much of a file is nobody else's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Nobody else may read it.
    Secret,
    /// Nobody else may write it.
    Own,
}

/// What the file says; `None` where there is none.
pub(super) fn read(path: &Path, secrecy: Secrecy) -> Result<Option<Vec<u8>>, KeyringError> {
    let Some(folder) = folder_of(path)? else { return Ok(None) };
    read_in(&folder, path, secrecy)
}

/// The same, in a folder that is open.
pub(super) fn read_in(
    folder: &OwnedFd,
    path: &Path,
    secrecy: Secrecy,
) -> Result<Option<Vec<u8>>, KeyringError> {
    // What stands there may be a pipe, at which opening would wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match openat(folder, name_of(path)?, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(KeyringError::new(path, Wrong::Link)),
        file => file.map_err(KeyringError::system(path, "open"))?,
    };
    let status = fstat(&file).map_err(KeyringError::system(path, "look at"))?;
    check(&status, secrecy).map_err(|wrong| KeyringError::new(path, wrong))?;
    let mut bytes = Vec::new();
    let all = File::from(file).take(FILE_MAX as u64 + 1).read_to_end(&mut bytes);
    all.map_err(KeyringError::system(path, "read"))?;
    match bytes.len() {
        0..=FILE_MAX => Ok(Some(bytes)),
        _ => Err(KeyringError::new(path, Wrong::Long)),
    }
}

/// The folder of a file, open, in which nobody else puts anything; `None` where there is none.
pub(super) fn folder_of(path: &Path) -> Result<Option<OwnedFd>, KeyringError> {
    let folder = parent_of(path);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = match open(folder, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        handle => handle.map_err(KeyringError::system(path, "open the folder of"))?,
    };
    let status = fstat(&handle).map_err(KeyringError::system(path, "look at the folder of"))?;
    let (owner, mode) = (status.st_uid, status.st_mode & 0o7777);
    if !is_trusted(owner) {
        return Err(KeyringError::new(path, Wrong::FolderOwner(owner)));
    }
    if mode & WRITE != 0 && mode & STICKY == 0 {
        return Err(KeyringError::new(path, Wrong::FolderMode(mode & 0o777)));
    }
    Ok(Some(handle))
}

pub(super) fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn name_of(path: &Path) -> Result<&std::ffi::OsStr, KeyringError> {
    path.file_name().ok_or_else(|| KeyringError::new(path, Wrong::NotAFile))
}

fn check(status: &Stat, secrecy: Secrecy) -> Result<(), Wrong> {
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Wrong::NotAFile);
    }
    if !is_trusted(status.st_uid) {
        return Err(Wrong::Owner(status.st_uid));
    }
    let mode = status.st_mode & 0o777;
    match secrecy {
        Secrecy::Secret if mode & ANY != 0 => Err(Wrong::Readable(mode)),
        Secrecy::Own if mode & WRITE != 0 => Err(Wrong::Writable(mode)),
        Secrecy::Secret | Secrecy::Own => Ok(()),
    }
}

/// This user, or the one who may do anything anyway.
fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == rustix::process::geteuid().as_raw()
}
