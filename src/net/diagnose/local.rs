//! What this machine says of itself: its addresses, the ports it guards, its limits. All of it is advice: what cannot be
//! read is left out.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::process::{Resource, getrlimit};

/// The addresses of this machine's interfaces, as text, loopback first; at least the loopback address.
pub fn local_addresses() -> Vec<String> {
    let fib = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let v6 = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let mut addresses: Vec<String> = parse_fib_trie(&fib).iter().map(Ipv4Addr::to_string).collect();
    addresses.extend(parse_if_inet6(&v6).iter().map(Ipv6Addr::to_string));
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.to_string());
    }
    addresses
}

/// The first port that any user may listen on; `None` where the system does not say.
pub(super) fn unprivileged_port_start() -> Option<u16> {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").ok()?.trim().parse().ok()
}

/// How many files this process may have open at once, and how that is raised.
pub(super) fn open_files() -> (String, String) {
    let limit = getrlimit(Resource::Nofile);
    let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let (soft, hard) = (shown(limit.current), shown(limit.maximum));
    let raise = match soft == hard {
        true => "raise the hard limit (limits.conf(5), or LimitNOFILE= of a systemd unit)".to_owned(),
        false => format!("raise it before the start (`ulimit -n {hard}`)"),
    };
    (soft, raise)
}

/// A user by name, as /etc/passwd has it, and by number.
pub(super) fn user_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    match name_in(&users, uid) {
        Some(name) => format!("{name} ({uid})"),
        None => uid.to_string(),
    }
}

/// `name:password:uid:…` (passwd(5)).
fn name_in(users: &str, uid: u32) -> Option<String> {
    let line =
        users.lines().find(|line| line.split(':').nth(2).and_then(|uid| uid.parse().ok()) == Some(uid))?;
    line.split(':').next().map(|name| name.escape_debug().to_string())
}

/// What is known of a host of this machine's own networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// Its card has told its address.
    Answers,
    /// It was asked for it, and has not.
    Silent,
}

/// Whether a host has answered for its address (ARP); `None` where it was not asked, as hosts behind a router are not.
pub(super) fn neighbour(host: IpAddr) -> Option<Neighbour> {
    neighbour_in(&std::fs::read_to_string("/proc/net/arp").ok()?, host)
}

/// `IP address, HW type, Flags, …`: the flag 2 (ATF_COM) says that the entry is complete.
fn neighbour_in(arp: &str, host: IpAddr) -> Option<Neighbour> {
    let mut found = arp.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let is_it = fields.next()?.parse::<IpAddr>().ok()? == host;
        let flags = u32::from_str_radix(fields.nth(1)?.strip_prefix("0x")?, 16).ok()?;
        is_it.then_some(if flags & 2 == 0 { Neighbour::Silent } else { Neighbour::Answers })
    });
    found.next()
}

/// Addresses that are marked `host LOCAL`, each below the line that names it.
fn parse_fib_trie(text: &str) -> BTreeSet<Ipv4Addr> {
    let mut addresses = BTreeSet::new();
    let mut named: Option<Ipv4Addr> = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            named = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            addresses.extend(named);
        }
    }
    addresses
}

/// The first field of each line is an address, as 32 hexadecimal digits.
fn parse_if_inet6(text: &str) -> BTreeSet<Ipv6Addr> {
    let address = |line: &str| u128::from_str_radix(line.split(' ').next()?, 16).ok();
    text.lines().filter_map(address).map(Ipv6Addr::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_kernels_tables() {
        let fib = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 127.0.0.1\n        \
                   /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n     |-- 192.0.2.7\n        \
                   /32 host LOCAL\n     |-- 192.0.2.7\n        /32 host LOCAL\n";
        let expected: BTreeSet<Ipv4Addr> = [[127, 0, 0, 1], [192, 0, 2, 7]].map(Ipv4Addr::from).into();
        assert_eq!(parse_fib_trie(fib), expected);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
                  fe800000000000000000000000000007 02 40 20 80     eth0\nnonsense\n";
        let expected: Vec<String> = parse_if_inet6(v6).iter().map(Ipv6Addr::to_string).collect();
        assert_eq!(expected, ["::1", "fe80::7"]);
        assert!(!local_addresses().is_empty());
    }

    #[test]
    fn the_limit_of_open_files_is_named() {
        let (soft, raise) = open_files();
        let limit = getrlimit(Resource::Nofile).current.map_or("unlimited".into(), |soft| soft.to_string());
        assert_eq!(soft, limit);
        assert!(raise.contains("limit"), "{raise}");
    }

    #[test]
    fn users_have_names() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnonsense\na\u{1b}:x:1000:1000::/:\n";
        assert_eq!(name_in(users, 0).as_deref(), Some("root"));
        assert_eq!(name_in(users, 1000).as_deref(), Some("a\\u{1b}"));
        assert_eq!(name_in(users, 1), None);
    }

    #[test]
    fn neighbours_have_answered_or_not() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   192.0.2.1        0x1         0x2         02:42:ac:11:00:01     *        eth0\n\
                   192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\nnonsense\n";
        let found = |host: &str| neighbour_in(arp, host.parse().unwrap());
        assert_eq!(found("192.0.2.1"), Some(Neighbour::Answers));
        assert_eq!(found("192.0.2.9"), Some(Neighbour::Silent));
        assert_eq!(found("192.0.2.8"), None);
    }
}
