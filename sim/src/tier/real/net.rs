//! Loopback sockets, as `towline::net` opens them. The system chooses the ports, and keeps them for the whole run: so nobody
//! else has them while no server is there, and who dials then is refused.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use towline::drive::{Door, LocalMail, Mail, Mode, UdpMail};
use towline::net::{HostPort, SocketFile, SocketOptions};
use towline::proto::datagram::{Datagram, LocalName};

use super::super::driven::mail::End;
use super::super::driven::{Network, number_of};
use crate::plan::{Host, Plan, What};

/// The loopback interface, as each host has it. A clone is the same.
#[derive(Clone)]
pub(super) struct Loopback {
    /// By door: bound, and never listening.
    reserved: Arc<[TcpSocket; 2]>,
    ports: [u16; 2],
    backlog: u32,
    kind: Kind,
}

/// The kind of its sockets of datagrams.
#[derive(Clone, Copy)]
enum Kind {
    Udp,
    Unix,
}

/// Unix sockets so far, so that each has a name of its own.
static SOCKETS: AtomicU64 = AtomicU64::new(0);

impl Loopback {
    /// Takes two ports. Datagrams go over Unix sockets in every other plan, unless some are forged: there nobody can.
    pub(super) fn reserve(plan: &Plan) -> io::Result<Loopback> {
        let forges = plan.faults.iter().any(|fault| matches!(fault.what, What::Forged(_)));
        let kind = if forges || plan.seed.is_multiple_of(2) { Kind::Udp } else { Kind::Unix };
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
        let backlog = u32::try_from(plan.network.backlog).unwrap_or(u32::MAX);
        Ok(Loopback { reserved: Arc::new(reserved), ports, backlog, kind })
    }

    fn port(&self, door: Door) -> u16 {
        self.ports[number_of(door)]
    }
}

impl Network for Loopback {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Mail = LoopbackMail;
    const STORE: Mode = Mode::Threads;

    fn listen(&self, door: Door) -> impl Future<Output = io::Result<TcpListener>> + Send + 'static {
        let (address, backlog) =
            (SocketAddr::from((Ipv4Addr::LOCALHOST, self.port(door))), Some(self.backlog));
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

    async fn mail(&self, _: Host) -> io::Result<(LoopbackMail, End)> {
        match self.kind {
            Kind::Udp => {
                let socket = towline::net::bind_udp(
                    SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                    &SocketOptions::default(),
                )?;
                let end = End::udp(socket.local_addr()?);
                Ok((LoopbackMail::Udp(UdpMail::new(socket)?), end))
            }
            Kind::Unix => {
                let number = SOCKETS.fetch_add(1, Ordering::Relaxed);
                let name = format!("towline-sim-{}-{number}", std::process::id());
                let (socket, file) =
                    towline::net::bind_unixgram(&std::env::temp_dir().join(name), &SocketOptions::default())?;
                let name = LocalName(Bytes::copy_from_slice(file.path().as_os_str().as_bytes()));
                Ok((LoopbackMail::Unix(LocalMail::new(socket)?, file), End::Local(name)))
            }
        }
    }

    fn addresses(stream: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((stream.local_addr()?, stream.peer_addr()?))
    }
}

/// A socket of datagrams, as the server has them.
pub(super) enum LoopbackMail {
    Udp(UdpMail),
    /// And its file.
    Unix(LocalMail, #[expect(dead_code, reason = "removed with the socket")] SocketFile),
}

/// Takes from a socket of one kind.
async fn receive<M: Mail>(
    mail: &mut M,
    inbox: &mut Vec<Datagram<End>>,
    end: fn(M::End) -> End,
) -> io::Result<()> {
    let mut received = Vec::new();
    mail.receive(&mut received).await?;
    inbox.extend(received.into_iter().map(|Datagram { from, to, payload }| Datagram {
        from: end(from),
        to: end(to),
        payload,
    }));
    Ok(())
}

/// Sends over a socket of one kind what has ends of it: all has.
async fn send<M: Mail>(mail: &mut M, outbox: &[Datagram<End>], end: fn(&End) -> Option<M::End>) -> u64 {
    let with_ends = |datagram: &Datagram<End>| {
        Some(Datagram {
            from: end(&datagram.from)?,
            to: end(&datagram.to)?,
            payload: datagram.payload.clone(),
        })
    };
    let sent: Vec<Datagram<M::End>> = outbox.iter().filter_map(with_ends).collect();
    (outbox.len() - sent.len()) as u64 + mail.send(&sent).await
}

impl Mail for LoopbackMail {
    type End = End;

    async fn receive(&mut self, inbox: &mut Vec<Datagram<End>>) -> io::Result<()> {
        match self {
            LoopbackMail::Udp(mail) => receive(mail, inbox, End::Ip).await,
            LoopbackMail::Unix(mail, _) => receive(mail, inbox, End::Local).await,
        }
    }

    async fn send(&mut self, outbox: &[Datagram<End>]) -> u64 {
        match self {
            LoopbackMail::Udp(mail) => send(mail, outbox, End::ip).await,
            LoopbackMail::Unix(mail, _) => send(mail, outbox, End::local).await,
        }
    }
}
