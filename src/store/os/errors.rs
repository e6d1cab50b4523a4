//! From the system's error numbers to kinds.

use rustix::io::Errno;

use super::super::{FileError, FileErrorKind};

impl From<Errno> for FileError {
    fn from(errno: Errno) -> FileError {
        FileError { kind: kind(errno), os: Some(errno.raw_os_error()) }
    }
}

fn kind(errno: Errno) -> FileErrorKind {
    match errno {
        Errno::NOENT => FileErrorKind::NotFound,
        Errno::EXIST => FileErrorKind::Exists,
        Errno::NOTDIR => FileErrorKind::NotAFolder,
        // A socket, or a device that is not there, cannot even be opened.
        Errno::ISDIR | Errno::NXIO | Errno::NODEV => FileErrorKind::NotAFile,
        Errno::NOTEMPTY => FileErrorKind::NotEmpty,
        Errno::LOOP => FileErrorKind::Link,
        Errno::XDEV => FileErrorKind::Outside,
        Errno::BUSY => FileErrorKind::Busy,
        Errno::ACCESS | Errno::PERM => FileErrorKind::Denied,
        Errno::ROFS => FileErrorKind::ReadOnly,
        Errno::NOSPC | Errno::DQUOT => FileErrorKind::NoSpace,
        Errno::MFILE | Errno::NFILE => FileErrorKind::TooManyFiles,
        Errno::NAMETOOLONG | Errno::ILSEQ => FileErrorKind::BadName,
        Errno::FBIG | Errno::OVERFLOW => FileErrorKind::TooLong,
        _ => FileErrorKind::Other,
    }
}
