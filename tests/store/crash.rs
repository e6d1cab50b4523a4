//! Power fails between any two primitives, and each change that was not synced is kept or lost by itself: what is there
//! afterwards is the old file or the new one, and whatever was acknowledged is there.

use towline::proto::backoff::SplitMix;
use towline::proto::storage::NameOp;
use towline::store::Names;
use towline::store::memory::MemoryFiles;
use towline::wire::RequestId;

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
