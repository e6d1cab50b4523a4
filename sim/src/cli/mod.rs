//! The command line.
//!
//! | file | what |
//! |---|---|
//! | `run` | many seeds, or plans |
//! | `replay` | one again, compared with what is known of it |
//! | (`crate::show`) | one, shown as text, JSON, a page or packets |
//! | `shrink` | the least that still breaks |
//! | `plans` | the plans that somebody wrote |
//! | `ledger` | rare states, counted |
//! | `planted` | bugs, hunted |
//! | `bench` | what plans cost |
//! | `values` | what arguments mean |
//! | `progress` | a line on the terminal that says how far it is |

mod bench;
mod ledger;
mod plans;
mod planted;
mod progress;
mod replay;
mod run;
mod shrink;
mod values;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::show;

/// Runs towline in seeded worlds that fail, and says which seeds break an invariant.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a range of seeds, or plans; exit with 0 only if everything held
    Run(run::Arguments),
    /// Run one seed, plan or bundle again, say what broke, and compare its digest; exit with 0 only if everything held
    Replay(replay::Arguments),
    /// Run a seed or a plan, and show what happened
    Show(show::Show),
    /// Find the least plan that still breaks the same invariant
    Shrink(shrink::Arguments),
    /// List the plans that are written by hand, and run them
    Plans(plans::Arguments),
    /// List the rare states, or count how often a range of seeds reaches each
    Ledger(ledger::Arguments),
    /// Measure what plans cost on each tier, and turmoil alone with as many hosts, ticks, writes and bytes
    Bench(bench::Arguments),
    /// Plant bugs in the library, one after another, and show that each is caught; exit with 0 only if all are
    ///
    /// Takes a build that has them: this one, or the one that `cargo planted` makes, which is started then.
    Planted(planted::Arguments),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let out = &mut io::stdout().lock();
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments, out),
        Command::Replay(arguments) => replay::replay(&arguments, out),
        Command::Show(arguments) => show::run(&arguments, out),
        Command::Shrink(arguments) => shrink::shrink(&arguments, out),
        Command::Plans(arguments) => plans::plans(&arguments, out),
        Command::Ledger(arguments) => ledger::ledger(&arguments, out),
        Command::Bench(arguments) => bench::bench(&arguments, out),
        Command::Planted(arguments) => planted::planted(&arguments, out),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read this has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("towline-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
