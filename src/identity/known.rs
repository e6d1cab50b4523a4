//! `known_hosts`: which key each server had when it was first met. A line is `HOST[:PORT] KEY`.

use core::fmt;
use std::collections::BTreeMap;

use super::key::PublicKey;
use super::lines::{ParseError, Problem, lines};

/// A server as it is dialled: its name in lower case, and its port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName {
    host: String,
    port: u16,
}

impl HostName {
    /// Of a name or address without brackets.
    pub fn new(host: &str, port: u16) -> HostName {
        HostName { host: host.to_lowercase(), port }
    }

    /// `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
    fn parse(text: &str, default: u16) -> Result<HostName, (usize, Problem)> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or((0, Problem::BadHost))?;
                match (after.strip_prefix(':'), after) {
                    (Some(port), _) => (host, Some(port)),
                    (None, "") => (host, None),
                    (None, _) => return Err((0, Problem::BadHost)),
                }
            }
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let is_of_host = |c: char| c.is_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || host.len() > 253 || !host.chars().all(is_of_host) {
            return Err((0, Problem::BadHost));
        }
        let Some(port) = port else { return Ok(HostName::new(host, default)) };
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|port| is_number && *port != 0);
        number.map(|port| HostName::new(host, port)).ok_or((text.len() - port.len(), Problem::BadPort))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostName { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// What is known of servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownHosts {
    hosts: BTreeMap<HostName, (PublicKey, usize)>,
}

impl KnownHosts {
    /// Parses a file; a host without a port has `default`.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn parse(bytes: &[u8], default: u16) -> Result<KnownHosts, ParseError> {
        let mut known = KnownHosts::default();
        for mut line in lines(bytes)? {
            let Some(host) = line.word() else { continue };
            let name = HostName::parse(host.text, default);
            let name = name.map_err(|(at, problem)| line.error(host.at + at, problem))?;
            let key =
                line.word().ok_or(()).map_err(|()| line.error_here(Problem::NoKey(super::key::PUBLIC)))?;
            let parsed = PublicKey::parse(key.text.as_bytes());
            let parsed = parsed.map_err(|(at, problem)| line.error(key.at + at, problem))?;
            if let Some(more) = line.word() {
                return Err(line.error(more.at, Problem::MoreThanThat));
            }
            match known.hosts.get(&name) {
                Some((before, at)) if *before != parsed => {
                    return Err(line.error(host.at, Problem::HostAgain(*at)));
                }
                Some(_) => {}
                None => drop(known.hosts.insert(name, (parsed, line.number))),
            }
        }
        Ok(known)
    }

    /// The key that a host had, and in which line it stands.
    pub fn get(&self, host: &HostName) -> Option<(PublicKey, usize)> {
        self.hosts.get(host).copied()
    }

    /// The line of a host that was met.
    pub fn line(host: &HostName, key: &PublicKey) -> String {
        format!("{host} {key}\n")
    }
}
