//! Power fails between any two primitives, and each change that was not synced is kept or lost by itself: what is there
//! afterwards is the old file or the new one, and whatever was acknowledged is there.

use bytes::Bytes;
use towline::proto::backoff::SplitMix;
use towline::proto::storage::{Existing, NameDone, NameOp, Owner};
use towline::store::memory::{MemoryFiles, Primitive};
use towline::store::{File, FileErrorKind, Files, Names};
use towline::wire::{Code, Cv, LinkTarget, MakeFolder, MakeLink, Modified, RequestId};

use crate::help::{bytes, offer, path, upload};

/// Runs `action` on a disk with an old file, dead after each number of primitives in turn, and gives what is left after
/// each of several crashes to `check`, with what the action said. Returns how many crash points there were.
fn crash_everywhere<T>(
    action: impl Fn(&mut Names<MemoryFiles>) -> Result<T, towline::proto::storage::StoreError>,
    check: impl Fn(&MemoryFiles, bool, &str),
) -> usize {
    for steps in 0.. {
        let mut is_done = false;
        for seed in 0..24 {
            let files = MemoryFiles::volatile();
            files.put("folder/file", OLD);
            files.sync_all();
            let mut names = Names::new(seed);
            names.add_root(files.clone()).expect("a root");
            files.take_log();
            files.die_after(Some(steps));
            is_done = action(&mut names).is_ok();
            let ran = files.take_log().len();
            assert!(ran <= steps);
            files.die_after(None);
            drop(names);
            let mut draws = SplitMix(seed ^ ((steps as u64) << 32));
            // Besides chance: everything is lost, everything is kept.
            files.crash(|| match seed {
                0 => 0,
                1 => 1,
                _ => draws.next_u64(),
            });
            check(&files, is_done, &format!("dead after {steps} primitives, crash {seed}"));
        }
        if is_done {
            return steps;
        }
    }
    unreachable!("it ends with the first number of steps that suffices")
}

const OLD: &[u8] = b"the old file";

/// Starts again on what a crash left: it can be read, and written as if nothing had been.
fn start_again(files: &MemoryFiles, context: &str) {
    let mut names = Names::new(99);
    let root = names.add_root(files.clone()).expect("a root after a crash");
    let content = bytes(5000);
    upload(&mut names, root, offer("folder/file", &content), &content).expect(context);
    assert!(files.get("folder/file").as_deref() == Some(&content[..]), "{context}");
}

#[test]
fn a_crash_at_any_point_of_a_put_leaves_the_old_file_or_the_new_one() {
    let new = bytes(200_000);
    let points = crash_everywhere(
        |names| upload(names, towline::proto::storage::RootId(0), offer("folder/file", &new), &new),
        |files, is_acknowledged, context| {
            let found = files.get("folder/file").unwrap_or_else(|| panic!("no file: {context}"));
            assert!(found == OLD || found == new, "a mixture of {} bytes: {context}", found.len());
            assert!(!is_acknowledged || found == new, "an acknowledged file is gone: {context}");
            start_again(files, context);
        },
    );
    assert!(points > 15, "a put is more than {points} primitives");
}

#[test]
fn a_crash_at_any_point_of_a_put_into_new_folders_keeps_what_was_acknowledged() {
    let new = bytes(70_000);
    crash_everywhere(
        |names| upload(names, towline::proto::storage::RootId(0), offer("a/b/c/file", &new), &new),
        |files, is_acknowledged, context| {
            let found = files.get("a/b/c/file");
            assert!(found.is_none() || found.as_deref() == Some(&new[..]), "a mixture: {context}");
            assert!(!is_acknowledged || found.is_some(), "an acknowledged file is gone: {context}");
            assert_eq!(files.get("folder/file").as_deref(), Some(OLD), "{context}");
            start_again(files, context);
        },
    );
}

#[test]
fn a_crash_at_any_point_of_a_removal_keeps_what_was_acknowledged() {
    let remove = |names: &mut Names<MemoryFiles>| {
        let root = towline::proto::storage::RootId(0);
        names.execute(NameOp::Remove { root, path: path("folder/file"), request: RequestId(1) })
    };
    crash_everywhere(remove, |files, is_acknowledged, context| {
        let found = files.get("folder/file");
        assert!(found.is_none() || found.as_deref() == Some(OLD), "{context}");
        assert!(!is_acknowledged || found.is_none(), "a removed file is back: {context}");
        start_again(files, context);
    });
}

#[test]
fn a_crash_at_any_point_of_a_link_leaves_the_old_file_or_the_link() {
    let target = LinkTarget::new(b"../elsewhere".to_vec()).expect("a target");
    let link = MakeLink { path: path("folder/file"), target: target.clone() };
    let make = |names: &mut Names<MemoryFiles>| {
        let root = towline::proto::storage::RootId(0);
        names.execute(NameOp::MakeLink { root, link: link.clone() })
    };
    let points = crash_everywhere(make, |files, is_acknowledged, context| {
        let found = files.link_target("folder/file");
        assert!(found.is_some() || files.get("folder/file").as_deref() == Some(OLD), "{context}");
        assert!(found.is_none() || found.as_deref() == Some(target.as_bytes()), "{context}");
        assert!(!is_acknowledged || found.is_some(), "an acknowledged link is gone: {context}");
        let mut names = Names::new(99);
        let root = names.add_root(files.clone()).expect("a root after a crash");
        upload(&mut names, root, offer("folder/next", OLD), OLD).expect(context);
        names.close_root(root).expect(context);
        assert_eq!(files.paths().iter().filter(|path| path.contains(".towline")).count(), 0, "{context}");
    });
    assert!(points > 5, "a link is more than {points} primitives");
}

#[test]
fn a_crash_at_any_point_of_a_folder_keeps_what_was_acknowledged() {
    let modified = Modified { seconds: 1_500_000_000, nanoseconds: 7 };
    let make = |names: &mut Names<MemoryFiles>| {
        let root = towline::proto::storage::RootId(0);
        let folder = MakeFolder { path: path("new/er/folder"), mode: 0o500, modified: Some(modified) };
        names.execute(NameOp::MakeFolder { root, folder })
    };
    crash_everywhere(make, |files, is_acknowledged, context| {
        let found = files.look("new/er/folder").map(|status| (status.mode, status.modified));
        assert!(!is_acknowledged || found == Some((0o500, modified)), "{found:?}: {context}");
        start_again(files, context);
    });
}

/// A sync that fails has lost what it had to write, although it can still be read: the same partial is not published by a
/// second sync, which would say that all is well.
#[test]
fn what_a_failed_sync_lost_is_sent_again_or_not_acknowledged() {
    let files = MemoryFiles::volatile();
    files.put("folder/file", OLD);
    files.sync_all();
    let mut names = Names::new(1);
    let root = names.add_root(files.clone()).expect("a root");
    let new = bytes(100_000);
    let NameDone::Partial { lease, .. } = names
        .execute(NameOp::OpenPartial {
            root,
            offer: offer("folder/file", &new),
            existing: Existing::Replace,
            owner: Owner::ANYBODY,
        })
        .expect("a partial")
    else {
        panic!("another completion")
    };
    let file = names.open(lease).expect("its file").file;
    assert_eq!(file.write_at(0, &[Bytes::from(new.clone())]).map(|count| count > 0), Ok(true));
    files.fail(Primitive::Sync, 0, FileErrorKind::Other.into());
    for _ in 0..2 {
        let publish = NameOp::Publish { lease, hash: Cv([0; 32]) };
        let error = names.execute(publish).expect_err("the sync failed, and stays failed");
        assert_eq!(error.code, Code::IO);
    }
    names.execute(NameOp::Discard { lease }).expect("discarded");
    upload(&mut names, root, offer("folder/file", &new), &new).expect("sent again, it is synced");
    drop((names, file));
    files.crash(|| 0);
    assert!(files.get("folder/file").as_deref() == Some(&new[..]), "what was acknowledged is there");
}

/// The disk in memory is as strict as that: published after the second sync, the bytes would be gone.
#[test]
fn a_second_sync_says_that_all_is_well() {
    let files = MemoryFiles::volatile();
    let folder = files.root().expect("the root");
    let file = files.create_file(&folder, b"file").expect("a file");
    assert_eq!(file.write_at(0, &[Bytes::from_static(b"bytes")]), Ok(5));
    files.fail(Primitive::Sync, 0, FileErrorKind::Other.into());
    assert!(file.sync().is_err());
    assert_eq!((file.sync(), files.sync_folder(&folder)), (Ok(()), Ok(())));
    assert_eq!(files.get("file").as_deref(), Some(&b"bytes"[..]), "it can be read");
    drop(file);
    files.crash(|| 0);
    assert_eq!(files.get("file").as_deref(), Some(&b""[..]), "and was never written");
}
