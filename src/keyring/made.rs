//! Making a file of keys, and putting a line more into one: whole or not at all, and never over what somebody else has put there.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fsync, linkat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::opened::{Secrecy, folder_of, name_of, parent_of, read_in};
use super::{KeyringError, Wrong};

/// Makes a file with mode 0600; false where there is one already, which stays as it is.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<bool, KeyringError> {
    let folder = folder(path)?;
    let unfinished = Unfinished::write(&folder, path, bytes)?;
    // A link, unlike a rename, takes nobody's place.
    match linkat(&folder, &unfinished.name, &folder, name_of(path)?, AtFlags::empty()) {
        Err(Errno::EXIST) => return Ok(false),
        linked => linked.map_err(KeyringError::system(path, "make"))?,
    }
    drop(unfinished);
    fsync(&folder).map_err(KeyringError::system(path, "sync the folder of"))?;
    Ok(true)
}

/// Puts a line behind what a file says, if `is_new` finds it is to be; one process after another.
pub(super) fn append(
    path: &Path,
    line: &str,
    is_new: impl FnOnce(&[u8]) -> Result<bool, KeyringError>,
) -> Result<(), KeyringError> {
    let folder = folder(path)?;
    // Given back as the handle is closed.
    flock(&folder, FlockOperation::LockExclusive)
        .map_err(KeyringError::system(path, "lock the folder of"))?;
    let mut bytes = read_in(&folder, path, Secrecy::Own)?.unwrap_or_default();
    if !is_new(&bytes)? {
        return Ok(());
    }
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    let mut unfinished = Unfinished::write(&folder, path, &bytes)?;
    renameat(&folder, &unfinished.name, &folder, name_of(path)?)
        .map_err(KeyringError::system(path, "change"))?;
    unfinished.is_over = true;
    fsync(&folder).map_err(KeyringError::system(path, "sync the folder of"))
}

/// The folder of a file, which is made where it is not there.
fn folder(path: &Path) -> Result<OwnedFd, KeyringError> {
    if let Some(folder) = folder_of(path)? {
        return Ok(folder);
    }
    let making = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent_of(path));
    making.map_err(KeyringError::system(path, "make the folder of"))?;
    folder_of(path)?.ok_or_else(|| KeyringError::new(path, Wrong::Vanished))
}

/// A file under another name, until it has its own; removed if it does not come to that.
struct Unfinished<'a> {
    folder: &'a OwnedFd,
    name: String,
    is_over: bool,
}

impl<'a> Unfinished<'a> {
    fn write(folder: &'a OwnedFd, path: &Path, bytes: &[u8]) -> Result<Unfinished<'a>, KeyringError> {
        let random = crate::net::random().map_err(KeyringError::system(path, "make"))?;
        let name = format!(".{}.{random:032x}", name_of(path)?.display());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, &name, flags, Mode::from_raw_mode(0o600));
        let file = file.map_err(KeyringError::system(path, "make"))?;
        let unfinished = Unfinished { folder, name, is_over: false };
        let mut file = File::from(file);
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(KeyringError::system(path, "write"))?;
        Ok(unfinished)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // A name that nothing looks for.
            let _left = unlinkat(self.folder, &self.name, AtFlags::empty());
        }
    }
}
