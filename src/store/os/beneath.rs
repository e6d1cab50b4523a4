//! Who keeps a path beneath the folder that it begins at: for every call that takes one, reading or writing.

use rustix::fd::OwnedFd;
#[cfg(target_os = "linux")]
use rustix::fs::Mode;
use rustix::fs::OFlags;
#[cfg(target_os = "linux")]
use rustix::io::Errno;

#[cfg(target_os = "linux")]
use super::FOLDER;
use super::walk;
use crate::store::{FileError, Links};

/// Who keeps paths beneath the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beneath {
    /// The kernel.
    #[cfg(target_os = "linux")]
    Kernel,
    /// `walk`.
    Walk,
}

impl Beneath {
    #[cfg(target_os = "linux")]
    pub(super) fn detect(root: &OwnedFd) -> Beneath {
        // A container may answer with another error than ENOSYS: only what works counts.
        if open_beneath(root, b".", FOLDER, Links::None).is_ok() { Beneath::Kernel } else { Beneath::Walk }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn detect(_root: &OwnedFd) -> Beneath {
        Beneath::Walk
    }

    pub(super) fn open(
        self,
        at: &OwnedFd,
        path: &[u8],
        flags: OFlags,
        links: Links,
    ) -> Result<OwnedFd, FileError> {
        let path = if path.is_empty() { b"." } else { path };
        match self {
            #[cfg(target_os = "linux")]
            Beneath::Kernel => Ok(open_beneath(at, path, flags, links)?),
            Beneath::Walk => walk::open(at, path, flags, links),
        }
    }
}

#[cfg(target_os = "linux")]
fn open_beneath(at: &OwnedFd, path: &[u8], flags: OFlags, links: Links) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    /// EAGAIN says that something was renamed meanwhile, so that the kernel cannot tell whether `..` left the folder.
    const ATTEMPTS: usize = 64;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let resolve = match links {
        Links::None => beneath | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
        Links::Beneath => beneath,
    };
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(at, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}
