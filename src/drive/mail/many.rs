//! Several datagrams in one call, where the system has that (Linux: sendmmsg(2)).

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::net::{SendFlags, sendto};

/// Datagrams handed to the system at once.
pub(super) const MOST: usize = 32;

/// Sends each of `contents` to the address beside it, [`MOST`] at the most; gives how many the system took, at least one. No address of
/// this side's is named: the socket is bound to one.
#[cfg(target_os = "linux")]
pub(super) fn send(socket: impl AsFd, all: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    use rustix::net::addr::SocketAddrArg;
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, sendmmsg};

    let [(to, contents)] = all else {
        let all = &all[..all.len().min(MOST)];
        let to: Vec<_> = all.iter().map(|(to, _)| to.as_any()).collect();
        let contents: Vec<_> = all.iter().map(|(_, contents)| [IoSlice::new(contents)]).collect();
        let mut nothing: Vec<_> = all.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let each = to.iter().zip(&contents).zip(&mut nothing);
        let mut headers: Vec<_> =
            each.map(|((to, contents), nothing)| MMsgHdr::new_with_addr(to, contents, nothing)).collect();
        return Ok(sendmmsg(socket, &mut headers, SendFlags::empty())?);
    };
    one(socket, to, contents)
}

/// As above, one at a time.
#[cfg(not(target_os = "linux"))]
pub(super) fn send(socket: impl AsFd, all: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    let Some((to, contents)) = all.first() else { return Ok(0) };
    one(socket, to, contents)
}

fn one(socket: impl AsFd, to: &SocketAddr, contents: &[u8]) -> io::Result<usize> {
    sendto(socket, contents, SendFlags::empty(), to).map(|_| 1).map_err(Into::into)
}
