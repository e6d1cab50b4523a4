//! Trees of folders, both ways: what is made, what is left alone, what is removed.

mod compared;
mod hostile;
mod wrong;

use towline::harness::Pair;
use towline::proto::client::{Event, JobError};
use towline::proto::op::OpDone;
use towline::proto::tree_job::{
    Direction, Filter, Item, LinkPolicy, Outcome, Purpose, Summary, Told, TreeOptions, TreeRequest,
};
use towline::store::memory::MemoryFiles;
use towline::wire::{Modified, RequestId};

use crate::help::*;

const THEN: Modified = Modified { seconds: -5, nanoseconds: 999_999_999 };
const BOTH: [Direction; 2] = [Direction::Up, Direction::Down];

fn request(direction: Direction, from: &str, to: &str, options: TreeOptions) -> TreeRequest {
    let item = Item { root: Pair::ROOT, from: path(from), to: path(to) };
    TreeRequest { direction, items: vec![item], options, requests: RequestId(1 << 20) }
}

/// The source's files and the destination's.
fn ends(pair: &Pair, direction: Direction) -> (MemoryFiles, MemoryFiles) {
    match direction {
        Direction::Up => (pair.local.clone(), pair.served.clone()),
        Direction::Down => (pair.served.clone(), pair.local.clone()),
    }
}

fn run(pair: &mut Pair, request: TreeRequest) -> Result<Summary, JobError> {
    let job = pair.start_tree(request);
    pair.run_until(|pair| pair.result(job).is_some());
    match pair.result(job).unwrap_or_else(|| panic!("it never ended:\n{}", pair.trace.text())) {
        Ok(OpDone::Tree(summary)) => Ok(summary),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    }
}

/// Moves the folder `tree` to `copy`.
fn copy(pair: &mut Pair, direction: Direction, options: TreeOptions) -> Summary {
    run(pair, request(direction, "tree", "copy", options)).expect("it goes on to its end")
}

fn told(pair: &Pair) -> Vec<Told> {
    let told = pair.events.iter().filter_map(|event| match event {
        Event::Tree(_, told) => Some(told.clone()),
        _ => None,
    });
    told.collect()
}

/// What became of the entries whose outcome is one of these, in words, in order of their paths.
fn words(pair: &Pair) -> Vec<String> {
    let mut words: Vec<String> = told(pair)
        .iter()
        .map(|told| {
            let what = match &told.outcome {
                Outcome::Moved { .. } => "moved".to_owned(),
                Outcome::Unchanged(_) => "unchanged".to_owned(),
                Outcome::FolderMade => "made".to_owned(),
                Outcome::LinkMade => "linked".to_owned(),
                Outcome::Excluded => "excluded".to_owned(),
                Outcome::LinkSkipped => "skipped".to_owned(),
                Outcome::Special => "special".to_owned(),
                Outcome::Reserved => "reserved".to_owned(),
                Outcome::Removed(_) => "removed".to_owned(),
                Outcome::Differs => "differs".to_owned(),
                Outcome::OnlyAtSource(_) => "only at source".to_owned(),
                Outcome::OnlyAtDestination(_) => "only at destination".to_owned(),
                Outcome::Failed(JobError::Operation(error)) => format!("{:?}", error.failure.code),
                Outcome::Failed(error) => format!("{error}"),
            };
            format!("{}: {what}", told.path.escape_ascii())
        })
        .collect();
    words.sort();
    words
}

/// The tree below a folder, without that.
fn below(files: &MemoryFiles, folder: &str) -> Vec<String> {
    let start = format!("{folder}/");
    let lines = files.tree().into_iter();
    lines.filter_map(|line| line.strip_prefix(&start).map(str::to_owned)).collect()
}

fn fill(files: &MemoryFiles) {
    files.put("tree/a", &noise(10));
    files.put("tree/empty", b"");
    files.put("tree/sub/large", &noise(3_000_000));
    files.put("tree/sub/deep/x", &noise(70_000));
    files.put_folder("tree/sub/none");
    files.put_link("tree/link", "../anywhere/\u{1b}[2J");
    files.put_link("tree/sub/loop", "..");
    files.put_other("tree/sub/pipe");
    files.set("tree/a", 0o600, THEN);
    files.set("tree/sub/deep", 0o500, Modified { seconds: 1_000_000_000, nanoseconds: 1 });
    files.set("tree/sub/none", 0o777, THEN);
    files.set("tree", 0o750, THEN);
}

#[test]
fn a_tree_is_made_with_modes_times_links_and_empty_folders() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        fill(&source);
        let summary = copy(&mut pair, direction, TreeOptions::default());
        let counts = (summary.files, summary.folders, summary.links, summary.left_out, summary.failed);
        assert_eq!(counts, (4, 4, 2, 1, 0), "{:?}", words(&pair));
        assert_eq!(summary.bytes, 10 + 3_000_000 + 70_000);
        let mut expected = source.tree();
        expected.retain(|line| !line.ends_with('?'));
        let expected: Vec<String> = expected.iter().map(|line| line.replacen("tree", "copy", 1)).collect();
        assert_eq!(destination.tree(), expected);
        assert_eq!(destination.get("copy/sub/large"), source.get("tree/sub/large"));

        // And again: nothing moves, and nothing is made.
        let before = destination.tree();
        pair.events.clear();
        let again = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!((again.files, again.folders, again.links, again.unchanged), (0, 0, 0, 6));
        assert_eq!(destination.tree(), before);
        pair.close();
    }
}

#[test]
fn what_differs_by_length_time_or_mode_moves_and_nothing_else() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        for name in ["same", "length", "time", "mode", "bytes"] {
            source.put(&format!("tree/{name}"), name.as_bytes());
            destination.put(&format!("copy/{name}"), name.as_bytes());
            source.set(&format!("tree/{name}"), 0o640, THEN);
            destination.set(&format!("copy/{name}"), 0o640, THEN);
        }
        destination.put("copy/length", b"another length");
        destination.set("copy/length", 0o640, THEN);
        destination.set("copy/time", 0o640, Modified { nanoseconds: 999_999_998, ..THEN });
        destination.set("copy/mode", 0o644, THEN);
        destination.put("copy/bytes", b"BYTES");
        destination.set("copy/bytes", 0o640, THEN);
        copy(&mut pair, direction, TreeOptions::default());
        let expected = ["bytes: unchanged", "length: moved", "mode: moved", "same: unchanged", "time: moved"];
        assert_eq!(words(&pair), expected);
        assert_eq!(destination.get("copy/bytes").as_deref(), Some(&b"BYTES"[..]));
        pair.events.clear();
        copy(&mut pair, direction, TreeOptions { checksum: true, ..TreeOptions::default() });
        assert_eq!(below(&destination, "copy"), below(&source, "tree"));
        assert_eq!(destination.get("copy/bytes").as_deref(), Some(&b"bytes"[..]));
        pair.close();
    }
}

#[test]
fn nothing_is_removed_unless_it_is_asked_for() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/kept", b"kept");
        destination.put("copy/gone", b"gone");
        destination.put("copy/folder/deep/gone", b"gone");
        destination.put_link("copy/folder/link", "../..");
        copy(&mut pair, direction, TreeOptions::default());
        assert_eq!(destination.get("copy/folder/deep/gone").as_deref(), Some(&b"gone"[..]));

        let delete = TreeOptions { delete: true, ..TreeOptions::default() };
        pair.events.clear();
        let before = destination.tree();
        let dry = copy(&mut pair, direction, TreeOptions { purpose: Purpose::DryRun, ..delete.clone() });
        let would = words(&pair);
        assert_eq!((dry.removed, destination.tree()), (5, before));
        pair.events.clear();
        let summary = copy(&mut pair, direction, delete);
        assert_eq!((summary.removed, words(&pair)), (5, would));
        assert_eq!(below(&destination, "copy"), below(&source, "tree"));
        pair.close();
    }
}

#[test]
fn a_dry_run_tells_what_would_move_and_changes_nothing() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        fill(&source);
        let dry =
            copy(&mut pair, direction, TreeOptions { purpose: Purpose::DryRun, ..TreeOptions::default() });
        let would = words(&pair);
        assert_eq!(destination.tree(), Vec::<String>::new());
        pair.events.clear();
        let summary = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!(words(&pair), would);
        assert_eq!((dry.files, dry.bytes), (summary.files, summary.bytes));
        pair.close();
    }
}

/// Where length, time and mode are the same, a dry run with checksums looks as closely as the copy would.
#[test]
fn a_dry_run_with_checksums_tells_of_files_whose_bytes_differ_and_of_no_others() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        for (name, found) in [("same", "same"), ("bytes", "BYTES")] {
            source.put(&format!("tree/{name}"), name.as_bytes());
            destination.put(&format!("copy/{name}"), found.as_bytes());
            source.set(&format!("tree/{name}"), 0o640, THEN);
            destination.set(&format!("copy/{name}"), 0o640, THEN);
        }
        let before = destination.tree();
        let checksum = TreeOptions { checksum: true, ..TreeOptions::default() };
        let dry = copy(&mut pair, direction, TreeOptions { purpose: Purpose::DryRun, ..checksum });
        assert_eq!(words(&pair), ["bytes: moved", "same: unchanged"]);
        assert_eq!((dry.files, dry.bytes, destination.tree()), (1, 5, before));
        pair.close();
    }
}

#[test]
fn what_is_in_the_way_is_told_and_is_removed_only_if_that_is_asked_for() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/file", b"file");
        source.put("tree/folder/within", b"within");
        source.put("tree/was-link", b"file");
        source.put_link("tree/link", "target");
        destination.put("copy/file/was/folder", b"");
        destination.put("copy/folder", b"was a file");
        destination.put_link("copy/was-link", "/etc/passwd");
        destination.put("copy/link/was", b"");
        let summary = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!(summary.failed, 4);
        let expected =
            ["file: NOT_A_FILE", "folder: NOT_A_FOLDER", "link: NOT_A_FILE", "was-link: NOT_A_FILE"];
        assert_eq!(words(&pair), expected);
        let summary = copy(&mut pair, direction, TreeOptions { delete: true, ..TreeOptions::default() });
        assert_eq!(summary.failed, 0);
        assert_eq!(below(&destination, "copy"), below(&source, "tree"));
        pair.close();
    }
}

#[test]
fn a_link_on_the_way_at_the_receiver_is_never_followed() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/folder/file", b"new");
        destination.put("victim/file", b"old");
        destination.put_link("copy/folder", "../victim");
        let summary = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!((summary.failed, summary.files), (1, 0));
        destination.put_link("over", "victim");
        let summary = run(&mut pair, request(direction, "tree/folder", "over/x", TreeOptions::default()));
        assert_eq!(summary.expect("it goes on").failed, 1);
        assert_eq!(destination.get("victim/file").as_deref(), Some(&b"old"[..]));
        pair.close();
    }
}

#[test]
fn links_are_kept_left_out_or_followed_and_loops_end() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/folder/file", b"content");
        source.put_link("tree/to-file", "folder/file");
        source.put_link("tree/to-folder", "folder");
        source.put_link("tree/folder/up", "..");
        source.put_link("tree/nowhere", "nothing");
        source.put_link("tree/self", "self");
        let skip = TreeOptions { links: LinkPolicy::Skip, ..TreeOptions::default() };
        let summary = copy(&mut pair, direction, skip);
        assert_eq!((summary.files, summary.left_out, summary.links, summary.failed), (1, 5, 0, 0));
        pair.events.clear();
        let follow = TreeOptions { links: LinkPolicy::Follow, ..TreeOptions::default() };
        copy(&mut pair, direction, follow);
        let failed: Vec<String> = words(&pair).into_iter().filter(|word| word.contains(": ")).collect();
        let expected = [
            "folder/file: unchanged",
            "folder/up: BAD_PATH",
            "nowhere: NOT_FOUND",
            "self: OUTSIDE",
            "to-file: moved",
            "to-folder/file: moved",
            "to-folder/up: BAD_PATH",
            "to-folder: made",
        ];
        assert_eq!(failed, expected);
        assert_eq!(destination.get("copy/to-folder/file").as_deref(), Some(&b"content"[..]));
        pair.close();
    }
}

#[test]
fn patterns_leave_out_and_keep_from_being_removed() {
    let filter =
        || Filter::new(vec!["target/".into()], |path, is_folder| is_folder && path.ends_with(b"target"));
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/target/object", b"");
        source.put("tree/a/target", b"a file of that name");
        destination.put("copy/old/target/object", b"");
        destination.put("copy/old/file", b"");
        let options = TreeOptions { filter: filter(), delete: true, ..TreeOptions::default() };
        let summary = copy(&mut pair, direction, options);
        assert_eq!((summary.excluded, summary.files, summary.removed, summary.failed), (1, 1, 1, 0));
        assert!(destination.get("copy/old/target/object").is_some());
        assert!(destination.get("copy/target/object").is_none());
        pair.close();
    }
}

#[test]
fn a_tree_has_no_more_time_than_it_is_given() {
    let limit = towline::time::Duration::from_secs(5);
    let policy = towline::proto::client::RetryPolicy { operation: Some(limit), ..Default::default() };
    for direction in BOTH {
        let store = towline::time::Duration::from_secs(1);
        let mut pair =
            Pair::new(towline::harness::PairConfig { policy: policy.clone(), store, ..Default::default() });
        let (from, to) = ends(&pair, direction);
        for name in ["tree/a", "tree/b/c", "tree/b/d/e"] {
            from.put(name, &noise(100));
        }
        assert_eq!(
            run(&mut pair, request(direction, "tree", "copy", TreeOptions::default())),
            Err(JobError::Overdue)
        );
        assert!(to.get("copy/b/d/e").is_none(), "that would have taken longer");
        pair.close();
    }
}
