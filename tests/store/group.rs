//! Publications in groups: over a loss of power between any two primitives, and where syncs fail. Small files in one go.

use std::collections::VecDeque;

use towline::proto::backoff::SplitMix;
use towline::proto::storage::{Existing, FileDone, FileOp, Lease, RootId, StoreError};
use towline::store::memory::{MemoryFiles, Primitive};
use towline::store::{FileErrorKind, Names, Publication};
use towline::wire::{Code, Cv, Offer, Rope};

use crate::help::*;
use crate::memory::Memory;

const ROOT: RootId = RootId(0);
const OLD: &[u8] = b"the old file";

type Store = Names<MemoryFiles>;

/// Names and contents: some in one folder, some in new ones, one over an old version.
fn files_of_a_group(count: usize) -> Vec<(String, Vec<u8>)> {
    let name = |i: usize| match i % 3 {
        0 => format!("folder/{i}"),
        1 => format!("new/{i}/file"),
        _ => format!("new/{i}"),
    };
    let mut files: Vec<_> = (0..count).map(|i| (name(i), bytes(1000 * i))).collect();
    files[0].0 = "folder/file".into();
    files
}

fn stage(names: &mut Store, offer: Offer, content: &[u8]) -> Result<Publication, StoreError> {
    let data = if content.is_empty() { Rope::new() } else { rope(content) };
    match names.execute_file(FileOp::Stage {
        root: ROOT,
        offer: Box::new(offer),
        data,
        existing: Existing::Replace,
    })? {
        FileDone::Staged { lease, cvs } => {
            let hash = cvs.first().copied().unwrap_or(Cv(blake3::hash(b"").into()));
            assert_eq!(hash, Cv(blake3::hash(content).into()), "a file of one block is hashed as a whole");
            Ok(Publication { lease, hash })
        }
        other => panic!("{other:?}"),
    }
}

/// Stages all, and publishes them together; which of them were acknowledged.
fn publish_all(names: &mut Store, files: &[(String, Vec<u8>)]) -> Vec<bool> {
    let mut waiting = VecDeque::new();
    for (i, (name, content)) in files.iter().enumerate() {
        match stage(names, attempt(7 + i as u128, 1, offer(name, content)), content) {
            Ok(publication) => waiting.push_back(publication),
            Err(_) => return vec![false; files.len()],
        }
    }
    let mut ends = Vec::new();
    while !waiting.is_empty() {
        ends.extend(names.publish_group(&mut waiting).into_iter().map(|end| end.is_ok()));
    }
    ends
}

fn begin() -> (MemoryFiles, Store) {
    begin_on(MemoryFiles::volatile())
}

fn begin_on(files: MemoryFiles) -> (MemoryFiles, Store) {
    files.put("folder/file", OLD);
    files.sync_all();
    let mut names = Names::new(1);
    names.add_root(files.clone()).expect("a root");
    files.take_log();
    (files, names)
}

#[test]
fn a_crash_at_any_point_of_a_group_keeps_what_was_acknowledged_and_mixes_nothing() {
    for (count, all_named) in [(2, false), (6, false), (2, true), (6, true)] {
        let group = files_of_a_group(count);
        let mut points = 0;
        for steps in 0.. {
            let mut all = false;
            for seed in 0..16 {
                let files = MemoryFiles::volatile();
                let (files, mut names) = begin_on(if all_named { files.all_named() } else { files });
                files.die_after(Some(steps));
                let acknowledged = publish_all(&mut names, &group);
                all = acknowledged.iter().all(|is| *is);
                files.die_after(None);
                drop(names);
                let mut draws = SplitMix(seed ^ ((steps as u64) << 32));
                files.crash(|| match seed {
                    0 => 0,
                    1 => 1,
                    _ => draws.next_u64(),
                });
                let context =
                    format!("{count} files, {all_named}, dead after {steps} primitives, crash {seed}");
                let mut names = Names::new(99);
                names.add_root(files.clone()).expect("a root after a crash");
                for ((name, content), is_acknowledged) in group.iter().zip(&acknowledged) {
                    let found = files.get(name);
                    let is_new = found.as_ref() == Some(content);
                    let is_old =
                        if name == "folder/file" { found.as_deref() == Some(OLD) } else { found.is_none() };
                    assert!(is_new || is_old, "{name}: a mixture, {context}");
                    assert!(is_new || !is_acknowledged, "{name}: acknowledged and gone, {context}");
                }
                // Each is tried again: what happened before is not done twice, and all is there in the end.
                assert_eq!(publish_all(&mut names, &group), vec![true; count], "{context}");
            }
            if all {
                points = steps;
                break;
            }
        }
        assert!(points > 12 * count, "a group of {count} is more than {points} primitives");
    }
}

#[test]
fn a_group_costs_two_syncs() {
    let (files, mut names) = begin();
    assert_eq!(publish_all(&mut names, &files_of_a_group(20)), [true; 20]);
    let log = files.take_log();
    let count = |primitive| log.iter().filter(|step| step.primitive == primitive).count();
    // One for each, and two more where an old file is replaced.
    assert_eq!(count(Primitive::Rename), 22);
    assert_eq!(count(Primitive::SyncFileSystem), 2);
    assert_eq!(count(Primitive::Sync), 0);
    // The log's own name, once.
    assert_eq!(count(Primitive::SyncFolder), 2);
    assert_eq!(files.pending(), 1, "what came of each is logged in one write, which waits for the next sync");
}

/// What was to become durable is lost although it can be read: nobody publishes it any more, nor what was received
/// beside it, of which nothing was told.
#[test]
fn a_group_whose_sync_fails_publishes_nothing_and_trusts_nothing() {
    for failing in [0, 1] {
        let (files, mut names) = begin();
        let group = files_of_a_group(6);
        let beside = stage(&mut names, offer("beside", b"beside"), b"beside").expect("staged");
        files.fail(Primitive::SyncFileSystem, failing, FileErrorKind::Other.into());
        assert_eq!(publish_all(&mut names, &group), [false; 6]);
        let error = names.publish_group(&mut VecDeque::from([beside])).remove(0).expect_err("it may be lost");
        assert_eq!(error.code, Code::IO);
        let leases: Vec<Lease> = names.leases().collect();
        leases.into_iter().for_each(|lease| names.abandon(lease));
        assert_eq!(publish_all(&mut names, &group), [true; 6], "sent again");
        drop(names);
        files.crash(|| 0);
        for (name, content) in group {
            assert_eq!(files.get(&name), Some(content), "{name}");
        }
    }
}

#[test]
fn one_that_fails_leaves_the_others() {
    let (files, mut names) = begin();
    let mut waiting = VecDeque::new();
    for (name, content) in files_of_a_group(6) {
        waiting.push_back(stage(&mut names, offer(&name, &content), &content).expect("staged"));
    }
    files.put("folder/3/below", b"");
    let ends: Vec<bool> = names.publish_group(&mut waiting).iter().map(Result::is_ok).collect();
    assert_eq!(ends, [true, true, true, false, true, true], "a folder stands there");
    files.fail(Primitive::Rename, 2, FileErrorKind::Denied.into());
    let group: Vec<_> = (0..6).map(|i| (format!("more/{i}"), bytes(i))).collect();
    assert_eq!(publish_all(&mut names, &group), [true, true, false, true, true, true]);
    assert_eq!(files.get("more/2"), None);
}

/// A crash decides by what stands at a path, for one publication at a time.
#[test]
fn no_path_and_no_request_comes_twice_in_a_group() {
    let (files, mut names) = begin();
    let contents = [bytes(100), bytes(200), bytes(300)];
    let mut waiting = VecDeque::new();
    for (i, content) in contents.iter().enumerate() {
        waiting.push_back(
            stage(&mut names, attempt(7 + i as u128, 1, offer("same", content)), content).unwrap(),
        );
    }
    let again = attempt(9, 1, offer("same", &contents[2]));
    waiting.push_back(stage(&mut names, again, &contents[2]).unwrap());
    for left in [3, 2, 1, 0] {
        let ends = names.publish_group(&mut waiting);
        assert_eq!((ends.len(), waiting.len()), (1, left));
        assert!(ends[0].is_ok());
    }
    assert_eq!(files.get("same").as_ref(), Some(&contents[2]), "the last one wins");
    assert_eq!(towline::harness::partials(&files), Vec::<String>::new(), "what was remembered left nothing");
}

#[test]
fn a_small_file_is_loaded_at_once_and_a_longer_one_stays_open() {
    let world = Memory::default();
    world.put("empty", b"");
    world.put("small", &bytes(65_536));
    world.put("longer", &bytes(65_537));
    let (mut names, root) = store(&world, 1);
    let mut load = |name: &str| names.execute_file(FileOp::Load { root, path: path(name) });
    let Ok(FileDone::Loaded { metadata, data, cvs, version }) = load("small") else { panic!("it is small") };
    assert_eq!((metadata.length, &data[..]), (65_536, &bytes(65_536)[..]));
    assert_eq!(cvs, [Cv(blake3::hash(&data).into())]);
    assert_ne!(version, 0);
    let Ok(FileDone::Loaded { data, cvs, .. }) = load("empty") else { panic!("it is empty") };
    assert!(data.is_empty() && cvs.is_empty());
    let Ok(FileDone::Source { lease, metadata, .. }) = load("longer") else { panic!("it is longer") };
    assert_eq!(metadata.length, 65_537);
    assert_eq!(load("missing").expect_err("missing").code, Code::NOT_FOUND);
    assert_eq!(names.leases().collect::<Vec<_>>(), [lease]);
}

#[test]
fn what_cannot_be_staged_leaves_nothing() {
    let (files, mut names) = begin();
    files.fail(Primitive::WriteAt, 0, FileErrorKind::NoSpace.into());
    let error = stage(&mut names, offer("new", b"content"), b"content").expect_err("the disk is full");
    assert_eq!(error.code, Code::NO_SPACE);
    let short = FileOp::Stage {
        root: ROOT,
        offer: Box::new(offer("new", b"content")),
        data: rope(b"cont"),
        existing: Existing::Replace,
    };
    assert_eq!(names.execute_file(short).expect_err("not all of it").code, Code::IO);
    assert_eq!(names.leases().count(), 0);
    assert_eq!(towline::harness::partials(&files), Vec::<String>::new());
}
