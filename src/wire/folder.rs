//! The bodies about names: metadata, entries of folders, pages of them.

use super::codec::{Put, Reader};
use super::path::check_name;
use super::transfer::read_mode;
use super::{DecodeError, limits};

/// A point in time of a file system: seconds since 1970-01-01 UTC and nanoseconds below 10^9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Modified {
    /// Seconds since the Unix epoch; may be negative.
    pub seconds: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Modified {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_i64(self.seconds);
        out.put_u32(self.nanoseconds);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Modified, DecodeError> {
        let modified = Modified { seconds: reader.i64("seconds")?, nanoseconds: reader.u32("nanoseconds")? };
        if modified.nanoseconds < 1_000_000_000 {
            Ok(modified)
        } else {
            Err(DecodeError::Value("nanoseconds"))
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, not followed.
    Link,
    /// A device, socket or pipe: shown, never opened.
    Other,
}

impl FileKind {
    fn from_byte(byte: u8) -> Option<FileKind> {
        match byte {
            1 => Some(FileKind::File),
            2 => Some(FileKind::Folder),
            3 => Some(FileKind::Link),
            4 => Some(FileKind::Other),
            _ => None,
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            FileKind::File => 1,
            FileKind::Folder => 2,
            FileKind::Link => 3,
            FileKind::Other => 4,
        }
    }
}

/// What is known of a file or folder without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// File, folder, link or other.
    pub kind: FileKind,
    /// Bytes in a regular file; 0 for all others (what a system says of those is not sent).
    pub length: u64,
    /// Permission bits, within `0o777`.
    pub mode: u32,
    /// When it was last modified.
    pub modified: Modified,
}

impl Metadata {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.kind.to_byte());
        out.put_u64(if self.kind == FileKind::File { self.length } else { 0 });
        out.put_u32(self.mode);
        self.modified.encode(out);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Metadata, DecodeError> {
        let kind = FileKind::from_byte(reader.u8("kind")?).ok_or(DecodeError::Value("kind of file"))?;
        let length = reader.u64("length")?;
        if length != 0 && kind != FileKind::File {
            return Err(DecodeError::Value("a length of what is not a file"));
        }
        Ok(Metadata { kind, length, mode: read_mode(reader)?, modified: Modified::decode(reader)? })
    }
}

/// One name in a folder.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The name: 1 to 255 bytes, no `/`, no NUL, not `.` or `..`.
    pub name: Vec<u8>,
    /// What it stands for.
    pub metadata: Metadata,
}

impl core::fmt::Debug for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} \"{}\" {}", self.metadata.kind, self.name.escape_ascii(), self.metadata.length)
    }
}

impl Entry {
    /// Bytes that the entry takes in a page.
    pub fn encoded_len(&self) -> usize {
        2 + self.name.len() + 1 + 8 + 4 + 8 + 4
    }
}

/// Part of a folder's names, in the order in which the system gives them. `LAST` is in the header's flags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// At most 64 KiB of them.
    pub entries: Vec<Entry>,
    /// True on the last page, which ends the operation; false: the client asks for more with `Next`.
    pub last: bool,
}

impl Page {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for entry in &self.entries {
            out.put_short(&entry.name);
            entry.metadata.encode(out);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, last: bool) -> Result<Page, DecodeError> {
        let mut entries = Vec::new();
        while reader.remaining() > 0 {
            let name = reader.short(limits::NAME_MAX, "name")?.to_vec();
            check_name(&name).map_err(|error| DecodeError::Value(error.describe()))?;
            entries.push(Entry { name, metadata: Metadata::decode(reader)? });
        }
        if entries.is_empty() && !last {
            return Err(DecodeError::Value("an empty page that is not the last"));
        }
        Ok(Page { entries, last })
    }
}
