//! `HOST[:PORT][/PATH]` and `unix:SOCKET[:/PATH]`, parsed once, at the edge. What is refused says what was expected instead, with
//! an example.

use std::ffi::OsStr;
use std::fmt;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use super::SocketUse;
use crate::wire::{Escaped, PathError, RelPath};

/// Where a server listens, and a client dials, unless told otherwise.
pub const DEFAULT_PORT: u16 = 8695;
/// The longest name that DNS has (RFC 1035, 2.3.4, without the last dot).
const HOST_MAX: usize = 253;
/// The longest path of a Unix socket, in bytes: `sun_path` has 108, with the zero at its end (unix(7)).
pub const SOCKET_PATH_MAX: usize = 107;
/// What the address of a Unix socket begins with.
const UNIX: &[u8] = b"unix:";

/// A server. Written `HOST[:PORT]`, or `unix:SOCKET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Reached over TCP.
    Tcp(HostPort),
    /// A Unix socket of this machine, by the path of its file, which has no `:` in it if it was parsed.
    Unix(PathBuf),
}

/// A name or address, and a port. Written `HOST[:PORT]`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: String,
    /// Never 0 if it was parsed.
    pub port: u16,
}

/// A path at a server. Written `HOST[:PORT][/PATH]`, or `unix:SOCKET[:/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The server.
    pub endpoint: Endpoint,
    /// Below the folder that it serves; the root where no path was given.
    pub path: RelPath,
    /// True where it can only mean a folder: no path was given, or it ends in `/`.
    pub is_folder: bool,
}

/// Why something is not an [`Endpoint`] or a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing stands before the port or the path.
    #[error("the host is missing: write HOST[:PORT], such as \"example.org\" or \"127.0.0.1:8695\"")]
    NoHost,
    /// `http://…` and its like.
    #[error(
        "\"{0}://\" begins a URL, and a plain HOST[:PORT][/PATH] is needed, such as \"example.org:8695/notes.txt\""
    )]
    Url(String),
    /// `user@host`, as for ssh.
    #[error(
        "\"{0}@\" names a user, and there are none here: write HOST[:PORT][/PATH], such as \"example.org\""
    )]
    User(String),
    /// What follows `:` is empty or not a number.
    #[error(
        "\"{0}\" is not a port: write a number from 1 to 65535 after the ':', such as \"example.org:8695\" \
         (a path follows a '/': \"example.org/notes.txt\")"
    )]
    BadPort(String),
    /// A number that no port has.
    #[error("{0} is out of range: ports go from 1 to 65535, such as \"example.org:8695\"")]
    PortRange(String),
    /// Port 0.
    #[error(
        "port 0 is no port that anything listens on: write one from 1 to 65535, or none for {DEFAULT_PORT}"
    )]
    PortZero,
    /// An IPv6 address without brackets, whose port cannot be told from its digits.
    #[error("an IPv6 address needs brackets: write \"[{0}]\" or \"[{0}]:8695\"")]
    NoBrackets(String),
    /// `[` without `]`, or something between or behind them that does not belong there.
    #[error("\"{0}\" is not an IPv6 address in brackets, such as \"[::1]\" or \"[::1]:8695\"")]
    BadBrackets(String),
    /// The host has a character that no name has, or is too long.
    #[error("\"{0}\" is no name or address of a host, such as \"example.org\", \"192.0.2.7\" or \"[::1]\"")]
    BadHost(String),
    /// `unix:` alone.
    #[error("the path of the socket is missing: write unix:SOCKET, such as \"unix:/run/user/1000/towline\"")]
    NoSocketPath,
    /// A path of a Unix socket that is longer than the system takes.
    #[error(
        "the path of the socket has {0} bytes, and the system takes at most {SOCKET_PATH_MAX}: name it from a folder \
         nearer to it, such as \"unix:./towline\", or choose a shorter one"
    )]
    SocketPathLong(usize),
    /// A zero byte, which no path has.
    #[error("\"{0}\" is no path of a socket: it has a zero byte in it")]
    SocketPathNul(String),
    /// A `:` that no `/` follows.
    #[error(
        "\"{0}\": behind the path of a socket only ':/' may come, and then a path at the server: write \
         unix:SOCKET[:/PATH], such as \"unix:/run/towline:/notes.txt\"; a socket with ':' in its own path cannot be named"
    )]
    SocketColon(String),
    /// `unix:8695` was meant to be the host "unix", or a socket "8695".
    #[error(
        "\"unix:{0}\" could be a socket called {0}, or port {0} of a host called unix: write \"unix:./{0}\" for the \
         socket, or \"unix.:{0}\" for the host"
    )]
    SocketOrHost(String),
    /// The path is not allowed.
    #[error(
        "{0}: write HOST[:PORT]/PATH with a path below the served folder, such as \"example.org/notes/today.txt\""
    )]
    BadPath(PathError),
}

impl Endpoint {
    /// Parses bytes, since paths of sockets need not be UTF-8.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Endpoint, AddressError> {
        if let Some(path) = bytes.strip_prefix(UNIX) {
            let socket = split_socket(path)?;
            return match socket.len() == path.len() {
                true => Ok(Endpoint::Unix(socket_path(socket)?)),
                false => Err(AddressError::SocketColon(lossy(bytes))),
            };
        }
        let text = str::from_utf8(bytes).map_err(|_| AddressError::BadHost(lossy(bytes)))?;
        text.parse().map(Endpoint::Tcp)
    }

    /// What a socket that connects to it is for.
    pub fn dialling(&self) -> SocketUse {
        match self {
            Endpoint::Tcp(_) => SocketUse::TcpDial,
            Endpoint::Unix(_) => SocketUse::UnixDial,
        }
    }

    /// How a path there is written.
    pub fn with_path(&self, path: impl fmt::Display) -> String {
        match self {
            Endpoint::Tcp(host) => format!("{host}/{path}"),
            Endpoint::Unix(_) => format!("{self}:/{path}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Endpoint, AddressError> {
        Endpoint::from_bytes(text.as_bytes())
    }
}

impl From<HostPort> for Endpoint {
    fn from(host: HostPort) -> Endpoint {
        Endpoint::Tcp(host)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(host) => host.fmt(f),
            Endpoint::Unix(path) => write!(f, "unix:{}", Escaped(path.as_os_str().as_bytes())),
        }
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<HostPort, AddressError> {
        refuse_foreign_forms(text)?;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => split_brackets(text, rest)?,
            None if text.matches(':').count() > 1 => return Err(several_colons(text)),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        if host.len() > HOST_MAX || host.chars().any(|c| !is_of_host(c)) {
            return Err(AddressError::BadHost(shown(host)));
        }
        let port = port.map_or(Ok(DEFAULT_PORT), parse_port)?;
        Ok(HostPort { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostPort { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Target {
    /// Parses bytes, since names of files need not be UTF-8. One `/` at the end is taken off the path.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Target, AddressError> {
        if let Some(rest) = bytes.strip_prefix(UNIX) {
            let socket = split_socket(rest)?;
            let path = match &rest[socket.len()..] {
                [] => &[],
                [b':', b'/', path @ ..] => path,
                _ => return Err(AddressError::SocketColon(lossy(bytes))),
            };
            return Target::new(Endpoint::Unix(socket_path(socket)?), path);
        }
        if let Some(at) = bytes.windows(3).position(|three| three == b"://")
            && bytes[..at].iter().all(u8::is_ascii_alphanumeric)
        {
            return Err(AddressError::Url(lossy(&bytes[..at])));
        }
        let slash = bytes.iter().position(|byte| *byte == b'/');
        let (host, path) = bytes.split_at(slash.unwrap_or(bytes.len()));
        Target::new(Endpoint::from_bytes(host)?, path.strip_prefix(b"/").unwrap_or(path))
    }

    fn new(endpoint: Endpoint, path: &[u8]) -> Result<Target, AddressError> {
        let bare = path.strip_suffix(b"/").unwrap_or(path);
        Ok(Target {
            endpoint,
            is_folder: bare.is_empty() || bare.len() < path.len(),
            path: RelPath::new(bare).map_err(AddressError::BadPath)?,
        })
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Target, AddressError> {
        Target::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            write!(f, "{}", self.endpoint)
        } else {
            f.write_str(&self.endpoint.with_path(&self.path))
        }
    }
}

/// The path of a Unix socket, where it is one that the system takes.
///
/// # Errors
/// If it is empty, too long, or has a zero byte in it.
pub fn socket_path(bytes: &[u8]) -> Result<PathBuf, AddressError> {
    match bytes.len() {
        0 => Err(AddressError::NoSocketPath),
        length if length > SOCKET_PATH_MAX => Err(AddressError::SocketPathLong(length)),
        _ if bytes.contains(&0) => Err(AddressError::SocketPathNul(lossy(bytes))),
        _ => Ok(PathBuf::from(OsStr::from_bytes(bytes))),
    }
}

/// What stands before the first `:`, which is the socket, unless it could as well be a port.
fn split_socket(bytes: &[u8]) -> Result<&[u8], AddressError> {
    let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
    let first = bytes.split(|byte| b":/".contains(byte)).next().unwrap_or_default();
    if !first.is_empty() && first.iter().all(u8::is_ascii_digit) {
        return Err(AddressError::SocketOrHost(lossy(first)));
    }
    Ok(&bytes[..end])
}

/// What people type out of habit with other tools.
fn refuse_foreign_forms(text: &str) -> Result<(), AddressError> {
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(AddressError::Url(shown(scheme)));
    }
    match text.split_once('@') {
        Some((user, _)) => Err(AddressError::User(shown(user))),
        None => Ok(()),
    }
}

fn split_brackets<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<&'a str>), AddressError> {
    let bad = || AddressError::BadBrackets(shown(text));
    let (host, after) = rest.split_once(']').ok_or_else(bad)?;
    // A zone ("%eth0") is for the system's resolver, which knows the interfaces.
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    if address.parse::<Ipv6Addr>().is_err() || zone.is_empty() {
        return Err(bad());
    }
    match after.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if after.is_empty() => Ok((host, None)),
        None => Err(bad()),
    }
}

fn several_colons(text: &str) -> AddressError {
    let address = text.split('%').next().unwrap_or(text);
    match address.parse::<Ipv6Addr>() {
        Ok(_) => AddressError::NoBrackets(shown(text)),
        Err(_) => AddressError::BadPort(shown(text.split_once(':').map_or("", |(_, rest)| rest))),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::BadPort(shown(text)));
    }
    match text.parse::<u16>() {
        Ok(0) => Err(AddressError::PortZero),
        Ok(port) => Ok(port),
        Err(_) => Err(AddressError::PortRange(shown(text))),
    }
}

fn is_of_host(c: char) -> bool {
    // Beyond ASCII the resolver decides.
    c.is_ascii_alphanumeric() || "-._:%".contains(c) || (!c.is_ascii() && c.is_alphanumeric())
}

fn lossy(bytes: &[u8]) -> String {
    shown(&String::from_utf8_lossy(bytes))
}

/// Fit for an error: escaped, and not endless.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
#[path = "address_test.rs"]
mod tests;
