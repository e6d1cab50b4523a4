//! `towline key`: this machine's identity.

use super::explain::CliError;
use super::json::Object;
use super::output;
use super::trust::Own;
use crate::identity::{AuthorizedKeys, Grant};
use crate::proto::Rights;

/// Show this machine's key, by which others know it; make one where there is none
///
/// The secret part never leaves its file. What is shown is for others: the fingerprint to compare at first contact, and the line
/// for a server's authorized_keys, in which whoever runs that may choose another name, fewer rights and a folder; and, among the rights,
/// how much may be stored there (quota=10G) and moved a second (rate=5M/s).
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::KEY)]
pub(super) struct Args {
    #[command(flatten)]
    own: Own,

    /// Print one JSON object a line, and nothing else, to standard output
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let keyring = args.own.keyring(None, None)?;
    let (identity, is_new) = keyring.identity_or_new().map_err(CliError::keyring)?;
    let (key, file) = (identity.public(), output::shown(&keyring.identity));
    let line = AuthorizedKeys::line(&key, &Grant { name: name(), rights: Rights::ALL });
    let line = line.trim_end();
    if args.json {
        let object = Object::new("key").with("fingerprint", key.fingerprint().to_string());
        let object = object.with("key", key.to_string()).with("line", line);
        return object.with("file", file).with("made", is_new).print();
    }
    if is_new {
        output::note(&format!("made a key for this machine: {file}"));
    }
    output::print(&format!("fingerprint {}", key.fingerprint()))?;
    output::print_all(&format!(
        "\nFor authorized_keys of a server that this machine may come to (KEY NAME RIGHTS [FOLDER]):\n{line}"
    ))
}

/// What others may call this machine's user: of characters that names have.
pub(super) fn name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let user = std::env::var("USER").unwrap_or_default();
    let named = if user.is_empty() { host } else { format!("{user}@{host}") };
    let of_name = |c: char| if c.is_ascii_alphanumeric() || "-_.@+".contains(c) { c } else { '_' };
    let named: String = named.chars().map(of_name).take(64).collect();
    if named.is_empty() { "somebody".to_owned() } else { named }
}
