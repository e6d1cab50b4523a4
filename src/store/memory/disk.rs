//! The nodes of a file system in memory, and how paths lead to them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{FileError, FileErrorKind, Status};
use super::pages::Pages;
use super::path::join;
use super::shadow::{Change, Shadow};
use crate::wire::{FileKind, Modified};

pub(super) type Inode = u64;
pub(super) type Entries = BTreeMap<Vec<u8>, Inode>;

macro_rules! primitives {
    ($($name:ident)*) => {
        /// The names of the primitive operations, for logs and planted errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        ///
        /// How a file comes to be and how it gets its name are one primitive each, whichever way they go: `CreateFile` is
        /// `create_unnamed` as well, and `Rename` is `name_file`.
        #[expect(missing_docs, reason = "each is the method of `Files` or `File` of the same name")]
        pub enum Primitive { $($name,)* }

        impl Primitive {
            /// All of them.
            pub const ALL: &[Primitive] = &[$(Primitive::$name,)*];
        }
    };
}

primitives! {
    OpenFolder OpenFile CreateFile OpenOwn CreateFolder SetFolderMode SetFolderModified CreateLink ReadLink
    Rename RemoveFile RemoveFolder Status List
    NextNames SyncFolder FreeSpace FileStatus NextData ReadAt WriteAt Zero SetLen SetMode SetModified Sync
    Lock SyncFileSystem
}

/// A primitive that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub primitive: Primitive,
    /// On what: the path from the root that it had then. For a rename, the new one.
    pub path: String,
}

/// What a test wants to happen when a primitive is about to run.
#[derive(Clone, Debug)]
pub(super) enum Plant {
    /// It fails.
    Fail(FileError),
    /// Somebody else puts a new, empty file here first.
    Replace(String),
}

#[derive(Debug)]
pub(super) struct Disk {
    /// By their inodes, counted from [`Disk::ROOT`]; none is ever taken away.
    pub(super) nodes: Vec<Node>,
    handles: u64,
    pub(super) ticks: i64,
    pub(super) capacity: u64,
    pub(super) plants: Vec<(Primitive, usize, Plant)>,
    /// `None` where nobody reads it.
    pub(super) log: Option<Vec<Step>>,
    /// What a crash would leave, where that is of interest.
    pub(super) shadow: Option<Shadow>,
    /// Primitives that still work.
    pub(super) dies_after: Option<usize>,
    /// Files to which a crash left two names.
    pub(super) twice: BTreeSet<Inode>,
    /// Whether there are files without names.
    pub(super) has_unnamed: bool,
    /// Those that have none yet.
    pub(super) unnamed: BTreeSet<Inode>,
}

/// A node stays when its last name is gone: somebody may have it open.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) mode: u32,
    pub(super) modified: Modified,
    changed: Modified,
    pub(super) device: u64,
    /// From the root, for the log.
    pub(super) path: Vec<u8>,
    pub(super) removed: bool,
    /// Something that was written is lost, and who syncs it was not told.
    pub(super) owes_error: bool,
    pub(super) exclusive: Option<u64>,
    pub(super) shared: BTreeSet<u64>,
}

#[derive(Debug)]
pub(super) enum Content {
    File(Pages),
    Folder(Entries),
    Link(Vec<u8>),
    Other,
}

impl Content {
    pub(super) fn file() -> Content {
        Content::File(Pages::default())
    }

    pub(super) fn folder() -> Content {
        Content::Folder(Entries::new())
    }
}

impl Disk {
    pub(super) const ROOT: Inode = 1;

    pub(super) fn new() -> Disk {
        let mut disk = Disk {
            nodes: Vec::new(),
            handles: 0,
            ticks: 0,
            capacity: u64::MAX,
            plants: Vec::new(),
            log: Some(Vec::new()),
            shadow: None,
            dies_after: None,
            twice: BTreeSet::new(),
            has_unnamed: true,
            unnamed: BTreeSet::new(),
        };
        disk.add(Vec::new(), Content::folder(), 0o755, 1);
        disk
    }

    /// Logs a primitive, and lets happen what was planted for it.
    pub(super) fn begin(&mut self, primitive: Primitive, at: Inode, name: &[u8]) -> Result<(), FileError> {
        match &mut self.dies_after {
            Some(0) => return Err(FileErrorKind::Other.into()),
            Some(steps) => *steps -= 1,
            None => {}
        }
        if self.log.is_some() {
            let path = self.path_below(at, name);
            self.log.get_or_insert_default().push(Step { primitive, path });
        }
        if self.plants.is_empty() { Ok(()) } else { self.befall(primitive, at) }
    }

    /// Lets happen what was planted for a primitive.
    fn befall(&mut self, primitive: Primitive, at: Inode) -> Result<(), FileError> {
        let mut due = None;
        for (i, (planted, passes, _)) in self.plants.iter_mut().enumerate() {
            if *planted == primitive {
                if *passes == 0 {
                    due = Some(i);
                    break;
                }
                *passes -= 1;
            }
        }
        match due.map(|i| self.plants.remove(i).2) {
            Some(Plant::Fail(error)) => {
                self.lose_unsynced(primitive, at);
                Err(error)
            }
            Some(Plant::Replace(path)) => {
                self.plant(&path, Content::file());
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn next_handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    pub(super) fn node(&self, inode: Inode) -> &Node {
        &self.nodes[place(inode)]
    }

    pub(super) fn node_mut(&mut self, inode: Inode) -> &mut Node {
        &mut self.nodes[place(inode)]
    }

    /// A node that is being changed: each change has its own time.
    pub(super) fn change(&mut self, inode: Inode) -> &mut Node {
        self.ticks += 1;
        let now = Modified { seconds: self.ticks, nanoseconds: 0 };
        let node = self.node_mut(inode);
        node.changed = now;
        node
    }

    pub(super) fn status(&self, inode: Inode) -> Status {
        let node = self.node(inode);
        let (kind, length) = match &node.content {
            Content::File(pages) => (FileKind::File, pages.length()),
            Content::Folder(_) => (FileKind::Folder, 4096),
            Content::Link(target) => (FileKind::Link, target.len() as u64),
            Content::Other => (FileKind::Other, 0),
        };
        let Node { mode, modified, changed, device, .. } = *node;
        Status { kind, length, mode, modified, changed, device, inode }
    }

    pub(super) fn entries(&self, folder: Inode) -> Result<&Entries, FileError> {
        match &self.node(folder).content {
            Content::Folder(entries) => Ok(entries),
            Content::File(_) | Content::Link(_) | Content::Other => Err(FileErrorKind::NotAFolder.into()),
        }
    }

    pub(super) fn entries_mut(&mut self, folder: Inode) -> Result<&mut Entries, FileError> {
        let node = self.change(folder);
        node.modified = node.changed;
        match &mut node.content {
            Content::Folder(entries) => Ok(entries),
            Content::File(_) | Content::Link(_) | Content::Other => Err(FileErrorKind::NotAFolder.into()),
        }
    }

    pub(super) fn child(&self, folder: Inode, name: &[u8]) -> Result<Inode, FileError> {
        self.entries(folder)?.get(name).copied().ok_or(FileErrorKind::NotFound.into())
    }

    pub(super) fn names_after(
        &self,
        folder: Inode,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Vec<u8>>, FileError> {
        let is_later = |name: &&Vec<u8>| after.is_none_or(|after| name.as_slice() > after);
        Ok(self.entries(folder)?.keys().filter(is_later).take(most).cloned().collect())
    }

    pub(super) fn add(&mut self, path: Vec<u8>, content: Content, mode: u32, device: u64) -> Inode {
        let inode = self.nodes.len() as Inode + Disk::ROOT;
        let node = Node {
            content,
            mode,
            modified: Modified::default(),
            changed: Modified::default(),
            device,
            path,
            removed: false,
            owes_error: false,
            exclusive: None,
            shared: BTreeSet::new(),
        };
        self.nodes.push(node);
        let node = self.change(inode);
        node.modified = node.changed;
        inode
    }

    pub(super) fn create(
        &mut self,
        folder: Inode,
        name: &[u8],
        content: Content,
        mode: u32,
    ) -> Result<Inode, FileError> {
        if self.child(folder, name).is_ok() {
            return Err(FileErrorKind::Exists.into());
        }
        if self.node(folder).removed {
            return Err(FileErrorKind::NotFound.into());
        }
        let path = join(&self.node(folder).path, name);
        let inode = self.add(path, content, mode, self.node(folder).device);
        self.entries_mut(folder)?.insert(name.to_vec(), inode);
        self.note(|| Change::Name(folder, name.to_vec(), Some(inode)));
        Ok(inode)
    }

    pub(super) fn rename(
        &mut self,
        from: Inode,
        from_name: &[u8],
        to: Inode,
        to_name: &[u8],
    ) -> Result<(), FileError> {
        let inode = self.child(from, from_name)?;
        if self.node(from).device != self.node(to).device {
            return Err(FileErrorKind::Outside.into());
        }
        if let Ok(old) = self.child(to, to_name) {
            if self.entries(old).is_ok() {
                return Err(FileErrorKind::NotAFile.into());
            }
            if old == inode {
                // Two names of one file: as POSIX has it, nothing happens.
                return Ok(());
            }
            self.loses_name(old);
        }
        self.entries_mut(from)?.remove(from_name);
        self.entries_mut(to)?.insert(to_name.to_vec(), inode);
        self.note(|| Change::Rename {
            from: (from, from_name.to_vec()),
            to: (to, to_name.to_vec()),
            what: inode,
        });
        let path = join(&self.node(to).path, to_name);
        self.change(inode).path = path;
        Ok(())
    }

    pub(super) fn remove_file(&mut self, folder: Inode, name: &[u8]) -> Result<(), FileError> {
        let inode = self.child(folder, name)?;
        if self.entries(inode).is_ok() {
            return Err(FileErrorKind::NotAFile.into());
        }
        self.entries_mut(folder)?.remove(name);
        self.note(|| Change::Name(folder, name.to_vec(), None));
        self.loses_name(inode);
        Ok(())
    }

    /// A file is removed with its last name.
    fn loses_name(&mut self, inode: Inode) {
        let is_last = !self.twice.remove(&inode);
        self.change(inode).removed = is_last;
    }

    pub(super) fn remove_folder(&mut self, folder: Inode, name: &[u8]) -> Result<(), FileError> {
        let inode = self.child(folder, name)?;
        if !self.entries(inode)?.is_empty() {
            return Err(FileErrorKind::NotEmpty.into());
        }
        self.entries_mut(folder)?.remove(name);
        self.note(|| Change::Name(folder, name.to_vec(), None));
        self.change(inode).removed = true;
        Ok(())
    }

    pub(super) fn plant(&mut self, path: &str, content: Content) -> Inode {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut at = Disk::ROOT;
        for folder in folders.split('/').filter(|name| !name.is_empty()) {
            at = match self.child(at, folder.as_bytes()) {
                Ok(inode) => inode,
                Err(_) => self.create(at, folder.as_bytes(), Content::folder(), 0o755).expect("a new folder"),
            };
        }
        let _replaced = self.remove_file(at, name.as_bytes());
        self.create(at, name.as_bytes(), content, 0o644).expect("a new name")
    }

    pub(super) fn free(&self) -> u64 {
        let used = |node: &Node| match &node.content {
            Content::File(pages) if !node.removed => pages.used(),
            Content::File(_) | Content::Folder(_) | Content::Link(_) | Content::Other => 0,
        };
        self.capacity.saturating_sub(self.nodes.iter().map(used).sum())
    }

    pub(super) fn pages(&self, inode: Inode) -> Result<&Pages, FileError> {
        match &self.node(inode).content {
            Content::File(pages) => Ok(pages),
            Content::Folder(_) | Content::Link(_) | Content::Other => Err(FileErrorKind::NotAFile.into()),
        }
    }

    pub(super) fn pages_mut(&mut self, inode: Inode) -> Result<&mut Pages, FileError> {
        let node = self.change(inode);
        node.modified = node.changed;
        match &mut node.content {
            Content::File(pages) => Ok(pages),
            Content::Folder(_) | Content::Link(_) | Content::Other => Err(FileErrorKind::NotAFile.into()),
        }
    }

    /// All of `data` or, without space for it, nothing.
    pub(super) fn write(&mut self, inode: Inode, offset: u64, data: &[u8]) -> Result<(), FileError> {
        let is_limited = self.capacity < u64::MAX;
        if is_limited && self.pages(inode)?.growth(offset, data.len()) > self.free() {
            return Err(FileErrorKind::NoSpace.into());
        }
        self.pages_mut(inode)?.write(offset, data);
        self.note(|| Change::Write(inode, offset, data.to_vec()));
        Ok(())
    }

    /// A change that is not durable yet.
    pub(super) fn note(&mut self, change: impl FnOnce() -> Change) {
        if let Some(shadow) = &mut self.shadow {
            shadow.note(change());
        }
    }
}

/// Where a node stands in the list of all.
fn place(inode: Inode) -> usize {
    usize::try_from(inode - Disk::ROOT).expect("there are not so many")
}
