//! Space on the disk that is left to others.

use rustix::fd::OwnedFd;

use crate::store::{FileError, FileErrorKind};

/// How much of the file system stays free, whatever is received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserve {
    /// None: writing goes on until the system says that there is no more.
    #[default]
    None,
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the file system.
    Percent(u8),
}

impl Reserve {
    /// Bytes that may still be written on the file system of `fd`.
    pub(super) fn free(self, fd: &OwnedFd) -> Result<u64, FileError> {
        let stat = rustix::fs::fstatvfs(fd)?;
        if stat.f_blocks == 0 {
            // A file system that does not count its blocks does not know, and says 0.
            return Ok(u64::MAX);
        }
        let kept = match self {
            Reserve::None => 0,
            Reserve::Bytes(bytes) => bytes,
            Reserve::Percent(percent) => {
                stat.f_blocks.saturating_mul(stat.f_frsize) / 100 * u64::from(percent.min(100))
            }
        };
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize).saturating_sub(kept))
    }

    /// Refuses to write so many bytes to `fd` where that would take of what is kept.
    pub(super) fn grants(self, fd: &OwnedFd, bytes: usize) -> Result<(), FileError> {
        match self {
            // The system tells.
            Reserve::None => Ok(()),
            Reserve::Bytes(_) | Reserve::Percent(_) if self.free(fd)? >= bytes as u64 => Ok(()),
            Reserve::Bytes(_) | Reserve::Percent(_) => Err(FileErrorKind::Reserved.into()),
        }
    }
}
