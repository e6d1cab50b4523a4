//! A rename that takes nothing's place.

use rustix::fd::OwnedFd;
use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::store::FileError;

/// As [`Files::rename_new`](crate::store::Files::rename_new): in one step where the system can, and else by a second name, so that
/// a crash may leave both.
pub(super) fn rename_new(
    from: &OwnedFd,
    from_name: &[u8],
    to: &OwnedFd,
    to_name: &[u8],
) -> Result<(), FileError> {
    match in_one_step(from, from_name, to, to_name) {
        // The system, or this file system, does not know that.
        Err(Errno::NOSYS | Errno::INVAL) => {
            rustix::fs::linkat(from, from_name, to, to_name, AtFlags::empty())?;
            Ok(rustix::fs::unlinkat(from, from_name, AtFlags::empty())?)
        }
        other => Ok(other?),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn in_one_step(from: &OwnedFd, from_name: &[u8], to: &OwnedFd, to_name: &[u8]) -> Result<(), Errno> {
    use rustix::fs::RenameFlags;
    rustix::fs::renameat_with(from, from_name, to, to_name, RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn in_one_step(_: &OwnedFd, _: &[u8], _: &OwnedFd, _: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
