//! `towline put`: one file to a server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::args::{self, Common, Transfer};
use super::explain::{CliError, code_of};
use super::held::Way;
use super::output::{self, Size, rate, shown};
use super::visit::Visit;
use super::{json, pour, visit};
use crate::client::Moved;
use crate::net::Target;
use crate::wire::{Code, RelPath};

/// Send a file to a server; prints its BLAKE3 hash as b3sum does
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to send; '-' is standard input
    file: PathBuf,

    /// Where it goes; without a path, or with '/' at the end, under the file's own name
    #[arg(value_name = "HOST[:PORT][/PATH]", value_parser = args::target())]
    to: Target,

    #[command(flatten)]
    transfer: Transfer,

    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    if args.file.as_os_str() == "-" {
        return pour::run(&args.common, &args.to);
    }
    let tried = format!("cannot put {} to {}", shown(&args.file), args.to);
    let path = destination(args, &tried)?;
    visit::moving(&args.common, args.transfer.start(), &args.to.endpoint, async |visit| {
        let began = Instant::now();
        let moved = visit.client.put(&args.file, path.clone()).await;
        let moved = moved.map_err(|error| {
            let stands_there = code_of(&error) == Some(Code::NOT_A_FILE);
            let told = visit.explain(tried)(error);
            if stands_there && !args.to.is_folder {
                return told
                    .with_next(format!("if it is a folder, add '/' to put the file below it: {}/", args.to));
            }
            told
        })?;
        report("sent", &moved, began, &visit.screen);
        visit.screen.note_held(Way::Put);
        if args.common.json {
            return one(&args.file, &moved, visit, began.elapsed());
        }
        visit.screen.detail(&format!("it stands at {}/{path}", args.to.endpoint));
        hash_line(&moved, shown(&args.file))
    })
}

/// The path at the server, with the file's own name where none was given.
fn destination(args: &Args, tried: &str) -> Result<RelPath, CliError> {
    if !args.to.is_folder {
        return Ok(args.to.path.clone());
    }
    let usage = |said: &str, next: &str| CliError::usage(tried, said, "", next);
    let name = args.file.file_name().ok_or_else(|| {
        usage(
            "the path to send ends in no file name",
            "name a file; a folder can be sent as one: `tar cf folder.tar folder`",
        )
    })?;
    args.to
        .path
        .join(name.as_encoded_bytes())
        .map_err(|error| usage(error.describe(), "give it another name: HOST[:PORT]/PATH"))
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
    json::moved(path, moved, traffic, time).with("waits", visit.screen.waits().json()).print()?;
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
        destination(&args, "cannot").map(|path| path.to_string())
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
    fn what_has_no_name_is_refused() {
        assert!(matches!(destination_of("..", "h"), Err(CliError::Told(super::super::Exit::Usage, _))));
        assert!(matches!(
            destination_of("a/.towline", "h"),
            Err(CliError::Told(super::super::Exit::Usage, _))
        ));
    }
}
