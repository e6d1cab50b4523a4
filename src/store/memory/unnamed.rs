//! Files without names: they take space as long as somebody has them open, and no crash leaves them.

use super::super::{FileError, FileErrorKind};
use super::disk::{Content, Disk, Inode};
use super::path::join;
use super::shadow::Change;

impl Disk {
    pub(super) fn create_unnamed(&mut self, folder: Inode, mode: u32) -> Inode {
        let inode = self.add(Vec::new(), Content::file(), mode, self.node(folder).device);
        self.unnamed.insert(inode);
        inode
    }

    /// The name is lost to a crash as that of a new file is, whatever becomes of the file's bytes.
    pub(super) fn name_file(&mut self, inode: Inode, to: Inode, name: &[u8]) -> Result<(), FileError> {
        if self.child(to, name).is_ok() {
            return Err(FileErrorKind::Exists.into());
        }
        if self.node(to).removed || !self.unnamed.contains(&inode) {
            return Err(FileErrorKind::NotFound.into());
        }
        if self.node(inode).device != self.node(to).device {
            return Err(FileErrorKind::Outside.into());
        }
        self.entries_mut(to)?.insert(name.to_vec(), inode);
        self.unnamed.remove(&inode);
        self.note(|| Change::Name(to, name.to_vec(), Some(inode)));
        let path = join(&self.node(to).path, name);
        self.change(inode).path = path;
        Ok(())
    }

    /// Whoever made it has it open once, and has closed it.
    pub(super) fn forget_unnamed(&mut self, inode: Inode) {
        if self.unnamed.remove(&inode) {
            self.node_mut(inode).removed = true;
        }
    }
}
