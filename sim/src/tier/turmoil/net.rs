//! turmoil's network. It has no limit of connections that wait to be accepted but one at which it panics: here is one, beyond
//! which a client is not answered.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use towline::drive::{Door, Mail, Mode};
use towline::proto::datagram::Datagram;
use turmoil::net::{TcpListener, TcpStream, UdpSocket};

use super::super::driven::mail::{End, socket_address};
use super::super::driven::{Network, number_of};
use super::super::facts::{SERVER, client_name};
use super::strangers::impostor_name;
use crate::plan::Host;

/// The network, as each host has it. A clone is the same.
#[derive(Clone)]
pub(super) struct TurmoilNetwork {
    /// Dials that wait to be accepted, by their door.
    dialing: [Arc<AtomicUsize>; 2],
    /// How many may.
    backlog: usize,
}

impl TurmoilNetwork {
    pub(super) fn new(backlog: usize) -> TurmoilNetwork {
        TurmoilNetwork { dialing: Default::default(), backlog }
    }
}

/// Where the server serves.
pub(super) fn port(door: Door) -> u16 {
    match door {
        Door::Files | Door::Guarded => 8695,
        Door::Echo => 8696,
    }
}

/// A dial that waits to be accepted.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// `None` if all are taken.
    fn take(dialing: &Arc<AtomicUsize>, backlog: usize) -> Option<Seat> {
        let taken = dialing.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(dialing));
        (taken < backlog).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Network for TurmoilNetwork {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Mail = TurmoilMail;
    const STORE: Mode = Mode::Inline;

    fn listen(&self, door: Door) -> impl Future<Output = io::Result<TcpListener>> + Send + 'static {
        TcpListener::bind(("0.0.0.0", port(door)))
    }

    async fn accept(listener: Arc<TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
        listener.accept().await
    }

    fn dial(
        &self,
        door: Door,
        impostor: Option<u32>,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + 'static {
        let (dialing, backlog) = (Arc::clone(&self.dialing[number_of(door)]), self.backlog);
        async move {
            if let Some(number) = impostor {
                return TcpStream::connect((impostor_name(number).as_str(), port(door))).await;
            }
            match Seat::take(&dialing, backlog) {
                Some(_seat) => TcpStream::connect((SERVER, port(door))).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn mail(&self, host: Host) -> io::Result<(TurmoilMail, End)> {
        let (name, port) = match host {
            Host::Server => (SERVER, MAIL),
            Host::Client(client) => (client_name(client), 0),
        };
        let socket = UdpSocket::bind(("0.0.0.0", port)).await?;
        let end = End::udp(SocketAddr::new(turmoil::lookup(name), socket.local_addr()?.port()));
        Ok((TurmoilMail { socket, end: end.clone(), buffer: vec![0; 64 * 1024] }, end))
    }

    fn addresses(stream: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((stream.local_addr()?, stream.peer_addr()?))
    }
}

/// Where the server echoes datagrams.
const MAIL: u16 = 8697;

/// A UDP socket of turmoil's.
pub(super) struct TurmoilMail {
    socket: UdpSocket,
    end: End,
    buffer: Vec<u8>,
}

impl Mail for TurmoilMail {
    type End = End;

    async fn receive(&mut self, inbox: &mut Vec<Datagram<End>>) -> io::Result<()> {
        let mut received = self.socket.recv_from(&mut self.buffer).await;
        loop {
            let (length, from) = match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            };
            let payload = Bytes::copy_from_slice(&self.buffer[..length]);
            inbox.push(Datagram { from: End::udp(from), to: self.end.clone(), payload });
            received = self.socket.try_recv_from(&mut self.buffer);
        }
    }

    async fn send(&mut self, outbox: &[Datagram<End>]) -> u64 {
        let is_untaken = |datagram: &&Datagram<End>| {
            let to = datagram.to.ip().map(socket_address);
            to.is_none_or(|to| self.socket.try_send_to(&datagram.payload, to).is_err())
        };
        outbox.iter().filter(is_untaken).count() as u64
    }
}
