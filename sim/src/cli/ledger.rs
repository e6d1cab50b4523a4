//! `ledger`: rare states, and how often a range of seeds reaches each.

use std::io::{self, Write};
use std::ops::Range;

use super::progress::Progress;
use super::values::{self, Tiers, seeds, tiers};
use crate::campaign;
use crate::ledger::State;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The seeds to run, `A..B` (B is not among them); without them the states are listed and nothing is run
    #[arg(long, value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// The world, as for `run`
    #[arg(long, default_value = "fast", value_parser = tiers)]
    tier: Tiers,
    /// Seeds at once [default: the number of processors]
    #[arg(long)]
    jobs: Option<usize>,
}

/// True if every state was reached, or none was to be.
pub(super) fn ledger(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let Some(seeds) = arguments.seeds.clone() else {
        for state in State::all() {
            writeln!(out, "{}", state.words())?;
        }
        return Ok(true);
    };
    let (mut progress, mut done) = (Progress::new(), 0_u64);
    let ledger = campaign::run(seeds, &arguments.tier.0, values::jobs(arguments.jobs), |_| {
        done += 1;
        progress.tell(|| format!("{done} runs"));
        true
    });
    progress.clear();
    for state in State::all() {
        writeln!(out, "{:>8}  {}", ledger.count(state), state.words())?;
    }
    let missing = ledger.missing(&arguments.tier.0, done).len();
    writeln!(out, "{done} runs, {missing} states never reached")?;
    Ok(missing == 0)
}
