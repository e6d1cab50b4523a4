//! turmoil's network. It has no limit of connections that wait to be accepted but one at which it panics: here is one, beyond
//! which a client is not answered.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use towline::drive::{Door, Mode};
use turmoil::net::{TcpListener, TcpStream};

use super::super::driven::Network;
use super::super::facts::SERVER;
use super::strangers::impostor_name;

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
        Door::Files => 8695,
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
        let (dialing, backlog) = (Arc::clone(&self.dialing[door as usize]), self.backlog);
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

    fn addresses(stream: &TcpStream) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((stream.local_addr()?, stream.peer_addr()?))
    }
}
