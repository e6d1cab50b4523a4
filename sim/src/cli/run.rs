//! `run`: many seeds, or plans, on one tier or all.

use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::values::{self, Shard, Tiers, seeds, shard, tiers, time};
use crate::bundle::Bundles;
use crate::campaign::{self, Ran, Tally, Work};
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::report;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["seeds", "plan"]))]
pub(super) struct Arguments {
    /// The seeds, `A..B` (B is not among them) or one
    #[arg(long, value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// A file that holds a plan; may be said several times
    #[arg(long, value_name = "FILE")]
    plan: Vec<PathBuf>,
    /// The world: `fast` (the machines alone), `turmoil` (the real server and client), `real` (the same on loopback
    /// sockets, in real time), or `all`, which runs all that this build has and compares what the applications saw
    #[arg(long, default_value = "fast", value_parser = tiers)]
    tier: Tiers,
    /// Only a part of it: `2/3` is the second third
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Begin nothing more after such a time, `30s` say
    #[arg(long, value_parser = time)]
    time: Option<Duration>,
    /// Print each plan and its trace
    #[arg(long, conflicts_with = "json")]
    trace: bool,
    /// Print an object of JSON a plan and tier, and nothing else
    #[arg(long)]
    json: bool,
    /// Plans at once [default: the number of processors]
    #[arg(long)]
    jobs: Option<usize>,
    /// Where failures leave a folder each, with all that it takes to see them again
    #[arg(long, value_name = "DIR", default_value = "target/sim-failures")]
    bundles: PathBuf,
}

impl Arguments {
    /// What is to be run, and how much that is.
    fn work(&self) -> io::Result<(Box<dyn Iterator<Item = Work> + Send>, u64)> {
        let shard = self.shard.unwrap_or(Shard::WHOLE);
        if let Some(seeds) = &self.seeds {
            let seeds = shard.part(seeds);
            let count = seeds.end - seeds.start;
            return Ok((Box::new(seeds.map(Work::Seed)), count));
        }
        let part = shard.part(&(0..self.plan.len() as u64));
        let mut work = Vec::new();
        for file in &self.plan[part.start as usize..part.end as usize] {
            let plan =
                Plan::read(file).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
            work.push(Work::File(file.clone(), Box::new(plan)));
        }
        let count = work.len() as u64;
        Ok((Box::new(work.into_iter()), count))
    }
}

/// True if everything held.
pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let (work, count) = arguments.work()?;
    let tiers = &arguments.tier.0;
    let end = arguments.time.and_then(|time| Instant::now().checked_add(time));
    let (mut progress, mut done, mut failed) = (Progress::new(), 0, Vec::new());
    let mut tally = Tally::default();
    let mut bundles = Bundles::new(arguments.bundles.clone(), tiers);
    let mut written = if arguments.json { Ok(()) } else { writeln!(out, "{}", report::head()) };
    let ledger = campaign::run_all(work, tiers, values::jobs(arguments.jobs), end, |ran| {
        done += 1;
        tally.note(&ran);
        let left = bundles.leave(&ran, |told| progress.tell(|| told));
        progress.clear();
        written = left.and_then(|left| tell(arguments, &ran, left.as_ref(), out));
        if !ran.broken.is_empty() {
            failed.push(report::replay(&ran));
        }
        let all = count * tiers.len() as u64;
        progress.tell(|| format!("{done} of {all}, {} failed; seed {}", failed.len(), ran.seed));
        written.is_ok()
    });
    let wall = progress.elapsed();
    progress.clear();
    written?;
    let is_campaign = arguments.seeds.is_some() && tally.ran() >= Ledger::SEEDS;
    let missing = if is_campaign { ledger.missing(tiers, tally.ran()) } else { Vec::new() };
    if !arguments.json {
        write!(out, "{}", report::summary(&tally, &failed, wall, &ledger))?;
        for state in &missing {
            writeln!(out, "never reached: {}", state.words())?;
        }
        for tier in tally.idle() {
            writeln!(out, "nothing was run on {}: it can do none of these plans", tier.name())?;
        }
        if bundles.left_out > 0 {
            let (most, more) = (Bundles::MOST, bundles.left_out);
            writeln!(out, "the first {most} failures have a folder each; {more} more have none")?;
        }
    }
    out.flush()?;
    Ok(failed.is_empty() && missing.is_empty() && tally.idle().is_empty())
}

/// What is printed of a run.
fn tell(arguments: &Arguments, ran: &Ran, left: Option<&PathBuf>, out: &mut impl Write) -> io::Result<()> {
    if arguments.json {
        return writeln!(out, "{}", report::json(ran, left));
    }
    if arguments.trace {
        write!(out, "{}{}", ran.outcome.plan.text(), ran.outcome.trace.text())?;
    }
    writeln!(out, "{}", report::line(ran))?;
    match left {
        Some(folder) => writeln!(out, "          left in {}", folder.display()),
        None => Ok(()),
    }
}
