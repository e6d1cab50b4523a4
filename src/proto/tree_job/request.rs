//! What a tree job is asked to do.

use std::sync::Arc;

use crate::proto::storage::RootId;
use crate::wire::{RelPath, RequestId, Start};

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From here to the server.
    Up,
    /// From the server to here.
    Down,
}

/// What becomes of symbolic links in the source. None is ever followed where something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkPolicy {
    /// They are made as links, with the same target.
    #[default]
    Keep,
    /// What they lead to is sent in their place, as long as that is beneath the source's root.
    Follow,
    /// They are left out, with a word.
    Skip,
}

/// What a tree job is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The destination is to be as the source is.
    #[default]
    Copy,
    /// What a copy would do is told, and nothing is changed.
    DryRun,
    /// The bytes of files, the targets of links and the names in folders are compared, modes and times not; nothing is
    /// changed.
    Compare,
}

/// One source and its place at the other side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// The folder on this side that the local path is below.
    pub root: RootId,
    /// The source: below `root`, or at the server.
    pub from: RelPath,
    /// Where it is to stand: at the server, or below `root`.
    pub to: RelPath,
}

/// How a tree is to be moved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TreeOptions {
    /// Folders are moved, too, with all that is in them; without it a source that is one fails.
    pub recursive: bool,
    /// What becomes of links.
    pub links: LinkPolicy,
    /// What stands at the destination and not in the source is removed, and what is in the way of something else.
    pub delete: bool,
    /// What it is for.
    pub purpose: Purpose,
    /// Look at the bytes of files of the same length and time, too.
    pub checksum: bool,
    /// Where each transfer begins.
    pub start: Start,
    /// What is left out.
    pub filter: Filter,
}

impl TreeOptions {
    /// True if something may be changed.
    pub(super) fn changes(&self) -> bool {
        self.purpose == Purpose::Copy
    }
}

impl Default for TreeOptions {
    fn default() -> TreeOptions {
        TreeOptions {
            recursive: true,
            links: LinkPolicy::Keep,
            delete: false,
            purpose: Purpose::Copy,
            checksum: false,
            start: Start::Resume,
            filter: Filter::default(),
        }
    }
}

/// A tree, or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TreeRequest {
    /// Which way.
    pub direction: Direction,
    /// The sources; each is a file or a folder.
    pub items: Vec<Item>,
    /// How.
    pub options: TreeOptions,
    /// The first of its request ids; each next one is 2^64 higher.
    pub requests: RequestId,
}

/// Says of a path below a source, and whether it is a folder, that it is left out.
pub type Excludes = dyn Fn(&[u8], bool) -> bool + Send + Sync;

/// What is left out. Two are the same if their patterns are: the judge is made from them.
#[derive(Clone, Default)]
pub struct Filter {
    patterns: Vec<String>,
    judge: Option<Arc<Excludes>>,
}

impl Filter {
    /// `judge` is what `patterns` mean.
    pub fn new(patterns: Vec<String>, judge: impl Fn(&[u8], bool) -> bool + Send + Sync + 'static) -> Filter {
        Filter { patterns, judge: Some(Arc::new(judge)) }
    }

    /// True if it is left out.
    pub fn excludes(&self, path: &[u8], is_folder: bool) -> bool {
        self.judge.as_ref().is_some_and(|judge| judge(path, is_folder))
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.patterns == other.patterns
    }
}

impl Eq for Filter {}

impl core::hash::Hash for Filter {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.patterns.hash(state);
    }
}

impl core::fmt::Debug for Filter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Filter").field(&self.patterns).finish()
    }
}
