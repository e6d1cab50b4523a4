//! The command line. May import all; nothing imports it.
//!
//! | file | what |
//! |---|---|
//! | `addresses` | addresses as they are typed, and what was meant by those that are none |
//! | `args` | what may be typed, and what it means |
//! | `errno` | `towline explain` |
//! | `keys` | whom `serve` lets in
//! | `key` | this machine's identity |
//! | `pair` | two machines that come to know each other |
//! | `trust` | whom to trust: keys, servers that were met, first contact |
//! | `config` | `serve --config`: flags from a file |
//! | `doors` | the sockets of `serve` |
//! | `serve`, `put`, `get`, `ls`, `rm`, `echo`, `partials`, `hash`, `verify` | one file a command |
//! | `trees` | what `put` and `get` share where more than one file moves |
//! | `print`, `pour` | `get` to standard output, `put` from standard input |
//! | `demo` | all of it at work, on this machine |
//! | `shell`, `examples` | completions, manual pages, and the examples below each help |
//! | `runtime` | the runtime that a command's sockets live in |
//! | `visit` | what the client commands share: a client, its signals, its goodbye |
//! | `journal` | a server's events as lines |
//! | `screen` | what a client tells while it works: retries, entries, progress |
//! | `progress` | how far it is, how fast, and what is waited for, as text of any width |
//! | `bar` | the same drawn on a terminal, or as a line now and then |
//! | `mistakes` | what was typed wrong, in the same words |
//! | `explain` | errors as [`crate::net::diagnose::Diagnosis`] and exit code |
//! | `causes` | what is below an error, for `-v` |
//! | `held` | what held a transfer back |
//! | `json` | results and errors as objects, for programs |
//! | `logging` | `--log`: what the library tells through `tracing`, as lines |
//! | `exit` | the exit codes |
//! | `output` | sizes, rates, times |
//! | `terminal` | the one place that writes to standard output and standard error, a line at a time, escaped |

mod addresses;
mod args;
mod bar;
mod causes;
mod config;
mod demo;
mod doors;
mod echo;
mod errno;
mod examples;
mod exit;
mod explain;
mod extent;
mod get;
mod hash;
mod held;
mod journal;
mod json;
mod key;
mod keys;
mod logging;
mod ls;
mod mistakes;
mod output;
mod pair;
mod partials;
mod pour;
mod print;
mod progress;
mod put;
mod rm;
mod runtime;
mod screen;
mod serve;
mod shell;
mod terminal;
mod trees;
mod trust;
mod verify;
mod visit;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::exit::Exit;

/// Moves files between machines, verified, and measures the path between them.
#[derive(Debug, Parser)]
#[command(name = "towline", version, about, after_help = format!("{}\n\n{}", examples::TOWLINE, exit::table()), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    logging: logging::Logging,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Put(put::Args),
    Get(get::Args),
    Ls(ls::Args),
    Rm(rm::Args),
    Echo(echo::Args),
    Partials(partials::Args),
    Hash(hash::Args),
    Verify(verify::Args),
    Key(key::Args),
    Pair(pair::Args),
    Explain(errno::Args),
    Completions(shell::Completions),
    Man(shell::Man),
    Demo(demo::Args),
}

impl Command {
    fn is_json(&self) -> bool {
        match self {
            Command::Put(args) => args.common.json,
            Command::Get(args) => args.common.json,
            Command::Ls(args) => args.common.json,
            Command::Rm(args) => args.common.json,
            Command::Echo(args) => args.is_json(),
            Command::Verify(args) => args.common.json,
            Command::Hash(args) => args.json,
            Command::Partials(args) => args.json,
            Command::Key(args) => args.json,
            Command::Explain(args) => args.json,
            Command::Serve(_) | Command::Pair(_) => false,
            Command::Completions(_) | Command::Man(_) | Command::Demo(_) => false,
        }
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os()).into()
}

fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let merged = config::merged(&<Cli as clap::CommandFactory>::command(), args.into_iter().collect());
    let (args, config) = match merged {
        Ok(merged) => merged,
        Err(error) => return error.tell(false).unwrap_or(Exit::Usage),
    };
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(told) = config.and_then(|config| config.explain(&error)) {
                return told.tell(false).unwrap_or(Exit::Usage);
            }
            if let Some(told) = mistakes::told(&args, &error) {
                return told.tell(false).unwrap_or(Exit::Usage);
            }
            // Nobody is left to tell if this fails. `--help` and `--version` arrive here too.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    cli.logging.start();
    let is_json = cli.command.is_json();
    let result = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Put(args) => put::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Ls(args) => ls::run(&args),
        Command::Rm(args) => rm::run(&args),
        Command::Echo(args) => echo::run(&args),
        Command::Partials(args) => partials::run(&args),
        Command::Hash(args) => hash::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Pair(args) => pair::run(&args),
        Command::Explain(args) => errno::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Demo(args) => demo::run(&args),
    };
    match result {
        Ok(()) => Exit::Success,
        // Without something to say, whoever read has read enough.
        Err(error) => error.tell(is_json).unwrap_or(Exit::OutputClosed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn mistakes_in_what_was_typed_are_usage() {
        let is_error = |args: &[&str]| Cli::try_parse_from(args).is_err_and(|error| error.use_stderr());
        assert!(is_error(&["towline"]));
        assert!(is_error(&["towline", "push"]));
        assert!(is_error(&["towline", "ls", "http://example.org"]));
        assert!(is_error(&["towline", "ls", "example.org/../x"]));
        assert!(is_error(&["towline", "ls", "-q", "-v", "example.org"]));
        assert!(is_error(&["towline", "echo", "example.org/x"]));
        assert!(!is_error(&["towline", "--version"]));
    }
}
