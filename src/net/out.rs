//! Sockets of datagrams that are connected to one peer, so that the system brings nothing from anybody else.

use std::fs::DirBuilder;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tokio::net::{UdpSocket, UnixDatagram};

use super::options::{self, SocketOptions, SocketUse};
use super::tcp::{name_not_found, resolve};
use super::{HostPort, SocketFile, bind_unixgram};

/// A UDP socket that is connected to the first of the host's addresses to which there is a way.
///
/// # Errors
/// What the system says; [`super::dial_error`] says what kind it is. That nobody listens there shows only later.
pub async fn connect_udp(host: &HostPort, options: &SocketOptions) -> io::Result<UdpSocket> {
    let mut failure = None;
    for address in resolve(host).await? {
        let any = match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        options::set(SockRef::from(&socket), SocketUse::Udp, options)?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| name_not_found(host, "it has no address")))
}

/// The name of a socket that only this user can reach, and its folder. Both go when this is dropped.
#[derive(Debug)]
pub struct PrivateName {
    file: Option<SocketFile>,
    folder: PathBuf,
}

impl Drop for PrivateName {
    fn drop(&mut self) {
        self.file = None;
        // What else somebody put there is theirs.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// A Unix datagram socket that is connected to the one at `path`, with a name of its own to be answered at, in a folder below the
/// system's for temporary files that only this user can enter.
///
/// # Errors
/// What the system says.
pub fn connect_unixgram(path: &Path, options: &SocketOptions) -> io::Result<(UnixDatagram, PrivateName)> {
    let folder = std::env::temp_dir().join(format!("towline-{:016x}", super::random()? as u64));
    DirBuilder::new().mode(0o700).create(&folder)?;
    let mut name = PrivateName { file: None, folder };
    let (socket, file) = bind_unixgram(&name.folder.join("probe"), options)?;
    name.file = Some(file);
    socket.connect(path)?;
    Ok((UnixDatagram::from_std(socket)?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_private_name_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peer");
        let (peer, _file) = bind_unixgram(&path, &SocketOptions::default()).unwrap();
        let (socket, name) = connect_unixgram(&path, &SocketOptions::default()).unwrap();
        let own = name.folder.clone();
        assert_eq!(std::fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
        socket.send(b"hello").await.unwrap();
        let mut heard = [0; 8];
        let (count, from) = peer.recv_from(&mut heard).unwrap();
        peer.send_to(&heard[..count], from.as_pathname().unwrap()).unwrap();
        assert_eq!(socket.recv(&mut heard).await.unwrap(), 5);
        drop((socket, name));
        assert!(!own.exists());
        let error = connect_unixgram(&folder.path().join("nobody"), &SocketOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
