//! What a test puts on a disk in memory, and what it finds there: by no primitive, so that nothing goes wrong with it.

use super::disk::{Content, Disk};
use super::path::escaped;
use super::shadow::{Change, Shadow};
use super::{MemoryFiles, Status, Step};
use crate::wire::{FileKind, Modified};

impl MemoryFiles {
    /// The primitives that ran, in order, since the last call.
    pub fn take_log(&self) -> Vec<Step> {
        self.disk().log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Makes everything durable: what a test has put there.
    pub fn sync_all(&self) {
        if let Some(shadow) = &mut self.disk().shadow {
            shadow.sync_all();
        }
    }

    /// Forgets what was planted and has not happened.
    pub fn heal(&self) {
        self.disk().plants.clear();
    }

    /// So many seconds pass by its clock.
    pub fn pass(&self, seconds: i64) {
        self.disk().ticks += seconds;
    }

    /// How many changes a crash could lose now.
    pub fn pending(&self) -> usize {
        self.disk().shadow.as_ref().map_or(0, Shadow::pending)
    }

    /// The same on a system that has no files without names.
    #[must_use]
    pub fn all_named(self) -> MemoryFiles {
        self.disk().has_unnamed = false;
        self
    }

    /// Whether there are files without names.
    pub fn has_unnamed(&self) -> bool {
        self.disk().has_unnamed
    }

    /// Lets file contents take at most `bytes` in all, in pages of 4 KiB.
    pub fn set_capacity(&self, bytes: u64) {
        self.disk().capacity = bytes;
    }

    /// Puts a file there, with the folders that it needs.
    pub fn put(&self, path: &str, content: &[u8]) {
        let mut disk = self.disk();
        let inode = disk.plant(path, Content::file());
        disk.write(inode, 0, content).expect("room for a fixture");
    }

    /// Puts a file of `length` bytes there that is a hole but for the pieces, each with its offset.
    pub fn put_sparse(&self, path: &str, length: u64, pieces: &[(u64, &[u8])]) {
        self.put_hollow(path, length);
        let mut disk = self.disk();
        let inode = disk.find(path).expect("it was put there");
        for (offset, bytes) in pieces {
            disk.write(inode, *offset, bytes).expect("room for a fixture");
        }
    }

    /// Bytes that the file at `path` takes on the disk, in pages of 4 KiB.
    pub fn allocated(&self, path: &str) -> Option<u64> {
        let disk = self.disk();
        let inode = disk.find(path)?;
        disk.pages(inode).ok().map(|pages| pages.used())
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

    /// Where the link at `path` leads, if one stands there.
    pub fn link_target(&self, path: &str) -> Option<Vec<u8>> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let disk = self.disk();
        let at = if folder.is_empty() { Disk::ROOT } else { disk.find(folder)? };
        disk.target(at, name.as_bytes()).ok()
    }

    /// Gives what stands at `path` this mode and time.
    pub fn set(&self, path: &str, mode: u32, modified: Modified) {
        let mut disk = self.disk();
        let inode = disk.find(path).expect("something stands there");
        disk.set_mode(inode, mode);
        disk.set_modified(inode, modified);
    }

    /// Every name below the root but the store's own, with what it stands for: `a/` is a folder, `b` a file, `c -> d` a link
    /// and `e?` anything else. With the mode of files and folders, and when they were last modified.
    pub fn tree(&self) -> Vec<String> {
        let disk = self.disk();
        let (mut lines, mut folders) = (Vec::new(), vec![(String::new(), Disk::ROOT)]);
        while let Some((path, inode)) = folders.pop() {
            for (name, child) in disk.entries(inode).into_iter().flatten() {
                let path = format!("{path}{}", escaped(name));
                let Status { mode, modified, kind, .. } = disk.status(*child);
                let about = format!("{mode:o} {}.{:09}", modified.seconds, modified.nanoseconds);
                if path == ".towline" {
                    continue;
                }
                lines.push(match (&disk.node(*child).content, kind) {
                    (Content::Link(target), _) => format!("{path} -> {}", target.escape_ascii()),
                    (_, FileKind::Folder) => format!("{path}/ {about}"),
                    (_, FileKind::File) => format!("{path} {about}"),
                    (_, FileKind::Link | FileKind::Other) => format!("{path}?"),
                });
                if kind == FileKind::Folder {
                    folders.push((format!("{path}/"), *child));
                }
            }
        }
        lines.sort();
        lines
    }

    /// Somebody takes away what stands at `path`, with all that is in it, by no primitive; false if nothing does.
    pub fn take_away(&self, path: &str) -> bool {
        let mut disk = self.disk();
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = if above.is_empty() { Some(Disk::ROOT) } else { disk.find(above) };
        folder.is_some_and(|folder| disk.take_away(folder, name.as_bytes()))
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

    /// How many files have a path that ends so.
    pub fn count_ending(&self, end: &str) -> usize {
        self.disk().files().filter(|node| node.path.ends_with(end.as_bytes())).count()
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
