//! `towline get`: files and folders from a server.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::addresses;
use super::args::{Common, Durable, Moving, Transfer, number};
use super::exit::Exit;
use super::explain::{CliError, code_of};
use super::held::Way;
use super::output::{self, escaped, shown};
use super::put::{hash_line, report};
use super::trees::{self, Names, Tree};
use super::visit::Visit;
use super::{json, print, visit};
use crate::client::Moved;
use crate::net::Target;
use crate::proto::Connections;
use crate::proto::tree_job::Direction;
use crate::wire::{Code, RelPath, Span};

/// Fetch files from a server, and folders with -r; of one plain file, prints its BLAKE3 hash as b3sum does
///
///   get -r HOST/DIR           makes DIR in the current folder
///   get -r HOST/DIR DEST/     makes DEST/DIR: so it does where DEST is a folder
///   get -r HOST/DIR DEST      makes DEST like DIR where nothing is there yet
///   get -r HOST/DIR/ DEST     fills DEST with what is in DIR
///   get -r HOST/ DEST         fills DEST with all that is served
///   get -r HOST/A HOST/B DEST makes DEST/A and DEST/B: several go into a folder
///
/// Files of the same length, time and mode are left alone. What fails of single files is
/// told, the rest goes on, and the exit code is 13.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = super::examples::GET, override_usage = "towline get [OPTIONS] <HOST[:PORT]/PATH>... [DEST]")]
pub(super) struct Args {
    /// What to fetch, and last where it goes: a file, a folder, or '-' for standard output; unix:SOCKET:/PATH comes over a Unix
    /// socket
    #[arg(required = true, num_args = 1.., value_name = "HOST[:PORT]/PATH")]
    names: Vec<OsString>,

    #[command(flatten)]
    tree: Tree,

    /// Only these bytes, to standard output: FIRST-LAST (from 0 on, both included), FIRST-, or -COUNT for the last ones
    #[arg(long, value_name = "RANGE", value_parser = print::range, allow_hyphen_values = true)]
    range: Option<Span>,

    /// Connections for one long file; by default as many as make it faster, up to 8, where a round trip takes 5 ms or more
    #[arg(short = 'j', long, value_name = "N", value_parser = number::<u32>(1..=Connections::MAX.into()))]
    connections: Option<u32>,

    #[command(flatten)]
    transfer: Transfer,

    #[command(flatten)]
    durable: Durable,

    #[command(flatten)]
    pub(super) common: Common,
}

impl Args {
    fn connections(&self) -> Connections {
        self.connections.map_or(Connections::Adaptive, Connections::Fixed)
    }
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (sources, dest) = match &args.names[..] {
        [source] => (std::slice::from_ref(source), None),
        [sources @ .., dest] => (sources, Some(Path::new(dest))),
        [] => unreachable!("clap asks for one"),
    };
    let sources = sources.iter().map(|source| target(source)).collect::<Result<Vec<_>, CliError>>()?;
    match &sources[..] {
        [source] if dest == Some(Path::new("-")) => {
            file_name(source)?;
            print::run(&args.common, source, args.range.unwrap_or(Span::Rest { first: 0 }))
        }
        [source, ..] if args.range.is_some() => Err(range_to_a_file(source)),
        [source] if !args.tree.is_needed(1) => {
            get_file(args, source, dest).map_err(|error| match swapped(&args.names) {
                Some(next)
                    if error.exit() == Some(Exit::Usage) || error.exit() == Some(Exit::Unreachable) =>
                {
                    error.with_next(next)
                }
                Some(_) | None => error,
            })
        }
        sources => get_trees(args, sources, dest),
    }
}

fn range_to_a_file(from: &Target) -> CliError {
    let tried = format!("cannot get a range of {from}");
    let (said, why) = ("a range goes to standard output", "only whole files are published");
    let next = format!("add '-', and send it where you like: `towline get --range … {from} - > FILE`");
    CliError::usage(tried, said, why, next)
}

fn target(text: &OsStr) -> Result<Target, CliError> {
    let tried = format!("cannot get {}", escaped(text.as_bytes()));
    addresses::target_or(&tried, "towline get --help", text.as_bytes())
}

/// What is a file here was to be sent, perhaps.
fn swapped(names: &[OsString]) -> Option<String> {
    let [from, to] = names else { return None };
    let is_swapped =
        Path::new(from).exists() && !Path::new(to).exists() && Target::from_bytes(to.as_bytes()).is_ok();
    let typed = || output::typed(names.iter().cloned());
    is_swapped.then(|| {
        format!("{} is here: if it is to be sent, `towline put {}`", escaped(from.as_bytes()), typed())
    })
}

fn file_name(from: &Target) -> Result<&[u8], CliError> {
    from.path.name().ok_or_else(|| {
        let tried = format!("cannot get {from}");
        if let Some(here) = addresses::is_here(&from.endpoint) {
            let next = "to send it, `towline put FILE HOST[:PORT][/PATH]`; to fetch, name the server first: HOST/FILE";
            return CliError::usage(tried, "no file is named", &here, next);
        }
        let next = format!(
            "name a file: {} (`towline ls {}` shows what is there), or fetch all with -r",
            from.endpoint.with_path("PATH"),
            from.endpoint
        );
        CliError::usage(tried, "no file is named", "folders are fetched with -r", next)
    })
}

fn get_file(args: &Args, from: &Target, dest: Option<&Path>) -> Result<(), CliError> {
    let to = destination(dest, file_name(from)?);
    let tried = format!("cannot get {from} to {}", shown(&to));
    visit::over(
        args.connections(),
        &args.common,
        args.durable.moving(args.transfer.start()),
        &from.endpoint,
        async |visit| {
            let began = Instant::now();
            visit.screen.settle(Way::Get);
            let moved = visit.client.get(from.path.clone(), &to).await;
            let moved = moved.map_err(|error| {
                let is_folder = code_of(&error) == Some(Code::NOT_A_FILE);
                let told = visit.explain(tried)(error);
                let next = format!(
                    "if it is a folder, `towline get -r {from}`; `towline ls {from}` shows what is in it"
                );
                match to.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
                    _ if is_folder => told.with_next(next),
                    Some(folder) => told.with_next(format!(
                        "make the folder first: `mkdir -p {}`",
                        output::typed([folder.into()])
                    )),
                    None => told,
                }
            })?;
            report("received", &moved, began, &visit.screen);
            visit.screen.note_held(Way::Get);
            if args.common.json {
                return received(&to, &moved, visit, began.elapsed());
            }
            hash_line(&moved, shown(&to))
        },
    )
}

/// As an object for programs, with how many connections brought it.
fn received(to: &Path, moved: &Moved, visit: &Visit, time: Duration) -> Result<(), CliError> {
    let traffic = visit.client.traffic();
    json::moved(to, moved, traffic, time)
        .with("connections", visit.screen.connections())
        .with("waits", visit.screen.waits().json())
        .print()?;
    json::summary(1, moved.length, traffic, time).print()
}

fn get_trees(args: &Args, sources: &[Target], dest: Option<&Path>) -> Result<(), CliError> {
    let first = &sources[0].endpoint;
    let tried = match sources {
        [source] => format!("cannot get {source}"),
        sources => format!("cannot get {} sources from {first}", sources.len()),
    };
    if let Some(other) = sources.iter().find(|source| source.endpoint != *first) {
        let said = format!("{other} is at another server");
        return Err(CliError::usage(tried, &said, "one command talks to one server", "ask each for its own"));
    }
    let places = sources.iter().map(|source| place(source, dest, sources.len() > 1));
    let places: Vec<(RelPath, PathBuf)> = places.collect();
    trees::refuse_same_place(&tried, &places.iter().map(|(_, to)| to).collect::<Vec<_>>())?;
    let options = args.tree.options(args.transfer.start())?;
    let names = places.iter().map(|(_, to)| Names::one(shown(to))).collect();
    let again = again(std::env::args_os(), &args.names, &places);
    let moving = Moving { again, ..args.durable.moving(options.start) };
    visit::over(args.connections(), &args.common, moving, first, async |visit| {
        let purpose = options.purpose;
        let work = visit.client.get_trees(&places, options.clone());
        trees::moving(visit, tried, Direction::Down, purpose, names, work).await
    })
}

/// What is typed to go on: a folder that takes a new name here stands there the next time, and would be gone into.
fn again(
    typed: impl Iterator<Item = OsString>,
    names: &[OsString],
    places: &[(RelPath, PathBuf)],
) -> Option<String> {
    let ([source, _], [(path, to)]) = (names, places) else { return None };
    let takes_its_name = path.name().is_some_and(|name| to.file_name() == Some(OsStr::from_bytes(name)));
    if to.exists() || takes_its_name || source.as_bytes().ends_with(b"/") {
        return None;
    }
    let with_slash = |arg: OsString| match arg == *source {
        true => OsString::from_iter([source.as_os_str(), OsStr::new("/")]),
        false => arg,
    };
    Some(output::typed(typed.map(with_slash)))
}

/// Where a source goes here. What is in a folder goes into the place that was named, or into the current folder.
fn place(source: &Target, dest: Option<&Path>, is_many: bool) -> (RelPath, PathBuf) {
    let name = source.path.name().filter(|_| !source.is_folder);
    let to = match name {
        None => dest.map_or_else(|| PathBuf::from("."), Path::to_path_buf),
        Some(name) if is_many => dest.unwrap_or(Path::new(".")).join(OsStr::from_bytes(name)),
        Some(name) => destination(dest, name),
    };
    (source.path.clone(), to)
}

/// The file's own path here. Its name is the one that was typed, never one that the server chose.
fn destination(dest: Option<&Path>, name: &[u8]) -> PathBuf {
    let name = OsStr::from_bytes(name);
    match dest {
        None => PathBuf::from(name),
        Some(dest) if dest.is_dir() || dest.as_os_str().as_bytes().ends_with(b"/") => dest.join(name),
        Some(dest) => dest.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_is_a_file_a_folder_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(destination(None, b"a"), Path::new("a"));
        assert_eq!(destination(Some(folder.path()), b"a"), folder.path().join("a"));
        assert_eq!(destination(Some(&folder.path().join("b")), b"a"), folder.path().join("b"));
        assert_eq!(destination(Some(Path::new("missing/")), b"a"), Path::new("missing/a"));
    }

    #[test]
    fn to_go_on_with_a_folder_that_got_a_new_name_is_to_fill_it() {
        let folder = tempfile::tempdir().unwrap();
        let of = |source: &str, dest: &Path| {
            let names = [OsString::from(source), dest.into()];
            let places = [place(&target(OsStr::new(source)).unwrap(), Some(dest), false)];
            let typed = ["towline", "get", "-r"].map(OsString::from).into_iter().chain(names.clone());
            again(typed, &names, &places)
        };
        let new = folder.path().join("new");
        assert_eq!(of("h/a", &new), Some(format!("towline get -r h/a/ {}", new.display())));
        for same_again in [("h/a/", &*new), ("h/a", folder.path()), ("h/new", &*new)] {
            assert_eq!(of(same_again.0, same_again.1), None, "{same_again:?}");
        }
    }

    #[test]
    fn a_folder_goes_under_its_name_and_what_is_in_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path();
        let to = |source: &str, dest: Option<&Path>, is_many| {
            place(&target(OsStr::new(source)).unwrap(), dest, is_many).1
        };
        assert_eq!(to("h/a/b", None, false), Path::new("b"));
        assert_eq!(to("h/a/b", Some(there), false), there.join("b"));
        assert_eq!(to("h/a/b", Some(&there.join("new")), false), there.join("new"));
        assert_eq!(to("h/a/b", Some(&there.join("new")), true), there.join("new/b"));
        assert_eq!(to("h/a/b/", Some(there), false), there);
        assert_eq!(to("h/", None, false), Path::new("."));
    }
}
