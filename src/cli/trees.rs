//! What `put` and `get` share where more than one file moves: flags, what is told of each entry, and the summary.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::{ArgAction, ArgMatches, FromArgMatches};
use ignore::gitignore::GitignoreBuilder;

use super::exit::Exit;
use super::explain::{CliError, in_short};
use super::json::{self, Object};
use super::output::{self, Size, escaped, rate};
use super::visit::Visit;
use crate::client::ClientError;
use crate::net::diagnose::Diagnosis;
use crate::proto::client::JobError;
use crate::proto::op::{OpError, Party};
use crate::proto::tree_job::{Direction, Filter, LinkPolicy, Outcome, Summary, Told, TreeOptions};
use crate::wire::{FileKind, Start};

/// Failures that the summary names; more are counted.
const NAMED_MAX: usize = 10;

/// Flags about trees.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Tree {
    /// Folders, too, with all that is in them
    #[arg(short, long)]
    pub(super) recursive: bool,

    /// Symbolic links in the source: make the same ones, send what they lead to, or leave them out
    #[arg(long, value_enum, default_value = "keep", requires = "recursive")]
    links: Links,

    #[command(flatten)]
    patterns: Patterns,

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Links {
    Keep,
    Follow,
    Skip,
}

impl Tree {
    /// True if this is more than one plain file, which has a line of its own.
    pub(super) fn is_needed(&self, sources: usize) -> bool {
        self.recursive || sources > 1 || self.dry_run || self.checksum
    }

    pub(super) fn options(&self, start: Start) -> Result<TreeOptions, CliError> {
        let links = match self.links {
            Links::Keep => LinkPolicy::Keep,
            Links::Follow => LinkPolicy::Follow,
            Links::Skip => LinkPolicy::Skip,
        };
        let Tree { recursive, delete, dry_run, checksum, .. } = *self;
        Ok(TreeOptions {
            recursive,
            links,
            delete,
            dry_run,
            checksum,
            start,
            filter: self.patterns.filter()?,
        })
    }
}

/// `--exclude` and `--include`, in the order in which they were typed: the last that matches decides.
#[derive(Clone, Debug, Default)]
struct Patterns(Vec<String>);

const EXCLUDE: &str = "exclude";
const INCLUDE: &str = "include";

impl clap::Args for Patterns {
    fn augment_args(command: clap::Command) -> clap::Command {
        let pattern = |id: &'static str, help: &'static str| {
            clap::Arg::new(id).long(id).value_name("PATTERN").action(ArgAction::Append).help(help)
        };
        command
            .arg(pattern(
                EXCLUDE,
                "Leave out what matches, as a line of .gitignore would, beside each source",
            ))
            .arg(pattern(INCLUDE, "Do not leave out what matches; of several patterns the last one decides"))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Patterns::augment_args(command)
    }
}

impl FromArgMatches for Patterns {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Patterns, clap::Error> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (id, mark) in [(EXCLUDE, ""), (INCLUDE, "!")] {
            let places = matches.indices_of(id).into_iter().flatten();
            let values = matches.get_many::<String>(id).into_iter().flatten();
            lines.extend(places.zip(values).map(|(place, value)| (place, format!("{mark}{value}"))));
        }
        lines.sort();
        Ok(Patterns(lines.into_iter().map(|(_, line)| line).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Patterns::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Patterns {
    fn filter(&self) -> Result<Filter, CliError> {
        if self.0.is_empty() {
            return Ok(Filter::default());
        }
        let mut builder = GitignoreBuilder::new("");
        let bad = |error: ignore::Error| {
            let next = "write it as in a .gitignore: `*.o`, `/build/`, `docs/**/*.pdf`";
            CliError::usage("cannot use a pattern", &escaped(error.to_string().as_bytes()), "", next)
        };
        for line in &self.0 {
            builder.add_line(None, line).map_err(bad)?;
        }
        let rules = builder.build().map_err(bad)?;
        Ok(Filter::new(self.0.clone(), move |path, is_folder| {
            rules.matched(Path::new(OsStr::from_bytes(path)), is_folder).is_ignore()
        }))
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

/// Tells of the entries of a tree.
pub(super) struct Teller {
    direction: Direction,
    is_dry: bool,
    /// What each source is called.
    names: Vec<String>,
    /// For a program.
    is_json: bool,
}

impl Teller {
    /// The entry as an object, where those are asked for.
    pub(super) fn object(&self, told: &Told) -> Option<Object> {
        let item = self.names.get(told.item as usize).map_or("", String::as_str);
        let between = if told.path.is_empty() || item.ends_with('/') { "" } else { "/" };
        let path = [item.as_bytes(), between.as_bytes(), &told.path].concat();
        self.is_json.then(|| json::told(&path, &told.outcome, self.direction, self.is_dry))
    }

    /// The line for an entry.
    pub(super) fn line(&self, told: &Told) -> Line {
        let item = self.names.get(told.item as usize).map_or("", String::as_str);
        let name = match (told.path.is_empty(), item.ends_with('/')) {
            (true, _) => item.to_owned(),
            (false, true) => format!("{item}{}", escaped(&told.path)),
            (false, false) => format!("{item}/{}", escaped(&told.path)),
        };
        let moves = if self.direction == Direction::Up { "send" } else { "receive" };
        let moved = if self.direction == Direction::Up { "sent" } else { "received" };
        let done = |would: &str, is: &str, end: &str| match self.is_dry {
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
            Outcome::Failed(error) => Line::Wrong(format!("failed {name}: {}", because(error))),
        }
    }
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

/// Moves trees with `work`, and tells how it went. `names` are those of the sources.
pub(super) async fn moving(
    visit: &Visit,
    tried: String,
    direction: Direction,
    is_dry: bool,
    names: Vec<String>,
    work: impl Future<Output = Result<Summary, ClientError>>,
) -> Result<(), CliError> {
    let sources = names.len();
    let is_json = visit.is_json;
    visit.screen.tell_trees(Teller { direction, is_dry, names, is_json });
    let began = Instant::now();
    let summary = work.await.map_err(visit.explain(tried.clone()))?;
    let failures = visit.screen.failures();
    let is_alone = sources == 1 && summary.failed == 1;
    if let Some((true, error)) = failures.last.clone().filter(|_| is_alone) {
        return Err(visit.explain(tried)(ClientError::Job(error)));
    }
    visit.screen.note(&summary_line(&summary, direction, is_dry, began.elapsed()));
    if is_json {
        json::tree(&summary, visit.client.traffic(), began.elapsed()).print()?;
    }
    if summary.failed == 0 {
        return Ok(());
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
        next: "run the same command again when that is mended: what is done is not done again".into(),
        code: None,
    };
    Err(CliError::Told(Exit::Partial, Box::new(diagnosis)))
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn summary_line(summary: &Summary, direction: Direction, is_dry: bool, took: Duration) -> String {
    let files = count(summary.files, "file", "files");
    let begin = match (direction, is_dry) {
        (Direction::Up, true) => format!("would send {files} ({})", Size(summary.bytes)),
        (Direction::Down, true) => format!("would receive {files} ({})", Size(summary.bytes)),
        (Direction::Up, false) => format!("sent {files}, {}", travelled(summary, took)),
        (Direction::Down, false) => format!("received {files}, {}", travelled(summary, took)),
    };
    let was_there = match summary.bytes_skipped {
        0 => None,
        bytes => Some(format!("{} of {} were there already", Size(bytes), Size(summary.bytes))),
    };
    let unchanged = format!("{} unchanged ({})", summary.unchanged, Size(summary.unchanged_bytes));
    let damaged = format!("{} blocks sent again, since they arrived damaged", summary.blocks_refused);
    let parts = [
        (summary.unchanged, unchanged),
        (summary.folders, format!("{} made", count(summary.folders, "folder", "folders"))),
        (summary.links, format!("{} made", count(summary.links, "link", "links"))),
        (summary.removed, format!("{} removed", summary.removed)),
        (summary.excluded, format!("{} excluded", summary.excluded)),
        (summary.left_out, format!("{} left out", summary.left_out)),
        (summary.blocks_refused, damaged),
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

    fn filter(args: &[&str]) -> Filter {
        let Whole { tree } = Whole::try_parse_from([&["x", "-r"], args].concat()).unwrap();
        tree.options(Start::Resume).unwrap().filter
    }

    #[test]
    fn patterns_are_those_of_gitignore_and_the_last_decides() {
        let all = filter(&["--exclude", "*.o", "--include", "kept.o", "--exclude", "/build/"]);
        let cases: [(&[u8], bool, bool); 6] = [
            (b"a.o", false, true),
            (b"deep/\xff.o", false, true),
            (b"deep/kept.o", false, false),
            (b"build", true, true),
            (b"build", false, false),
            (b"deep/build", true, false),
        ];
        for (path, is_folder, expected) in cases {
            assert_eq!(all.excludes(path, is_folder), expected, "{}", path.escape_ascii());
        }
        assert!(filter(&["--include", "kept.o", "--exclude", "*.o"]).excludes(b"kept.o", false));
        assert!(!filter(&[]).excludes(b"a", false));
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
        let line = summary_line(&none, Direction::Up, false, Duration::from_secs(1));
        assert_eq!(line, "sent 0 files, 0 bytes in 1.00 s");
        let some =
            Summary { files: 1, bytes: 2048, bytes_skipped: 1024, removed: 2, failed: 1, folders: 1, ..none };
        let line = summary_line(&some, Direction::Down, false, Duration::from_secs(1));
        let expected = "received 1 file, 1.0 KiB in 1.00 s (1.0 KiB/s); 1.0 KiB of 2.0 KiB were there already; \
                        1 folder made; 2 removed; 1 failed";
        assert_eq!(line, expected);
        let line = summary_line(&some, Direction::Up, true, Duration::from_secs(1));
        assert!(line.starts_with("would send 1 file (2.0 KiB); "), "{line}");
    }
}
