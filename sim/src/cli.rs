//! The command line.

use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

use crate::campaign;
use crate::ledger::{Ledger, Rare};
use crate::report;

/// Runs towline's real server and client in seeded worlds that fail, and says which seeds break an invariant.
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
        /// Print each seed's plan and trace
        #[arg(long)]
        trace: bool,
        /// Seeds at once [default: the number of processors]
        #[arg(long)]
        jobs: Option<usize>,
    },
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
    let Command::Run { seeds, trace, jobs } = Arguments::parse().command;
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    match run(seeds, trace, jobs, &mut io::stdout().lock()) {
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

/// True if everything held.
fn run(seeds: Range<u64>, trace: bool, jobs: usize, out: &mut impl Write) -> io::Result<bool> {
    let (begin, mut ran_in_all, mut failed) = (Instant::now(), 0, Vec::new());
    let mut written = writeln!(out, "{}", report::head());
    let ledger = campaign::run(seeds, jobs, |ran| {
        ran_in_all += 1;
        if !ran.broken.is_empty() {
            failed.push(ran.seed);
        }
        if trace && written.is_ok() {
            written = write!(out, "{:#?}\n{}", ran.outcome.plan, ran.outcome.trace.text());
        }
        if written.is_ok() {
            written = writeln!(out, "{}", report::line(&ran));
        }
        written.is_ok()
    });
    written?;
    let missing = if ran_in_all < Ledger::SEEDS { Vec::new() } else { ledger.missing() };
    write!(out, "{}", report::summary(ran_in_all, &failed, begin.elapsed(), &ledger))?;
    for rare in &missing {
        writeln!(out, "never reached: {}", Rare::words(*rare))?;
    }
    out.flush()?;
    Ok(failed.is_empty() && missing.is_empty())
}

#[cfg(test)]
mod tests {
    use super::seeds;

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(seeds("0..200"), Ok(0..200));
        assert_eq!(seeds("17"), Ok(17..18));
        for bad in ["", "x", "5..5", "9..3", "1..", "-1"] {
            assert!(seeds(bad).is_err(), "{bad:?}");
        }
    }
}
