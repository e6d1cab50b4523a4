//! `towline partials`: what interrupted transfers have left in a folder.

use std::path::PathBuf;

use super::explain::CliError;
use super::output::{self, Size, Utc, escaped, shown};
use crate::store::os::OsFiles;
use crate::store::{Kept, kept, remove_kept};

/// List what interrupted transfers left in a folder, to be gone on with for a week
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that is served, or that files were fetched into
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// Remove them, but for those that are being filled
    #[arg(long)]
    remove: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let tried = format!("cannot look for partial files in {}", shown(&args.folder));
    let failed = |error| CliError::local(tried.clone(), error);
    let files = OsFiles::open(&args.folder).map_err(failed)?;
    for entry in kept(&files).map_err(failed)? {
        let what = match args.remove.then(|| remove_kept(&files, &entry)) {
            None => "",
            Some(removed) => match removed.map_err(failed)? {
                true => "removed  ",
                false => "in use   ",
            },
        };
        output::print(&format!("{what}{}", line(&entry)))?;
    }
    Ok(())
}

fn line(entry: &Kept) -> String {
    let (held, length, noted) = (Size(entry.held), Size(entry.length), Utc(entry.noted));
    format!("{held} of {length}  {noted}  {}", escaped(entry.path.as_bytes()))
}
