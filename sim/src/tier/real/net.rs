//! Loopback sockets, as `towline::net` opens them. The system chooses the ports, and keeps them for the whole run: so nobody
//! else has them while no server is there, and who dials then is refused.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use towline::drive::{Door, Mode};
use towline::net::{HostPort, SocketOptions};

use super::super::driven::Network;

/// The loopback interface, as each host has it. A clone is the same.
#[derive(Clone)]
pub(super) struct Loopback {
    /// By door: bound, and never listening.
    reserved: Arc<[TcpSocket; 2]>,
    ports: [u16; 2],
    backlog: u32,
}

impl Loopback {
    /// Takes two ports.
    pub(super) fn reserve(backlog: usize) -> io::Result<Loopback> {
        let bind = || {
            let socket = TcpSocket::new_v4()?;
            // So that the server may have the port too: a port is taken once somebody listens there.
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            Ok::<TcpSocket, io::Error>(socket)
        };
        let reserved = [bind()?, bind()?];
        let port = |socket: &TcpSocket| socket.local_addr().map(|address| address.port());
        let ports = [port(&reserved[0])?, port(&reserved[1])?];
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX);
        Ok(Loopback { reserved: Arc::new(reserved), ports, backlog })
    }

    fn port(&self, door: Door) -> u16 {
        self.ports[door as usize]
    }
}

impl Network for Loopback {
    type Stream = TcpStream;
    type Listener = TcpListener;
    const STORE: Mode = Mode::Threads;

    fn listen(&self, door: Door) -> impl Future<Output = io::Result<TcpListener>> + Send + 'static {
        let (address, backlog) = (SocketAddr::from((Ipv4Addr::LOCALHOST, self.port(door))), self.backlog);
        async move { towline::net::listen(address, &SocketOptions { backlog, ..SocketOptions::default() }) }
    }

    async fn accept(listener: Arc<TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, peer))
    }

    fn dial(
        &self,
        door: Door,
        impostor: Option<u32>,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + 'static {
        assert_eq!(impostor, None, "a plan with impostors is not for this tier");
        let host = HostPort { host: Ipv4Addr::LOCALHOST.to_string(), port: self.port(door) };
        // The port stays ours for as long as somebody dials it.
        let reserved = Arc::clone(&self.reserved);
        async move {
            let stream = towline::net::dial(&host, &SocketOptions::default()).await;
            drop(reserved);
            stream
        }
    }

    fn addresses(stream: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((stream.local_addr()?, stream.peer_addr()?))
    }
}
