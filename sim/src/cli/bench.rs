//! `bench`: what plans cost on each tier.

use std::io::{self, Write};
use std::ops::Range;

use super::values::{seeds, tier};
use crate::bench;
use crate::tier::Tier;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The seeds, as for `run`
    #[arg(long, default_value = "0..400", value_parser = seeds)]
    seeds: Range<u64>,
    /// Most bytes of one content: what is measured is not the moving of bulk
    #[arg(long, default_value_t = 1_024)]
    length_max: u64,
    /// Run this tier alone, for a profile of it
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
    /// How often all runs, of which the median is taken
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print an object of JSON, and nothing else
    #[arg(long)]
    json: bool,
}

/// True if everything held.
pub(super) fn bench(arguments: &Arguments, out: &mut impl Write) -> io::Result<bool> {
    let bench = bench::run(arguments.seeds.clone(), arguments.length_max, arguments.tier, arguments.rounds);
    let text = if arguments.json { bench::json(&bench) + "\n" } else { bench::text(&bench) };
    out.write_all(text.as_bytes())?;
    Ok(bench.is_good())
}
