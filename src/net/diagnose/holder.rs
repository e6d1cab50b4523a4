//! Who uses a port. Linux tells it in two steps: `/proc/net/tcp` and `tcp6` give the socket's inode, and some process has
//! a file descriptor that leads to it (`proc(5)`). Elsewhere nothing is known.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::local;

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, escaped.
    pub name: String,
    /// Its user, where the system tells.
    pub user: Option<String>,
    /// What it was started with, escaped, and cut where it is long; empty where the system does not tell.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, pid {}", self.name, self.pid)?;
        let user = self.user.as_ref().map(|user| format!("user {user}"));
        let command = (!self.command.is_empty()).then(|| format!("`{}`", self.command));
        match [user, command].into_iter().flatten().collect::<Vec<_>>().join(", ") {
            known if known.is_empty() => Ok(()),
            known => write!(f, " ({known})"),
        }
    }
}

/// What a port is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP, whose sockets do not listen: each that is bound has its port.
    Udp,
}

/// What uses a port that could not be listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortUse {
    /// These processes listen there.
    Listening {
        /// The address that they listen on, which may be another one that covers the port.
        on: SocketAddr,
        /// At least one.
        holders: Vec<Holder>,
    },
    /// A process listens there that this user may not look into.
    Hidden {
        /// The address that it listens on.
        on: SocketAddr,
        /// The owner of the socket.
        uid: u32,
    },
    /// Nobody listens; ended connections wait for their last packets to die out.
    TimeWait,
    /// Nobody listens; a connection uses it.
    Connected {
        /// The connection's own end.
        on: SocketAddr,
    },
    /// Nothing is seen there.
    Unseen,
    /// This system does not tell.
    Unknown,
}

/// Looks up what uses the port of `address`.
pub fn port_use(address: SocketAddr, transport: Transport) -> PortUse {
    port_use_in(Path::new("/proc"), address, transport)
}

/// The processes that have a Unix socket open which is bound to `path`, as far as they are to be seen.
pub fn socket_holders(path: &Path) -> Vec<Holder> {
    let bound = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let ours = identity(path);
    // A path is listed as it was bound: one that is relative may be anybody's, unless it is what was asked for.
    let is_it = |listed: &Path| {
        listed == path || (listed.is_absolute() && ours.is_some() && identity(listed) == ours)
    };
    let mut holders: Vec<Holder> = bound
        .lines()
        .filter_map(parse_unix)
        .filter(|(_, listed)| is_it(Path::new(listed)))
        .flat_map(|(inode, _)| holders_of(Path::new("/proc"), inode))
        .collect();
    holders.sort();
    holders.dedup();
    holders
}

const LISTEN: u8 = 0x0a;
const TIME_WAIT: u8 = 0x06;
/// What a UDP socket is in that is bound and not connected.
const UDP_BOUND: u8 = 0x07;

/// A line of `/proc/net/tcp` or `tcp6`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    local: SocketAddr,
    state: u8,
    uid: u32,
    inode: u64,
}

fn port_use_in(proc: &Path, address: SocketAddr, transport: Transport) -> PortUse {
    let (names, holding) = match transport {
        Transport::Tcp => (["net/tcp", "net/tcp6"], LISTEN),
        Transport::Udp => (["net/udp", "net/udp6"], UDP_BOUND),
    };
    let tables = names.map(|table| std::fs::read_to_string(proc.join(table)));
    if tables.iter().all(Result::is_err) {
        return PortUse::Unknown;
    }
    let mut rows: Vec<Row> =
        tables.iter().flatten().flat_map(|table| table.lines().filter_map(parse)).collect();
    rows.retain(|row| row.local.port() == address.port() && overlap(row.local.ip(), address.ip()));
    // The exact address before one that covers it.
    rows.sort_by_key(|row| row.local.ip() != address.ip());
    if let Some(listener) = rows.iter().find(|row| row.state == holding) {
        let (on, holders) = (listener.local, holders_of(proc, listener.inode));
        return match holders.is_empty() {
            true => PortUse::Hidden { on, uid: listener.uid },
            false => PortUse::Listening { on, holders },
        };
    }
    match rows.iter().find(|row| row.state != TIME_WAIT) {
        Some(row) => PortUse::Connected { on: row.local },
        None if rows.is_empty() => PortUse::Unseen,
        None => PortUse::TimeWait,
    }
}

/// True if one address takes the port of the other.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    a == b || a.is_unspecified() || b.is_unspecified()
}

/// The processes that have the socket open, lowest number first.
fn holders_of(proc: &Path, inode: u64) -> Vec<Holder> {
    let Ok(processes) = std::fs::read_dir(proc) else { return Vec::new() };
    let socket = format!("socket:[{inode}]");
    let mut holders: Vec<Holder> = processes
        .flatten()
        .filter_map(|process| {
            let pid: u32 = process.file_name().to_str()?.parse().ok()?;
            let mut files = std::fs::read_dir(process.path().join("fd")).ok()?.flatten();
            let leads_there = |file: std::fs::DirEntry| {
                std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == socket.as_str())
            };
            files.any(leads_there).then(|| holder(pid, &process.path()))
        })
        .collect();
    holders.sort();
    holders
}

fn holder(pid: u32, process: &Path) -> Holder {
    let user = std::fs::metadata(process).ok().map(|found| local::user_name(found.uid()));
    Holder { pid, name: name_of(process), user, command: command_of(process) }
}

/// Its arguments, which end with a zero each.
fn command_of(process: &Path) -> String {
    const SHOWN_MAX: usize = 80;
    let bytes = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ");
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// `Num RefCount Protocol Flags Type St Inode Path`: the inode and the path; of a socket that has none, and of the heading, nothing.
fn parse_unix(line: &str) -> Option<(u64, &str)> {
    let mut rest = line.trim_start();
    let mut inode = None;
    for _ in 0..7 {
        let (field, after) = rest.split_once(' ')?;
        inode = field.parse().ok();
        rest = after.trim_start();
    }
    Some((inode?, rest))
}

fn name_of(process: &Path) -> String {
    let name = std::fs::read(process.join("comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim_end().escape_debug().to_string();
    if name.is_empty() { "a process".to_owned() } else { name }
}

/// `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …`; the heading is `None`.
fn parse(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let state = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Row { local: SocketAddr::new(parse_address(address)?, port), state, uid, inode })
}

/// Words of 32 bits in this machine's byte order, in hexadecimal.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "holder_test.rs"]
mod tests;
