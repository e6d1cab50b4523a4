//! What stands in the served folder and is no file: links, devices, other file systems.

use serde::{Deserialize, Serialize};
use towline::wire::RESERVED;

use super::Plan;

/// Something that is in the way of whoever wants a file there, or beneath it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// A symbolic link that leads there.
    Link(String),
    /// Neither file, folder nor link.
    Device,
    /// An empty folder.
    Folder,
    /// An empty folder that is another file system.
    Mount,
    /// A file of so many bytes, of which none was ever written: zeros, and too many to be read to the end.
    Hollow(u64),
}

impl Plan {
    /// True if an obstacle stands at `path`, above it or beneath it: what is read there may be another path's.
    pub fn is_in_the_way(&self, path: &str) -> bool {
        let is_above =
            |above: &str, path: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        let obstacles = self.obstacles.iter().map(|(at, _)| at.as_str());
        obstacles.into_iter().any(|at| at == path || is_above(at, path) || is_above(path, at))
    }

    /// True if what stands at `path` is too long to be read to the end.
    pub fn is_hollow(&self, path: &str) -> bool {
        self.obstacles.iter().any(|(at, what)| at == path && matches!(what, Obstacle::Hollow(_)))
    }

    /// True if something that is no folder of the server's own stands where partial files are to be.
    pub fn has_reserved_blocked(&self) -> bool {
        self.obstacles.iter().any(|(at, _)| at.as_bytes() == RESERVED)
    }

    /// What of the obstacles is seen of the served folder's names.
    pub fn obstacle_names(&self) -> impl Iterator<Item = String> {
        self.obstacles.iter().map(|(at, _)| at.split('/').next().unwrap_or_default().to_owned())
    }
}
