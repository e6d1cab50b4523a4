//! `plans`: the plans that somebody wrote, listed or run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::values::{Tiers, tiers};
use crate::campaign::{self, Work};
use crate::plan::Plan;
use crate::report;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder in which they are
    #[arg(long, default_value = "sim/plans")]
    folder: PathBuf,
    /// Run them all; exit with 0 only if everything held
    #[arg(long)]
    run: bool,
    /// The world, as for `run`
    #[arg(long, default_value = "fast", value_parser = tiers, requires = "run")]
    tier: Tiers,
}

/// The plans of a folder, by the names of their files.
pub(super) fn read_all(folder: &Path) -> io::Result<Vec<(PathBuf, Plan)>> {
    let told = |error: io::Error| io::Error::other(format!("{} cannot be read: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|extension| extension == "ron") {
            files.push(path);
        }
    }
    files.sort();
    let read = |path: PathBuf| match Plan::read(&path) {
        Ok(plan) => Ok((path, plan)),
        Err(error) => Err(io::Error::other(format!("{}: {error}", path.display()))),
    };
    files.into_iter().map(read).collect()
}

/// True if everything held.
pub(super) fn plans(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let plans = read_all(&arguments.folder)?;
    if !arguments.run {
        for (path, plan) in &plans {
            writeln!(out, "{:<40} {}", path.display(), plan.story)?;
        }
        return Ok(true);
    }
    let (mut failed, mut written) = (0, Ok(()));
    let work: Vec<Work> = plans.into_iter().map(|(path, plan)| Work::File(path, Box::new(plan))).collect();
    campaign::run_all(work.into_iter(), &arguments.tier.0, super::values::jobs(None), None, |ran| {
        failed += usize::from(!ran.broken.is_empty());
        written = writeln!(out, "{}", report::line(&ran));
        written.is_ok()
    });
    written?;
    Ok(failed == 0)
}
