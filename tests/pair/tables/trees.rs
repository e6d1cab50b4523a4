//! The tree job: its phase, its newest folder, and its newest part. Files go up, so that its source is on this side.

use towline::proto::Limits;
use towline::proto::client::JobError;
use towline::proto::machine::Input;
use towline::proto::op::{Compared, Moved, OpDone, OpError, Party};
use towline::proto::session::SessionEnd;
use towline::proto::storage::{NameDone, RootId, Stored, Ticket};
use towline::proto::tree_job::{
    Direction, Item, LinkPolicy, Order, Purpose, TreeJob, TreeOptions, TreeRequest,
};
use towline::wire::{Code, Entry, Failure, FileKind, LinkTarget, Metadata, Modified, RequestId, Resolved};

use super::{Bench, Row, Show, assert_table, row, waits};
use crate::help::{path, root};

/// Every state of a phase, a folder and a part.
const ALL: &[&str] = &[
    "New",
    "Walking",
    "Leaving",
    "Closed",
    "Making",
    "Listing",
    "Walking",
    "Settling",
    "LookSource",
    "LookDestination",
    "Resolve",
    "ReadSource",
    "ReadDestination",
    "MakeLink",
    "Move",
    "Compare",
    "Remove",
    "Make",
    "List",
    "Settle",
    "RemoveFolder",
];

fn metadata(kind: FileKind) -> Metadata {
    let length = if kind == FileKind::File { 100 } else { 0 };
    Metadata { kind, length, mode: 0o755, modified: Modified::default() }
}

fn target(to: &str) -> LinkTarget {
    LinkTarget::new(to.as_bytes().to_vec()).expect("a target")
}

/// What the newest part succeeds with.
fn success(step: &str) -> OpDone {
    match step {
        "LookSource" | "LookDestination" => OpDone::Described(metadata(FileKind::File)),
        "Resolve" => OpDone::Resolved(Resolved { identity: 9, metadata: metadata(FileKind::File) }),
        "ReadSource" | "ReadDestination" => OpDone::Target(target("there")),
        "MakeLink" | "Make" | "Settle" => OpDone::Made,
        "Move" => OpDone::Moved(Moved { length: 100, root: root(b""), blocks_refused: 0, skipped: 0 }),
        "Compare" => {
            let (root, differing) = (root(b""), Vec::new());
            OpDone::Compared(Compared { here: 100, there: 100, root, block: 65_536, differing })
        }
        "Remove" | "RemoveFolder" => OpDone::Removed,
        _ => OpDone::Listed,
    }
}

fn failure(code: Code) -> JobError {
    JobError::Operation(OpError { by: Party::Peer, failure: Failure::from(code) })
}

/// The newest part is over, if it is one of the server's.
fn over(bench: &Bench<TreeJob>, result: impl Fn(&str) -> Result<OpDone, JobError>) -> Option<Input<TreeJob>> {
    let (part, step) = bench.machine.newest_part().filter(|_| bench.open.is_empty())?;
    Some(Input::Command(Order::Over(part, result(step))))
}

fn over_row(label: &str, result: fn(&str) -> Result<OpDone, JobError>) -> Row<TreeJob> {
    Row { label: label.into(), input: Box::new(move |bench| over(bench, result)) }
}

fn of_newest(label: &str, order: fn(towline::proto::tree_job::PartId) -> Order) -> Row<TreeJob> {
    let input = move |bench: &Bench<TreeJob>| {
        let (part, _) = bench.machine.newest_part().filter(|_| bench.open.is_empty())?;
        Some(Input::Command(order(part)))
    };
    Row { label: label.into(), input: Box::new(input) }
}

fn names() -> Vec<Entry> {
    vec![Entry { name: b"file".to_vec(), metadata: metadata(FileKind::File) }]
}

fn rows() -> Vec<Row<TreeJob>> {
    let mut rows = vec![
        row("Begin", Input::Command(Order::Begin)),
        row("Cancel", Input::Command(Order::Cancel)),
        of_newest("Entries", |part| Order::Entries(part, names())),
        of_newest("Again", Order::Again),
        over_row("Over, as it should", |step| Ok(success(step))),
        over_row("Over, as another", |_| Ok(OpDone::Echoed)),
        over_row("Over, not found", |_| Err(failure(Code::NOT_FOUND))),
        over_row("Over, denied", |_| Err(failure(Code::DENIED))),
        over_row("Over, the server stops", |_| Err(failure(Code::DRAINING))),
        over_row("Over, the server is gone", |_| Err(JobError::Session(SessionEnd::Orderly))),
    ];
    rows.extend(waits());
    rows
}

/// Begun, with one source.
fn begun(options: TreeOptions) -> Bench<TreeJob> {
    let item = Item { root: RootId(0), from: path("from"), to: path("to") };
    let requests = RequestId(1);
    let request = TreeRequest { direction: Direction::Up, items: vec![item], options, requests };
    Bench::new(TreeJob::new(request, &Limits::default())).after(Input::Command(Order::Begin))
}

fn done(bench: Bench<TreeJob>, done: NameDone) -> Bench<TreeJob> {
    let ticket: Ticket = bench.open.first().expect("something is asked of the store").0;
    bench.after(Input::Stored(ticket, Stored::Name(Ok(done))))
}

fn answered(bench: Bench<TreeJob>, result: Result<OpDone, JobError>) -> Bench<TreeJob> {
    let input = over(&bench, |_| result.clone()).expect("something is asked of the server");
    bench.after(input)
}

/// A source of this kind, where such a thing stands or nothing does.
fn looked(options: TreeOptions, source: FileKind, found: Option<FileKind>) -> Bench<TreeJob> {
    let bench = done(begun(options), NameDone::Metadata(metadata(source)));
    let found = found.map(|found| OpDone::Described(metadata(found)));
    answered(bench, found.ok_or_else(|| failure(Code::NOT_FOUND)))
}

fn listed(bench: Bench<TreeJob>, entries: Vec<Entry>) -> Bench<TreeJob> {
    done(bench.stored(), NameDone::Entries { entries, last: true })
}

#[test]
fn tree_job() {
    let plain = TreeOptions::default;
    let follow = || TreeOptions { links: LinkPolicy::Follow, ..plain() };
    let delete = || TreeOptions { delete: true, ..plain() };
    let item = Item { root: RootId(0), from: path("from"), to: path("to") };
    let request =
        TreeRequest { direction: Direction::Up, items: vec![item], options: plain(), requests: RequestId(1) };
    let folder = || looked(plain(), FileKind::Folder, None);
    let listing = || answered(folder(), Ok(OpDone::Made));
    let walking = || listed(listing(), names()).stored();
    let settling = || answered(walking(), Ok(success("Move")));
    let compare = || TreeOptions { purpose: Purpose::Compare, ..plain() };
    let link = || looked(plain(), FileKind::Link, Some(FileKind::Link));
    let other_link = || done(link(), NameDone::Target(target("here")));
    let cleared = || looked(delete(), FileKind::File, Some(FileKind::Folder));
    let states = vec![
        ("nothing has begun", Bench::new(TreeJob::new(request, &Limits::default()))),
        ("the source is looked at", begun(plain())),
        (
            "the destination is looked at",
            done(begun(plain()), NameDone::Metadata(metadata(FileKind::Folder))),
        ),
        ("a new folder is made", folder()),
        ("its names are to be listed", listing()),
        ("its names are being listed", listing().stored()),
        ("its listing is closed", listed(listing(), names())),
        ("its file moves", walking()),
        ("its time is set", settling()),
        (
            "a folder that is there: both are listed",
            looked(plain(), FileKind::Folder, Some(FileKind::Folder)),
        ),
        ("a link: where it leads is read", link()),
        ("a link: where the other one leads is read", other_link()),
        ("a link is made", answered(other_link(), Ok(OpDone::Target(target("there"))))),
        ("a link that is followed", looked(follow(), FileKind::Link, None)),
        ("a link is in the way", looked(delete(), FileKind::File, Some(FileKind::Link))),
        ("a folder is in the way: it is listed", cleared()),
        ("a folder is in the way: it is removed", answered(cleared(), Ok(OpDone::Listed))),
        ("files are compared", looked(compare(), FileKind::File, Some(FileKind::File))),
        ("called off, a file moves", walking().after(Input::Command(Order::Cancel))),
        ("called off, a listing is open", listing().stored().after(Input::Command(Order::Cancel))),
        ("over", answered(settling(), Ok(OpDone::Made))),
    ];
    let state = |job: &TreeJob| {
        let part = job.newest_part().map_or("-", |(_, step)| step);
        format!("{} {} {part}", job.phase_name(), job.newest_folder().unwrap_or("-"))
    };
    let show = Show { state, sent: |never| format!("{never:?}"), all: ALL };
    assert_table("states_tree_job", states, rows(), &show);
    assert_eq!(ALL, [TreeJob::PHASES, TreeJob::PARTS[0], TreeJob::PARTS[1]].concat());
}
