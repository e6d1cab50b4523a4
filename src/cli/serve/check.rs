//! `serve --check`: whether the configuration, the folder and the user are as they have to be, without listening.

use std::path::Path;

use rustix::fs::{Access, access};

use super::super::explain::CliError;
use super::super::output::{self, Size, shown};
use super::{Args, cannot_serve};
use crate::contain::folder_of;
use crate::net::Place;
use crate::store::os::OsFiles;

/// The first thing that is not right, or what all of it comes to.
pub(super) fn check(args: &Args, (open, guarded): (&[Place], &[Place])) -> Result<(), CliError> {
    let places: Vec<&Place> = open.iter().chain(guarded).chain(&args.echo).collect();
    if !guarded.is_empty() {
        args.keys.check()?;
    }
    args.sockets.check(&places.iter().map(|place| place.listening()).collect::<Vec<_>>())?;
    for place in &places {
        if let Place::Unix(path) | Place::Unixgram(path) = place {
            may_make(&folder_of(path), format!("cannot listen on {place}"))?;
        }
    }
    args.containment.check()?;
    if !args.no_files {
        OsFiles::open(&args.dir).map_err(|error| cannot_serve(&args.dir, error))?;
        if args.access.takes() && args.containment.is_nobody_else() {
            let tried = format!("cannot take files into \"{}\"", shown(&args.dir));
            let next = "make it this user's (`chown`), or serve it with --read-only";
            may_make(&args.dir, tried).map_err(|error| error.with_next(next))?;
        }
        output::print(&format!("serves {}{}", shown(&args.dir), args.access.told()))?;
    }
    places.iter().try_for_each(|place| output::print(&format!("listens on {place}")))?;
    if let Some((count, each)) = args.caps.within_memory(&args.config().limits) {
        output::print(&format!(
            "has memory for the buffers of {count} connections, {} each",
            Size(each as u64)
        ))?;
    }
    output::print("all is right")
}

fn may_make(folder: &Path, tried: String) -> Result<(), CliError> {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| CliError::system(tried, &error.into()))
}
