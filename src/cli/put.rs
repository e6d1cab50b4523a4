//! `towline put`: files and folders to a server.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::addresses;
use super::args::{Common, Transfer, number};
use super::explain::{CliError, code_of};
use super::held::Way;
use super::output::{self, Size, escaped, rate, shown};
use super::trees::{self, Names, Tree};
use super::visit::Visit;
use super::{json, pour, visit};
use crate::client::Moved;
use crate::net::Target;
use crate::proto::Connections;
use crate::proto::tree_job::Direction;
use crate::wire::{Code, RelPath};

/// Send files to a server, and folders with -r; of one plain file, prints its BLAKE3 hash as b3sum does
///
///   put -r DIR HOST/DEST/     makes DEST/DIR: a place with '/' at its end is a folder
///   put -r DIR HOST           makes DIR in the served folder: so is no path at all
///   put -r DIR HOST/DEST      makes DEST like DIR
///   put -r DIR/ HOST/DEST/    fills DEST with what is in DIR (DIR/. does the same)
///   put -r A B C HOST/DEST    makes DEST/A, DEST/B, DEST/C: several go into a folder
///
/// Files of the same length, time and mode are left alone. What fails of single files is
/// told, the rest goes on, and the exit code is 13.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = super::examples::PUT,
    override_usage = "towline put [OPTIONS] <SOURCE>... <HOST[:PORT][/PATH]>")]
pub(super) struct Args {
    /// What to send ('-' alone is standard input), and last where it goes: without a path, or with '/' at the end, under its own
    /// name; unix:SOCKET[:/PATH] goes over a Unix socket
    #[arg(required = true, num_args = 1.., value_names = ["SOURCE", "HOST[:PORT][/PATH]"])]
    names: Vec<OsString>,

    #[command(flatten)]
    tree: Tree,

    /// Connections for one long file; by default as many as make it faster, up to 8, where a round trip takes 5 ms or more
    #[arg(short = 'j', long, value_name = "N", value_parser = number::<u32>(1..=Connections::MAX.into()))]
    connections: Option<u32>,

    #[command(flatten)]
    transfer: Transfer,

    #[command(flatten)]
    pub(super) common: Common,
}

impl Args {
    fn connections(&self) -> Connections {
        self.connections.map_or(Connections::Adaptive, Connections::Fixed)
    }
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (sources, to) = &named(&args.names)?;
    if let [source] = &sources[..]
        && source.as_os_str() == "-"
    {
        return pour::run(&args.common, to);
    }
    let tried = match &sources[..] {
        [source] => format!("cannot put {} to {to}", shown(source)),
        sources => format!("cannot put {} sources to {to}", sources.len()),
    };
    // Of several each is told of, and the others go.
    if let [source] = &sources[..]
        && let Err(error) = source.symlink_metadata()
    {
        return Err(missing(&args.names, tried, &error));
    }
    if let Some(folder) = sources.iter().find(|source| !args.tree.extent.recursive && source.is_dir()) {
        let said = format!("{} is a folder", shown(folder));
        let why = "a folder is sent only if that is asked for";
        return Err(CliError::usage(tried, &said, why, "add -r to send it with all that is in it"));
    }
    match &sources[..] {
        [source] if !args.tree.is_needed(1) => put_file(args, source, to, tried),
        sources => put_trees(args, sources, to, tried),
    }
}

/// What goes where.
fn named(names: &[OsString]) -> Result<(Vec<PathBuf>, Target), CliError> {
    let (last, sources) = names.split_last().expect("clap asks for one");
    let first = sources.first().unwrap_or(last);
    let tried = format!("cannot put {}", escaped(first.as_bytes()));
    if sources.is_empty() {
        let next =
            format!("say where it goes: towline put {} HOST[:PORT][/PATH]", output::typed([first.clone()]));
        return Err(CliError::usage(tried, "no destination is named", "", next));
    }
    let tried = format!("{tried} to {}", escaped(last.as_bytes()));
    let to = addresses::target_or(&tried, "towline put --help", last.as_bytes())?;
    if sources.len() > 1
        && let Some(server) = sources.iter().find(|source| is_server(source))
    {
        let said = format!("{} is no file here, and looks like a server as well", escaped(server.as_bytes()));
        return Err(CliError::usage(
            tried,
            &said,
            "one command talks to one server",
            "send it to one after the other",
        ));
    }
    Ok((sources.iter().map(PathBuf::from).collect(), to))
}

/// An address with a port that is no file.
fn is_server(source: &OsString) -> bool {
    let bytes = source.as_bytes();
    bytes.contains(&b':') && !Path::new(source).exists() && Target::from_bytes(bytes).is_ok()
}

/// A source is not there. What was meant is guessed if it is the destination that is.
fn missing(names: &[OsString], tried: String, error: &std::io::Error) -> CliError {
    let told = CliError::system(tried, error);
    let [from, to] = names else { return told };
    let Some(there) = Target::from_bytes(from.as_bytes()).ok().filter(|_| Path::new(to).exists()) else {
        return told;
    };
    let typed = |names: [&OsString; 2]| output::typed(names.map(Clone::clone));
    let here = escaped(to.as_bytes());
    // A server without a path has nothing that could be fetched.
    told.with_next(match there.path.name() {
        None => format!("{here} is here: to send it, `towline put {}`", typed([to, from])),
        Some(_) => format!("{here} is here: if it is to be fetched, `towline get {}`", typed([from, to])),
    })
}

fn put_file(args: &Args, file: &Path, to: &Target, tried: String) -> Result<(), CliError> {
    let path = destination(to, file, to.is_folder, &tried)?;
    let start = args.transfer.start();
    visit::over(args.connections(), &args.common, start, &to.endpoint, async |visit| {
        let began = Instant::now();
        visit.screen.settle(Way::Put);
        let moved = visit.client.put(file, path.clone()).await;
        let moved = moved.map_err(|error| {
            let stands_there = code_of(&error) == Some(Code::NOT_A_FILE);
            let told = visit.explain(tried)(error);
            if stands_there && !to.is_folder {
                let below = to.endpoint.with_path(format!("{}/", to.path));
                return told
                    .with_next(format!("if it is a folder, add '/' to put the file below it: {below}"));
            }
            told
        })?;
        report("sent", &moved, began, &visit.screen);
        visit.screen.note_held(Way::Put);
        if args.common.json {
            return one(file, &moved, visit, began.elapsed());
        }
        visit.screen.detail(&format!("it stands at {}", to.endpoint.with_path(&path)));
        hash_line(&moved, shown(file))
    })
}

fn put_trees(args: &Args, sources: &[PathBuf], to: &Target, tried: String) -> Result<(), CliError> {
    let into = to.is_folder || sources.len() > 1;
    let place = |source: &PathBuf| Ok((source.clone(), destination(to, source, into, &tried)?));
    let places = sources.iter().map(place).collect::<Result<Vec<_>, CliError>>()?;
    trees::refuse_same_place(&tried, &places.iter().map(|(_, to)| to).collect::<Vec<_>>())?;
    let options = args.tree.options(args.transfer.start())?;
    let names = places
        .iter()
        .map(|(source, path)| Names { source: shown(source), destination: to.endpoint.with_path(path) });
    let names = names.collect();
    visit::over(args.connections(), &args.common, options.start, &to.endpoint, async |visit| {
        let purpose = options.purpose;
        let work = visit.client.put_trees(&places, options.clone());
        trees::moving(visit, tried, Direction::Up, purpose, names, work).await?;
        if let [source] = sources
            && !into
            && source.is_dir()
            && !is_content(source)
            && !visit.screen.is_root_made()
        {
            let below = to.endpoint.with_path(format!("{}/", to.path));
            visit.screen.detail(&format!(
                "{to} was there, and takes what is in {}: {below} would get a folder in it",
                shown(source)
            ));
        }
        Ok(())
    })
}

/// The path at the server, with the source's own name if it goes `into` a folder and is not only what is in it.
pub(super) fn destination(to: &Target, source: &Path, into: bool, tried: &str) -> Result<RelPath, CliError> {
    if !into || (is_content(source) && source.is_dir()) {
        return Ok(to.path.clone());
    }
    let usage = |said: &str, next: &str| CliError::usage(tried, said, "", next);
    let name = source.file_name().ok_or_else(|| {
        usage("the path to send ends in no name", "name a file, or with -r a folder; DIR/. is what is in DIR")
    })?;
    to.path
        .join(name.as_encoded_bytes())
        .map_err(|error| usage(error.describe(), "give it another name: HOST[:PORT]/PATH"))
}

/// True for a path that means what is in a folder.
fn is_content(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.ends_with(b"/")
        || bytes.ends_with(b"/.")
        || bytes == b"."
        || bytes == b".."
        || bytes.ends_with(b"/..")
}

/// How much was moved, and how fast; what was damaged on the way.
pub(super) fn report(what: &str, moved: &Moved, began: Instant, screen: &super::screen::Screen) {
    let travelled = rate(moved.length.saturating_sub(moved.skipped), began.elapsed());
    screen.note(&match moved.skipped {
        0 => format!("{what} {travelled}"),
        skipped => {
            format!("{what} {travelled}; {} of {} were there already", Size(skipped), Size(moved.length))
        }
    });
    if moved.blocks_refused > 0 {
        let count = moved.blocks_refused;
        screen.note(&format!(
            "{count} blocks arrived damaged and were sent again: a bad cable, memory or disk?"
        ));
    }
}

/// A command that has moved one file, as objects.
pub(super) fn one(path: &Path, moved: &Moved, visit: &Visit, time: Duration) -> Result<(), CliError> {
    let traffic = visit.client.traffic();
    json::moved(path, moved, traffic, time)
        .with("connections", visit.screen.connections())
        .with("waits", visit.screen.waits().json())
        .print()?;
    json::summary(1, moved.length, traffic, time).print()
}

/// As b3sum prints it; `name` is escaped.
pub(super) fn hash_line(moved: &Moved, name: String) -> Result<(), CliError> {
    output::print(&format!("{}  {name}", moved.root))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        args: Args,
    }

    fn destination_of(file: &str, to: &str) -> Result<String, CliError> {
        let Whole { args } = Whole::try_parse_from(["put", file, to]).unwrap();
        let (sources, to) = named(&args.names).unwrap();
        destination(&to, &sources[0], to.is_folder, "cannot").map(|path| path.to_string())
    }

    #[test]
    fn a_file_keeps_its_name_unless_it_is_given_another() {
        assert_eq!(destination_of("a/b.txt", "h").unwrap(), "b.txt");
        assert_eq!(destination_of("a/b.txt", "h/").unwrap(), "b.txt");
        assert_eq!(destination_of("a/b.txt", "h/c/").unwrap(), "c/b.txt");
        assert_eq!(destination_of("a/b.txt", "h/c").unwrap(), "c");
        assert_eq!(destination_of("..", "h/c").unwrap(), "c");
    }

    #[test]
    fn a_folder_goes_under_its_name_and_what_is_in_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(destination_of(path, "h/c/").unwrap(), format!("c/{name}"));
        assert_eq!(destination_of(path, "h/c").unwrap(), "c");
        for end in ["/", "/."] {
            assert_eq!(destination_of(&format!("{path}{end}"), "h/c/").unwrap(), "c");
            assert_eq!(destination_of(&format!("{path}{end}"), "h").unwrap(), "/");
        }
        assert_eq!(destination_of(".", "h").unwrap(), "/");
    }

    #[test]
    fn what_has_no_name_is_refused() {
        assert!(matches!(
            destination_of("missing/..", "h"),
            Err(CliError::Told(super::super::Exit::Usage, _))
        ));
        assert!(matches!(
            destination_of("a/.towline", "h"),
            Err(CliError::Told(super::super::Exit::Usage, _))
        ));
    }
}
