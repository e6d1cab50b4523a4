//! What goes wrong in a disk in memory without a crash: a sync that fails, and bits that rot.

use super::disk::{Content, Disk, Inode, Node, Primitive};
use super::path::escaped;

impl Disk {
    /// What a sync of a file that failed had to write is lost, although it can still be read: the system takes it for
    /// written, and a sync that comes later says that all is well. Names are in the file system's journal, and wait
    /// there for the next sync of their folder. A sync of the whole file system loses so of every file, and tells whoever
    /// asked; each file's own next sync tells it once more.
    pub(super) fn lose_unsynced(&mut self, failed: Primitive, inode: Inode) {
        let Some(shadow) = &mut self.shadow else { return };
        if failed == Primitive::Sync {
            shadow.forget_file(inode);
        } else if failed == Primitive::SyncFileSystem {
            for file in shadow.forget_files() {
                self.node_mut(file).owes_error = true;
            }
        }
    }

    /// Somebody removes a name, and what is below it.
    pub(super) fn take_away(&mut self, folder: Inode, name: &[u8]) -> bool {
        let Ok(inode) = self.child(folder, name) else { return false };
        let Ok(entries) = self.entries(inode) else { return self.remove_file(folder, name).is_ok() };
        let names: Vec<Vec<u8>> = entries.keys().cloned().collect();
        for name in names {
            self.take_away(inode, &name);
        }
        self.remove_folder(folder, name).is_ok()
    }

    /// All files that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Node> {
        let is_file = |node: &Node| !node.removed && matches!(node.content, Content::File(_));
        let named = (Disk::ROOT..).zip(&self.nodes).filter(|(inode, _)| !self.unnamed.contains(inode));
        named.map(|(_, node)| node).filter(move |node| is_file(node))
    }

    /// Their paths, in order.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.files().map(|node| escaped(&node.path)).collect();
        paths.sort();
        paths
    }

    /// Inverts bits of a byte that was written, on the disk and wherever else it is. False if none was written there.
    pub(super) fn rot(&mut self, path: &str, offset: u64, mask: u8) -> bool {
        let Some(inode) = self.find(path) else { return false };
        let Content::File(pages) = &mut self.node_mut(inode).content else { return false };
        let is_written = pages.invert(offset, mask);
        if let Some(shadow) = self.shadow.as_mut().filter(|_| is_written) {
            shadow.invert(inode, offset, mask);
        }
        is_written
    }
}
