//! The command line.

use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use towline::probe::{Bug, HAS_BUGS, NoneInThisBuild};

use crate::bench;
use crate::campaign::{self, Ran, Tally};
use crate::ledger::Ledger;
use crate::planted::{self, SEEDS};
use crate::report;
use crate::show;
use crate::tier::Tier;

/// Runs towline in seeded worlds that fail, and says which seeds break an invariant.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a range of seeds; exit with 0 only if everything held
    Run {
        /// The seeds, `A..B` (B is not among them) or one
        #[arg(long, value_parser = seeds)]
        seeds: Range<u64>,
        /// The world: `fast` (the machines alone), `turmoil` (the real server and client), `real` (the same on loopback
        /// sockets, in real time), or `all`, which runs each and compares what the applications saw
        #[arg(long, default_value = "fast", value_parser = tiers)]
        tier: Tiers,
        /// Print each seed's plan and trace
        #[arg(long, conflicts_with = "json")]
        trace: bool,
        /// Print an object of JSON a seed and tier, and nothing else
        #[arg(long)]
        json: bool,
        /// Seeds at once [default: the number of processors]
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Measure what plans cost on each tier, and turmoil alone with as many hosts, ticks, writes and bytes
    Bench {
        /// The seeds, as for `run`
        #[arg(long, default_value = "0..400", value_parser = seeds)]
        seeds: Range<u64>,
        /// Most bytes of one content: what is measured is not the moving of bulk
        #[arg(long, default_value_t = 1_024)]
        length_max: u64,
        /// Print an object of JSON, and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Run a seed or a plan, and show what happened
    Show(show::Show),
    /// Plant bugs in the library, one after another, and show that each is caught; exit with 0 only if all are
    ///
    /// Takes a build that has them: this one, or the one that `cargo planted` makes, which is started then.
    Planted {
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
    },
}

fn bug(name: &str) -> Result<Bug, String> {
    let known = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    Bug::named(name).ok_or_else(|| format!("there are {}", known()))
}

/// What `--tier` names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tiers(Vec<Tier>);

fn tiers(text: &str) -> Result<Tiers, String> {
    if text == "all" {
        return Ok(Tiers(Tier::ALL.to_vec()));
    }
    let known = || Tier::ALL.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ");
    let named = Tier::ALL.iter().find(|tier| tier.name() == text);
    named.map(|tier| Tiers(vec![*tier])).ok_or_else(|| format!("this build has {}, all", known()))
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let range = match text.split_once("..") {
        Some((start, end)) => number(start)?..number(end)?,
        None => {
            let seed = number(text)?;
            seed..seed.checked_add(1).ok_or("there is no seed after it")?
        }
    };
    if range.is_empty() { Err("there is no seed in it".to_owned()) } else { Ok(range) }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let done = match Arguments::parse().command {
        Command::Run { seeds, tier, trace, json, jobs } => {
            let show = match (json, trace) {
                (true, _) => Show::Json,
                (false, true) => Show::Traces,
                (false, false) => Show::Table,
            };
            run(seeds, &tier.0, show, jobs.unwrap_or_else(processors), &mut io::stdout().lock())
        }
        Command::Bench { seeds, length_max, json } => {
            let bench = bench::run(seeds, length_max);
            let text = if json { bench::json(&bench) + "\n" } else { bench::text(&bench) };
            io::stdout().lock().write_all(text.as_bytes()).map(|()| bench.is_good())
        }
        Command::Show(show) => show::run(&show, &mut io::stdout().lock()),
        Command::Planted { as_built, .. } if !HAS_BUGS => return other_build(as_built),
        Command::Planted { name, within, jobs, as_built: _ } => {
            let bugs = name.map_or(Bug::ALL.to_vec(), |bug| vec![bug]);
            hunt(&bugs, within, jobs.unwrap_or_else(processors), &mut io::stdout().lock())
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read this has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("towline-sim: cannot write the results: {error}");
            ExitCode::FAILURE
        }
    }
}

/// This build has no bugs to plant: cargo makes one that has, and runs it with the same arguments.
fn other_build(as_built: bool) -> ExitCode {
    if as_built {
        eprintln!("towline-sim: {NoneInThisBuild}; is there a RUSTFLAGS variable, which overrides it?");
        return ExitCode::FAILURE;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let arguments = std::env::args_os().skip(2);
    match std::process::Command::new(cargo).arg("planted").args(arguments).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("towline-sim: {NoneInThisBuild}; cargo cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if every bug was caught.
fn hunt(bugs: &[Bug], within: u64, jobs: usize, out: &mut impl Write) -> io::Result<bool> {
    let (begin, mut missed, mut seeds, mut written) = (Instant::now(), 0, 0, Ok(()));
    planted::hunt_all(bugs, within, jobs, |hunted| {
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

/// What is printed of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Table,
    Traces,
    Json,
}

impl Show {
    fn seed(self, ran: &Ran, out: &mut impl Write) -> io::Result<()> {
        match self {
            Show::Json => return writeln!(out, "{}", report::json(ran)),
            Show::Traces => write!(out, "{:#?}\n{}", ran.outcome.plan, ran.outcome.trace.text())?,
            Show::Table => {}
        }
        writeln!(out, "{}", report::line(ran))
    }
}

/// True if everything held.
fn run(seeds: Range<u64>, tiers: &[Tier], show: Show, jobs: usize, out: &mut impl Write) -> io::Result<bool> {
    let (begin, mut tally, mut failed) = (Instant::now(), Tally::default(), Vec::new());
    let mut written = if show == Show::Json { Ok(()) } else { writeln!(out, "{}", report::head()) };
    let ledger = campaign::run(seeds, tiers, jobs, |ran| {
        tally.note(&ran);
        if !ran.broken.is_empty() {
            failed.push((ran.seed, ran.tier));
        }
        written = show.seed(&ran, out);
        written.is_ok()
    });
    written?;
    let missing = if tally.ran() < Ledger::SEEDS { Vec::new() } else { ledger.missing(tiers) };
    if show != Show::Json {
        write!(out, "{}", report::summary(&tally, &failed, begin.elapsed(), &ledger))?;
        for state in &missing {
            writeln!(out, "never reached: {}", state.words())?;
        }
        for tier in tally.idle() {
            writeln!(out, "nothing was run on {}: it can do none of these plans", tier.name())?;
        }
    }
    out.flush()?;
    Ok(failed.is_empty() && missing.is_empty() && tally.idle().is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Tier, seeds, tiers};

    #[test]
    fn tiers_have_names() {
        assert_eq!(tiers("fast").map(|tiers| tiers.0), Ok(vec![Tier::Fast]));
        assert_eq!(tiers("all").map(|tiers| tiers.0), Ok(Tier::ALL.to_vec()));
        assert!(tiers("none").is_err());
    }

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(seeds("0..200"), Ok(0..200));
        assert_eq!(seeds("17"), Ok(17..18));
        for bad in ["", "x", "5..5", "9..3", "1..", "-1"] {
            assert!(seeds(bad).is_err(), "{bad:?}");
        }
    }
}
