//! `towline get`: one file from a server.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::{self, Common, Transfer};
use super::explain::CliError;
use super::held::Way;
use super::output::shown;
use super::put::{hash_line, one, report};
use super::{print, visit};
use crate::net::Target;
use crate::wire::Span;

/// Fetch a file from a server; prints its BLAKE3 hash as b3sum does
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to fetch
    #[arg(value_name = "HOST[:PORT]/PATH", value_parser = args::target())]
    from: Target,

    /// Where it goes: a file, a folder that is there, or '-' for standard output; without it, under the file's own name in
    /// the current folder
    dest: Option<PathBuf>,

    /// Only these bytes, to standard output: FIRST-LAST (from 0 on, both included), FIRST-, or -COUNT for the last ones
    #[arg(long, value_name = "RANGE", value_parser = print::range, allow_hyphen_values = true)]
    range: Option<Span>,

    #[command(flatten)]
    transfer: Transfer,

    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let Some(name) = args.from.path.name() else {
        let tried = format!("cannot get {}", args.from);
        let next = format!("name one: {}/PATH (`towline ls {0}` shows what is there)", args.from.endpoint);
        return Err(CliError::usage(tried, "no file is named", "files are fetched one at a time", next));
    };
    if args.dest.as_deref().is_some_and(|dest| dest.as_os_str() == "-") {
        return print::run(&args.common, &args.from, args.range.unwrap_or(Span::Rest { first: 0 }));
    }
    if args.range.is_some() {
        let tried = format!("cannot get a range of {}", args.from);
        let (said, why) = ("a range goes to standard output", "only whole files are published");
        let next =
            format!("add '-', and send it where you like: `towline get --range … {} - > FILE`", args.from);
        return Err(CliError::usage(tried, said, why, next));
    }
    let to = destination(args.dest.as_deref(), name);
    let tried = format!("cannot get {} to {}", args.from, shown(&to));
    visit::moving(&args.common, args.transfer.start(), &args.from.endpoint, async |visit| {
        let began = Instant::now();
        let moved = visit.client.get(args.from.path.clone(), &to).await.map_err(visit.explain(tried))?;
        report("received", &moved, began, &visit.screen);
        visit.screen.note_held(Way::Get);
        if args.common.json {
            return one(&to, &moved, visit, began.elapsed());
        }
        hash_line(&moved, shown(&to))
    })
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
}
