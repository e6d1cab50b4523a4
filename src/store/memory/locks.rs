//! Advisory locks: who holds a file.

use super::super::Lock;
use super::disk::{Disk, Inode};

impl Disk {
    pub(super) fn lock(&mut self, inode: Inode, handle: u64, lock: Lock) -> bool {
        self.unlock(inode, handle);
        let node = self.node_mut(inode);
        match lock {
            Lock::TryExclusive | Lock::Exclusive if node.exclusive.is_none() && node.shared.is_empty() => {
                node.exclusive = Some(handle);
                true
            }
            Lock::Shared if node.exclusive.is_none() => node.shared.insert(handle),
            Lock::TryExclusive | Lock::Exclusive | Lock::Shared => false,
        }
    }

    pub(super) fn unlock(&mut self, inode: Inode, handle: u64) {
        let node = self.node_mut(inode);
        node.shared.remove(&handle);
        if node.exclusive == Some(handle) {
            node.exclusive = None;
        }
    }
}
