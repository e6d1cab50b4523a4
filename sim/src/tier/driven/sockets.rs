//! A network's sockets as the driver wants them, behind the shim.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use towline::drive::{Accept, Dial, Door};
use towline::harness::Side;
use towline::net::{Peer, dial_error};
use towline::proto::machine::{DialError, DialErrorKind};

use super::super::facts::{Dial as DialId, Place};
use super::Network;
use super::shim::{Addresses, Stream};
use super::state::{Shared, lock};
use crate::disk::Power;
use crate::ledger::Rare;
use crate::trace::{self, Recorded};

/// Tells the random numbers of one dial from those of others.
fn number_of(dial: DialId) -> u64 {
    u64::from(dial.client) << 32 | u64::from(dial.number)
}

type Accepting<S> = Pin<Box<dyn Future<Output = io::Result<(S, SocketAddr)>> + Send>>;

/// A listening socket.
pub(super) struct NetworkAccept<N: Network> {
    listener: Arc<N::Listener>,
    accepting: Option<Accepting<N::Stream>>,
    /// Ready, and not accepted yet for want of files.
    ready: Option<(N::Stream, SocketAddr)>,
    shared: Shared,
    power: Power,
}

impl<N: Network> NetworkAccept<N> {
    pub(super) async fn bind(
        network: N,
        door: Door,
        shared: Shared,
        power: Power,
    ) -> io::Result<NetworkAccept<N>> {
        let listener = Arc::new(network.listen(door).await?);
        Ok(NetworkAccept { listener, accepting: None, ready: None, shared, power })
    }
}

impl<N: Network> Accept for NetworkAccept<N> {
    type Stream = Stream<N::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        if self.ready.is_none() {
            let accept = || Box::pin(N::accept(Arc::clone(&self.listener))) as Accepting<N::Stream>;
            let accepted = std::task::ready!(self.accepting.get_or_insert_with(accept).as_mut().poll(cx));
            self.accepting = None;
            self.ready = Some(accepted?);
        }
        if lock(&self.shared).facts.cannot_accept() {
            return Poll::Ready(Err(io::Error::other("too many open files")));
        }
        let Some((stream, peer)) = self.ready.take() else { return Poll::Pending };
        let (local, _) = N::addresses(&stream)?;
        let number = {
            let mut state = lock(&self.shared);
            state.accepted += 1;
            state.accepted
        };
        let (shared, power) = (self.shared.clone(), self.power.clone());
        let addresses = Addresses { local, peer };
        Poll::Ready(Ok((
            Stream::new(stream, addresses, shared, power, Side::Server, None, number),
            peer.into(),
        )))
    }
}

/// Connects to the server.
#[derive(Clone)]
pub(super) struct NetworkDial<N> {
    pub(super) network: N,
    pub(super) shared: Shared,
    pub(super) power: Power,
    /// Whose.
    pub(super) client: u32,
}

impl<N: Network> NetworkDial<N> {
    /// To the raw echo.
    pub(super) async fn echo(&self) -> io::Result<Stream<N::Stream>> {
        let dial = self.shared.next_dial(self.client, 1);
        let place = Place::Echo(dial);
        let keep = |recorded| lock(&self.shared).facts.keep(Side::Client, place.into(), || recorded);
        keep(Recorded::Dialed);
        let connected = self.network.dial(Door::Echo, None).await;
        keep(Recorded::Answered(connected.is_ok()));
        self.stand(connected?, place, number_of(dial) | 1 << 63)
    }

    /// A connection that stands.
    fn stand(&self, stream: N::Stream, place: Place, number: u64) -> io::Result<Stream<N::Stream>> {
        let (local, peer) = N::addresses(&stream)?;
        let (shared, power) = (self.shared.clone(), self.power.clone());
        let addresses = Addresses { local, peer };
        Ok(Stream::new(stream, addresses, shared, power, Side::Client, Some(place), number))
    }

    async fn connect(self) -> Result<Stream<N::Stream>, DialError> {
        let dial = self.shared.next_dial(self.client, 0);
        let place = Place::Files(dial);
        {
            let facts = &mut lock(&self.shared).facts;
            facts.network(place.into(), trace::Network::Dials);
            facts.keep(Side::Client, place.into(), || Recorded::Dialed);
        }
        let impostor = self.shared.plan().impostor_of(self.client, dial.number).map(|(number, _)| number);
        let dialed = self.network.dial(Door::Files, impostor).await;
        let connected = dialed.and_then(|stream| self.stand(stream, place, number_of(dial)));
        let facts = &mut lock(&self.shared).facts;
        facts.keep(Side::Client, place.into(), || Recorded::Answered(connected.is_ok()));
        connected.inspect(|_| facts.network(place.into(), trace::Network::Connected)).map_err(|error| {
            let why = format!("{:?}", error.kind());
            facts.network(place.into(), trace::Network::CannotConnect(why));
            let error = dial_error(&error);
            if error.kind == DialErrorKind::Refused {
                facts.reach(Rare::Refused);
            }
            error
        })
    }
}

impl<N: Network> Dial for NetworkDial<N> {
    type Stream = Stream<N::Stream>;

    fn dial(&self) -> impl Future<Output = Result<Self::Stream, DialError>> + Send + 'static {
        self.clone().connect()
    }
}
