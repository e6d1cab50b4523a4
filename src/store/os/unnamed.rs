//! Files without names (`O_TMPFILE` in `open(2)`), and giving them one (`linkat(2)`).
//!
//! Two thirds of what it takes to create a file under another name and to rename it, and threads that create do not wait
//! for one another, since no folder changes.

use std::sync::OnceLock;

use rustix::fd::OwnedFd;
use rustix::fs::Mode;

use crate::store::FileError;

/// Whether there are such files: known once it was tried.
#[derive(Debug, Default)]
pub(super) struct Unnamed(OnceLock<bool>);

impl Unnamed {
    /// There are none.
    pub(super) fn none() -> Unnamed {
        Unnamed(OnceLock::from(false))
    }

    /// A file without a name, on the file system of the folder `at`; `None` where that does not work.
    #[cfg(target_os = "linux")]
    pub(super) fn create(&self, at: &OwnedFd, mode: Mode) -> Result<Option<OwnedFd>, FileError> {
        if !self.0.get_or_init(|| try_out(at)) {
            return Ok(None);
        }
        Ok(Some(create(at, mode)?))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn create(&self, _at: &OwnedFd, _mode: Mode) -> Result<Option<OwnedFd>, FileError> {
        let _there_are_none = self.0.set(false);
        Ok(None)
    }
}

#[cfg(target_os = "linux")]
fn create(at: &OwnedFd, mode: Mode) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::OFlags;
    let flags = OFlags::TMPFILE.union(OFlags::RDWR).union(OFlags::CLOEXEC);
    rustix::fs::openat(at, ".", flags, mode)
}

/// Gives `file` the name: a kernel before 6.10 lets only a privileged process do so by the handle alone.
#[cfg(target_os = "linux")]
pub(super) fn name(file: &OwnedFd, to: &OwnedFd, name: &[u8]) -> Result<(), FileError> {
    Ok(rustix::fs::linkat(file, "", to, name, rustix::fs::AtFlags::EMPTY_PATH)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn name(_file: &OwnedFd, _to: &OwnedFd, _name: &[u8]) -> Result<(), FileError> {
    unreachable!("there are no files without names here")
}

/// Kernels, file systems and containers differ in what of this they allow: only what works counts. A crash leaves a name that
/// is swept as a partial is.
#[cfg(target_os = "linux")]
fn try_out(at: &OwnedFd) -> bool {
    use rustix::fd::AsRawFd;
    let Ok(file) = create(at, Mode::RUSR) else { return false };
    let process = rustix::process::getpid().as_raw_nonzero();
    let trial = format!("{process}-{}.partial", file.as_raw_fd());
    let is_named = name(&file, at, trial.as_bytes()).is_ok();
    is_named && rustix::fs::unlinkat(at, trial.as_str(), rustix::fs::AtFlags::empty()).is_ok()
}
