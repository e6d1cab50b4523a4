//! What the system says of a file.

use rustix::fs::{FileType, Stat};

use crate::store::Status;
use crate::wire::{FileKind, Modified};

#[expect(
    clippy::allow_attributes,
    reason = "the fields' types differ between systems, so that a cast is needless on some of them"
)]
#[allow(clippy::unnecessary_cast, reason = "see above")]
pub(super) fn status_of(stat: &Stat) -> Status {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        FileType::Fifo | FileType::Socket | FileType::Unknown => FileKind::Other,
        FileType::CharacterDevice | FileType::BlockDevice => FileKind::Other,
    };
    let time = |seconds: i64, nanoseconds: u64| Modified {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap_or(0).min(999_999_999),
    };
    Status {
        kind,
        length: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode as u32 & 0o777,
        modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
    }
}
