//! What is to be done about one entry, by what stands at both sides.

use super::told::Outcome;
use super::{LinkPolicy, Purpose, TreeOptions};
use crate::probe::{Bug, planted};
use crate::proto::client::JobError;
use crate::proto::op::OpError;
use crate::wire::{Code, FileKind, Metadata, RelPath};

/// An entry: a source, or something below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) item: u32,
    /// Below the item.
    pub(super) below: RelPath,
    pub(super) from: RelPath,
    pub(super) to: RelPath,
    /// What is to be there; `None`: nothing.
    pub(super) source: Option<Metadata>,
    /// What stands there.
    pub(super) found: Option<Metadata>,
    /// Of what the source is behind links; 0 where nobody asked.
    pub(super) identity: u128,
}

impl Entry {
    /// What tells it from another one takes.
    pub(super) fn footprint(&self) -> usize {
        [&self.below, &self.from, &self.to].iter().map(|path| path.as_bytes().len()).sum()
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing but a word.
    Tell(Outcome),
    /// Look at what is behind a link, and decide again. Of a folder, too, so that a loop of links is known.
    Resolve,
    /// Read where the link leads, and make one like it.
    Link,
    /// Move the file.
    Move,
    /// Compare the file with the one that stands there.
    Compare,
    /// Go into the folder.
    Enter,
    /// Remove what stands there.
    Remove,
    /// Go into the folder that stands there and remove all of it.
    Clear,
}

/// Decides. Whether it is excluded has been asked before.
pub(super) fn decide(entry: &Entry, options: &TreeOptions) -> Decision {
    let found = entry.found.map(|found| found.kind);
    let compares = options.purpose == Purpose::Compare;
    let Some(source) = entry.source else {
        if compares {
            return Decision::Tell(Outcome::OnlyAtDestination(found.unwrap_or(FileKind::Other)));
        }
        return if found == Some(FileKind::Folder) { Decision::Clear } else { Decision::Remove };
    };
    let follows = options.links == LinkPolicy::Follow;
    match source.kind {
        FileKind::Other => return Decision::Tell(Outcome::Special),
        FileKind::Link if options.links == LinkPolicy::Skip => return Decision::Tell(Outcome::LinkSkipped),
        FileKind::Link if follows => return Decision::Resolve,
        FileKind::Folder if follows && entry.identity == 0 => return Decision::Resolve,
        FileKind::Link | FileKind::File | FileKind::Folder => {}
    }
    if source.kind != FileKind::Folder && entry.to.is_root() {
        // Whoever said so would hardly want the folder itself to give way.
        let error =
            OpError::us(Code::NOT_A_FOLDER, "it is no folder, and cannot stand for the whole destination");
        return Decision::Tell(Outcome::Failed(JobError::Operation(error)));
    }
    if source.kind == FileKind::Folder && !options.recursive {
        let error = OpError::us(Code::NOT_A_FILE, "it is a folder, and folders were not asked for (-r)");
        return Decision::Tell(Outcome::Failed(JobError::Operation(error)));
    }
    if compares && found != Some(source.kind) {
        return Decision::Tell(match found {
            None => Outcome::OnlyAtSource(source.kind),
            Some(_) => Outcome::Differs,
        });
    }
    if !takes_place(source.kind, found) {
        return match (options.delete, found) {
            (true, Some(FileKind::Folder)) => Decision::Clear,
            (true, Some(FileKind::File | FileKind::Link | FileKind::Other) | None) => Decision::Remove,
            (false, found) => Decision::Tell(Outcome::Failed(in_the_way(source.kind, found))),
        };
    }
    match source.kind {
        FileKind::Folder => Decision::Enter,
        FileKind::Link => Decision::Link,
        FileKind::File | FileKind::Other => match entry.found {
            Some(found) if compares && found.length != source.length => Decision::Tell(Outcome::Differs),
            Some(_) if compares => Decision::Compare,
            Some(found) if is_same(source, found) => match (options.checksum, options.purpose) {
                (false, _) => Decision::Tell(Outcome::Unchanged(source.length)),
                (true, Purpose::DryRun) => Decision::Compare,
                (true, Purpose::Copy | Purpose::Compare) => Decision::Move,
            },
            Some(_) | None => Decision::Move,
        },
    }
}

/// By length and time, and the mode: where only that differs, the file is offered again, whose blocks the receiver has.
fn is_same(source: Metadata, found: Metadata) -> bool {
    source == found || planted(Bug::TrustLength) && source.length == found.length
}

/// True if something of this kind can be put in the place of what was found, without removing that first.
fn takes_place(kind: FileKind, found: Option<FileKind>) -> bool {
    match (kind, found) {
        (_, None) => true,
        (FileKind::Folder, Some(found)) => found == FileKind::Folder,
        (FileKind::Link, Some(found)) => matches!(found, FileKind::File | FileKind::Link),
        (FileKind::File | FileKind::Other, Some(found)) => found == FileKind::File,
    }
}

fn in_the_way(kind: FileKind, found: Option<FileKind>) -> JobError {
    let what = match found {
        Some(FileKind::Folder) => "a folder",
        Some(FileKind::Link) => "a symbolic link",
        Some(FileKind::File) => "a file",
        Some(FileKind::Other) | None => "a device, socket or pipe",
    };
    let (code, wanted) = match kind {
        FileKind::Folder => (Code::NOT_A_FOLDER, "the folder"),
        FileKind::Link => (Code::NOT_A_FILE, "the link"),
        FileKind::File | FileKind::Other => (Code::NOT_A_FILE, "the file"),
    };
    let text =
        format!("{what} stands where {wanted} is to be, and nothing is removed unless it is asked for");
    JobError::Operation(OpError::us(code, text))
}
