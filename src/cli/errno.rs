//! `towline explain`: what an error of sockets means, in the words that are told when one happens.

use rustix::io::Errno;

use super::explain::CliError;
use super::json::Object;
use super::output;
use crate::net::diagnose::{self, ENTRIES, Entry, Unknown};
use crate::wire::Code;

/// Say what an error of sockets means: why it usually happens, and what to do next
///
/// These are the texts that are told when one happens, with what holds of this machine in
/// them; what depends on the situation stands in capitals.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_help = super::examples::EXPLAIN)]
pub(super) struct Args {
    /// Its name or its number, such as EADDRINUSE or 98; without one, all that are known are listed
    #[arg(value_name = "ERRNO|NAME", allow_hyphen_values = true)]
    word: Option<String>,

    /// Print one JSON object a line, and nothing else, to standard output
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let Some(word) = &args.word else {
        return ENTRIES.iter().try_for_each(|entry| match args.json {
            true => object(entry).print(),
            false => output::print(&format!("{:<22} {}", entry.to_string(), entry.said())),
        });
    };
    let entry = diagnose::find(word).map_err(|unknown| not_known(word, &unknown))?;
    let facts = diagnose::facts();
    let facts: Vec<(&str, &str)> = facts.iter().map(|(name, fact)| (*name, fact.as_str())).collect();
    match args.json {
        true => object(entry).with("text", entry.text(&facts)).print(),
        false => output::print_all(&entry.text(&facts)),
    }
}

/// An error by its name and number, and what the system says.
fn object(entry: &Entry) -> Object {
    Object::new("errno").with("name", entry.to_string()).with("said", entry.said())
}

fn not_known(word: &str, Unknown { nearest, said }: &Unknown) -> CliError {
    let word = output::escaped(word.as_bytes());
    let nearest: Vec<String> = nearest.iter().map(ToString::to_string).collect();
    let (said, next) = match (said, &nearest[..]) {
        (Some(said), _) => (
            format!("nothing more is known here than what the system says: {said}"),
            "`towline explain` lists what is known, `man 3 errno` the rest".to_owned(),
        ),
        (None, []) => {
            let what = if word.parse::<i32>().is_ok() { "number" } else { "name" };
            (format!("no error has that {what}"), "`towline explain` lists what is known".to_owned())
        }
        (None, names) => (
            "no error of that name is known here".to_owned(),
            format!("was it {}? `towline explain` lists what is known", names.join(" or ")),
        ),
    };
    CliError::usage(format!("cannot explain \"{word}\""), &said, "", next)
}

/// What the system said, where the code says no less.
pub(super) fn errno_of(code: Code) -> Option<Errno> {
    match code {
        Code::NOT_FOUND => Some(Errno::NOENT),
        Code::DENIED => Some(Errno::ACCESS),
        Code::NO_SPACE => Some(Errno::NOSPC),
        Code::READ_ONLY => Some(Errno::ROFS),
        Code::IO => Some(Errno::IO),
        Code::TOO_MANY_FILES => Some(Errno::MFILE),
        _ => None,
    }
}
