//! `serve --config FILE`: the same names as the flags, in TOML. What a flag says wins. The flags are the one list: each line becomes
//! the flag that it names, so that a value means the same in both.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use toml::de::{DeTable, DeValue};

use super::explain::CliError;
use super::output::{escaped, shown};

/// However long a file is said to be.
const LENGTH_MAX: u64 = 1024 * 1024;
/// Flags that say something of a file, or of this once, and not of the server.
const NOT_IN_FILE: [&str; 4] = ["config", "check", "help", "version"];

/// What a file says.
#[derive(Debug)]
pub(super) struct Config {
    path: PathBuf,
    /// The flags that it names, and the line of each.
    lines: BTreeMap<String, usize>,
}

/// The command line with what the file that it names says put before its own flags; as it is where it names none.
pub(super) fn merged(
    command: &Command,
    args: Vec<OsString>,
) -> Result<(Vec<OsString>, Option<Config>), CliError> {
    let matches = command.clone().ignore_errors(true).try_get_matches_from(&args).ok();
    let Some(serve) = matches.as_ref().and_then(|matches| matches.subcommand_matches("serve")) else {
        return Ok((args, None));
    };
    let Some(path) = serve.try_get_one::<PathBuf>("config").ok().flatten().cloned() else {
        return Ok((args, None));
    };
    let text = read(&path)?;
    let flags = command.find_subcommand("serve").expect("it is one of ours");
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        wrong(&path, line, error.message(), "", "correct that line; the format is TOML (toml.io)")
    })?;
    let mut config = Config { path, lines: BTreeMap::new() };
    let mut added = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line_of(&text, key.span().start);
        let flag = find(flags, key.get_ref()).ok_or_else(|| config.unknown(flags, key.get_ref(), line))?;
        // What a flag says wins.
        if serve.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine) {
            continue;
        }
        config.lines.insert(key.get_ref().to_string(), line);
        config.add(flag, value.get_ref(), line, &mut added)?;
    }
    let at = args.iter().position(|arg| arg == "serve").map_or(args.len(), |at| at + 1);
    let (before, after) = args.split_at(at);
    Ok(([before, &added, after].concat(), Some(config)))
}

impl Config {
    /// What was wrong with the command line, where that came from the file.
    pub(super) fn explain(&self, error: &clap::Error) -> Option<CliError> {
        let context = |kind| error.get(kind).map(ToString::to_string);
        let invalid = context(ContextKind::InvalidArg)?;
        let name = invalid.trim_start_matches('-').split([' ', '=']).next()?.to_owned();
        let line = *self.lines.get(&name)?;
        let said = error.to_string();
        let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Some(self.wrong(line, said, "", &format!("`towline serve --help` says what \"{name}\" takes")))
    }

    fn add(
        &self,
        flag: &Arg,
        value: &DeValue<'_>,
        line: usize,
        to: &mut Vec<OsString>,
    ) -> Result<(), CliError> {
        let name = name_of(flag);
        let expected = |what: &str| {
            let said = format!("\"{name}\" is {}, and {what}", described(value));
            self.wrong(line, &said, "", &format!("`towline serve --help` says what \"{name}\" takes"))
        };
        let pushed = |text: String| {
            OsString::from(if flag.is_positional() { text } else { format!("--{name}={text}") })
        };
        match (flag.get_action(), value) {
            (ArgAction::SetTrue, DeValue::Boolean(true)) => to.push(format!("--{name}").into()),
            (ArgAction::SetTrue, DeValue::Boolean(false)) => {}
            (ArgAction::SetTrue, _) => return Err(expected("true or false is needed")),
            (ArgAction::Append, DeValue::Array(values)) => {
                for value in values {
                    let text =
                        text_of(value.get_ref()).ok_or_else(|| expected("strings are needed in it"))?;
                    to.push(pushed(text));
                }
            }
            (ArgAction::Append, value) => {
                to.push(pushed(
                    text_of(value).ok_or_else(|| expected("a string or a list of them is needed"))?,
                ));
            }
            (_, value) => {
                to.push(pushed(text_of(value).ok_or_else(|| expected("a string or a number is needed"))?))
            }
        }
        Ok(())
    }

    fn unknown(&self, flags: &Command, key: &str, line: usize) -> CliError {
        let said = format!("\"{}\" is nothing that can be set", escaped(key.as_bytes()));
        if let Some(dashed) = Some(key.replace('_', "-")).filter(|dashed| find(flags, dashed).is_some()) {
            return self.wrong(line, &said, "names are those of the flags", &format!("write {dashed}"));
        }
        let known = flags.get_arguments().filter(|flag| may_be_set(flag)).map(name_of);
        let nearest = known.map(|name| (distance(&name, key), name)).min();
        let next = match nearest {
            Some((distance, name)) if distance <= 1 + key.chars().count() / 3 => {
                format!("perhaps {name} was meant")
            }
            Some(_) | None => "`towline serve --help` lists the names".to_owned(),
        };
        self.wrong(line, &said, "names are those of the flags, without the dashes before them", &next)
    }

    fn wrong(&self, line: usize, said: &str, why: &str, next: &str) -> CliError {
        wrong(&self.path, line, said, why, next)
    }
}

fn wrong(path: &Path, line: usize, said: &str, why: &str, next: &str) -> CliError {
    let said = format!("line {line}: {}", escaped(said.as_bytes()));
    CliError::usage(format!("cannot use the configuration \"{}\"", shown(path)), &said, why, next)
}

/// The whole file, which nobody else may write: whoever can sets what the server does.
fn read(path: &Path) -> Result<String, CliError> {
    let tried = || format!("cannot use the configuration \"{}\"", shown(path));
    let refused = |said: &str, next: &str| {
        let why = "whoever can write the configuration decides what this server does";
        CliError::usage(tried(), said, why, next)
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(refused("it is a symbolic link", "name the file that it leads to")),
        file => file.map_err(|error| CliError::system(tried(), &error.into()))?,
    };
    let status = fstat(&file).map_err(|error| CliError::system(tried(), &error.into()))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(refused("it is not a regular file", "name a file"));
    }
    if status.st_uid != 0 && status.st_uid != rustix::process::geteuid().as_raw() {
        let said = format!("it belongs to another user ({})", status.st_uid);
        return Err(refused(&said, "make it root's or this user's (`chown`)"));
    }
    if status.st_mode & 0o022 != 0 {
        let said = format!("others may write it (mode {:o})", status.st_mode & 0o777);
        return Err(refused(&said, "`chmod go-w` it"));
    }
    let mut text = String::new();
    let length = std::fs::File::from(file).take(LENGTH_MAX + 1).read_to_string(&mut text);
    match length.map_err(|error| CliError::system(tried(), &error))? as u64 {
        0..=LENGTH_MAX => Ok(text),
        _ => Err(refused("it is longer than a MiB", "name another file")),
    }
}

fn may_be_set(flag: &Arg) -> bool {
    !NOT_IN_FILE.contains(&flag.get_id().as_str())
}

/// The flag, or the folder, of this name.
fn find<'a>(flags: &'a Command, name: &str) -> Option<&'a Arg> {
    flags.get_arguments().filter(|flag| may_be_set(flag)).find(|flag| name_of(flag) == name)
}

fn name_of(flag: &Arg) -> String {
    flag.get_long().unwrap_or(flag.get_id().as_str()).to_owned()
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Integer(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => None,
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for j in 0..b.len() {
            let changed = diagonal + usize::from(letter != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[path = "config_test.rs"]
mod tests;
