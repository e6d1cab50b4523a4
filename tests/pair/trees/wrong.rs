//! Names of all kinds, sources that are not there, connections that break, and how much is held.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::Limits;
use towline::proto::client::{Command, JobError, RetryPolicy};
use towline::proto::tree_job::{Item, TreeOptions};
use towline::time::Duration;
use towline::wire::Code;

use super::*;

#[test]
fn names_are_bytes() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        // In one case and the other, in both Unicode forms of é, with a newline, a tab, an escape sequence.
        for name in ["A", "a", "\u{e9}", "e\u{301}", "x\ny", "\t", "\u{1b}[31m", "-rf", "\\", "*"] {
            source.put(&format!("tree/{name}"), name.as_bytes());
        }
        let summary = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!((summary.files, summary.failed), (10, 0));
        assert_eq!(below(&destination, "copy"), below(&source, "tree"));
        pair.close();
    }
}

#[test]
fn what_no_path_can_hold_is_told_and_the_rest_goes_on() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        let deep: Vec<String> = (0..254).map(|i| format!("{}", i % 10)).collect();
        source.put(&format!("tree/{}/file", deep.join("/")), b"as deep as may be");
        source.put("tree/near", b"near");
        // One folder deeper at the destination.
        let request = request(direction, "tree", "one/deeper", TreeOptions::default());
        let summary = run(&mut pair, request).expect("it goes on");
        assert_eq!((summary.files, summary.failed), (1, 1));
        assert!(words(&pair).iter().any(|word| word.ends_with("/file: BAD_PATH")), "{:?}", words(&pair));
        assert_eq!(destination.get("one/deeper/near").as_deref(), Some(&b"near"[..]));
        pair.close();
    }
}

#[test]
fn a_source_that_is_missing_and_one_that_is_a_file() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("file", b"content");
        let mut request = request(direction, "missing", "missing", TreeOptions::default());
        request.items.push(Item { root: Pair::ROOT, from: path("file"), to: path("folder/copy") });
        let summary = run(&mut pair, request).expect("it goes on");
        assert_eq!((summary.files, summary.failed), (1, 1));
        assert_eq!(words(&pair), [": NOT_FOUND", ": moved"]);
        assert_eq!(destination.get("folder/copy").as_deref(), Some(&b"content"[..]));
        pair.close();
    }
}

/// Many folders of many files, and a connection that breaks again and again: each file arrives once.
#[test]
fn a_tree_survives_lost_connections() {
    for direction in BOTH {
        let faults = (0..6).map(|dial| Fault::Reset(dial, Side::Server, 9_000 + 4_000 * u64::from(dial)));
        let policy = RetryPolicy { attempts: 100, ..RetryPolicy::default() };
        let faults = faults.collect();
        let mut pair = Pair::new(PairConfig { faults, policy, ..PairConfig::default() });
        let (source, destination) = ends(&pair, direction);
        for i in 0..300_usize {
            source.put(&format!("tree/{}/{}/{i}", i % 7, i % 13), &noise(i * 17));
        }
        let summary = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!((summary.files, summary.failed, summary.folders), (300, 0, 1 + 7 + 7 * 13));
        assert!(retries(&pair) > 0);
        assert_eq!(below(&destination, "copy"), below(&source, "tree"));
        for i in 0..300_usize {
            let name = format!("{}/{}/{i}", i % 7, i % 13);
            assert!(destination.get(&format!("copy/{name}")) == source.get(&format!("tree/{name}")));
        }
        pair.close();
    }
}

#[test]
fn a_server_that_is_gone_ends_the_tree_soon() {
    for direction in BOTH {
        let bytes = |dial| if dial == 0 { 5_000 } else { 100 };
        let faults = (0..99).map(|dial| Fault::Reset(dial, Side::Server, bytes(dial))).collect();
        let mut pair = pair_with(faults);
        let (source, _) = ends(&pair, direction);
        (0..700).for_each(|i| source.put(&format!("tree/{i}"), &noise(3000)));
        let error = run(&mut pair, request(direction, "tree", "copy", TreeOptions::default()));
        assert!(matches!(error, Err(JobError::Session(_))), "{error:?}");
        assert!(retries(&pair) < 256 * 5, "{}", retries(&pair));
        pair.close();
    }
}

#[test]
fn a_tree_that_is_called_off_leaves_nothing_open() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, _) = ends(&pair, direction);
        (0..500).for_each(|i| source.put(&format!("tree/{}/{i}", i % 9), &noise(50_000)));
        let job = pair.start_tree(request(direction, "tree", "copy", TreeOptions::default()));
        pair.run_until(|pair| told(pair).len() > 40);
        pair.command(Command::Cancel(job));
        pair.run_until(|pair| pair.result(job).is_some());
        assert_eq!(code(pair.result(job).expect("it is over")), Code::CANCELLED);
        pair.close();
    }
}

#[test]
fn many_small_files_go_without_a_round_trip_each() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        (0..600).for_each(|i| source.put(&format!("tree/{i:0200}"), b"small"));
        let began = pair.now();
        let summary = copy(&mut pair, direction, TreeOptions::default());
        assert_eq!((summary.files, summary.failed), (600, 0));
        // A round trip is 10 ms: one for each file would be 6 s.
        let took = pair.now().since(began);
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(destination.paths().iter().filter(|path| path.starts_with("copy/")).count(), 600);
        pair.close();
    }
}

/// Names that do not fit into memory are read in windows: nothing is forgotten, nothing is done twice, and what is held
/// stays small.
#[test]
fn a_folder_whose_names_do_not_fit_is_read_several_times() {
    for direction in BOTH {
        let limits = Limits { tree_names: 16 * 1024, ..Limits::default() };
        let mut pair = Pair::new(PairConfig { limits, ..PairConfig::default() });
        let (source, destination) = ends(&pair, direction);
        for i in 0..300 {
            source.put(&format!("tree/{:04}/file", i * 7 % 300), b"small");
            destination.put(&format!("copy/{i:04}-other"), b"to be removed");
        }
        let summary = copy(&mut pair, direction, TreeOptions { delete: true, ..TreeOptions::default() });
        assert_eq!((summary.files, summary.folders, summary.removed, summary.failed), (300, 300, 300, 0));
        assert_eq!(below(&destination, "copy"), below(&source, "tree"));
        let all = told(&pair).len();
        assert_eq!(all, 900, "each entry is told once");
        let text = pair.trace.text();
        let lists: usize =
            ["tree", "copy"].iter().map(|name| text.matches(&format!("List({name:?})")).count()).sum();
        assert!(lists > 2, "{lists}");
        pair.close();
    }
}

/// What a source loses between its listing and its sending is told, and what is made of it meanwhile is sent as it is.
#[test]
fn what_vanishes_after_it_was_listed_is_told() {
    use towline::store::FileErrorKind;
    use towline::store::memory::Primitive;
    for (kind, code) in [(FileErrorKind::NotFound, "NOT_FOUND"), (FileErrorKind::Denied, "DENIED")] {
        for direction in BOTH {
            let mut pair = pair();
            let (source, _) = ends(&pair, direction);
            (0..5).for_each(|i| source.put(&format!("tree/{i}"), &noise(100)));
            source.fail(Primitive::OpenFile, 2, kind.into());
            let summary = copy(&mut pair, direction, TreeOptions::default());
            assert_eq!((summary.files, summary.failed), (4, 1));
            assert!(words(&pair).contains(&format!("2: {code}")), "{:?}", words(&pair));
            pair.close();
        }
    }
}

/// A folder that cannot be listed is told, and nothing is removed of its counterpart.
#[test]
fn what_cannot_be_listed_is_not_mirrored() {
    use towline::store::FileErrorKind;
    use towline::store::memory::Primitive;
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/a/file", b"a");
        source.put("tree/b/file", b"b");
        destination.put("copy/a/kept", b"kept");
        source.fail(Primitive::List, 1, FileErrorKind::Denied.into());
        let summary = copy(&mut pair, direction, TreeOptions { delete: true, ..TreeOptions::default() });
        assert_eq!((summary.files, summary.failed, summary.removed), (1, 1, 0), "{:?}", words(&pair));
        assert!(destination.get("copy/a/kept").is_some());
        pair.close();
    }
}

/// However it is asked for, the destination's root is not removed for a file.
#[test]
fn a_file_does_not_stand_for_the_whole_destination() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("file", b"content");
        destination.put("kept/kept", b"kept");
        let options = TreeOptions { delete: true, ..TreeOptions::default() };
        let summary = run(&mut pair, request(direction, "file", "", options)).expect("it goes on");
        assert_eq!((summary.failed, summary.removed), (1, 0));
        assert!(destination.get("kept/kept").is_some());
        pair.close();
    }
}

/// The partial files of another root, which is within this one, are nobody's but its own.
#[test]
fn a_folder_for_partial_files_is_neither_moved_nor_removed() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/.towline/mine", b"mine");
        source.put("tree/file", b"content");
        destination.put("copy/gone/.TowLine/theirs", b"theirs");
        destination.put("copy/gone/file", b"gone");
        let summary = copy(&mut pair, direction, TreeOptions { delete: true, ..TreeOptions::default() });
        assert_eq!((summary.files, summary.left_out, summary.removed, summary.failed), (1, 1, 1, 0));
        assert!(destination.get("copy/.towline/mine").is_none());
        assert!(destination.get("copy/gone/.TowLine/theirs").is_some());
        pair.close();
    }
}

#[test]
fn folders_are_moved_only_if_that_is_asked_for() {
    for direction in BOTH {
        let mut pair = pair();
        let (source, destination) = ends(&pair, direction);
        source.put("tree/file", b"content");
        let summary = copy(&mut pair, direction, TreeOptions { recursive: false, ..TreeOptions::default() });
        assert_eq!((summary.files, summary.failed), (0, 1));
        assert_eq!(destination.tree(), Vec::<String>::new());
        pair.close();
    }
}
