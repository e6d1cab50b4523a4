//! What became of an entry of a tree, as its job told, and what somebody read in order.

use towline::proto::tree_job;

use super::ContentId;

/// Bytes that somebody read, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct Output(pub Vec<u8>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        ContentId::of(&self.0).fmt(f)
    }
}

/// What became of an entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A file was moved.
    Moved,
    /// It stands there already.
    Unchanged,
    /// A folder was made.
    FolderMade,
    /// A link was made.
    LinkMade,
    /// It was left out: a link where those are, a device, a name that is kept.
    LeftOut,
    /// It is gone.
    Removed,
    /// It was compared, and differs.
    Differs,
    /// It was compared, and is at one side alone.
    Alone,
    /// It failed.
    Failed,
}

impl From<&tree_job::Outcome> for Fate {
    fn from(outcome: &tree_job::Outcome) -> Fate {
        match outcome {
            tree_job::Outcome::Moved { .. } => Fate::Moved,
            tree_job::Outcome::Unchanged(_) => Fate::Unchanged,
            tree_job::Outcome::FolderMade => Fate::FolderMade,
            tree_job::Outcome::LinkMade => Fate::LinkMade,
            tree_job::Outcome::Excluded | tree_job::Outcome::LinkSkipped => Fate::LeftOut,
            tree_job::Outcome::Special | tree_job::Outcome::Reserved => Fate::LeftOut,
            tree_job::Outcome::Removed(_) => Fate::Removed,
            tree_job::Outcome::Differs => Fate::Differs,
            tree_job::Outcome::OnlyAtSource(_) | tree_job::Outcome::OnlyAtDestination(_) => Fate::Alone,
            tree_job::Outcome::Failed(_) => Fate::Failed,
        }
    }
}
