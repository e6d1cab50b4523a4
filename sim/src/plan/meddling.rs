//! What somebody else does in the folder for partial files: an administrator who tidies up, a script that goes too far.

use serde::{Deserialize, Serialize};

/// What is taken away, at a moment at which the store counts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meddling {
    /// The folder, with all that is in it.
    Folder,
    /// All partial files.
    Partials,
    /// All journals.
    Journals,
    /// The lock's file.
    Lock,
    /// The log of requests.
    Log,
    /// The log of requests, for an empty file in its place.
    EmptyLog,
}

impl Meddling {
    /// All of them.
    pub const ALL: [Meddling; 6] = [
        Meddling::Folder,
        Meddling::Partials,
        Meddling::Journals,
        Meddling::Lock,
        Meddling::Log,
        Meddling::EmptyLog,
    ];

    /// True if what was remembered of requests is gone with it.
    pub fn takes_log(self) -> bool {
        match self {
            Meddling::Folder | Meddling::Log | Meddling::EmptyLog => true,
            Meddling::Partials | Meddling::Journals | Meddling::Lock => false,
        }
    }
}
