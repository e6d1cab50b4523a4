//! `towline pair`: two machines come to know each other's keys by a short code.

mod guest;
mod host;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::args::{self, Patience, Talk};
use super::explain::CliError;
use super::trust::Own;
use crate::identity::{AuthorizedKeys, Grant, PublicKey};
use crate::net::{DEFAULT_PORT, HostPort};
use crate::proto::pairing::Terms;
use crate::proto::{Right, Rights};
use crate::wire::PairName;

/// The port of a pairing: beside that of a server and that of its metrics, which may run meanwhile.
const PAIR_PORT: u16 = 8697;

/// Let two machines know each other's keys: without HOST where files are served, then with it where they are not
///
/// The first one shows a code, which the second one is given. The second one's key then stands in authorized_keys of the first, and the
/// first one's in known_hosts of the second: no key is copied, and no fingerprint compared.
#[derive(Debug, clap::Args)]
#[command(after_help = super::examples::PAIR)]
pub(super) struct Args {
    /// The machine on which `towline pair` shows a code [port: 8697]
    #[arg(value_name = "HOST[:PORT]", value_parser = address)]
    host: Option<HostPort>,

    /// The code; asked for where it is not given here, where others of this machine might see it
    #[arg(requires = "host")]
    code: Option<String>,

    /// Where to wait for the other machine [default: 0.0.0.0:8697]
    #[arg(long, value_name = "ADDR", conflicts_with = "host", value_parser = |text: &str| args::listen_address(text, PAIR_PORT))]
    listen: Option<SocketAddr>,

    /// What it may do: read, write, list, remove, overwrite with ',' between them [default: all]
    #[arg(long, value_name = "RIGHTS", conflicts_with = "host", value_parser = rights)]
    rights: Option<Rights>,

    /// The folder, below the served one, that it is confined to
    #[arg(long, value_name = "FOLDER", conflicts_with = "host")]
    folder: Option<String>,

    /// What it is called here, in authorized_keys and in the log [default: what it calls itself, USER@MACHINE]
    #[arg(long, value_name = "NAME", conflicts_with = "host", value_parser = name)]
    name: Option<PairName>,

    /// How long the code is good
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "host", default_value = "10m", value_parser = args::some_time)]
    life: Duration,

    /// The port at which files are served here, for the other machine to remember
    #[arg(long, value_name = "PORT", conflicts_with = "host", default_value_t = DEFAULT_PORT, value_parser = args::number::<u16>(1..=65535))]
    serve_port: u16,

    /// Who may come [default: authorized_keys beside the key's usual place]
    #[arg(long, value_name = "FILE", conflicts_with = "host")]
    authorized_keys: Option<PathBuf>,

    /// Servers that were met [default: known_hosts beside the key's usual place]
    #[arg(long, value_name = "FILE", requires = "host")]
    known_hosts: Option<PathBuf>,

    /// How long connecting may take
    #[arg(long, visible_alias = "connect-timeout", value_name = "DURATION|none", requires = "host", default_value = "10", value_parser = args::patience)]
    timeout: Patience,

    #[command(flatten)]
    own: Own,

    #[command(flatten)]
    talk: Talk,
}

pub(super) fn run(args: &Args) -> Result<(), CliError> {
    match &args.host {
        None => host::run(args),
        Some(server) => guest::run(args, server),
    }
}

/// An address whose port is that of a pairing unless it is given.
fn address(text: &str) -> Result<HostPort, String> {
    let parsed: HostPort = text.parse().map_err(|error: crate::net::AddressError| error.to_string())?;
    let behind = text.rsplit_once(']').map_or(text, |(_, behind)| behind);
    Ok(if behind.contains(':') { parsed } else { HostPort { port: PAIR_PORT, ..parsed } })
}

/// What a line of authorized_keys would say, by its own parser.
fn granted(name: &str, rights: &str, folder: &str) -> Result<Grant, String> {
    let key = PublicKey([0; 32]);
    let line = format!("{key} {name} {rights} {folder}");
    let parsed = AuthorizedKeys::parse(line.as_bytes()).map_err(|error| error.problem.to_string())?;
    let grant = parsed.get(&key).cloned();
    // Blanks around a folder and ends of lines would be lost.
    grant.filter(|grant| grant.rights.folder().as_bytes() == folder.as_bytes()).ok_or_else(|| {
        "a folder in authorized_keys is one line, and neither begins nor ends with a blank".to_owned()
    })
}

fn rights(text: &str) -> Result<Rights, String> {
    match text.contains(char::is_whitespace) {
        true => Err("write rights with ',' between them and without blanks, such as read,list".to_owned()),
        false => granted("somebody", text, "").map(|grant| grant.rights),
    }
}

fn name(text: &str) -> Result<PairName, String> {
    PairName::new(text).ok_or_else(|| "a name has 1 to 64 letters, digits and -_.@+".to_owned())
}

/// "read, write and list", in a folder perhaps.
fn described(terms: &Terms) -> String {
    let all: Vec<&str> = Right::ALL.into_iter().filter(|right| terms.may(*right)).map(Right::name).collect();
    let listed = match &all[..] {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    if terms.is_confined { format!("{listed}, in a folder of what is served") } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_of_a_pairing_unless_it_is_given() {
        let shown = |text| address(text).map(|host| host.to_string());
        for (text, expected) in [
            ("example.org", "example.org:8697"),
            ("example.org:8695", "example.org:8695"),
            ("[::1]", "[::1]:8697"),
            ("[::1]:9", "[::1]:9"),
            ("192.0.2.7", "192.0.2.7:8697"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected));
        }
        assert!(shown("::1").is_err_and(|error| error.contains("brackets")));
        assert!(shown("example.org/x").is_err());
    }

    #[test]
    fn rights_and_folders_are_those_of_a_line() {
        assert_eq!(rights("all"), Ok(Rights::ALL));
        assert_eq!(rights("read,list"), Ok(Rights::READ_ONLY));
        for wrong in ["", "reed", "read, list", "read list", "read\nlist", "read,read"] {
            assert!(rights(wrong).is_err(), "{wrong}");
        }
        let folder = |folder| granted("somebody", "read", folder).map(|grant| grant.rights.folder().clone());
        assert!(folder("in/bob's photos").is_ok_and(|path| path.as_bytes() == b"in/bob's photos"));
        for wrong in [" in", "in ", "in\nx", "../x", "/etc", "a\u{1b}b"] {
            assert!(folder(wrong).is_err(), "{wrong}");
        }
        assert!(name("anna@laptop").is_ok() && name("").is_err() && name("an na").is_err());
    }

    #[test]
    fn what_may_be_done_is_said_in_words() {
        let said = |rights: Rights| described(&Terms::new(1, &rights));
        assert_eq!(said(Rights::NONE), "nothing");
        assert_eq!(said(Rights::DROP_BOX), "write");
        assert_eq!(said(Rights::ALL), "read, write, list, remove and overwrite");
        let folder = crate::wire::RelPath::new("in").expect("a path");
        assert_eq!(said(Rights::READ_ONLY.below(folder)), "read and list, in a folder of what is served");
    }
}
