//! The primitive file operations that a store is made of. Each durability step is one of them, so that a simulated disk
//! can lose exactly what was not made durable. A primitive either happened or did not; none waits but `sync`,
//! `sync_folder`, `sync_file_system` and a `lock` that is not tried.

use core::fmt;

use bytes::Bytes;

use crate::wire::{FileKind, Metadata, Modified};

/// Whether a path may go over symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Over none, and over no mount: for whatever changes something.
    None,
    /// As long as they stay beneath the folder that the path starts from (an implementation may refuse them all).
    Beneath,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// By nobody else: taken only if that is so now.
    TryExclusive,
    /// By nobody else: waits until that is so, which is only while they carry out one operation. Where all is in memory,
    /// and nobody could let go meanwhile, false.
    Exclusive,
    /// Along with others: waits until nobody holds it exclusively, which is only while they sweep.
    Shared,
}

/// A file system, seen from one root. Folders are handles: what a peer names cannot leave them. A `name` is one
/// component; a `path` is components separated by `/`, and the empty path is the folder itself.
///
/// A handle is good until it is dropped, also when its name is gone.
pub trait Files {
    /// An open folder.
    type Folder;
    /// An open file.
    type File: File;
    /// A folder being read.
    type Listing;

    /// The root.
    fn root(&self) -> Result<Self::Folder, FileError>;

    /// Opens a folder below `at`. With [`Links::None`] a link on the way is a [`FileErrorKind::Link`], a mount
    /// [`FileErrorKind::Outside`].
    fn open_folder(&self, at: &Self::Folder, path: &[u8], links: Links) -> Result<Self::Folder, FileError>;

    /// Opens what stands at `path` for reading, over links as for [`Links::Beneath`]. Never waits, whatever it is: the
    /// caller looks at its kind.
    fn open_file(&self, at: &Self::Folder, path: &[u8]) -> Result<Self::File, FileError>;

    /// Creates an empty file of mode `0o600` for writing; [`FileErrorKind::Exists`] if there is anything.
    fn create_file(&self, at: &Self::Folder, name: &[u8]) -> Result<Self::File, FileError>;

    /// Creates an empty file of the permission bits `mode`, less what the process masks, for writing, on the file system of
    /// `at` and without a name: gone with its handle, and by a crash, unless it is given one by [`Files::name_file`].
    /// `None`, and nothing has happened, where the system has no such thing.
    fn create_unnamed(&self, at: &Self::Folder, mode: u32) -> Result<Option<Self::File>, FileError>;

    /// Gives a file from [`Files::create_unnamed`] its name; [`FileErrorKind::Exists`] if there is anything.
    fn name_file(&self, file: &Self::File, to: &Self::Folder, name: &[u8]) -> Result<(), FileError>;

    /// Opens a file of the store's own for reading, writing and locking, and creates it, empty and of mode `0o600`, where
    /// there is none. Follows no link.
    fn open_own(&self, at: &Self::Folder, name: &[u8]) -> Result<Self::File, FileError>;

    /// Creates a folder with the permission bits `mode`, less what the process masks.
    fn create_folder(&self, at: &Self::Folder, name: &[u8], mode: u32) -> Result<(), FileError>;

    /// Sets a folder's permission bits, exactly.
    fn set_folder_mode(&self, at: &Self::Folder, mode: u32) -> Result<(), FileError>;

    /// Sets when a folder's names were last modified.
    fn set_folder_modified(&self, at: &Self::Folder, modified: Modified) -> Result<(), FileError>;

    /// Creates a symbolic link; [`FileErrorKind::Exists`] if there is anything.
    fn create_link(&self, at: &Self::Folder, name: &[u8], target: &[u8]) -> Result<(), FileError>;

    /// Where a symbolic link leads; [`FileErrorKind::NotAFile`] for what is none.
    fn read_link(&self, at: &Self::Folder, name: &[u8]) -> Result<Vec<u8>, FileError>;

    /// Renames a file or link, replacing a file or link at the new name.
    fn rename(
        &self,
        from: &Self::Folder,
        from_name: &[u8],
        to: &Self::Folder,
        to_name: &[u8],
    ) -> Result<(), FileError>;

    /// The same where nothing stands at the new name; [`FileErrorKind::Exists`] if there is anything.
    fn rename_new(
        &self,
        from: &Self::Folder,
        from_name: &[u8],
        to: &Self::Folder,
        to_name: &[u8],
    ) -> Result<(), FileError>;

    /// Removes the name of anything but a folder.
    fn remove_file(&self, at: &Self::Folder, name: &[u8]) -> Result<(), FileError>;

    /// Removes an empty folder.
    fn remove_folder(&self, at: &Self::Folder, name: &[u8]) -> Result<(), FileError>;

    /// Describes `name`, a link itself rather than where it leads; with an empty name, the folder itself.
    fn status(&self, at: &Self::Folder, name: &[u8]) -> Result<Status, FileError>;

    /// Starts to read a folder's names.
    fn list(&self, at: &Self::Folder) -> Result<Self::Listing, FileError>;

    /// The next names, at most `most` and at least one, without `.` and `..`; none at the end.
    fn next_names(&self, listing: &mut Self::Listing, most: usize) -> Result<Vec<Vec<u8>>, FileError>;

    /// Makes the folder's names, mode and times durable.
    fn sync_folder(&self, at: &Self::Folder) -> Result<(), FileError>;

    /// Makes all durable that was written to the folder's file system so far, by whomever: contents, names, modes and times.
    /// False, and nothing has happened, where the system has no such thing.
    fn sync_file_system(&self, at: &Self::Folder) -> Result<bool, FileError>;

    /// The time now, by the clock that times of modification come from.
    fn now(&self) -> Modified;

    /// Bytes that this process may still write on the folder's file system.
    fn free_space(&self, at: &Self::Folder) -> Result<u64, FileError>;
}

/// An open file. Its methods take `&self`: blocks are read and written in several places at once.
pub trait File {
    /// Describes the file that is open, whatever has its name now.
    fn status(&self) -> Result<Status, FileError>;

    /// How many names the file has: none once it is removed, more than one where somebody linked it, or where a crash
    /// left the old name of a rename beside the new one.
    fn names(&self) -> Result<u64, FileError>;

    /// Reads at `offset`; fewer bytes than `buffer` holds are no error, and 0 is the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, FileError>;

    /// The first offset from `offset` on where there may be data; `None` if there is a hole from there to the end of the file.
    /// A system that knows of no holes says `offset` itself.
    fn next_data(&self, offset: u64) -> Result<Option<u64>, FileError>;

    /// Writes the pieces one after another at `offset`; may write only some of the bytes, and says how many.
    fn write_at(&self, offset: u64, pieces: &[Bytes]) -> Result<usize, FileError>;

    /// Makes a range that is within the file read as zeros, with a hole where the system can.
    fn zero(&self, offset: u64, length: u64) -> Result<(), FileError>;

    /// Sets the length in bytes; what is added reads as zeros.
    fn set_len(&self, length: u64) -> Result<(), FileError>;

    /// Sets the permission bits, exactly.
    fn set_mode(&self, mode: u32) -> Result<(), FileError>;

    /// Sets when the file was last modified.
    fn set_modified(&self, modified: Modified) -> Result<(), FileError>;

    /// Makes bytes, length, mode and times durable; not the name.
    fn sync(&self) -> Result<(), FileError>;

    /// Takes the advisory lock, or changes how it is held; false if somebody else's hold forbids it, and then nothing is
    /// held. Held until the file is dropped.
    fn lock(&self, lock: Lock) -> Result<bool, FileError>;
}

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// File, folder, link or other.
    pub kind: FileKind,
    /// Bytes in a regular file.
    pub length: u64,
    /// Permission bits, within `0o777`.
    pub mode: u32,
    /// When its content was last modified.
    pub modified: Modified,
    /// When anything about it was last changed; cannot be set.
    pub changed: Modified,
    /// The file system that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl Status {
    /// What a peer is told of it.
    pub fn metadata(&self) -> Metadata {
        let length = if self.kind == FileKind::File { self.length } else { 0 };
        Metadata { kind: self.kind, length, mode: self.mode & 0o777, modified: self.modified }
    }

    /// What tells this file from all others that exist now, by whatever name.
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// Why a primitive operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileError {
    /// What it means.
    pub kind: FileErrorKind,
    /// The system's error number, where it gave one.
    pub os: Option<i32>,
}

/// Kinds of [`FileError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileErrorKind {
    /// There is nothing of that name.
    NotFound,
    /// There is something of that name already.
    Exists,
    /// A folder is needed.
    NotAFolder,
    /// A file is needed.
    NotAFile,
    /// The folder is not empty.
    NotEmpty,
    /// A symbolic link is in the way.
    Link,
    /// The path leaves the root or the file system.
    Outside,
    /// Something is mounted there, or it is in use.
    Busy,
    /// The system denies it.
    Denied,
    /// The file system is read-only.
    ReadOnly,
    /// No space, or a quota is used up.
    NoSpace,
    /// What is free on the disk is kept for others.
    Reserved,
    /// Too many open files.
    TooManyFiles,
    /// The name is too long, or not one that the file system takes.
    BadName,
    /// The file would be longer than the file system allows.
    TooLong,
    /// Anything else.
    Other,
}

impl FileError {
    /// An error that did not come from the system.
    pub const fn new(kind: FileErrorKind) -> FileError {
        FileError { kind, os: None }
    }
}

impl From<FileErrorKind> for FileError {
    fn from(kind: FileErrorKind) -> FileError {
        FileError::new(kind)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.kind {
            FileErrorKind::NotFound => "no such file or folder",
            FileErrorKind::Exists => "there is something of that name already",
            FileErrorKind::NotAFolder => "a folder is needed, and something else stands there",
            FileErrorKind::NotAFile => "a regular file is needed, and something else stands there",
            FileErrorKind::NotEmpty => "the folder is not empty",
            FileErrorKind::Link => "a symbolic link is in the way",
            FileErrorKind::Outside => "the path leads out of the folder or onto another file system",
            FileErrorKind::Busy => "something is mounted there, or uses it",
            FileErrorKind::Denied => "permission denied",
            FileErrorKind::ReadOnly => "the file system is read-only",
            FileErrorKind::NoSpace => "no space left, or the quota is used up",
            FileErrorKind::Reserved => "what is still free is kept for others",
            FileErrorKind::TooManyFiles => "too many open files",
            FileErrorKind::BadName => "the file system does not take a name like this, or one this long",
            FileErrorKind::TooLong => "the file is longer than the file system allows",
            FileErrorKind::Other => "input/output error",
        };
        match (self.kind, self.os) {
            // The system knows better than we do what it meant; its words end with the number.
            (FileErrorKind::Other, Some(os)) => write!(f, "{}", std::io::Error::from_raw_os_error(os)),
            (_, Some(os)) => write!(f, "{words} (os error {os})"),
            (_, None) => f.write_str(words),
        }
    }
}

impl core::error::Error for FileError {}
