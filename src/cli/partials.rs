//! `towline partials`: what interrupted transfers have left in a folder.

use std::path::PathBuf;

use serde_json::json;

use super::explain::CliError;
use super::json::Object;
use super::output::{self, Size, Utc, escaped, shown};
use crate::store::os::OsFiles;
use crate::store::{Kept, kept, remove_kept};

/// List what interrupted transfers left in a folder, to be gone on with for a week
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::PARTIALS)]
pub(super) struct Args {
    /// The folder that is served, or that files were fetched into
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// Remove them, but for those that are being filled
    #[arg(long)]
    remove: bool,

    /// Print one JSON object a line, and nothing else, to standard output
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let tried = format!("cannot look for partial files in {}", shown(&args.folder));
    let failed = |error| CliError::local(tried.clone(), error);
    let files = OsFiles::open(&args.folder).map_err(failed)?;
    for entry in kept(&files).map_err(failed)? {
        let outcome = match args.remove.then(|| remove_kept(&files, &entry)) {
            None => "kept",
            Some(removed) => match removed.map_err(failed)? {
                true => "removed",
                false => "in use",
            },
        };
        if args.json {
            object(&entry, outcome).print()?;
            continue;
        }
        let what = if args.remove { format!("{outcome:<9}") } else { String::new() };
        output::print(&format!("{what}{}", line(&entry)))?;
    }
    Ok(())
}

fn object(entry: &Kept, outcome: &str) -> Object {
    let noted = json!({ "seconds": entry.noted.seconds, "nanoseconds": entry.noted.nanoseconds });
    let object = Object::new("partial").with_path("path", entry.path.as_bytes()).with("outcome", outcome);
    object.with("bytes", entry.held).with("bytes_of", entry.length).with("noted", noted)
}

fn line(entry: &Kept) -> String {
    let (held, length, noted) = (Size(entry.held), Size(entry.length), Utc(entry.noted));
    format!("{held} of {length}  {noted}  {}", escaped(entry.path.as_bytes()))
}
