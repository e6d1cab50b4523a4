//! Flags about what a tree consists of: folders, links, and what patterns leave out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::{ArgAction, ArgMatches, FromArgMatches};
use ignore::gitignore::GitignoreBuilder;

use super::explain::CliError;
use super::output::escaped;
use crate::proto::tree_job::{Filter, LinkPolicy, TreeOptions};

/// Flags about what a tree consists of.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Extent {
    /// Folders, too, with all that is in them
    #[arg(short, long)]
    pub(super) recursive: bool,

    /// Symbolic links in the source: take them as links, take what they lead to, or leave them out
    #[arg(long, value_enum, default_value = "keep", requires = "recursive")]
    links: Links,

    #[command(flatten)]
    patterns: Patterns,
}

impl Extent {
    pub(super) fn options(&self) -> Result<TreeOptions, CliError> {
        let links = match self.links {
            Links::Keep => LinkPolicy::Keep,
            Links::Follow => LinkPolicy::Follow,
            Links::Skip => LinkPolicy::Skip,
        };
        let filter = self.patterns.filter()?;
        Ok(TreeOptions { recursive: self.recursive, links, filter, ..TreeOptions::default() })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Links {
    Keep,
    Follow,
    Skip,
}

/// `--exclude` and `--include`, in the order in which they were typed: the last that matches decides.
#[derive(Clone, Debug, Default)]
struct Patterns(Vec<String>);

const EXCLUDE: &str = "exclude";
const INCLUDE: &str = "include";

impl clap::Args for Patterns {
    fn augment_args(command: clap::Command) -> clap::Command {
        let pattern = |id: &'static str, help: &'static str| {
            clap::Arg::new(id).long(id).value_name("PATTERN").action(ArgAction::Append).help(help)
        };
        command
            .arg(pattern(
                EXCLUDE,
                "Leave out what matches, as a line of .gitignore would, beside each source",
            ))
            .arg(pattern(INCLUDE, "Do not leave out what matches; of several patterns the last one decides"))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Patterns::augment_args(command)
    }
}

impl FromArgMatches for Patterns {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Patterns, clap::Error> {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for (id, mark) in [(EXCLUDE, ""), (INCLUDE, "!")] {
            let places = matches.indices_of(id).into_iter().flatten();
            let values = matches.get_many::<String>(id).into_iter().flatten();
            lines.extend(places.zip(values).map(|(place, value)| (place, format!("{mark}{value}"))));
        }
        lines.sort();
        Ok(Patterns(lines.into_iter().map(|(_, line)| line).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Patterns::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Patterns {
    fn filter(&self) -> Result<Filter, CliError> {
        if self.0.is_empty() {
            return Ok(Filter::default());
        }
        let mut builder = GitignoreBuilder::new("");
        let bad = |error: ignore::Error| {
            let next = "write it as in a .gitignore: `*.o`, `/build/`, `docs/**/*.pdf`";
            CliError::usage("cannot use a pattern", &escaped(error.to_string().as_bytes()), "", next)
        };
        for line in &self.0 {
            builder.add_line(None, line).map_err(bad)?;
        }
        let rules = builder.build().map_err(bad)?;
        Ok(Filter::new(self.0.clone(), move |path, is_folder| {
            rules.matched(Path::new(OsStr::from_bytes(path)), is_folder).is_ignore()
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        extent: Extent,
    }

    fn filter(args: &[&str]) -> Filter {
        let Whole { extent } = Whole::try_parse_from([&["x", "-r"], args].concat()).unwrap();
        extent.options().unwrap().filter
    }

    #[test]
    fn patterns_are_those_of_gitignore_and_the_last_decides() {
        let all = filter(&["--exclude", "*.o", "--include", "kept.o", "--exclude", "/build/"]);
        let cases: [(&[u8], bool, bool); 6] = [
            (b"a.o", false, true),
            (b"deep/\xff.o", false, true),
            (b"deep/kept.o", false, false),
            (b"build", true, true),
            (b"build", false, false),
            (b"deep/build", true, false),
        ];
        for (path, is_folder, expected) in cases {
            assert_eq!(all.excludes(path, is_folder), expected, "{}", path.escape_ascii());
        }
        assert!(filter(&["--include", "kept.o", "--exclude", "*.o"]).excludes(b"kept.o", false));
        assert!(!filter(&[]).excludes(b"a", false));
    }
}
