//! By which addresses a server is reached.

use crate::net::diagnose::local_addresses;
use crate::net::{Endpoint, HostPort, Place};

/// By which other names a server that listens on all addresses is reached; an address of one link alone needs more than that.
pub(in crate::cli) fn others(place: &Place) -> Vec<String> {
    let Place::Tcp(address) = place else { return Vec::new() };
    if !address.ip().is_unspecified() {
        return Vec::new();
    }
    let first = endpoint_for(place).to_string();
    let own = local_addresses().into_iter().filter_map(|own| own.parse::<std::net::IpAddr>().ok());
    let reached = own.filter(|own| match own {
        std::net::IpAddr::V4(own) => address.is_ipv4() && !own.is_loopback(),
        std::net::IpAddr::V6(own) => address.is_ipv6() && !own.is_loopback() && !own.is_unicast_link_local(),
    });
    let named = reached.map(|own| HostPort { host: own.to_string(), port: address.port() }.to_string());
    named.filter(|name| *name != first).collect()
}

/// What a client can dial: for "all addresses" one of them.
pub(in crate::cli) fn endpoint_for(place: &Place) -> Endpoint {
    let address = match place {
        Place::Tcp(address) | Place::Udp(address) => *address,
        Place::Unix(path) | Place::Unixgram(path) => return Endpoint::Unix(path.clone()),
    };
    let port = address.port();
    if !address.ip().is_unspecified() {
        return HostPort { host: address.ip().to_string(), port }.into();
    }
    let mut own = local_addresses().into_iter().filter_map(|own| own.parse::<std::net::IpAddr>().ok());
    let reachable = own.find(|own| own.is_ipv4() == address.is_ipv4() && !own.is_loopback());
    HostPort { host: reachable.unwrap_or(address.ip()).to_string(), port }.into()
}
