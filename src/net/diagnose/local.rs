//! What this machine says of itself: its addresses, the ports it guards, its limits. All of it is advice: what cannot be
//! read is left out.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

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

/// Why and what next, for EMFILE.
pub(super) fn too_many_files() -> (String, String) {
    let limit = getrlimit(Resource::Nofile);
    let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let (soft, hard) = (shown(limit.current), shown(limit.maximum));
    let raise = match soft == hard {
        true => {
            "raise the hard limit (limits.conf(5), or LimitNOFILE= of a systemd unit), or do less at once"
                .into()
        }
        false => format!("raise it before the start (`ulimit -n {hard}`), or do less at once"),
    };
    (format!("this process may have {soft} files and sockets open at once, and has them"), raise)
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
        let (why, next) = too_many_files();
        let soft = getrlimit(Resource::Nofile).current.map_or("unlimited".into(), |soft| soft.to_string());
        assert!(why.contains(&soft), "{why}");
        assert!(next.contains("limit") && next.contains("do less at once"), "{next}");
    }
}
