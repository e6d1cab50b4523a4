//! Why a place could not be listened on.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use rustix::io::Errno;

use super::causes::{self, Cause};
use super::{
    Diagnosis, Holder, PortUse, Transport, errno, explain, local, local_addresses, port_use, socket_holders,
};
use crate::net::{OptionsError, Place};

/// Explains a failure to listen, or to bind; looks up who holds the place. `what` is what was to be done there, such as "listen".
pub fn listening(place: &Place, what: &str, error: &io::Error) -> Diagnosis {
    let is_option = error.get_ref().is_some_and(|inner| inner.is::<OptionsError>());
    let (why, next) = match place {
        _ if is_option => (String::new(), "`towline serve --help` lists the options of sockets".into()),
        Place::Tcp(address) => at_port(*address, Transport::Tcp, error),
        Place::Udp(address) => at_port(*address, Transport::Udp, error),
        Place::Unix(path) | Place::Unixgram(path) => at_path(path, error),
    };
    Diagnosis { tried: format!("cannot {what} on {place}"), said: error.to_string(), why, next, code: None }
}

fn at_port(address: SocketAddr, transport: Transport, error: &io::Error) -> (String, String) {
    match errno(error) {
        Some(Errno::ADDRINUSE) => in_use(address, transport, &port_use(address, transport)),
        Some(Errno::ADDRNOTAVAIL) => causes::NOT_OWN_ADDRESS
            .told(&[("ip", &address.ip().to_string()), ("addresses", &local_addresses().join(", "))]),
        Some(Errno::ACCESS | Errno::PERM) => denied(address.port(), local::unprivileged_port_start()),
        other => explain(other),
    }
}

fn in_use(address: SocketAddr, transport: Transport, port_use: &PortUse) -> (String, String) {
    let letters = match transport {
        Transport::Tcp => "lt",
        Transport::Udp => "lu",
    };
    let told = |cause: &Cause, on: &SocketAddr, more: &[(&str, &str)]| {
        let (port, address) = (address.port().to_string(), on.to_string());
        cause.told(&[&[("port", port.as_str()), ("address", &address), ("letters", letters)], more].concat())
    };
    match port_use {
        PortUse::Listening { on, holders }
            if holders.iter().any(|holder| holder.pid == std::process::id()) =>
        {
            told(&causes::HELD_HERE, on, &[])
        }
        PortUse::Listening { on, holders } => {
            let (holders, pid) = named(holders);
            told(&causes::HELD, on, &[("holders", &holders), ("pid", &pid)])
        }
        PortUse::Hidden { on, uid } => told(&causes::HIDDEN, on, &[("user", &local::user_name(*uid))]),
        PortUse::TimeWait => told(&causes::TIME_WAIT, &address, &[]),
        PortUse::Connected { on } => told(&causes::CONNECTED, on, &[]),
        PortUse::Unseen => told(&causes::UNSEEN, &address, &[]),
        PortUse::Unknown => told(&causes::UNKNOWN, &address, &[]),
    }
}

/// All of them, and the number of the first.
fn named(holders: &[Holder]) -> (String, String) {
    let names = holders.iter().map(Holder::to_string).collect::<Vec<_>>().join(", ");
    (names, holders.first().map_or(0, |holder| holder.pid).to_string())
}

fn denied(port: u16, unprivileged: Option<u16>) -> (String, String) {
    let start = unprivileged.unwrap_or(1024);
    if port >= start {
        return causes::POLICY.told(&[]);
    }
    causes::PORT_GUARDED.told(&[("start", &start.to_string()), ("port", &port.to_string())])
}

fn at_path(path: &Path, error: &io::Error) -> (String, String) {
    let is_there = |folder: &Path| folder.as_os_str().is_empty() || folder.is_dir();
    match error.kind() {
        io::ErrorKind::AddrInUse => match &socket_holders(path)[..] {
            [] => causes::SOCKET_BUSY.told(&[]),
            holders => {
                let (holders, pid) = named(holders);
                causes::SOCKET_HELD.told(&[("holders", &holders), ("pid", &pid)])
            }
        },
        io::ErrorKind::AlreadyExists => causes::SOCKET_NAME_TAKEN.told(&[]),
        // What the library says before it asks the system.
        io::ErrorKind::InvalidInput => causes::SOCKET_PATH_LONG.told(&[]),
        io::ErrorKind::NotFound if !path.parent().is_none_or(is_there) => causes::SOCKET_FOLDER.told(&[]),
        _ => explain(errno(error)),
    }
}

#[cfg(test)]
#[path = "listen_test.rs"]
mod tests;
