//! Paths of nodes, from the root, as they are kept and as they are told.

use super::disk::{Disk, Inode};

impl Disk {
    /// The path of `name` in a folder, or of a node itself, as the log has it.
    pub(super) fn path_below(&self, at: Inode, name: &[u8]) -> String {
        escaped(&join(&self.node(at).path, name))
    }
}

/// As [`slice::escape_ascii`] has it: plain names, which nearly all are, are not looked at letter by letter.
pub fn escaped(path: &[u8]) -> String {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'"' | b'\\');
    match std::str::from_utf8(path) {
        Ok(plain) if path.iter().all(is_plain) => plain.to_owned(),
        Ok(_) | Err(_) => path.escape_ascii().to_string(),
    }
}

pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if folder.is_empty() || name.is_empty() { b"" } else { b"/" };
    [folder, separator, name].concat()
}
