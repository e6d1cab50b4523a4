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
    std::fs::create_dir_all(&args.dir).map_err(failed(&args.dir))?;
    // A command has the name of the command above it only once it is built.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, &args.dir)
}

/// One of the command, and one of each that is below it.
fn write_pages(command: &clap::Command, folder: &Path) -> Result<(), CliError> {
    let manual = clap_mangen::Man::new(command.clone().after_help(None::<&str>));
    let at = folder.join(manual.get_filename());
    let mut page = Vec::new();
    let rendered = manual.render(&mut page);
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.extend_from_slice(sections(&help).as_bytes());
    rendered.and_then(|()| std::fs::write(&at, page)).map_err(failed(&at))?;
    command.get_subcommands().try_for_each(|below| write_pages(below, folder))
}

fn failed(at: &Path) -> impl FnOnce(std::io::Error) -> CliError {
    let tried = format!("cannot write the manual to {}", shown(at));
    move |error| CliError::system(tried, &error)
}

/// What follows a command's help, as sections of a manual whose lines stay as they are: examples and tables.
fn sections(help: &str) -> String {
    let mut sections = String::new();
    for line in help.lines() {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => sections += &format!(".SH {}\n.nf\n", heading.to_uppercase()),
            // A line that begins with a dot or an apostrophe would be a request.
            None => sections += &format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-")),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stay_as_they_are() {
        let page =
            sections("Examples:\n  towline put -r a HOST/   # all of a\n.x \\\n\nExit codes:\n    0  done");
        assert_eq!(
            page,
            ".SH EXAMPLES\n.nf\n\\&  towline put \\-r a HOST/   # all of a\n\\&.x \\e\n\\&\n.SH EXIT CODES\n.nf\n\\&    0  done\n"
        );
    }
}
