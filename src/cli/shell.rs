//! `towline completions` and `towline man`: what a shell and a manual know of the command line, made from the command line itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

use super::explain::CliError;
use super::output::shown;
use super::{Cli, examples, terminal};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = examples::COMPLETIONS)]
pub(super) struct Completions {
    /// Which one
    shell: Shell,
}

/// Write the manual's pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = examples::MAN)]
pub(super) struct Man {
    /// The folder; it is made if it is not there
    dir: PathBuf,
}

pub(super) fn completions(args: &Completions) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "towline", &mut text);
    match terminal::raw().write_all(&text) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(CliError::OutputClosed),
        written => written.map_err(|error| CliError::system("cannot write to standard output", &error)),
    }
}

pub(super) fn man(args: &Man) -> Result<(), CliError> {
    let failed = |at: &Path| {
        let tried = format!("cannot write the manual to {}", shown(at));
        move |error: std::io::Error| CliError::system(tried, &error)
    };
    std::fs::create_dir_all(&args.dir).map_err(failed(&args.dir))?;
    // A command has the name of the command above it only once it is built.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, &args.dir).map_err(failed(&args.dir))
}
