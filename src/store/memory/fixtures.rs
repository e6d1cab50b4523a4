//! What a test puts on a disk in memory, and what it finds there: by no primitive, so that nothing goes wrong with it.

use super::disk::Content;
use super::shadow::Change;
use super::{MemoryFiles, Status};

impl MemoryFiles {
    /// Puts a file there, with the folders that it needs.
    pub fn put(&self, path: &str, content: &[u8]) {
        let mut disk = self.disk();
        let inode = disk.plant(path, Content::file());
        disk.write(inode, 0, content).expect("room for a fixture");
    }

    /// Somebody else writes over the file at `path`, in its place, and syncs it; nothing if there is none.
    pub fn overwrite(&self, path: &str, content: &[u8]) {
        let mut disk = self.disk();
        let Some(inode) = disk.find(path) else { return };
        let pages = disk.pages_mut(inode).expect("a file is written over");
        pages.set_len(content.len() as u64);
        // However full the disk is.
        pages.write(0, content);
        disk.note(|| Change::SetLen(inode, content.len() as u64));
        disk.note(|| Change::Write(inode, 0, content.to_vec()));
        if let Some(shadow) = &mut disk.shadow {
            shadow.sync_file(inode);
        }
    }

    /// Puts an empty folder there, with the folders that it needs.
    pub fn put_folder(&self, path: &str) {
        self.disk().plant(path, Content::folder());
    }

    /// Puts a symbolic link there.
    pub fn put_link(&self, path: &str, target: &str) {
        self.disk().plant(path, Content::Link(target.as_bytes().to_vec()));
    }

    /// Puts something there that is neither file, folder nor link.
    pub fn put_other(&self, path: &str) {
        self.disk().plant(path, Content::Other);
    }

    /// Puts a file there of which no byte was ever written.
    pub fn put_hollow(&self, path: &str, length: u64) {
        let mut disk = self.disk();
        let inode = disk.plant(path, Content::file());
        disk.pages_mut(inode).expect("a file").set_len(length);
        disk.note(|| Change::SetLen(inode, length));
    }

    /// Puts an empty folder there that is another file system.
    pub fn put_mount(&self, path: &str) {
        let mut disk = self.disk();
        let inode = disk.plant(path, Content::folder());
        disk.mount(inode);
    }

    /// The paths of all files, in order.
    pub fn paths(&self) -> Vec<String> {
        self.disk().paths()
    }

    /// Inverts `mask` in the byte at `offset` of the file at `path`, on the disk and wherever else it is, and nobody is
    /// told: no time changes. False if no byte was written there.
    pub fn rot(&self, path: &str, offset: u64, mask: u8) -> bool {
        self.disk().rot(path, offset, mask)
    }

    /// The content of the file at `path`, over no link.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        let disk = self.disk();
        let inode = disk.find(path)?;
        let mut content = vec![0; usize::try_from(disk.status(inode).length).ok()?];
        disk.pages(inode).ok()?.read(0, &mut content);
        Some(content)
    }

    /// What stands at `path`, over no link.
    pub fn look(&self, path: &str) -> Option<Status> {
        let disk = self.disk();
        disk.find(path).map(|inode| disk.status(inode))
    }
}
