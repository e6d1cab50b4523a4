//! What is probed: any echo server over any kind of socket, or a server of ours.

use std::fmt;
use std::path::PathBuf;

use crate::net::{Endpoint, HostPort, SocketUse, socket_path};
use crate::proto::prober::Carrier;
use crate::wire::Escaped;
use crate::wire::limits::ECHO_MAX;

/// Where echo servers listen (RFC 862).
const ECHO_PORT: u16 = 7;
/// The longest datagram of UDP over IPv4: 65,535 bytes less the headers of IP and UDP.
const UDP_MAX: usize = 65_507;

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A server of ours, through its protocol.
    Session(Endpoint),
    /// Anybody's echo over TCP.
    Tcp(HostPort),
    /// Over UDP.
    Udp(HostPort),
    /// Over a Unix stream socket, or a server of ours that answers there.
    Unix(PathBuf),
    /// Over a Unix datagram socket.
    Unixgram(PathBuf),
}

impl Target {
    /// Parses bytes, since paths of sockets need not be UTF-8.
    pub(super) fn parse(bytes: &[u8]) -> Result<Target, String> {
        let path = |path: &[u8]| socket_path(path).map_err(|error| error.to_string());
        if let Some(rest) = bytes.strip_prefix(b"unix:") {
            return path(rest).map(Target::Unix);
        }
        if let Some(rest) = bytes.strip_prefix(b"unixgram:") {
            return path(rest).map(Target::Unixgram);
        }
        if let Some(rest) = bytes.strip_prefix(b"towline:") {
            return Endpoint::from_bytes(rest).map(Target::Session).map_err(|error| error.to_string());
        }
        let text =
            str::from_utf8(bytes).map_err(|_| format!("\"{}\" is no name of a host", Escaped(bytes)))?;
        match text.split_once("://") {
            Some(("tcp", rest)) => raw(rest).map(Target::Tcp),
            Some(("udp", rest)) => raw(rest).map(Target::Udp),
            Some((scheme, _)) => Err(format!(
                "\"{}://\" is no kind of echo: write tcp://HOST[:PORT], udp://HOST[:PORT], unix:PATH or unixgram:PATH for \
                 anybody's echo server, or HOST[:PORT] for one of towline's",
                Escaped(scheme.as_bytes())
            )),
            None => {
                text.parse().map(Target::Session).map_err(|error: crate::net::AddressError| error.to_string())
            }
        }
    }

    /// What its sockets are for.
    pub(super) fn dialling(&self) -> SocketUse {
        match self {
            Target::Session(endpoint) => endpoint.dialling(),
            Target::Tcp(_) => SocketUse::TcpDial,
            Target::Udp(_) => SocketUse::Udp,
            Target::Unix(_) => SocketUse::UnixDial,
            Target::Unixgram(_) => SocketUse::Unixgram,
        }
    }

    pub(super) fn carrier(&self) -> Carrier {
        match self {
            Target::Tcp(_) | Target::Unix(_) => Carrier::Stream,
            Target::Session(_) | Target::Udp(_) | Target::Unixgram(_) => Carrier::Datagrams,
        }
    }

    /// The most bytes that it carries at once, and why; of a Unix datagram the socket's buffer decides.
    pub(super) fn size_max(&self) -> Option<(usize, &'static str)> {
        match self {
            Target::Session(_) => Some((ECHO_MAX, "that is the longest echo of the protocol")),
            Target::Udp(_) => {
                Some((UDP_MAX, "a datagram has at most 65,535 bytes, its headers (20 and 8) included"))
            }
            Target::Tcp(_) | Target::Unix(_) | Target::Unixgram(_) => None,
        }
    }
}

fn raw(text: &str) -> Result<HostPort, String> {
    let host: HostPort = text.parse().map_err(|error: crate::net::AddressError| error.to_string())?;
    let behind_host = text.rsplit_once(']').map_or(text, |(_, behind)| behind);
    Ok(if behind_host.contains(':') { host } else { HostPort { port: ECHO_PORT, ..host } })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use std::os::unix::ffi::OsStrExt;
        match self {
            Target::Session(Endpoint::Tcp(host)) => write!(f, "{host}"),
            Target::Session(Endpoint::Unix(_)) => {
                let Target::Session(endpoint) = self else { return Ok(()) };
                write!(f, "towline:{endpoint}")
            }
            Target::Tcp(host) => write!(f, "tcp://{host}"),
            Target::Udp(host) => write!(f, "udp://{host}"),
            Target::Unix(path) => write!(f, "unix:{}", Escaped(path.as_os_str().as_bytes())),
            Target::Unixgram(path) => write!(f, "unixgram:{}", Escaped(path.as_os_str().as_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_echo_has_a_name() {
        let cases = [
            ("example.org", "example.org:8695"),
            ("[::1]:9", "[::1]:9"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:7"),
            ("tcp://[::1]", "tcp://[::1]:7"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            ("udp://example.org:99", "udp://example.org:99"),
            ("unix:/run/echo", "unix:/run/echo"),
            ("unixgram:echo", "unixgram:echo"),
            ("towline:example.org:1", "example.org:1"),
            ("towline:unix:/run/towline", "towline:unix:/run/towline"),
        ];
        for (text, shown) in cases {
            assert_eq!(Target::parse(text.as_bytes()).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_none_says_what_is() {
        let long = format!("unix:{}", "x".repeat(108));
        let cases = [
            ("http://example.org", "\"http://\" is no kind of echo: write tcp://"),
            ("udp://example.org:0", "port 0 is no port"),
            ("tcp://::1", "an IPv6 address needs brackets: write \"[::1]\""),
            ("tcp://", "the host is missing"),
            ("unix:", "the path of the socket is missing"),
            (&long, "at most 107"),
            ("udp://a b", "is no name or address of a host"),
            ("tcp://example.org:99999", "out of range"),
        ];
        for (text, said) in cases {
            let error = Target::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
