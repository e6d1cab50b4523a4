//! What `put`, `get` and `verify` share where it is about more than one file: flags, what is told of each entry, and the
//! summary.

use std::time::{Duration, Instant};

use super::exit::Exit;
use super::explain::{CliError, in_short};
use super::extent::Extent;
use super::json::{self, Object};
use super::output::{self, Short, Size, escaped, rate};
use super::visit::Visit;
use crate::client::ClientError;
use crate::net::diagnose::Diagnosis;
use crate::proto::client::JobError;
use crate::proto::op::{OpError, Party};
use crate::proto::tree_job::{Direction, Outcome, Purpose, Summary, Told, TreeOptions};
use crate::wire::{Code, FileKind, Start};

/// Failures that the summary names; more are counted.
const NAMED_MAX: usize = 10;

/// Flags about trees that are moved.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Tree {
    #[command(flatten)]
    pub(super) extent: Extent,

    /// Remove what stands at the destination and not in the source, and what is in the way; what a pattern leaves out stays
    #[arg(long, requires = "recursive")]
    delete: bool,

    /// Say what would move or go, and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Compare the bytes of files whose length, time and mode are the same, too
    #[arg(long)]
    checksum: bool,
}

impl Tree {
    /// True if this is more than one plain file, which has a line of its own.
    pub(super) fn is_needed(&self, sources: usize) -> bool {
        self.extent.recursive || sources > 1 || self.dry_run || self.checksum
    }

    pub(super) fn options(&self, start: Start) -> Result<TreeOptions, CliError> {
        let Tree { delete, dry_run, checksum, .. } = *self;
        let purpose = if dry_run { Purpose::DryRun } else { Purpose::Copy };
        Ok(TreeOptions { purpose, delete, checksum, start, ..self.extent.options()? })
    }
}

/// Refuses two sources for one place: which of them would stand there in the end is anybody's guess.
pub(super) fn refuse_same_place<T: PartialEq>(tried: &str, places: &[T]) -> Result<(), CliError> {
    let is_twice = places.iter().enumerate().any(|(at, place)| places[..at].contains(place));
    if !is_twice {
        return Ok(());
    }
    let next = "send them one after another, or to different folders";
    Err(CliError::usage(tried, "two of the sources would stand at the same place", "", next))
}

/// How an entry is told of.
pub(super) enum Line {
    /// It went wrong, or is left out: always.
    Wrong(String),
    /// A person asked to know more.
    Detail(String),
    /// What a dry run is for, or an object for a program.
    Result(String),
}

/// What one tree is called, on a line of its own or before what is in it.
pub(super) struct Names {
    pub(super) source: String,
    pub(super) destination: String,
}

impl Names {
    /// Where both are told of by one name.
    pub(super) fn one(name: String) -> Names {
        Names { source: name.clone(), destination: name }
    }
}

/// Tells of the entries of a tree.
pub(super) struct Teller {
    direction: Direction,
    purpose: Purpose,
    names: Vec<Names>,
    /// For a program.
    is_json: bool,
}

impl Teller {
    /// The entry as an object, where those are asked for.
    pub(super) fn object(&self, told: &Told) -> Option<Object> {
        let item = self.item(told);
        let between = if told.path.is_empty() || item.ends_with('/') { "" } else { "/" };
        let path = [item.as_bytes(), between.as_bytes(), &told.path].concat();
        self.is_json.then(|| json::told(&path, &told.outcome, self.direction, self.purpose))
    }

    /// What goes at the destination is told of by its name there.
    fn item(&self, told: &Told) -> &str {
        let Some(names) = self.names.get(told.item as usize) else { return "" };
        match told.outcome {
            Outcome::Removed(_) => &names.destination,
            _ => &names.source,
        }
    }

    /// A single source that failed is told of by the error that the command ends with.
    pub(super) fn is_told_at_the_end(&self, told: &Told) -> bool {
        matches!(told.outcome, Outcome::Failed(_)) && told.path.is_empty() && self.names.len() == 1
    }

    /// The line for an entry.
    pub(super) fn line(&self, told: &Told) -> Line {
        let item = self.item(told);
        let name = match (told.path.is_empty(), item.ends_with('/')) {
            (true, _) => item.to_owned(),
            (false, true) => format!("{item}{}", escaped(&told.path)),
            (false, false) => format!("{item}/{}", escaped(&told.path)),
        };
        let moves = if self.direction == Direction::Up { "send" } else { "receive" };
        let moved = if self.direction == Direction::Up { "sent" } else { "received" };
        let done = |would: &str, is: &str, end: &str| match self.purpose == Purpose::DryRun {
            true => Line::Result(format!("would {would} {name}{end}")),
            false => Line::Detail(format!("{is} {name}{end}")),
        };
        match &told.outcome {
            Outcome::Moved { .. } => done(moves, moved, ""),
            Outcome::FolderMade => done("make", "made", "/"),
            Outcome::LinkMade => done("make", "made", " (a symbolic link)"),
            Outcome::Removed(FileKind::Folder) => done("remove", "removed", "/"),
            Outcome::Removed(_) => done("remove", "removed", ""),
            Outcome::Unchanged(_) => Line::Detail(format!("unchanged {name}")),
            Outcome::Excluded => Line::Detail(format!("left out {name}: a pattern excludes it")),
            Outcome::LinkSkipped => Line::Wrong(format!("left out {name}: it is a symbolic link")),
            Outcome::Special => Line::Wrong(format!("left out {name}: it is a device, socket or pipe")),
            Outcome::Reserved => Line::Wrong(format!("left out {name}: the name is for partial files")),
            Outcome::Differs => Line::Result(format!("differs {name}")),
            Outcome::OnlyAtSource(kind) => Line::Result(format!("only here {name}{}", end_of(*kind))),
            Outcome::OnlyAtDestination(kind) => Line::Result(format!("only there {name}{}", end_of(*kind))),
            Outcome::Failed(error) => Line::Wrong(format!("failed {name}: {}", because(error))),
        }
    }
}

fn end_of(kind: FileKind) -> &'static str {
    if kind == FileKind::Folder { "/" } else { "" }
}

fn because(error: &JobError) -> String {
    match error {
        JobError::Operation(OpError { by: Party::Peer, .. }) => {
            format!("the server says: {}", in_short(error))
        }
        error => in_short(error),
    }
}

/// Failures, as many as the summary names.
#[derive(Default)]
pub(super) struct Failures {
    named: Vec<String>,
    /// The last one, which is the only one where there is one.
    last: Option<(bool, JobError)>,
}

impl Failures {
    pub(super) fn note(&mut self, told: &Told, line: &str) {
        if let Outcome::Failed(error) = &told.outcome {
            if self.named.len() < NAMED_MAX {
                self.named.push(line.strip_prefix("failed ").unwrap_or(line).to_owned());
            }
            self.last = Some((told.path.is_empty(), error.clone()));
        }
    }
}

/// Moves or compares trees with `work`, and tells how it went. `names` are those of the sources.
pub(super) async fn moving(
    visit: &Visit,
    tried: String,
    direction: Direction,
    purpose: Purpose,
    names: Vec<Names>,
    work: impl Future<Output = Result<Summary, ClientError>>,
) -> Result<(), CliError> {
    let sources = names.len();
    let is_json = visit.is_json;
    visit.screen.tell_trees(Teller { direction, purpose, names, is_json });
    let began = Instant::now();
    let summary = work.await.map_err(visit.explain(tried.clone()))?;
    let failures = visit.screen.failures();
    let is_alone = sources == 1 && summary.failed == 1;
    if let Some((true, error)) = failures.last.clone().filter(|_| is_alone) {
        let is_in_the_way = matches!(&error, JobError::Operation(OpError { by: Party::Us, failure }) if failure.code == Code::NOT_A_FILE);
        let told = visit.explain(tried)(ClientError::Job(error));
        return Err(match is_in_the_way && direction == Direction::Up {
            true => told.with_next("to put it below what stands there, end the destination with '/'; -r with --delete replaces that"),
            false => told,
        });
    }
    visit.screen.note(&summary_line(&summary, direction, purpose, began.elapsed()));
    if is_json {
        let object = if purpose == Purpose::Compare { json::comparison } else { json::tree };
        object(&summary, visit.client.traffic(), began.elapsed()).print()?;
    }
    if summary.failed == 0 {
        return if summary.is_equal() { Ok(()) } else { Err(CliError::Complained(Exit::Differs)) };
    }
    let mut said = failures.named.join("; ");
    let more = summary.failed - failures.named.len() as u64;
    if more > 0 {
        said = format!("{said}; and {more} more");
    }
    let diagnosis = Diagnosis {
        tried: format!("{tried} whole: {} failed", count(summary.failed, "entry", "entries")),
        said,
        why: "each has its own reason; all the others are done".into(),
        next: format!("{} when that is mended: what is done is not done again", visit.again()),
        code: None,
    };
    Err(CliError::Told(Exit::Partial, Box::new(diagnosis)))
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn summary_line(summary: &Summary, direction: Direction, purpose: Purpose, took: Duration) -> String {
    let files = count(summary.files, "file", "files");
    let begin = match (purpose, direction) {
        (Purpose::Compare, _) if summary.is_equal() => format!("equal in {}", Short(took)),
        (Purpose::Compare, _) => format!("not equal: seen in {}", Short(took)),
        (Purpose::DryRun, Direction::Up) => format!("would send {files} ({})", Size(summary.bytes)),
        (Purpose::DryRun, Direction::Down) => format!("would receive {files} ({})", Size(summary.bytes)),
        (Purpose::Copy, Direction::Up) => format!("sent {files}, {}", travelled(summary, took)),
        (Purpose::Copy, Direction::Down) => format!("received {files}, {}", travelled(summary, took)),
    };
    let was_there = match summary.bytes_skipped {
        0 => None,
        bytes => Some(format!("{} of {} were there already", Size(bytes), Size(summary.bytes))),
    };
    let same = if purpose == Purpose::Compare { "the same" } else { "unchanged" };
    let unchanged = format!("{} {same} ({})", summary.unchanged, Size(summary.unchanged_bytes));
    let damaged = format!("{} blocks sent again, since they arrived damaged", summary.blocks_refused);
    let parts = [
        (summary.unchanged, unchanged),
        (summary.folders, format!("{} made", count(summary.folders, "folder", "folders"))),
        (summary.links, format!("{} made", count(summary.links, "link", "links"))),
        (summary.removed, format!("{} removed", summary.removed)),
        (summary.excluded, format!("{} excluded", summary.excluded)),
        (summary.left_out, format!("{} left out", summary.left_out)),
        (summary.blocks_refused, damaged),
        (summary.differing, format!("{} differ", summary.differing)),
        (summary.only_at_source, format!("{} only here", summary.only_at_source)),
        (summary.only_at_destination, format!("{} only there", summary.only_at_destination)),
        (summary.failed, format!("{} failed", summary.failed)),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, words)| words);
    std::iter::once(begin).chain(was_there).chain(parts).collect::<Vec<_>>().join("; ")
}

fn travelled(summary: &Summary, took: Duration) -> String {
    rate(summary.bytes.saturating_sub(summary.bytes_skipped), took)
}

/// Prints what a dry run found; a reader that has read enough is not told more.
pub(super) fn print(line: &str) {
    // The end of the command tells of output that is closed; the tree goes on to its summary.
    let _ = output::print(line);
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        tree: Tree,
    }

    #[test]
    fn what_makes_no_sense_without_r_is_refused() {
        for args in [["x", "--delete"], ["x", "--links=skip"]] {
            assert!(Whole::try_parse_from(args).is_err(), "{args:?}");
        }
        let bad = Whole::try_parse_from(["x", "-r", "--exclude", "a[", "--exclude", "[z-a]"]).unwrap();
        assert!(matches!(bad.tree.options(Start::Resume), Err(CliError::Told(Exit::Usage, _))));
    }

    #[test]
    fn a_summary_says_what_there_is_and_no_more() {
        let none = Summary::default();
        let line = summary_line(&none, Direction::Up, Purpose::Copy, Duration::from_secs(1));
        assert_eq!(line, "sent 0 files, 0 bytes in 1.00 s");
        let same = Summary { unchanged: 2, unchanged_bytes: 3, ..none.clone() };
        let line = |summary: &Summary| {
            summary_line(summary, Direction::Up, Purpose::Compare, Duration::from_secs(1))
        };
        assert_eq!(line(&same), "equal in 1.00 s; 2 the same (3 bytes)");
        let other = Summary { differing: 1, only_at_source: 2, only_at_destination: 3, ..same };
        let expected = "not equal: seen in 1.00 s; 2 the same (3 bytes); 1 differ; 2 only here; 3 only there";
        assert_eq!(line(&other), expected);
        let some =
            Summary { files: 1, bytes: 2048, bytes_skipped: 1024, removed: 2, failed: 1, folders: 1, ..none };
        let line = summary_line(&some, Direction::Down, Purpose::Copy, Duration::from_secs(1));
        let expected = "received 1 file, 1.0 KiB in 1.00 s (1.0 KiB/s); 1.0 KiB of 2.0 KiB were there already; \
                        1 folder made; 2 removed; 1 failed";
        assert_eq!(line, expected);
        let line = summary_line(&some, Direction::Up, Purpose::DryRun, Duration::from_secs(1));
        assert!(line.starts_with("would send 1 file (2.0 KiB); "), "{line}");
    }
}
