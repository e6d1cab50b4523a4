//! Why a server could not be reached.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::io::Errno;

use super::{Diagnosis, explain, local_addresses};
use crate::net::{Endpoint, HostPort};
use crate::proto::machine::{DialError, DialErrorKind};
use crate::wire::Escaped;

/// Explains a failure to connect.
pub fn dialing(endpoint: &Endpoint, error: &DialError) -> Diagnosis {
    let said = match error.os {
        Some(os) => io::Error::from_raw_os_error(os).to_string(),
        None => own_words(error.kind).to_owned(),
    };
    let errno = error.os.map(Errno::from_raw_os_error);
    let (why, next) = match endpoint {
        Endpoint::Tcp(host) => over_tcp(host, error.kind, errno),
        Endpoint::Unix(path) => over_unix(path, errno),
    };
    Diagnosis { tried: format!("cannot connect to {endpoint}"), said, why, next, code: None }
}

fn over_tcp(host: &HostPort, kind: DialErrorKind, errno: Option<Errno>) -> (String, String) {
    match kind {
        DialErrorKind::Refused => refused(host),
        DialErrorKind::TimedOut => timed_out(host),
        DialErrorKind::Unreachable => unreachable(host, errno),
        DialErrorKind::NameNotFound => name_not_found(host),
        DialErrorKind::NotAllowed => not_allowed(host, errno),
        DialErrorKind::Other => explain(errno),
    }
}

/// What stands at the path is looked at: an error number says little of it.
fn over_unix(path: &Path, errno: Option<Errno>) -> (String, String) {
    let shown = Escaped(path.as_os_str().as_bytes()).to_string();
    let found = std::fs::metadata(path).map(|found| found.file_type());
    let (why, next) = match errno {
        Some(Errno::CONNREFUSED) if found.is_ok_and(|found| !found.is_socket()) => (
            "what stands there is no socket".to_owned(),
            "give the path of the server's socket; a path at the server follows it behind ':/'".to_owned(),
        ),
        Some(Errno::CONNREFUSED) => (
            "the socket's file is there, and nobody listens at it: its server ended without taking it away".to_owned(),
            format!("start `towline serve --listen unix:{shown}` again, which replaces it, or say `--wait 60` to wait for it"),
        ),
        Some(Errno::NOENT) => (
            "there is no socket at that path: its server does not run, or listens at another one".to_owned(),
            format!("start `towline serve --listen unix:{shown}`, or say `--wait 60` here to wait for it"),
        ),
        Some(Errno::NOTDIR) => match path.ancestors().skip(1).find(|part| part.exists() && !part.is_dir()) {
            Some(part) => (
                format!("{} is no folder", Escaped(part.as_os_str().as_bytes())),
                format!(
                    "if that is the socket, a path at the server follows it behind ':/': unix:{}:/PATH",
                    Escaped(part.as_os_str().as_bytes())
                ),
            ),
            None => ("something on the way there is no folder".to_owned(), "check the path (`ls -ld`)".to_owned()),
        },
        Some(Errno::ACCESS | Errno::PERM) => (
            "whoever connects needs the right to write to the socket, and to search the folders on the way to it".to_owned(),
            format!("look at owner and mode (`ls -ld {shown}` and the folders above), or run as the user that serves"),
        ),
        Some(Errno::PROTOTYPE) => (
            "a socket of datagrams is there, and the protocol goes over streams".to_owned(),
            "give the path of a stream socket, as `towline serve --listen unix:PATH` makes it".to_owned(),
        ),
        Some(Errno::AGAIN) => (
            "as many connections wait to be accepted there as the server allows: it is busy, or hangs".to_owned(),
            "try again, look at the server, or give it a longer backlog".to_owned(),
        ),
        other => return explain(other),
    };
    (why, next)
}

/// Where the system gave no number.
fn own_words(kind: DialErrorKind) -> &'static str {
    match kind {
        DialErrorKind::Refused => "connection refused",
        DialErrorKind::TimedOut => "no answer in time",
        DialErrorKind::Unreachable => "no way to the host",
        DialErrorKind::NameNotFound => "the name does not resolve",
        DialErrorKind::NotAllowed => "not allowed from here",
        DialErrorKind::Other => "the connection could not be made",
    }
}

fn refused(host: &HostPort) -> (String, String) {
    let HostPort { port, .. } = host;
    (
        format!("the host is up, and nothing listens on port {port} there"),
        format!(
            "start `towline serve` there{}, or say `--wait 60` here to wait for it",
            if *port == crate::net::DEFAULT_PORT {
                String::new()
            } else {
                format!(" with `--listen ADDRESS:{port}`")
            }
        ),
    )
}

fn timed_out(host: &HostPort) -> (String, String) {
    let HostPort { host, port } = host;
    (
        "nothing came back: a firewall drops it, the address belongs to no machine that is up, or the network keeps \
         its members apart (guest Wi-Fi)"
            .into(),
        format!("try `ping {host}`, open TCP port {port} on its firewall, or give more time with `--timeout 30`"),
    )
}

fn unreachable(host: &HostPort, errno: Option<Errno>) -> (String, String) {
    let host = &host.host;
    let why = match errno {
        Some(Errno::NETUNREACH | Errno::NETDOWN) => {
            "this machine has no route there: it is offline, or has no address of that family (IPv4, IPv6)"
        }
        Some(Errno::HOSTUNREACH) => {
            "the host does not answer on its own network: it is off, or a router or firewall says no for it"
        }
        Some(_) | None => "there is no route to the host",
    };
    (why.into(), format!("check the network (`ip addr`, `ip route get {host}`) and the address"))
}

fn name_not_found(host: &HostPort) -> (String, String) {
    let host = &host.host;
    (
        "it is misspelt, no name server knows it, or no name server can be reached".into(),
        format!("try `getent hosts {host}`, or give the address itself, such as 192.0.2.7"),
    )
}

fn not_allowed(host: &HostPort, errno: Option<Errno>) -> (String, String) {
    match errno {
        Some(Errno::ADDRNOTAVAIL) => (
            "this machine has no address to call it from, or no free port is left for another connection"
                .into(),
            format!("its own addresses are {}; `ss -s` counts the connections", local_addresses().join(", ")),
        ),
        Some(_) | None => (
            "a firewall on this machine, or the rules of the sandbox that this runs in, forbid it".into(),
            format!("look at the outgoing rules for TCP port {} (`nft list ruleset`)", host.port),
        ),
    }
}
