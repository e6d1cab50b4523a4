//! What was typed wrong, as clap found it, told as every other error is: what cannot be taken, why not, and what to type.

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::explain::CliError;
use super::{Cli, output};

/// What other programs call a command, and what it is called here.
const OTHER_NAMES: [(&str, &[&str]); 7] = [
    ("put", &["push", "send", "upload", "up", "cp", "copy", "sync"]),
    ("get", &["pull", "fetch", "download", "receive", "recv", "down"]),
    ("ls", &["list", "dir", "ll"]),
    ("rm", &["delete", "del", "remove", "unlink"]),
    ("echo", &["ping", "bench", "measure"]),
    ("hash", &["sum", "b3sum", "checksum"]),
    ("serve", &["server", "listen", "daemon", "start"]),
];

/// Flags that other programs have, and what is written instead.
const OTHER_FLAGS: [(&str, &str); 11] = [
    ("--port", "the port is part of the address: HOST:PORT, and `--listen ADDRESS:PORT` for a server"),
    ("-p", "the port is part of the address: HOST:PORT, and `--listen ADDRESS:PORT` for a server"),
    ("--host", "the host is the address itself: HOST[:PORT][/PATH]"),
    (
        "-r",
        "files and empty folders are removed, one by one; `towline put -r --delete` makes a tree like another",
    ),
    (
        "--recursive",
        "files and empty folders are removed, one by one; `towline put -r --delete` makes a tree like another",
    ),
    ("--archive", "-r moves folders; modes and times come with their files"),
    ("-a", "-r moves folders; modes and times come with their files"),
    ("--progress", "progress is shown by itself on a terminal"),
    ("--compress", "nothing is compressed on the way here"),
    ("-z", "nothing is compressed on the way here"),
    (
        "--force",
        "what stands at the destination is replaced by itself; a folder gives way with -r and --delete",
    ),
];

/// The mistake in words; `None` where what clap has to say is no mistake, or all of the help.
pub(super) fn told(args: &[OsString], error: &clap::Error) -> Option<CliError> {
    let command = Typed::new(args);
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        ErrorKind::UnknownArgument => Some(unknown_argument(&command, error)),
        ErrorKind::InvalidSubcommand => Some(unknown_command(error)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidUtf8 => {
            Some(bad_value(&command, error))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = words(error, ContextKind::InvalidArg);
            let tried = format!("cannot {}", command.name.unwrap_or("begin"));
            Some(command.refuse(tried, format!("{} is missing", missing.join(" and ")), error))
        }
        ErrorKind::ArgumentConflict => {
            let (one, others) = (word(error, ContextKind::InvalidArg), words(error, ContextKind::PriorArg));
            let said = match others.contains(&one) {
                true => "it may be given once".to_owned(),
                false => format!("it cannot go together with {}", others.join(", ")),
            };
            Some(command.refuse(format!("cannot take {one}"), said, error))
        }
        _ => Some(command.refuse("cannot understand what was typed".into(), first_line(error), error)),
    }
}

/// What is known of a command line that makes no sense as a whole.
struct Typed<'a> {
    args: &'a [OsString],
    /// The command that is meant.
    name: Option<&'a str>,
}

impl<'a> Typed<'a> {
    fn new(args: &'a [OsString]) -> Typed<'a> {
        let all = Cli::command();
        let is_command = |word: &&str| all.get_subcommands().any(|command| command.get_name() == *word);
        let words = args.iter().skip(1).filter_map(|arg| arg.to_str());
        Typed { args, name: words.take_while(|word| *word != "--").find(is_command) }
    }

    fn refuse(&self, tried: String, said: String, error: &clap::Error) -> CliError {
        let help = self.help();
        let next = match usage(error) {
            Some(usage) => format!("write `{usage}`; `{help}` explains it"),
            None => format!("`{help}` explains it"),
        };
        CliError::usage(tried, &said, "", next)
    }

    fn help(&self) -> String {
        match self.name {
            Some(name) => format!("towline {name} --help"),
            None => "towline --help".to_owned(),
        }
    }
}

fn unknown_argument(command: &Typed<'_>, error: &clap::Error) -> CliError {
    let given = word(error, ContextKind::InvalidArg);
    let tried = format!("cannot use {given}");
    let is_odd = |arg: &&OsString| arg.as_encoded_bytes().starts_with(b"-") && Path::new(arg).exists();
    if let Some(name) = command.args.iter().skip(1).find(is_odd) {
        let name = output::typed([name.clone()]);
        let next = format!("write ./{name}, or -- before it: what follows that is no option");
        let why = "what begins with '-' is taken for an option, and a file here has that name";
        return CliError::usage(format!("cannot use {name}"), "there is no such option", why, next);
    }
    if !given.starts_with('-') {
        return command.refuse(tried, "nothing is expected there any more".into(), error);
    }
    let said = "there is no such option";
    if let Some(name) =
        word(error, ContextKind::SuggestedArg).split(' ').next().filter(|name| !name.is_empty())
    {
        let next = format!("was it {name}? `{}` lists all", command.help());
        return CliError::usage(tried, said, "", next);
    }
    if command.name.is_some_and(|name| stands_before(command.args, &given, name)) {
        let next = format!("`{}` lists the options of each command", command.help());
        return CliError::usage(tried, "options of a command come after its name", "", next);
    }
    let bare = given.split('=').next().unwrap_or_default();
    let other = OTHER_FLAGS.iter().find(|(name, _)| *name == bare);
    let next = match other {
        Some((_, instead)) => format!("{instead}; `{}` lists the options", command.help()),
        None => format!("`{}` lists them; a value that begins with '-' goes behind --", command.help()),
    };
    CliError::usage(tried, said, "", next)
}

fn stands_before(args: &[OsString], first: &str, second: &str) -> bool {
    let at = |word: &str| args.iter().position(|arg| arg.to_str() == Some(word));
    matches!((at(first), at(second)), (Some(first), Some(second)) if first < second)
}

fn unknown_command(error: &clap::Error) -> CliError {
    let given = word(error, ContextKind::InvalidSubcommand);
    let alike = words(error, ContextKind::SuggestedSubcommand);
    let other = OTHER_NAMES.iter().find(|(_, names)| names.contains(&given.as_str()));
    let next = match (other, alike.first()) {
        (Some((name, _)), _) => format!("that is `towline {name}` here; `towline --help` lists all commands"),
        (None, Some(name)) => format!("was it `towline {name}`? `towline --help` lists all commands"),
        (None, None) => "`towline --help` lists the commands".to_owned(),
    };
    CliError::usage(format!("cannot {given}"), "there is no such command", "", next)
}

fn bad_value(command: &Typed<'_>, error: &clap::Error) -> CliError {
    let (name, given) = (word(error, ContextKind::InvalidArg), word(error, ContextKind::InvalidValue));
    let known = words(error, ContextKind::ValidValue);
    let said = match error.source() {
        Some(cause) => cause.to_string(),
        None if given.is_empty() => "a value is needed behind it".to_owned(),
        None if !known.is_empty() => format!("one of {} is needed", known.join(", ")),
        None => first_line(error),
    };
    let next = match words(error, ContextKind::SuggestedValue).first() {
        Some(alike) => format!("was it {alike}? `{}` explains it", command.help()),
        None => format!("`{}` explains it", command.help()),
    };
    let tried = match given.is_empty() {
        true => format!("cannot take {name} alone"),
        false => format!("cannot take \"{given}\" for {name}"),
    };
    CliError::usage(tried, &said, "", next)
}

fn words(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        Some(_) | None => Vec::new(),
    }
}

fn word(error: &clap::Error, kind: ContextKind) -> String {
    words(error, kind).into_iter().next().unwrap_or_default()
}

/// How the command is written.
fn usage(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let plain = usage.to_string();
    let line = plain.trim().trim_start_matches("Usage:").trim();
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
