//! What a tree job tells: what became of each entry, and how much it was in all.

use crate::proto::client::JobError;
use crate::proto::op::Moved;
use crate::wire::FileKind;

/// What became of one entry, or would become of it in a dry run.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Told {
    /// Which source, counted from 0.
    pub item: u32,
    /// Below that source; empty for the source itself. Any bytes: a name that no path can hold is told, too.
    pub path: Vec<u8>,
    /// What became of it.
    pub outcome: Outcome,
}

impl core::fmt::Debug for Told {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:\"{}\" {:?}", self.item, self.path.escape_ascii(), self.outcome)
    }
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A file was moved; `None` where that was only to be told.
    Moved {
        /// Its length in bytes, as it was listed.
        length: u64,
        /// How it was moved.
        moved: Option<Moved>,
    },
    /// A file or link stands there already as it is to be; bytes of the file.
    Unchanged(u64),
    /// A folder was made.
    FolderMade,
    /// A link was made.
    LinkMade,
    /// A pattern leaves it out.
    Excluded,
    /// It is a link, and links are left out.
    LinkSkipped,
    /// It is a device, a socket or a pipe.
    Special,
    /// It has the name that is kept for partial files: somebody else's, since one's own is not listed.
    Reserved,
    /// It stood at the destination, and is gone.
    Removed(FileKind),
    /// In a comparison: what stands at both places is not the same.
    Differs,
    /// In a comparison: it stands at the source alone, with all that is in it.
    OnlyAtSource(FileKind),
    /// In a comparison: it stands at the destination alone, with all that is in it.
    OnlyAtDestination(FileKind),
    /// It failed, and the rest went on.
    Failed(JobError),
}

/// How much became of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Files moved.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of those bytes, what was at the receiver already.
    pub bytes_skipped: u64,
    /// Blocks that arrived damaged and were sent again.
    pub blocks_refused: u64,
    /// Files and links that stood there already.
    pub unchanged: u64,
    /// The bytes of those files.
    pub unchanged_bytes: u64,
    /// Folders made.
    pub folders: u64,
    /// Links made.
    pub links: u64,
    /// Entries that a pattern left out; what is in a folder that is left out is not counted.
    pub excluded: u64,
    /// Links, devices, sockets, pipes and folders for partial files that were left out.
    pub left_out: u64,
    /// Names removed.
    pub removed: u64,
    /// Entries that a comparison found to differ.
    pub differing: u64,
    /// Entries that a comparison found at the source alone; what is in a folder is not counted.
    pub only_at_source: u64,
    /// Entries that a comparison found at the destination alone; what is in a folder is not counted.
    pub only_at_destination: u64,
    /// Entries that failed.
    pub failed: u64,
}

impl Summary {
    /// True if a comparison has found all of it, and all of it the same.
    pub fn is_equal(&self) -> bool {
        self.differing + self.only_at_source + self.only_at_destination + self.failed == 0
    }

    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Moved { length, moved } => {
                self.files += 1;
                self.bytes += moved.map_or(*length, |moved| moved.length);
                self.bytes_skipped += moved.map_or(0, |moved| moved.skipped);
                self.blocks_refused += moved.map_or(0, |moved| u64::from(moved.blocks_refused));
            }
            Outcome::Unchanged(bytes) => {
                self.unchanged += 1;
                self.unchanged_bytes += bytes;
            }
            Outcome::FolderMade => self.folders += 1,
            Outcome::LinkMade => self.links += 1,
            Outcome::Excluded => self.excluded += 1,
            Outcome::LinkSkipped | Outcome::Special | Outcome::Reserved => self.left_out += 1,
            Outcome::Removed(_) => self.removed += 1,
            Outcome::Differs => self.differing += 1,
            Outcome::OnlyAtSource(_) => self.only_at_source += 1,
            Outcome::OnlyAtDestination(_) => self.only_at_destination += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }
}
