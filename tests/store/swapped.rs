//! A parent directory that is swapped for a symbolic link, once or all the time, by somebody who may write to what is served: nothing
//! outside is read, written, removed, made, or given another mode or time (rsync's CVE-2026-29518 and -43619, in open and then in each
//! call that takes a path).

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;
use towline::proto::storage::{Existing, FileDone, FileOp, NameDone, NameOp, RootId};
use towline::store::Names;
use towline::store::os::OsFiles;
use towline::wire::{LinkTarget, MakeFolder, MakeLink, Modified, RequestId};

use super::help::*;

/// A served folder with `way/file` and `way/sub`, and a folder beside it that has the same names.
struct Stage {
    all: TempDir,
    names: Names<OsFiles>,
    root: RootId,
}

const THEN: Modified = Modified { seconds: 1_500_000_000, nanoseconds: 0 };
const OUTSIDE: [&str; 2] = ["file", "sub/kept"];

impl Stage {
    fn new(walks: bool) -> Stage {
        let all = tempfile::tempdir().unwrap();
        for folder in ["served/way/sub", "outside/sub"] {
            fs::create_dir_all(all.path().join(folder)).unwrap();
        }
        for file in ["served/way/file", "served/way/sub/kept"] {
            fs::write(all.path().join(file), "inside").unwrap();
        }
        for file in OUTSIDE {
            fs::write(all.path().join("outside").join(file), "outside").unwrap();
        }
        let files = OsFiles::open(all.path().join("served")).unwrap();
        let mut names = Names::new(1);
        let root = names.add_root(if walks { files.without_kernel_help() } else { files }).unwrap();
        Stage { all, names, root }
    }

    /// All that can be seen of what is outside.
    fn outside(&self) -> Vec<String> {
        let folder = self.all.path().join("outside");
        let mut seen: Vec<String> = ["", "sub"]
            .iter()
            .flat_map(|of| fs::read_dir(folder.join(of)).unwrap())
            .map(|entry| {
                let entry = entry.unwrap();
                let metadata = entry.path().symlink_metadata().unwrap();
                let content = fs::read(entry.path()).unwrap_or_default();
                format!(
                    "{:?} {:?} {:?} {content:?}",
                    entry.path(),
                    metadata.permissions(),
                    metadata.modified()
                )
            })
            .collect();
        seen.sort();
        seen
    }

    /// `way` is a link to what is outside from now on.
    fn swap(&self) {
        fs::rename(self.all.path().join("served/way"), self.all.path().join("served/moved")).unwrap();
        symlink(self.all.path().join("outside"), self.all.path().join("served/way")).unwrap();
    }

    /// Everything that a peer can ask for by a path, once.
    fn everything(&mut self, round: u128) {
        let root = self.root;
        let content = b"from a peer";
        let folder = MakeFolder { path: path("way/sub"), mode: 0o700, modified: Some(THEN) };
        let new = MakeFolder { path: path("way/new"), mode: 0o700, modified: None };
        let target = LinkTarget::new(b"sub".to_vec()).unwrap();
        for op in [
            NameOp::MakeFolder { root, folder },
            NameOp::MakeFolder { root, folder: new },
            NameOp::MakeLink { root, link: MakeLink { path: path("way/link"), target } },
            NameOp::Remove { root, path: path("way/sub/kept"), request: RequestId(2 * round + 1) },
            NameOp::Remove { root, path: path("way/new"), request: RequestId(2 * round + 2) },
        ] {
            // Whether it is done or refused depends on when the swap is.
            let _done_inside_or_refused = self.names.execute(op);
        }
        if let Ok(lease) = open(&mut self.names, root, offer("way/file", content)) {
            let hash = fill(&self.names, lease, content).unwrap();
            if publish(&mut self.names, lease, hash).is_err() {
                discard(&mut self.names, lease).unwrap();
            }
        }
        let staged = FileOp::Stage {
            root,
            offer: Box::new(offer("way/sub/new", content)),
            data: rope(content),
            existing: Existing::Refuse,
        };
        if let Ok(FileDone::Staged { lease, cvs }) = self.names.execute_file(staged)
            && publish(&mut self.names, lease, towline::proto::tree::merge_root(&cvs)).is_err()
        {
            discard(&mut self.names, lease).unwrap();
        }
    }

    /// What a peer reads at `way/file`, if it is given anything.
    fn read(&mut self) -> Option<Vec<u8>> {
        download(&mut self.names, self.root, "way/file").ok().map(|(content, _)| content)
    }
}

#[test]
fn a_parent_swapped_for_a_link_leads_nowhere_in_any_call() {
    for walks in [false, true] {
        let mut stage = Stage::new(walks);
        let before = stage.outside();
        let content = b"from a peer";
        // What was opened before goes on where it was opened, or is refused.
        let lease = open(&mut stage.names, stage.root, offer("way/file", content)).unwrap();
        let hash = fill(&stage.names, lease, content).unwrap();
        let source =
            stage.names.execute(NameOp::OpenSource { root: stage.root, path: path("way/file") }).unwrap();
        stage.swap();
        assert!(publish(&mut stage.names, lease, hash).is_err());
        discard(&mut stage.names, lease).unwrap();
        let NameDone::Source { lease, .. } = source else { panic!("{source:?}") };
        stage.names.execute(NameOp::Release { lease }).unwrap();
        stage.everything(0);
        assert_eq!(stage.outside(), before);
        assert_eq!(stage.read(), None, "it leads out of what is served");
    }
}

#[test]
fn a_parent_that_is_swapped_all_the_time_leads_nowhere_in_any_call() {
    for walks in [false, true] {
        let mut stage = Stage::new(walks);
        let before = stage.outside();
        let (is_over, served) = (AtomicBool::new(false), stage.all.path().join("served"));
        symlink(stage.all.path().join("outside"), served.join("link")).unwrap();
        std::thread::scope(|scope| {
            let (is_over, served) = (&is_over, &served);
            scope.spawn(move || {
                let (way, link) = (served.join("way"), served.join("link"));
                while !is_over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &way, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            for round in 0..300 {
                stage.everything(round + 1);
                assert_ne!(stage.read().as_deref(), Some(&b"outside"[..]));
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(stage.outside(), before);
    }
}
