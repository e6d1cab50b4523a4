//! Where a file's holes are.

use rustix::fd::OwnedFd;

use crate::store::FileError;

/// As [`File::next_data`](crate::store::File::next_data). The file's own position moves, which nothing else uses.
#[cfg(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple"))]
pub(super) fn next_data(fd: &OwnedFd, offset: u64) -> Result<Option<u64>, FileError> {
    use rustix::fs::SeekFrom;
    use rustix::io::Errno;
    match rustix::fs::seek(fd, SeekFrom::Data(offset)) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        // The file system does not know.
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Some(offset)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_vendor = "apple")))]
pub(super) fn next_data(_fd: &OwnedFd, offset: u64) -> Result<Option<u64>, FileError> {
    Ok(Some(offset))
}
