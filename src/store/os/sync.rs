//! Waiting for the disk, or not.

use rustix::fd::OwnedFd;

use super::retry;
use crate::store::FileError;

/// Whether syncs wait for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// They do: what was acknowledged survives a loss of power.
    #[default]
    Full,
    /// They do nothing: what was acknowledged survives the process, and no more.
    None,
}

/// True where a sync of a whole file system reports what could not be written: on Linux since 5.8 (`syncfs(2)`).
#[cfg(target_os = "linux")]
pub(super) fn tells_of_lost_writes() -> bool {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn tells_of_lost_writes() -> bool {
    false
}

#[cfg(target_os = "linux")]
pub(super) fn sync_whole(fd: &OwnedFd) -> Result<(), FileError> {
    retry(|| rustix::fs::syncfs(fd))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync_whole(_fd: &OwnedFd) -> Result<(), FileError> {
    unreachable!("never asked for where errors are not told")
}

pub(super) fn sync(fd: &OwnedFd, durability: Durability) -> Result<(), FileError> {
    if durability == Durability::None {
        return Ok(());
    }
    #[cfg(target_vendor = "apple")]
    match retry(|| rustix::fs::fcntl_fullfsync(fd)) {
        Err(error) if error.os == Some(Errno::NOTSUP.raw_os_error()) => {}
        other => return other,
    }
    retry(|| rustix::fs::fsync(fd))
}
