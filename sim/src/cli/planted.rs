//! `planted`: bugs in the library, hunted one after another.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::Command;
use std::time::Instant;

use towline::probe::{Bug, HAS_BUGS, NoneInThisBuild};

use super::values;
use crate::planted::{self, SEEDS};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only this bug, by its name
    #[arg(value_parser = bug)]
    name: Option<Bug>,
    /// Seeds within which each must be caught
    #[arg(long, default_value_t = SEEDS)]
    within: u64,
    /// Bugs at once [default: the number of processors]
    #[arg(long)]
    jobs: Option<usize>,
    /// Start no other build
    #[arg(long, hide = true)]
    as_built: bool,
}

fn bug(name: &str) -> Result<Bug, String> {
    let known = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    Bug::named(name).ok_or_else(|| format!("there are {}", known()))
}

/// True if every bug was caught.
pub(super) fn planted(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    if !HAS_BUGS {
        return other_build(arguments.as_built);
    }
    let bugs = arguments.name.map_or(Bug::ALL.to_vec(), |bug| vec![bug]);
    let (begin, mut missed, mut seeds, mut written) = (Instant::now(), 0, 0, Ok(()));
    let within = arguments.within;
    planted::hunt_all(&bugs, within, values::jobs(arguments.jobs), |hunted| {
        missed += usize::from(hunted.caught.is_none());
        seeds += hunted.seeds;
        written = writeln!(out, "{hunted}").and_then(|()| out.flush());
        written.is_ok()
    });
    written?;
    let (all, wall) = (bugs.len(), begin.elapsed().as_secs_f64());
    writeln!(out, "{all} bugs, {missed} missed, {seeds} seeds in {wall:.1} s; each had at most {within}")?;
    Ok(missed == 0)
}

/// This build has no bugs to plant: cargo makes one that has, and runs it with the same arguments.
fn other_build(as_built: bool) -> io::Result<bool> {
    if as_built {
        let why = format!("{NoneInThisBuild}; is there a RUSTFLAGS variable, which overrides it?");
        return Err(io::Error::other(why));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or(OsString::from("cargo"));
    let arguments = std::env::args_os().skip(2);
    let ran = Command::new(cargo).arg("planted").args(arguments).status();
    let ran = ran
        .map_err(|error| io::Error::other(format!("{NoneInThisBuild}; cargo cannot be started: {error}")))?;
    Ok(ran.success())
}
