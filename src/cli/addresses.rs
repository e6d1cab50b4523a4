//! Addresses as they are typed, and what was meant by those that are none.

use std::ffi::OsString;
use std::path::Path;

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::explain::CliError;
use super::output::{self, escaped};
use crate::net::{AddressError, Endpoint, Target};

/// `HOST[:PORT][/PATH]` or `unix:SOCKET[:/PATH]`, of bytes.
pub(super) fn target() -> impl TypedValueParser<Value = Target> {
    OsStringValueParser::new().try_map(|text: OsString| {
        let bytes = text.as_encoded_bytes();
        parse(bytes).map_err(|error| match meant(bytes) {
            Some(meant) => format!("{error}; was it {meant}?"),
            None => error.to_string(),
        })
    })
}

/// The same for a command that takes files and addresses; `tried` begins with "cannot".
pub(super) fn target_or(tried: &str, help: &str, text: &[u8]) -> Result<Target, CliError> {
    parse(text).map_err(|error| {
        let next = match meant(text) {
            Some(meant) => format!("was it {meant}? `{help}` explains it"),
            None => format!("see `{help}`"),
        };
        CliError::usage(tried, &error.to_string(), "", next)
    })
}

fn parse(bytes: &[u8]) -> Result<Target, Told> {
    let is_path = [&b"./"[..], b"../", b"~", b"/"].iter().any(|start| bytes.starts_with(start));
    match is_path || matches!(bytes, b"." | b"..") {
        true => Err(Told::Here(escaped(bytes))),
        false => Target::from_bytes(bytes).map_err(Told::Address),
    }
}

#[derive(Debug, thiserror::Error)]
enum Told {
    #[error(transparent)]
    Address(AddressError),
    #[error(
        "{0} is a path of this machine, and a server's address is needed: HOST[:PORT][/PATH], such as example.org/notes.txt"
    )]
    Here(String),
}

/// What other tools write in another way: `http://host/path`, `user@host:path`, `host:path`.
fn meant(bytes: &[u8]) -> Option<String> {
    let text = str::from_utf8(bytes).ok()?;
    let bare = text.split_once("://").map_or(text, |(_, bare)| bare);
    let bare = match bare.split_once('@') {
        Some((user, bare)) if !user.contains('/') => bare,
        Some(_) | None => bare,
    };
    let corrected = match bare.split_once(':') {
        Some((host, path)) if !path.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{host}/{}", path.trim_start_matches('/'))
        }
        Some(_) | None => bare.to_owned(),
    };
    let is_other = corrected != text && corrected.parse::<Target>().is_ok();
    is_other.then(|| output::typed([OsString::from(corrected)]))
}

/// A server's name that does not resolve, and is a file's or a folder's here: what to say of it.
pub(super) fn is_here(server: &Endpoint) -> Option<String> {
    let Endpoint::Tcp(host) = server else { return None };
    let found = Path::new(&host.host).symlink_metadata().ok()?;
    let kind = if found.is_dir() { "a folder" } else { "a file" };
    Some(format!("{} is {kind} here, and was taken for the name of a server", escaped(host.host.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_an_address() {
        let cases = [
            ("http://example.org/x", Some("example.org/x")),
            ("https://example.org:8695/x/", Some("example.org:8695/x/")),
            ("me@example.org:/x/y", Some("example.org/x/y")),
            ("me@example.org:x", Some("example.org/x")),
            ("example.org:x/y", Some("example.org/x/y")),
            ("ssh://me@example.org/x", Some("example.org/x")),
            ("example.org/x", None),
            ("http://", None),
            ("me@", None),
            ("example.org:99999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(meant(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn paths_of_this_machine_are_told_from_servers() {
        for text in [".", "..", "./photos", "../photos", "/tmp", "~/x"] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text} is a path of this machine")), "{error}");
        }
        assert!(parse(b"photos").is_ok(), "as good a name of a server as any");
    }
}
