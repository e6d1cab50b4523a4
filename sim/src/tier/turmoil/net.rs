//! turmoil's sockets as the driver wants them.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use towline::drive::{Accept, Dial};
use towline::harness::Side;
use towline::proto::machine::{DialError, DialErrorKind};
use turmoil::net::{TcpListener, TcpStream};

use super::super::facts::{Dial as DialId, Place, SERVER};
use super::shim::Stream;
use super::state::{Shared, lock};
use super::strangers::impostor_name;
use super::{ECHO_PORT, PORT};
use crate::disk::Power;
use crate::ledger::Rare;
use crate::trace::{Network, Recorded};

/// Tells the random numbers of one dial from those of others.
fn number_of(dial: DialId) -> u64 {
    u64::from(dial.client) << 32 | u64::from(dial.number)
}

type Accepting = Pin<Box<dyn Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send>>;

/// A listening socket.
pub(super) struct TurmoilAccept {
    listener: Arc<TcpListener>,
    accepting: Option<Accepting>,
    shared: Shared,
    power: Power,
}

impl TurmoilAccept {
    pub(super) async fn bind(port: u16, shared: Shared, power: Power) -> io::Result<TurmoilAccept> {
        let listener = Arc::new(TcpListener::bind(("0.0.0.0", port)).await?);
        Ok(TurmoilAccept { listener, accepting: None, shared, power })
    }
}

impl Accept for TurmoilAccept {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        let accepting = self.accepting.get_or_insert_with(|| {
            let listener = Arc::clone(&self.listener);
            Box::pin(async move { listener.accept().await })
        });
        let accepted = std::task::ready!(accepting.as_mut().poll(cx));
        self.accepting = None;
        let (stream, peer) = accepted?;
        let number = {
            let mut state = lock(&self.shared);
            state.accepted += 1;
            state.accepted
        };
        let (shared, power) = (self.shared.clone(), self.power.clone());
        let stream = Stream::new(stream, shared, power, Side::Server, None, number)?;
        Poll::Ready(Ok((stream, peer)))
    }
}

/// Connects to the server.
#[derive(Clone)]
pub(super) struct TurmoilDial {
    pub(super) shared: Shared,
    pub(super) power: Power,
    /// Whose.
    pub(super) client: u32,
}

impl TurmoilDial {
    /// To the raw echo.
    pub(super) async fn echo(&self) -> io::Result<Stream> {
        let dial = self.shared.next_dial(self.client, 1);
        let (place, number) = (Place::Echo(dial), number_of(dial) | 1 << 63);
        let keep = |recorded| lock(&self.shared).facts.keep(Side::Client, place.into(), || recorded);
        keep(Recorded::Dialed);
        let connected = TcpStream::connect((SERVER, ECHO_PORT)).await;
        keep(Recorded::Answered(connected.is_ok()));
        let stream = connected?;
        Stream::new(stream, self.shared.clone(), self.power.clone(), Side::Client, Some(place), number)
    }

    async fn connect(self) -> Result<Stream, DialError> {
        let dial = self.shared.next_dial(self.client, 0);
        let place = Place::Files(dial);
        {
            let facts = &mut lock(&self.shared).facts;
            facts.network(place.into(), Network::Dials);
            facts.keep(Side::Client, place.into(), || Recorded::Dialed);
        }
        let impostor = self.shared.plan().impostor_of(self.client, dial.number);
        let server = impostor.map_or(SERVER.to_owned(), |(number, _)| impostor_name(number));
        let connected = TcpStream::connect((server.as_str(), PORT)).await.and_then(|stream| {
            let (shared, power) = (self.shared.clone(), self.power.clone());
            Stream::new(stream, shared, power, Side::Client, Some(place), number_of(dial))
        });
        let mut state = lock(&self.shared);
        state.facts.keep(Side::Client, place.into(), || Recorded::Answered(connected.is_ok()));
        connected.inspect(|_| state.facts.network(place.into(), Network::Connected)).map_err(|error| {
            let why = format!("{:?}", error.kind());
            state.facts.network(place.into(), Network::CannotConnect(why));
            let kind = match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    state.facts.reach(Rare::Refused);
                    DialErrorKind::Refused
                }
                _ => DialErrorKind::Other,
            };
            DialError { kind, os: None }
        })
    }
}

impl Dial for TurmoilDial {
    type Stream = Stream;

    fn dial(&self) -> impl Future<Output = Result<Stream, DialError>> + Send + 'static {
        self.clone().connect()
    }
}
