//! What is done to a folder while it is recorded, and what may stand at a path.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use towline::proto::storage::{Existing, FileDone, FileOp, NameDone, NameOp};
use towline::store::{Names, Publication, blocks};
use towline::wire::{Cv, LinkTarget, MakeFolder, MakeLink, Offer, RequestId, Rope};

use super::record::Recorded;
use super::{ROOT, THEN};
use crate::help::{attempt, extents, fill, first, offer, open, path, rope};

/// What is to be done to a folder, one thing after another or several at once.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Several files in one group; one is a group as well.
    Put(Vec<(&'static str, Vec<u8>)>),
    Remove(&'static str),
    Folder(&'static str),
    Link(&'static str, &'static str),
    /// The first half of a long file is received, noted, and kept when the transfer breaks off.
    BreakOff(&'static str, Vec<u8>),
}

/// What may stand at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Nothing,
    File(Vec<u8>),
    Folder,
    Link(Vec<u8>),
}

pub(super) fn stands(top: &Path, at: &str) -> Stands {
    let path = top.join(at);
    let Ok(metadata) = fs::symlink_metadata(&path) else { return Stands::Nothing };
    if metadata.is_symlink() {
        Stands::Link(fs::read_link(path).expect("a link").as_os_str().as_bytes().to_vec())
    } else if metadata.is_dir() {
        Stands::Folder
    } else {
        Stands::File(fs::read(path).expect("a file"))
    }
}

impl Act {
    /// Carries it out as request number `number` and what follows.
    pub(super) fn carry_out(&self, names: &mut Names<Recorded>, number: usize) -> Result<(), String> {
        let done = match self {
            Act::Put(files) => return put(names, files, number as u128 * 100 + 1),
            Act::Remove(at) => {
                let request = RequestId(number as u128 * 100 + 1);
                names.execute(NameOp::Remove { root: ROOT, path: path(at), request })
            }
            Act::Folder(at) => {
                let folder = MakeFolder { path: path(at), mode: 0o750, modified: Some(THEN) };
                names.execute(NameOp::MakeFolder { root: ROOT, folder })
            }
            Act::Link(at, target) => {
                let target = LinkTarget::new(target.as_bytes().to_vec()).expect("a target");
                names.execute(NameOp::MakeLink { root: ROOT, link: MakeLink { path: path(at), target } })
            }
            Act::BreakOff(at, content) => {
                break_off(names, at, content);
                return Ok(());
            }
        };
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    /// The paths that it changes, with what is to stand there.
    pub(super) fn targets(&self) -> Vec<(&'static str, Stands)> {
        match self {
            Act::Put(files) => {
                files.iter().map(|(at, content)| (*at, Stands::File(content.clone()))).collect()
            }
            Act::Remove(at) => vec![(at, Stands::Nothing)],
            Act::Folder(at) => vec![(at, Stands::Folder)],
            Act::Link(at, target) => vec![(at, Stands::Link(target.as_bytes().to_vec()))],
            Act::BreakOff(..) => Vec::new(),
        }
    }
}

/// Small files are staged, longer ones opened and filled, and all are published together.
fn put(names: &mut Names<Recorded>, files: &[(&str, Vec<u8>)], request: u128) -> Result<(), String> {
    let mut waiting = VecDeque::new();
    for ((at, content), request) in files.iter().zip(request..) {
        waiting.push_back(received(names, attempt(request, 1, offer(at, content)), content)?);
    }
    while !waiting.is_empty() {
        for end in names.publish_group(&mut waiting) {
            end.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn received(names: &mut Names<Recorded>, offer: Offer, content: &[u8]) -> Result<Publication, String> {
    let hash = Cv(blake3::hash(content).into());
    if content.len() > 64 * 1024 {
        let lease = open(names, ROOT, offer).map_err(|error| error.to_string())?;
        fill(names, lease, content).map_err(|error| error.to_string())?;
        return Ok(Publication { lease, hash });
    }
    let data = if content.is_empty() { Rope::new() } else { rope(content) };
    match names.execute_file(FileOp::Stage {
        root: ROOT,
        offer: Box::new(offer),
        data,
        existing: Existing::Replace,
    }) {
        Ok(FileDone::Staged { lease, .. }) => Ok(Publication { lease, hash }),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn break_off(names: &mut Names<Recorded>, at: &str, content: &[u8]) {
    let lease = open(names, ROOT, offer(at, content)).expect("a partial");
    let file = names.open(lease).expect("its file").file;
    let extent = extents(content.len())[0];
    let half = rope(&content[..extent.length as usize]);
    blocks::write(&*file, extent, half).expect("room for half of it");
    let held = first(extent.units() as u32);
    assert_eq!(names.execute(NameOp::Note { lease, held: first(3) }), Ok(NameDone::Noted));
    assert_eq!(names.execute(NameOp::Keep { lease, held }), Ok(NameDone::Released));
}
