//! UDP sockets.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use super::options::{self, SocketOptions, SocketUse};

/// Binds to exactly `address`: an IPv6 address does not take IPv4 datagrams along. A port that is held is shared only where both
/// sockets say so (`reuse_port`): the system then gives each source to one of them, so that several tasks echo beside each other.
///
/// # Errors
/// What the system says, or that there is no such option.
pub fn bind_udp(address: SocketAddr, options: &SocketOptions) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    options::set(SockRef::from(&socket), SocketUse::Udp, options)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
