//! From what a primitive said to what a person and a peer are told: what was tried, on which path, what the system said.

use core::fmt::{self, Display};

use super::{FileError, FileErrorKind};
use crate::proto::storage::{Lease, RootId, StoreError};
use crate::wire::{Code, RelPath};

impl FileErrorKind {
    /// What it means for the peer.
    pub fn code(self) -> Code {
        match self {
            FileErrorKind::NotFound => Code::NOT_FOUND,
            FileErrorKind::NotAFolder => Code::NOT_A_FOLDER,
            FileErrorKind::NotAFile => Code::NOT_A_FILE,
            FileErrorKind::NotEmpty => Code::NOT_EMPTY,
            FileErrorKind::Link | FileErrorKind::Outside | FileErrorKind::Busy => Code::OUTSIDE,
            FileErrorKind::Denied => Code::DENIED,
            FileErrorKind::ReadOnly => Code::READ_ONLY,
            FileErrorKind::NoSpace | FileErrorKind::Reserved => Code::NO_SPACE,
            FileErrorKind::TooManyFiles => Code::TOO_MANY_FILES,
            FileErrorKind::BadName => Code::BAD_PATH,
            FileErrorKind::TooLong => Code::FILE_TOO_LONG,
            FileErrorKind::Exists | FileErrorKind::Other => Code::IO,
        }
    }
}

/// A path in a text: of a long one the end, so that the reason after it still fits on the wire.
struct Shown<'a>(&'a RelPath);

const SHOWN_MAX: usize = 600;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.to_string();
        let mut start = path.len().saturating_sub(SHOWN_MAX);
        while !path.is_char_boundary(start) {
            start += 1;
        }
        write!(f, "\"{}{}\"", if start > 0 { "…" } else { "" }, &path[start..])
    }
}

/// "cannot `what` `path`: …"
pub(super) fn failed(what: impl Display, path: &RelPath, error: FileError) -> StoreError {
    StoreError {
        code: error.kind.code(),
        os: error.os,
        text: format!("cannot {what} {}: {error}", Shown(path)),
    }
}

/// For [`Result::map_err`]: [`failed`] with its first arguments.
pub(super) fn because(what: &str, path: &RelPath) -> impl FnOnce(FileError) -> StoreError {
    move |error| failed(what, path, error)
}

/// A refusal of the store's own.
pub(super) fn refused(code: Code, what: impl Display, path: &RelPath, why: impl Display) -> StoreError {
    StoreError::new(code, format!("cannot {what} {}: {why}", Shown(path)))
}

/// A caller's mistake: it names a lease that is closed, or that is of another kind. For a driver, too, where
/// [`Names::open`](super::Names::open) gives nothing for a block operation.
pub fn no_lease(lease: Lease) -> StoreError {
    StoreError::new(Code::IO, format!("lease {} is not open for this (a mistake in this program)", lease.0))
}

/// A caller's mistake: it names a root that was never added, or is closed.
pub(super) fn no_root(root: RootId) -> StoreError {
    StoreError::new(Code::IO, format!("root {} is not open (a mistake in this program)", root.0))
}
