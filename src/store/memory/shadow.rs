//! What a crash would leave of a disk in memory: the durable state, and the changes since that no sync has covered, each
//! of which is lost or kept by itself.

use std::collections::BTreeMap;

use super::disk::{Content, Disk, Entries, Inode};
use super::pages::Pages;
use super::path::join;
use crate::wire::Modified;

/// A write is torn at multiples of this: what disks write whole.
const SECTOR: usize = 512;

/// The durable state of a disk.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    files: BTreeMap<Inode, Durable>,
    folders: BTreeMap<Inode, Entries>,
    /// Changes that are not durable, oldest first.
    pending: Vec<Change>,
}

/// What is durable of a file, or of a folder but for its names.
#[derive(Debug, Default)]
pub(super) struct Durable {
    pub(super) pages: Pages,
    pub(super) mode: Option<u32>,
    pub(super) modified: Option<Modified>,
}

/// A change that a crash may lose.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(Inode, u64, Vec<u8>),
    Zero(Inode, u64, u64),
    SetLen(Inode, u64),
    SetMode(Inode, u32),
    SetModified(Inode, Modified),
    /// A name in a folder comes to stand for something, or for nothing.
    Name(Inode, Vec<u8>, Option<Inode>),
    /// Both names at once, as journalling file systems do.
    Rename {
        from: (Inode, Vec<u8>),
        to: (Inode, Vec<u8>),
        what: Inode,
    },
}

impl Change {
    fn is_about_file(&self, inode: Inode) -> bool {
        self.file() == Some(inode)
    }

    /// The file that it is about, unless it is about names.
    fn file(&self) -> Option<Inode> {
        match self {
            Change::Write(file, ..) | Change::Zero(file, ..) | Change::SetLen(file, _) => Some(*file),
            Change::SetMode(file, _) | Change::SetModified(file, _) => Some(*file),
            Change::Name(..) | Change::Rename { .. } => None,
        }
    }

    fn is_about_folder(&self, inode: Inode) -> bool {
        match self {
            Change::Name(folder, ..) => *folder == inode,
            Change::Rename { from, to, .. } => from.0 == inode || to.0 == inode,
            Change::SetMode(folder, _) | Change::SetModified(folder, _) => *folder == inode,
            Change::Write(..) | Change::Zero(..) | Change::SetLen(..) => false,
        }
    }
}

impl Change {
    /// A write that got only so far, up to a sector's end.
    fn torn(self, luck: u64) -> Change {
        let Change::Write(inode, offset, mut bytes) = self else { return self };
        let sectors = bytes.len().div_ceil(SECTOR) as u64;
        bytes.truncate(usize::try_from(luck % (sectors + 1)).unwrap_or(0) * SECTOR);
        Change::Write(inode, offset, bytes)
    }
}

impl Shadow {
    pub(super) fn note(&mut self, change: Change) {
        self.pending.push(change);
    }

    /// Makes a file's bytes, length, mode and times durable.
    pub(super) fn sync_file(&mut self, inode: Inode) {
        self.settle(|change| change.is_about_file(inode));
    }

    /// What was to become durable of a file is lost.
    pub(super) fn forget_file(&mut self, inode: Inode) {
        self.pending.retain(|change| !change.is_about_file(inode));
    }

    /// What was to become durable of any file is lost. Gives the files; names are in a journal, and wait for the next sync.
    pub(super) fn forget_files(&mut self) -> Vec<Inode> {
        let lost: Vec<Inode> = self.pending.iter().filter_map(Change::file).collect();
        self.pending.retain(|change| change.file().is_none());
        lost
    }

    /// A bit of a file rots, wherever it is.
    pub(super) fn invert(&mut self, inode: Inode, offset: u64, mask: u8) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.pages.invert(offset, mask);
        }
        for change in &mut self.pending {
            if let Change::Write(file, start, bytes) = change
                && *file == inode
                && let Some(within) = offset.checked_sub(*start).and_then(|at| usize::try_from(at).ok())
                && let Some(byte) = bytes.get_mut(within)
            {
                *byte ^= mask;
            }
        }
    }

    /// Makes a folder's names durable. Of a rename out of another folder that is the new name alone: the old one is in a folder
    /// that was not synced, and a crash may bring it back, beside the new one.
    pub(super) fn sync_folder(&mut self, inode: Inode) {
        for change in std::mem::take(&mut self.pending) {
            if let Change::Rename { from, to, what } = &change
                && to.0 == inode
                && from.0 != inode
            {
                self.apply(Change::Name(to.0, to.1.clone(), Some(*what)));
                self.pending.push(Change::Name(from.0, from.1.clone(), None));
            } else if change.is_about_folder(inode) {
                self.apply(change);
            } else {
                self.pending.push(change);
            }
        }
    }

    /// Makes everything durable: where a disk begins.
    pub(super) fn sync_all(&mut self) {
        self.settle(|_| true);
    }

    fn settle(&mut self, is_covered: impl Fn(&Change) -> bool) {
        let (covered, rest) = std::mem::take(&mut self.pending).into_iter().partition(is_covered);
        self.pending = rest;
        let covered: Vec<Change> = covered;
        covered.into_iter().for_each(|change| self.apply(change));
    }

    /// How many changes a crash may lose now.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The power fails: each pending change is kept or lost as `draw` says (a number for each; odd: kept), a kept write
    /// perhaps only up to a sector within. What is left is durable.
    pub(super) fn crash(&mut self, mut draw: impl FnMut() -> u64) {
        for change in std::mem::take(&mut self.pending) {
            let luck = draw();
            if luck & 1 == 0 {
                continue;
            }
            self.apply(if luck & 2 == 0 { change } else { change.torn(luck >> 2) });
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Write(inode, offset, bytes) => self.file(inode).pages.write(offset, &bytes),
            Change::Zero(inode, offset, count) => self.file(inode).pages.zero(offset, count),
            Change::SetLen(inode, length) => self.file(inode).pages.set_len(length),
            Change::SetMode(inode, mode) => self.file(inode).mode = Some(mode),
            Change::SetModified(inode, modified) => self.file(inode).modified = Some(modified),
            Change::Name(folder, name, Some(inode)) => {
                self.folders.entry(folder).or_default().insert(name, inode);
            }
            Change::Name(folder, name, None) => {
                self.folders.entry(folder).or_default().remove(&name);
            }
            Change::Rename { from, to, what } => {
                self.folders.entry(from.0).or_default().remove(&from.1);
                self.folders.entry(to.0).or_default().insert(to.1, what);
            }
        }
    }

    fn file(&mut self, inode: Inode) -> &mut Durable {
        self.files.entry(inode).or_default()
    }

    /// What is durable of a file that has been written.
    pub(super) fn durable_file(&self, inode: Inode) -> Option<&Durable> {
        self.files.get(&inode)
    }

    /// The durable names of a folder.
    pub(super) fn durable_names(&self, inode: Inode) -> Entries {
        self.folders.get(&inode).cloned().unwrap_or_default()
    }
}

impl Disk {
    /// The power fails: what is durable is all that there is.
    pub(super) fn crash(&mut self, draw: impl FnMut() -> u64) {
        let Some(mut shadow) = self.shadow.take() else { return };
        shadow.crash(draw);
        for (inode, node) in (Disk::ROOT..).zip(&mut self.nodes) {
            (node.exclusive, node.removed) = (None, true);
            node.shared.clear();
            match &mut node.content {
                Content::Folder(entries) => {
                    *entries = shadow.durable_names(inode);
                    let durable = shadow.durable_file(inode);
                    node.mode = durable.and_then(|folder| folder.mode).unwrap_or(node.mode);
                    node.modified = durable.and_then(|folder| folder.modified).unwrap_or(node.modified);
                }
                Content::File(pages) => {
                    let durable = shadow.durable_file(inode);
                    *pages = durable.map(|file| file.pages.clone()).unwrap_or_default();
                    node.mode = durable.and_then(|file| file.mode).unwrap_or(node.mode);
                    node.modified = durable.and_then(|file| file.modified).unwrap_or(node.modified);
                }
                Content::Link(_) | Content::Other => {}
            }
        }
        self.twice.clear();
        self.unnamed.clear();
        self.find_again(Disk::ROOT, Vec::new());
        self.shadow = Some(shadow);
    }

    /// What can be reached from the root is not removed, and has the path that it is found at.
    fn find_again(&mut self, inode: Inode, path: Vec<u8>) {
        if !self.node(inode).removed {
            self.twice.insert(inode);
        }
        let node = self.node_mut(inode);
        (node.removed, node.path) = (false, path.clone());
        let names: Vec<(Vec<u8>, Inode)> = match &node.content {
            Content::Folder(entries) => entries.iter().map(|(name, inode)| (name.clone(), *inode)).collect(),
            Content::File(_) | Content::Link(_) | Content::Other => Vec::new(),
        };
        for (name, inode) in names {
            self.find_again(inode, join(&path, &name));
        }
    }
}
