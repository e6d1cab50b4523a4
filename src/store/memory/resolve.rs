//! How a path leads to a node, over links, and how many names do; what is set of a node.

use super::super::{FileError, FileErrorKind, Links};
use super::disk::{Content, Disk, Inode};
use super::shadow::Change;
use crate::wire::Modified;

/// Most links on one way, as on Linux.
const LINKS_MAX: usize = 40;

impl Disk {
    pub(super) fn mount(&mut self, inode: Inode) {
        self.change(inode).device = inode + 1000;
    }

    pub(super) fn find(&self, path: &str) -> Option<Inode> {
        path.split('/').try_fold(Disk::ROOT, |at, name| self.child(at, name.as_bytes()).ok())
    }

    pub(super) fn set_mode(&mut self, inode: Inode, mode: u32) {
        self.change(inode).mode = mode & 0o777;
        self.note(|| Change::SetMode(inode, mode & 0o777));
    }

    pub(super) fn set_modified(&mut self, inode: Inode, modified: Modified) {
        self.change(inode).modified = modified;
        self.note(|| Change::SetModified(inode, modified));
    }

    /// Where the link `name` leads.
    pub(super) fn target(&self, folder: Inode, name: &[u8]) -> Result<Vec<u8>, FileError> {
        match &self.node(self.child(folder, name)?).content {
            Content::Link(target) => Ok(target.clone()),
            Content::File(_) | Content::Folder(_) | Content::Other => Err(FileErrorKind::NotAFile.into()),
        }
    }

    /// How many names a node has.
    pub(super) fn names(&self, inode: Inode) -> u64 {
        let folders = self.nodes.iter().filter_map(|node| match &node.content {
            Content::Folder(entries) => Some(entries),
            Content::File(_) | Content::Link(_) | Content::Other => None,
        });
        folders.flat_map(|entries| entries.values()).filter(|other| **other == inode).count() as u64
    }

    /// Follows `path` from `from`. What `..` in a link's target leads to is the folder that was passed on the way, so
    /// that `from` is never left.
    pub(super) fn resolve(&self, from: Inode, path: &[u8], links: Links) -> Result<Inode, FileError> {
        let backwards = |path| <[u8]>::rsplit(path, |byte| *byte == b'/');
        // The next one is the last.
        let mut todo: Vec<&[u8]> = backwards(path).collect();
        let mut passed = Vec::new();
        let mut at = from;
        let mut followed = 0;
        while let Some(name) = todo.pop() {
            match name {
                b"" | b"." => continue,
                b".." => {
                    at = passed.pop().ok_or(FileErrorKind::Outside)?;
                    continue;
                }
                _ => {}
            }
            let next = self.child(at, name)?;
            if let Content::Link(target) = &self.node(next).content {
                followed += 1;
                if links == Links::None || followed > LINKS_MAX {
                    return Err(FileErrorKind::Link.into());
                }
                if target.starts_with(b"/") {
                    return Err(FileErrorKind::Outside.into());
                }
                todo.extend(backwards(target));
                continue;
            }
            if links == Links::None && self.node(next).device != self.node(from).device {
                return Err(FileErrorKind::Outside.into());
            }
            passed.push(at);
            at = next;
        }
        Ok(at)
    }
}
