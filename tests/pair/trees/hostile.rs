//! A server that says what cannot be so: listings without an end, names that are kept or lead elsewhere, folders without a
//! bottom, lengths that are lies. The tree's machine is asked alone, and every answer of the server's is made up here.

use std::collections::VecDeque;

use towline::harness::{Checked, MemoryStreams, carry_out};
use towline::proto::Limits;
use towline::proto::machine::{Effect, Input, Out};
use towline::proto::op::{OpError, Party, Question};
use towline::proto::session::Request;
use towline::proto::tree_job::{Order, PartId, Purpose, TreeJob, Wish};
use towline::store::Names;
use towline::time::Time;
use towline::wire::{Code, Entry, Failure, FileKind, Metadata, RelPath};

use super::*;

/// How a server lists a folder: the page of this number; `None`, once that was the last one.
type Listing<'a> = &'a dyn Fn(&RelPath, u64) -> Option<Vec<Entry>>;

/// What came of a tree that such a server serves.
struct Ended {
    result: Result<Summary, JobError>,
    told: Vec<Told>,
    /// Pages that were asked for.
    pages: u64,
    /// Most bytes that the machine held.
    held: usize,
    local: MemoryFiles,
}

impl Ended {
    fn codes(&self) -> Vec<Code> {
        let failed = self.told.iter().filter_map(|told| match &told.outcome {
            Outcome::Failed(JobError::Operation(error)) => Some(error.failure.code),
            _ => None,
        });
        failed.collect()
    }

    /// All that stands here.
    fn folders(&self) -> Vec<String> {
        let names = self.local.tree().into_iter();
        names.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
    }

    fn count(&self, is_it: impl Fn(&Outcome) -> bool) -> usize {
        self.told.iter().filter(|told| is_it(&told.outcome)).count()
    }
}

fn entry(name: &[u8], kind: FileKind, length: u64) -> Entry {
    Entry { name: name.to_vec(), metadata: Metadata { kind, length, mode: 0o755, modified: THEN } }
}

fn folder() -> Metadata {
    entry(b"any", FileKind::Folder, 0).metadata
}

fn failed(code: Code) -> JobError {
    JobError::Operation(OpError { by: Party::Peer, failure: Failure::from(code) })
}

/// A tree is received from a server that lists like this, says that all is a folder that it is asked about, and has no file.
fn receive(limits: &Limits, options: TreeOptions, listing: Listing<'_>) -> Ended {
    let local = MemoryFiles::new();
    let (mut names, mut streams) = (Names::new(1), MemoryStreams::new());
    names.add_root(local.clone()).expect("memory can be read");
    let request = request(Direction::Down, "tree", "copy", options);
    let (mut tree, born) = Checked::new(Time::ZERO, TreeJob::new(request, limits), Out::new());
    let mut effects: VecDeque<Effect<TreeJob>> = born.into();
    let (mut told, mut pages) = (Vec::new(), 0);
    // Listings that go on, each with its number of pages so far.
    let mut lists: VecDeque<(PartId, RelPath, u64)> = VecDeque::new();
    let mut inputs = VecDeque::from([Input::Command(Order::Begin)]);
    loop {
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Store(ticket, op) => {
                    inputs.push_back(Input::Stored(ticket, carry_out(&mut names, &mut streams, op)));
                }
                Effect::Event(Wish::Tell(it)) => told.push(it),
                Effect::Event(Wish::Start(part, Request::Ask(Question::List(path)))) => {
                    lists.push_back((part, path, 0));
                }
                Effect::Event(Wish::Start(part, Request::Ask(Question::Stat(_)))) => {
                    inputs.push_back(Input::Command(Order::Over(part, Ok(OpDone::Described(folder())))));
                }
                Effect::Event(Wish::Start(part, _)) => {
                    inputs.push_back(Input::Command(Order::Over(part, Err(failed(Code::CHANGED)))));
                }
                Effect::Event(Wish::Cancel(part)) => {
                    lists.retain(|(list, ..)| *list != part);
                    inputs.push_back(Input::Command(Order::Over(part, Err(failed(Code::CANCELLED)))));
                }
                Effect::Close(result) => {
                    return Ended { result, told, pages, held: tree.footprint_peak(), local };
                }
                other => panic!("{other:?}"),
            }
        }
        let input = inputs.pop_front().or_else(|| {
            let (part, path, page) = lists.pop_front()?;
            pages += 1;
            assert!(pages < 100_000, "nobody asks so often");
            let Some(entries) = listing(&path, page) else {
                return Some(Input::Command(Order::Over(part, Ok(OpDone::Listed))));
            };
            lists.push_back((part, path, page + 1));
            Some(Input::Command(Order::Entries(part, entries)))
        });
        effects.extend(tree.step(Time::ZERO, input.expect("it waits for nothing, and has not ended")));
    }
}

fn limits() -> Limits {
    Limits { listing_max: 5_000, tree_names: 64 * 1024, ..Limits::default() }
}

#[test]
fn a_listing_without_an_end_fails_and_is_not_held() {
    let fresh = |_: &RelPath, page: u64| {
        let name = |at: u64| format!("{:016x}", (page * 100 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Some((0..100).map(|at| entry(name(at).as_bytes(), FileKind::File, 5)).collect())
    };
    let same = |_: &RelPath, _: u64| Some(vec![entry(b"again", FileKind::File, 5); 100]);
    for listing in [&fresh as Listing<'_>, &same] {
        let ended = receive(&limits(), TreeOptions::default(), listing);
        let summary = ended.result.as_ref().expect("the rest of a tree could go on");
        assert_eq!((summary.failed, summary.files), (1, 0), "{:?}", ended.told);
        assert_eq!(ended.codes(), [Code::TOO_LONG]);
        assert_eq!(ended.pages, 51, "it is called off when it has become too long");
        assert!(ended.held < 256 * 1024, "{} bytes", ended.held);
        assert_eq!(ended.local.paths(), Vec::<String>::new());
    }
}

#[test]
fn a_tree_without_an_end_ends() {
    let names: Vec<Vec<u8>> = (0..50).map(|at| format!("{at:03}").into_bytes()).collect();
    let listing = |_: &RelPath, page: u64| {
        (page == 0).then(|| names.iter().map(|name| entry(name, FileKind::Folder, 0)).collect())
    };
    let limits = Limits { tree_max: 2_000, ..limits() };
    let ended = receive(&limits, TreeOptions::default(), &listing);
    assert_eq!(code(ended.result), Code::TOO_LONG);
    assert!(ended.held < 1024 * 1024, "{} bytes", ended.held);
}

#[test]
fn folders_without_a_bottom_end_where_paths_do() {
    for name in [&b"d"[..], &[b'd'; 255]] {
        let listing = |_: &RelPath, page: u64| (page == 0).then(|| vec![entry(name, FileKind::Folder, 0)]);
        let ended = receive(&limits(), TreeOptions::default(), &listing);
        let summary = ended.result.as_ref().expect("it goes on to its end");
        assert_eq!(summary.failed, 1);
        assert_eq!(ended.codes(), [Code::BAD_PATH]);
        assert!(summary.folders <= 256, "{}", summary.folders);
        assert!(ended.held < 1024 * 1024, "{} bytes", ended.held);
    }
}

/// Such names do not come over the wire (see `bad_input`); the machine does not rely on that.
#[test]
fn names_that_lead_elsewhere_are_told_and_not_followed() {
    let long = [b'n'; 256];
    let names: [&[u8]; 7] = [b"..", b".", b"", b"a/b", b"/etc", b"a\0b", &long];
    let listing = |_: &RelPath, page: u64| {
        let kinds = [FileKind::File, FileKind::Folder, FileKind::Link];
        let entries = |kind| names.iter().map(move |name| entry(name, kind, 0));
        kinds.get(page as usize).map(|kind| entries(*kind).collect())
    };
    let ended = receive(&limits(), TreeOptions::default(), &listing);
    // Of two that are called the same, the later one is meant.
    assert_eq!(ended.codes(), [Code::BAD_PATH; 7]);
    assert_eq!(ended.folders(), ["copy/"]);
}

#[test]
fn names_that_are_kept_are_left_out_and_doubled_ones_are_one() {
    let listing = |path: &RelPath, page: u64| {
        let entries = vec![
            entry(b".towline", FileKind::Folder, 0),
            entry(b".TOWLINE", FileKind::File, 0),
            entry(b"twice", FileKind::File, 5),
            entry(b"twice", FileKind::Folder, 0),
            entry(b"device", FileKind::Other, 0),
        ];
        (page == 0 && *path == crate::help::path("tree")).then_some(entries)
    };
    let ended = receive(&limits(), TreeOptions::default(), &listing);
    assert_eq!(ended.count(|outcome| *outcome == Outcome::Reserved), 2);
    assert_eq!(ended.count(|outcome| *outcome == Outcome::Special), 1);
    assert_eq!(ended.folders(), ["copy/", "copy/twice/"], "{:?}", ended.told);
}

/// No sum of what a server says overflows.
#[test]
fn lengths_that_are_lies_add_up() {
    for purpose in [Purpose::Copy, Purpose::DryRun, Purpose::Compare] {
        let listing = |_: &RelPath, page: u64| {
            let name = |at: u8| entry(&[b'a' + at], FileKind::File, u64::MAX);
            (page == 0).then(|| (0..20).map(name).collect())
        };
        let ended = receive(&limits(), TreeOptions { purpose, ..TreeOptions::default() }, &listing);
        let summary = ended.result.as_ref().expect("it goes on to its end");
        let (files, bytes, failed) = match purpose {
            Purpose::Copy => (0, 0, 20),
            Purpose::DryRun => (20, u64::MAX, 0),
            Purpose::Compare => (0, 0, 0),
        };
        assert_eq!(
            (summary.files, summary.bytes, summary.failed),
            (files, bytes, failed),
            "{:?}",
            ended.told
        );
    }
}
