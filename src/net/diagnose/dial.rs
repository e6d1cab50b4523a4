//! Why a server could not be reached.

use std::io;

use rustix::io::Errno;

use super::{Diagnosis, explain, local_addresses};
use crate::net::Endpoint;
use crate::proto::machine::{DialError, DialErrorKind};

/// Explains a failure to connect.
pub fn dialing(endpoint: &Endpoint, error: &DialError) -> Diagnosis {
    let said = match error.os {
        Some(os) => io::Error::from_raw_os_error(os).to_string(),
        None => own_words(error.kind).to_owned(),
    };
    let (why, next) = match error.kind {
        DialErrorKind::Refused => refused(endpoint),
        DialErrorKind::TimedOut => timed_out(endpoint),
        DialErrorKind::Unreachable => unreachable(endpoint, error.os.map(Errno::from_raw_os_error)),
        DialErrorKind::NameNotFound => name_not_found(endpoint),
        DialErrorKind::NotAllowed => not_allowed(endpoint, error.os.map(Errno::from_raw_os_error)),
        DialErrorKind::Other => explain(error.os.map(Errno::from_raw_os_error)),
    };
    Diagnosis { tried: format!("cannot connect to {endpoint}"), said, why, next, code: None }
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

fn refused(endpoint: &Endpoint) -> (String, String) {
    let Endpoint { port, .. } = endpoint;
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

fn timed_out(endpoint: &Endpoint) -> (String, String) {
    let Endpoint { host, port } = endpoint;
    (
        "nothing came back: a firewall drops it, the address belongs to no machine that is up, or the network keeps \
         its members apart (guest Wi-Fi)"
            .into(),
        format!("try `ping {host}`, open TCP port {port} on its firewall, or give more time with `--timeout 30`"),
    )
}

fn unreachable(endpoint: &Endpoint, errno: Option<Errno>) -> (String, String) {
    let host = &endpoint.host;
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

fn name_not_found(endpoint: &Endpoint) -> (String, String) {
    let host = &endpoint.host;
    (
        "it is misspelt, no name server knows it, or no name server can be reached".into(),
        format!("try `getent hosts {host}`, or give the address itself, such as 192.0.2.7"),
    )
}

fn not_allowed(endpoint: &Endpoint, errno: Option<Errno>) -> (String, String) {
    match errno {
        Some(Errno::ADDRNOTAVAIL) => (
            "this machine has no address to call it from, or no free port is left for another connection"
                .into(),
            format!("its own addresses are {}; `ss -s` counts the connections", local_addresses().join(", ")),
        ),
        Some(_) | None => (
            "a firewall on this machine, or the rules of the sandbox that this runs in, forbid it".into(),
            format!("look at the outgoing rules for TCP port {} (`nft list ruleset`)", endpoint.port),
        ),
    }
}
