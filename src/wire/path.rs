//! [`RelPath`]: the one type for a path that a peer may name. Parsed once, at the edge; whoever holds one need not
//! check it again.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::limits::{DEPTH_MAX, NAME_MAX, PATH_MAX};

/// The folder below every root that holds partials and journals. No path can name it, in upper or lower case: some
/// file systems do not tell the two apart.
pub const RESERVED: &[u8] = b".towline";

/// A path below a root: bytes, components separated by `/`, at most 4,096 in all, 255 a component, 256 deep. The
/// empty path is the root itself. Never absolute, never with `.`, `..`, an empty component or NUL, and never within
/// the reserved folder.
///
/// One that a peer names may be [confined](RelPath::within) to a folder: it is shown, and links are followed, from there.
#[derive(Clone, Default)]
pub struct RelPath {
    bytes: Vec<u8>,
    /// So many bytes of it are the folder that it is confined to.
    confined: usize,
}

/// Where it leads is what counts, and not who may name it.
impl PartialEq for RelPath {
    fn eq(&self, other: &RelPath) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RelPath {}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &RelPath) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RelPath {
    fn cmp(&self, other: &RelPath) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for RelPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

/// Why bytes are not a [`RelPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It begins with `/`.
    Absolute,
    /// It is longer than 4,096 bytes.
    TooLong,
    /// A component is longer than 255 bytes.
    NameTooLong,
    /// It has more than 256 components.
    TooDeep,
    /// A component is empty: `//`, or `/` at the end.
    EmptyName,
    /// A component is `.` or `..`.
    Dots,
    /// It holds a NUL byte.
    Nul,
    /// It names the reserved folder.
    Reserved,
}

impl PathError {
    /// What is wrong, for a person.
    pub const fn describe(self) -> &'static str {
        match self {
            PathError::Absolute => "a path must not begin with '/'",
            PathError::TooLong => "a path must not be longer than 4,096 bytes",
            PathError::NameTooLong => "a name must not be longer than 255 bytes",
            PathError::TooDeep => "a path must not have more than 256 components",
            PathError::EmptyName => "a path must not have an empty component ('//', or '/' at its end)",
            PathError::Dots => "a path must not have '.' or '..' as a component",
            PathError::Nul => "a path must not hold a NUL byte",
            PathError::Reserved => "the name '.towline' is reserved for partial files",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

impl core::error::Error for PathError {}

impl RelPath {
    /// The root itself: the empty path.
    pub const ROOT: RelPath = RelPath { bytes: Vec::new(), confined: 0 };

    /// Checks and copies `bytes`.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<RelPath, PathError> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() {
            return Ok(RelPath::ROOT);
        }
        if bytes.len() > PATH_MAX {
            return Err(PathError::TooLong);
        }
        if bytes[0] == b'/' {
            return Err(PathError::Absolute);
        }
        for (depth, name) in bytes.split(|byte| *byte == b'/').enumerate() {
            if depth >= DEPTH_MAX {
                return Err(PathError::TooDeep);
            }
            check_name(name)?;
            if depth == 0 && name.eq_ignore_ascii_case(RESERVED) {
                return Err(PathError::Reserved);
            }
        }
        Ok(RelPath { bytes: bytes.to_vec(), confined: 0 })
    }

    /// The bytes, with `/` between components.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True for the root itself.
    pub fn is_root(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The components, first to last; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.bytes.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The path without its last component; `None` for the root.
    pub fn parent(&self) -> Option<RelPath> {
        let name = self.name()?;
        let end = (self.bytes.len() - name.len()).saturating_sub(1);
        Some(RelPath { bytes: self.bytes[..end].to_vec(), confined: self.confined.min(end) })
    }

    /// This path with one component more.
    pub fn join(&self, name: &[u8]) -> Result<RelPath, PathError> {
        check_name(name)?;
        let separator: &[u8] = if self.is_root() { b"" } else { b"/" };
        let bytes = [&self.bytes, separator, name].concat();
        // What is there was looked at when it was made.
        if bytes.len() > PATH_MAX {
            return Err(PathError::TooLong);
        }
        if self.components().count() >= DEPTH_MAX {
            return Err(PathError::TooDeep);
        }
        if self.is_root() && name.eq_ignore_ascii_case(RESERVED) {
            return Err(PathError::Reserved);
        }
        Ok(RelPath { bytes, confined: self.confined })
    }

    /// What a peer means by this path that is confined to `folder`.
    ///
    /// # Errors
    /// If the two together are too long, or too deep.
    pub fn within(&self, folder: &RelPath) -> Result<RelPath, PathError> {
        if folder.is_root() {
            return Ok(self.clone());
        }
        let separator: &[u8] = if self.is_root() { b"" } else { b"/" };
        // The folder is not the reserved one, so that nothing below it is; what is within either was looked at.
        let bytes = [&folder.bytes, separator, &self.bytes].concat();
        if bytes.len() > PATH_MAX {
            return Err(PathError::TooLong);
        }
        if folder.components().count() + self.components().count() > DEPTH_MAX {
            return Err(PathError::TooDeep);
        }
        Ok(RelPath { bytes, confined: folder.bytes.len() })
    }

    /// The folder that it is confined to, empty where it is to none, and the way from there, empty where it is that folder.
    pub fn confinement(&self) -> (&[u8], &[u8]) {
        let (folder, rest) = self.bytes.split_at(self.confined);
        (folder, if folder.is_empty() { rest } else { rest.strip_prefix(b"/").unwrap_or(rest) })
    }
}

/// The rules for one component: also those for a name in a listing, which a peer sends.
pub(super) fn check_name(name: &[u8]) -> Result<(), PathError> {
    match name {
        b"" => Err(PathError::EmptyName),
        b"." | b".." => Err(PathError::Dots),
        _ if name.len() > NAME_MAX => Err(PathError::NameTooLong),
        _ if name.contains(&0) => Err(PathError::Nul),
        _ if name.contains(&b'/') => Err(PathError::EmptyName),
        _ => Ok(()),
    }
}

/// True for what moves a cursor, starts a line or turns the direction of text around: C0, C1, the separators of lines
/// and paragraphs, and the bidirectional marks; and for what nobody sees: spaces without width and tags. What joins letters of
/// some scripts (U+200C, U+200D) is left.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Escaped, see [`Escaped`], from the folder that it is confined to; that folder, or the root, is `/`.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.confinement() {
            (_, b"") => f.write_str("/"),
            (_, way) => write!(f, "{}", Escaped(way)),
        }
    }
}

/// Shows bytes escaped, so that a name or a text from a peer cannot steer a terminal or forge a line of a log.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if steers(c) { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
