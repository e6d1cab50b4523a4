//! Paths beneath a folder without the kernel's help: one component after another, over no link. Each step is from a handle, so that a folder that is swapped for a link meanwhile is met as a link. Two mounts
//! of one file system have one number: a bind mount is not told from a folder here.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::super::{FileError, FileErrorKind, Links};
use super::{FOLDER, same_device};

/// Opens `path` below `at` with `flags`; over mounts only where links would be allowed, too.
pub(super) fn open(at: &OwnedFd, path: &[u8], flags: OFlags, links: Links) -> Result<OwnedFd, FileError> {
    let mut components = path.split(|byte| *byte == b'/').peekable();
    let mut folder: Option<OwnedFd> = None;
    while let Some(name) = components.next() {
        let from = folder.as_ref().unwrap_or(at);
        let is_last = components.peek().is_none();
        let next = step(from, name, if is_last { flags } else { FOLDER })?;
        if links == Links::None && !same_device(at, &next)? {
            return Err(FileErrorKind::Outside.into());
        }
        if is_last {
            return Ok(next);
        }
        folder = Some(next);
    }
    Err(FileErrorKind::NotFound.into())
}

fn step(from: &OwnedFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, FileError> {
    match rustix::fs::openat(from, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
        // Of a link where a folder is needed, some systems say that it is no folder.
        Err(Errno::NOTDIR) if is_link(from, name) => Err(Errno::LOOP.into()),
        Err(Errno::MLINK) => Err(Errno::LOOP.into()), // FreeBSD's word for it
        other => Ok(other?),
    }
}

fn is_link(from: &OwnedFd, name: &[u8]) -> bool {
    rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}
