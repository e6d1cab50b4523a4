//! The bodies about what stands at a path without being a file: folders that are made, symbolic links and where they
//! lead.

use super::codec::{Put, Reader};
use super::transfer::{put_path, read_file_path, read_mode};
use super::{DecodeError, Metadata, Modified, RelPath, limits};

/// Makes a folder where there is none, and sets what is said of it where there is one: to do it twice is to do it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MakeFolder {
    /// Which; never the root. Folders on the way that are missing are made.
    pub path: RelPath,
    /// Permission bits, within `0o777`.
    pub mode: u32,
    /// When it was last modified; `None`: what it was, since more is to come into it.
    pub modified: Option<Modified>,
}

impl MakeFolder {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.mode);
        out.put_u8(u8::from(self.modified.is_some()));
        self.modified.unwrap_or_default().encode(out);
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<MakeFolder, DecodeError> {
        let (mode, is_set) = (read_mode(reader)?, reader.u8("time")?);
        let modified = Modified::decode(reader)?;
        let modified = match is_set {
            0 if modified == Modified::default() => None,
            1 => Some(modified),
            _ => return Err(DecodeError::Value("time of a folder")),
        };
        Ok(MakeFolder { path: read_file_path(reader)?, mode, modified })
    }
}

/// Where a symbolic link leads: 1 to 4,095 bytes without NUL, as they are. Nobody follows them here.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LinkTarget(Vec<u8>);

impl LinkTarget {
    /// Checks and keeps `bytes`; `None` if no link can lead there.
    pub fn new(bytes: Vec<u8>) -> Option<LinkTarget> {
        let fits = (1..=limits::TARGET_MAX).contains(&bytes.len()) && !bytes.contains(&0);
        fits.then_some(LinkTarget(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_short(&self.0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<LinkTarget, DecodeError> {
        let bytes = reader.short(limits::TARGET_MAX, "target")?.to_vec();
        LinkTarget::new(bytes).ok_or(DecodeError::Value("target of a link"))
    }
}

impl core::fmt::Debug for LinkTarget {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Makes a symbolic link, atomically in place of a file or link that stands there, never of a folder: to do it twice is to
/// do it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MakeLink {
    /// Where the link stands; never the root.
    pub path: RelPath,
    /// Where it leads.
    pub target: LinkTarget,
}

impl MakeLink {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.target.encode(out);
        put_path(out, &self.path);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<MakeLink, DecodeError> {
        Ok(MakeLink { target: LinkTarget::decode(reader)?, path: read_file_path(reader)? })
    }
}

/// What a path leads to, over links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// The same for the same file or folder by whatever path, and for no other that exists now; says nothing else.
    pub identity: u128,
    /// What it is: never a link.
    pub metadata: Metadata,
}

impl Resolved {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put(&self.identity.to_le_bytes());
        self.metadata.encode(out);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Resolved, DecodeError> {
        let identity = u128::from_le_bytes(reader.array("identity")?);
        Ok(Resolved { identity, metadata: Metadata::decode(reader)? })
    }
}
