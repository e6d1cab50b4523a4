//! Trees of folders: from paths to the roots and items of a tree job, and its summary back.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::{Client, ClientError, local, mistaken};
use crate::proto::op::OpDone;
use crate::proto::storage::StoreError;
use crate::proto::tree_job::{Direction, Item, Summary, TreeOptions, TreeRequest};
use crate::store::Files;
use crate::store::os::OsFiles;
use crate::wire::{Code, RelPath};

/// Sources below folders of this side, or destinations: each with the number of its folder, where it comes from and where
/// it goes.
#[derive(Debug)]
pub struct Places<F> {
    /// Opened once each, however many sources are in it.
    pub folders: Vec<F>,
    /// Of each: the folder's number, the source, the destination.
    pub items: Vec<(usize, RelPath, RelPath)>,
}

impl Client {
    /// Sends each source, a file or a folder with all that is in it, to stand at its path at the server. A link that is
    /// named as a source and leads to a folder is followed; what is in a folder is as `options` say. What becomes of each
    /// entry is told to whoever watches, as [`Event::Tree`](crate::proto::client::Event::Tree).
    ///
    /// # Errors
    /// If a source's folder cannot be opened, or the server cannot be reached any more. What fails of single entries is
    /// in the summary.
    pub async fn put_trees(
        &self,
        sources: &[(PathBuf, RelPath)],
        options: TreeOptions,
    ) -> Result<Summary, ClientError> {
        let mut opened = Opened::default();
        let mut items = Vec::new();
        for (source, to) in sources {
            let (number, from) = if source.is_dir() {
                (opened.folder(source)?, RelPath::ROOT)
            } else {
                // Opened to see that there is a folder; another source may be in it, too.
                let (_, name) = local(source)?;
                (opened.folder(parent(source))?, name)
            };
            items.push((number, from, to.clone()));
        }
        self.move_trees(Direction::Up, Places { folders: opened.folders, items }, options).await
    }

    /// Receives each of the server's files or folders to stand at its local path. Folders on the way there that are missing
    /// are made; links among those that are there are followed, links below the path never.
    ///
    /// # Errors
    /// As [`Client::put_trees`].
    pub async fn get_trees(
        &self,
        sources: &[(RelPath, PathBuf)],
        options: TreeOptions,
    ) -> Result<Summary, ClientError> {
        let mut opened = Opened::default();
        let mut items = Vec::new();
        for (from, to) in sources {
            let (folder, rest) = nearest(to)?;
            items.push((opened.folder(&folder)?, from.clone(), rest));
        }
        let promised = |folder: OsFiles| folder.with_durability(self.durability);
        opened.folders = opened.folders.into_iter().map(promised).collect();
        self.move_trees(Direction::Down, Places { folders: opened.folders, items }, options).await
    }
}

impl<F> Client<F>
where
    F: Files + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
    F::Folder: Send + Sync + 'static,
    F::Listing: Send + 'static,
{
    /// Moves trees between folders of this side and the server.
    ///
    /// # Errors
    /// As [`Client::put_trees`], and if an item names a folder that is not among those of `places`.
    pub async fn move_trees(
        &self,
        direction: Direction,
        places: Places<F>,
        options: TreeOptions,
    ) -> Result<Summary, ClientError> {
        let mut roots = Vec::new();
        for folder in places.folders {
            roots.push(self.disk.lend_root(folder).await?);
        }
        let item = |(number, from, to): (usize, RelPath, RelPath)| {
            let no_folder = || StoreError::new(Code::NOT_FOUND, format!("there is no folder {number}"));
            Ok(Item { root: roots.get(number).ok_or_else(no_folder)?.id(), from, to })
        };
        let items = places.items.into_iter().map(item).collect::<Result<_, StoreError>>()?;
        let options = TreeOptions { start: self.start, ..options };
        let request = TreeRequest { direction, items, options, requests: self.next_request() };
        let result = self.jobs.move_trees(request).await;
        for root in roots {
            root.close().await;
        }
        match result?? {
            OpDone::Tree(summary) => Ok(summary),
            other => Err(mistaken(&other)),
        }
    }
}

/// Folders that were opened, each once.
#[derive(Default)]
struct Opened {
    folders: Vec<OsFiles>,
    numbers: BTreeMap<PathBuf, usize>,
}

impl Opened {
    fn folder(&mut self, path: &Path) -> Result<usize, ClientError> {
        if let Some(number) = self.numbers.get(path) {
            return Ok(*number);
        }
        self.folders.push(OsFiles::open(path)?);
        self.numbers.insert(path.to_path_buf(), self.folders.len() - 1);
        Ok(self.folders.len() - 1)
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// The nearest folder that is there, and the way from it.
fn nearest(path: &Path) -> Result<(PathBuf, RelPath), ClientError> {
    let mut folder = path;
    while !folder.is_dir() && parent(folder) != folder {
        folder = parent(folder);
    }
    let rest = path.strip_prefix(folder).unwrap_or(path);
    let mut way = RelPath::ROOT;
    for component in rest.components() {
        match component {
            Component::Normal(name) => way = way.join(name.as_bytes())?,
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let text = format!("{} leads over a folder that is not there", path.display());
                return Err(StoreError::new(Code::NOT_FOUND, text).into());
            }
        }
    }
    Ok((folder.to_path_buf(), way))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_that_is_there_is_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let at = |rest: &str| {
            let (found, way) = nearest(&folder.path().join(rest)).unwrap();
            (found == folder.path(), way.to_string())
        };
        assert_eq!(at(""), (true, "/".to_owned()));
        assert_eq!(at("new"), (true, "new".to_owned()));
        assert_eq!(at("new/er/"), (true, "new/er".to_owned()));
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(at("file"), (true, "file".to_owned()));
        assert!(nearest(&folder.path().join("new/../x")).is_err());
        assert_eq!(nearest(Path::new("not-there/x")).unwrap().0, Path::new("."));
    }
}
