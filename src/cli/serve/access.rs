//! What those who connect may do, as the command line says it.

use crate::contain;
use crate::proto::Rights;

#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::cli) struct Access {
    /// Let nobody send, change or remove anything
    #[arg(long, conflicts_with_all = ["drop_box", "no_files"])]
    read_only: bool,

    /// Only take new files: nothing is listed, read, replaced or removed
    #[arg(long, conflicts_with = "no_files")]
    drop_box: bool,
}

impl Access {
    /// Those of everybody, whoever they are.
    pub(super) fn most(self) -> Rights {
        match self {
            Access { read_only: true, .. } => Rights::READ_ONLY,
            Access { drop_box: true, .. } => Rights::DROP_BOX,
            Access { read_only: false, drop_box: false } => Rights::ALL,
        }
    }

    /// What the server itself needs of the folder.
    pub(super) fn of_the_folder(self) -> contain::Access {
        if self.read_only { contain::Access::Read } else { contain::Access::Write }
    }

    /// What whoever connects can do with what is served, for a warning.
    pub(super) fn can(self) -> &'static str {
        match self {
            Access { read_only: true, .. } => "read what is served",
            Access { drop_box: true, .. } => "fill the disk with new files",
            Access { read_only: false, drop_box: false } => "read, replace and remove what is served",
        }
    }

    /// Behind the name of the folder that is served.
    pub(super) fn told(self) -> &'static str {
        match self {
            Access { read_only: true, .. } => ", to be read only",
            Access { drop_box: true, .. } => ", as a box for new files: they can be sent, and not seen",
            Access { read_only: false, drop_box: false } => "",
        }
    }

    /// True if a command that sends is of use.
    pub(super) fn takes(self) -> bool {
        !self.read_only
    }

    /// The same of one that reads or lists.
    pub(super) fn gives(self) -> bool {
        !self.drop_box
    }
}
