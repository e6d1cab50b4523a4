//! Why a port could not be listened on.

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;

use super::{Diagnosis, Holder, PortUse, errno, explain, local, local_addresses, port_use};

/// Explains a failure to listen; looks up who holds the port.
pub fn listening(address: SocketAddr, error: &io::Error) -> Diagnosis {
    let (why, next) = match errno(error) {
        Some(Errno::ADDRINUSE) => in_use(address, &port_use(address)),
        Some(Errno::ADDRNOTAVAIL) => (
            format!("{} is no address of this machine", address.ip()),
            format!("listen on one of its own: {}", local_addresses().join(", ")),
        ),
        Some(Errno::ACCESS | Errno::PERM) => denied(address.port(), local::unprivileged_port_start()),
        Some(Errno::AFNOSUPPORT) => (
            "this machine has that address family (IPv6, most often) switched off".into(),
            "listen on an IPv4 address, such as 127.0.0.1".into(),
        ),
        other => explain(other),
    };
    Diagnosis { tried: format!("cannot listen on {address}"), said: error.to_string(), why, next, code: None }
}

fn in_use(address: SocketAddr, port_use: &PortUse) -> (String, String) {
    let port = address.port();
    let elsewhere = "choose another port (port 0 takes any that is free)";
    match port_use {
        PortUse::Listening { on, holders }
            if holders.iter().any(|holder| holder.pid == std::process::id()) =>
        {
            (format!("this very process listens on {on} already"), "name each address only once".into())
        }
        PortUse::Listening { on, holders } => {
            let names = holders.iter().map(Holder::to_string).collect::<Vec<_>>().join(", ");
            let stop = holders.first().map_or(0, |holder| holder.pid);
            (
                format!("port {port} is held by {names}, which listens on {on}"),
                format!("use what runs there, stop it (`kill {stop}`), or {elsewhere}"),
            )
        }
        PortUse::Hidden { on, uid } => (
            format!("a process of user {uid} listens on {on}; which one, this user is not permitted to see"),
            format!("look with more rights (`sudo ss -ltnp 'sport = :{port}'`), or {elsewhere}"),
        ),
        PortUse::TimeWait => (
            format!(
                "nobody listens on port {port}: connections of a process that has ended are still in TIME_WAIT there"
            ),
            "wait a minute, or listen with SO_REUSEADDR, which is the default here".into(),
        ),
        PortUse::Connected { on } => (
            format!(
                "nobody listens on port {port}, but a connection of this machine uses it as its own end ({on})"
            ),
            format!("`ss -tnp 'sport = :{port}'` names its owner; wait for it to end, or {elsewhere}"),
        ),
        PortUse::Unseen => (
            format!(
                "nobody is seen to listen on port {port}: a socket is bound there and does not listen, or its owner \
                 was gone a moment later"
            ),
            format!("try again, or {elsewhere}"),
        ),
        PortUse::Unknown => (
            format!("another program listens on port {port}"),
            format!("find it (`lsof -nP -iTCP:{port} -sTCP:LISTEN`), or {elsewhere}"),
        ),
    }
}

fn denied(port: u16, unprivileged: Option<u16>) -> (String, String) {
    let start = unprivileged.unwrap_or(1024);
    if port >= start {
        return (
            "a security policy (SELinux, AppArmor, seccomp) or the sandbox forbids it".into(),
            "look at the system's log (`journalctl -k`), or choose another port".into(),
        );
    }
    let setting = match unprivileged {
        Some(start) => format!(" (net.ipv4.ip_unprivileged_port_start is {start} here)"),
        None => String::new(),
    };
    (
        format!("ports below {start} need a right that this process does not have{setting}"),
        format!(
            "choose a port from {start} up, grant it (`sudo setcap cap_net_bind_service=+ep` on the program), or \
             `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"
        ),
    )
}

#[cfg(test)]
#[path = "listen_test.rs"]
mod tests;
