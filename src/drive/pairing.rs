//! Runs both sides of a pairing over sockets. Takes no decision: whom to cut, what counts as a guess and when it is over are the machines'
//! (`proto::pairing`).

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, sleep_until, timeout};

use super::Clock;
use crate::net::tls::{Identity, PairStream, TlsError};
use crate::net::{self, Listener, Peer, source_of};
use crate::proto::listener::ConnectionId;
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::proto::pairing::{
    Guest, GuestEnd, GuestEvent, Host, HostCommand, HostEnd, HostEvent, Introduction, PairCode, Seed, Terms,
};
use crate::proto::{PairLimits, pairing};
use crate::wire::{Code, Frame, OperationId, PREAMBLE, PairName, Refused, VERSION};

/// Pieces that wait for the machine; more are not read.
const WAITING: usize = 16;
/// How long last words may take once all is over.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long nothing is accepted after the system had no file for a connection.
const PAUSE: Duration = Duration::from_millis(500);

/// What a server's side tells while it waits.
#[derive(Debug)]
pub enum PairEvent {
    /// The machine has something to say of a connection from there.
    Host(Peer, HostEvent),
    /// A connection from there has not come to speak over TLS.
    NotMet(Peer, TlsError),
}

/// What comes of a connection.
enum Came {
    Met(Box<Introduction>),
    NotMet(TlsError),
    Bytes(Bytes),
    Ended(End),
}

/// What a connection is to do.
enum Order {
    Send(Bytes),
    Finish,
}

/// A connection, to the machine's driver; it is cut where this is dropped.
struct Held {
    peer: Peer,
    orders: UnboundedSender<Order>,
    task: tokio::task::AbortHandle,
}

/// Random bytes for one connection.
fn seed() -> io::Result<Seed> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Seed(bytes))
}

/// The server's side: until somebody was paired, or the code is dead. `keep` is given the key of who has proved to have the code, and what
/// it calls itself, and gives the terms on which it is kept, or nothing where it could not be.
///
/// # Errors
/// Where the system has no random numbers.
pub async fn host(
    listener: &Listener,
    identity: &Identity,
    (code, limits): (PairCode, PairLimits),
    keep: impl FnMut([u8; 32], &PairName) -> Option<Terms>,
    mut told: impl FnMut(PairEvent),
) -> io::Result<HostEnd> {
    let clock = Clock::start();
    let (inbox, mut came) = channel(WAITING);
    let host = Host::new(clock.now(), code, limits);
    let mut hall = Hall { host, clock, links: BTreeMap::new(), tasks: JoinSet::new(), next: 0, keep };
    loop {
        let deadline = hall.host.deadline().map(|deadline| clock.instant(deadline));
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            biased;
            Some((id, came)) = came.recv() => hall.came(id, came, &mut told),
            accepted = poll_fn(|cx| listener.poll_accept(cx)) => match accepted {
                Ok((stream, peer)) => {
                    let id = hall.enter();
                    let (orders, given) = unbounded_channel();
                    let attending = attend(stream, identity.clone(), seed()?, (id, inbox.clone()), given);
                    let task = hall.tasks.spawn(attending);
                    hall.links.insert(id, Held { peer, orders, task });
                    hall.step(Input::Command(HostCommand::Accepted(id, source_of(peer))), &mut told)
                }
                Err(_) => {
                    sleep(PAUSE).await;
                    None
                }
            },
            () = late => hall.step(Input::Elapsed, &mut told),
            Some(_over) = hall.tasks.join_next() => None,
        };
        if let Some(end) = end {
            let Hall { mut tasks, links, .. } = hall;
            drop(links);
            let spoken = async { while tasks.join_next().await.is_some() {} };
            let _all_or_late = timeout(LAST_WORDS, spoken).await;
            return Ok(end);
        }
    }
}

/// The machine, and the connections that it knows.
struct Hall<K> {
    host: Host,
    clock: Clock,
    links: BTreeMap<ConnectionId, Held>,
    tasks: JoinSet<()>,
    next: u64,
    keep: K,
}

impl<K: FnMut([u8; 32], &PairName) -> Option<Terms>> Hall<K> {
    /// The id of one more.
    fn enter(&mut self) -> ConnectionId {
        self.next += 1;
        ConnectionId(self.next)
    }

    fn came(&mut self, id: ConnectionId, came: Came, told: &mut impl FnMut(PairEvent)) -> Option<HostEnd> {
        let (input, is_gone) = match came {
            Came::Met(met) => (Input::Command(HostCommand::Met(id, *met)), false),
            Came::Bytes(bytes) => (Input::Received(id, bytes), false),
            // The machine has forgotten it.
            Came::Ended(end) => (Input::Ended(id, end), true),
            Came::NotMet(error) => {
                if let Some(held) = self.links.get(&id) {
                    told(PairEvent::NotMet(held.peer, error));
                }
                (Input::Ended(id, End::Reset), true)
            }
        };
        let end = self.step(input, told);
        if is_gone {
            self.links.remove(&id);
        }
        end
    }

    fn step(&mut self, input: Input<Host>, told: &mut impl FnMut(PairEvent)) -> Option<HostEnd> {
        let (mut inputs, mut end) = (vec![input], None);
        while let Some(input) = inputs.pop() {
            let mut out = Out::new();
            self.host.step(self.clock.now(), input, &mut out);
            for effect in out.drain() {
                match effect {
                    Effect::Transmit(id, bytes) => self.order(id, Order::Send(bytes)),
                    Effect::Finish(id) => {
                        self.order(id, Order::Finish);
                        // The task goes on until that is said.
                        self.links.remove(&id);
                    }
                    Effect::Hangup(id) => {
                        if let Some(held) = self.links.remove(&id) {
                            held.task.abort();
                        }
                    }
                    Effect::Event(event) => inputs.extend(self.tell(event, told)),
                    Effect::Close(how) => end = Some(how),
                    Effect::Dial(_) | Effect::Store(..) => unreachable!("it asks for neither"),
                }
            }
        }
        end
    }

    /// Tells it; gives what the machine is to know of that.
    fn tell(&mut self, event: HostEvent, told: &mut impl FnMut(PairEvent)) -> Option<Input<Host>> {
        let (HostEvent::Wrong(id, _)
        | HostEvent::Malformed(id, _)
        | HostEvent::OtherVersion(id, _)
        | HostEvent::Proved(id, ..)) = &event;
        let peer = self.links.get(id).map(|held| held.peer);
        let input = match &event {
            HostEvent::Proved(_, key, name) => {
                let kept = (self.keep)(*key, name);
                Some(Input::Command(kept.map_or(HostCommand::NotKept, HostCommand::Kept)))
            }
            HostEvent::Wrong(..) | HostEvent::Malformed(..) | HostEvent::OtherVersion(..) => None,
        };
        if let Some(peer) = peer {
            told(PairEvent::Host(peer, event));
        }
        input
    }

    fn order(&self, id: ConnectionId, order: Order) {
        if let Some(held) = self.links.get(&id) {
            // One that has just ended needs telling no more.
            let _ = held.orders.send(order);
        }
    }
}

/// The task of one connection at a server.
async fn attend(
    stream: net::Stream,
    identity: Identity,
    seed: Seed,
    (id, inbox): (ConnectionId, Sender<(ConnectionId, Came)>),
    mut orders: UnboundedReceiver<Order>,
) {
    let mut stream = match PairStream::accept(stream, &identity).await {
        Ok(stream) => stream,
        Err((error, mut stream)) => {
            if let TlsError::Plaintext = error {
                let _unheard = stream.write_all(&plaintext()).await;
                let _ended = stream.shutdown().await;
            }
            let _ = inbox.send((id, Came::NotMet(error))).await;
            return;
        }
    };
    let (ours, theirs) = (identity.public().0, stream.peer().0);
    let met = Introduction { ours, theirs, exporter: stream.exporter(), seed };
    let _ = inbox.send((id, Came::Met(Box::new(met)))).await;
    let mut is_ended = false;
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(bytes)) => {
                    if stream.write(&bytes).await.is_err() {
                        let _ = inbox.send((id, Came::Ended(End::Reset))).await;
                        return;
                    }
                }
                Some(Order::Finish) | None => {
                    let _unheard = stream.finish().await;
                    return;
                }
            },
            read = stream.read(), if !is_ended => {
                let came = match read {
                    Ok(bytes) if bytes.is_empty() => Came::Ended(End::Orderly),
                    Ok(bytes) => Came::Bytes(bytes.into()),
                    Err(_) => Came::Ended(End::Reset),
                };
                is_ended = matches!(came, Came::Ended(_));
                let _ = inbox.send((id, came)).await;
            }
        }
    }
}

/// What a client is told that speaks the protocol of files here, and without TLS.
fn plaintext() -> Vec<u8> {
    let text = "cannot serve files on this port, which is for pairing alone (`towline pair`)".to_owned();
    let refused = Refused { code: Code::NOT_TOWLINE, delay_ms: 0, lowest: VERSION, highest: VERSION, text };
    let mut bytes = PREAMBLE.to_vec();
    Frame::of(OperationId::CONNECTION, crate::wire::Body::Refused(refused)).encode(&mut bytes);
    bytes
}

/// The client's side, on a connection on which both have shown their keys. `keep` is asked to keep the server's key, and says whether it could.
///
/// # Errors
/// Where the system has no random numbers.
pub async fn guest<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: PairStream<S>,
    ours: [u8; 32],
    (code, name): (PairCode, PairName),
    limits: &PairLimits,
    mut keep: impl FnMut(Terms) -> bool,
) -> io::Result<GuestEnd> {
    let clock = Clock::start();
    let met = Introduction { ours, theirs: stream.peer().0, exporter: stream.exporter(), seed: seed()? };
    let mut out = Out::new();
    let mut guest = Guest::new(clock.now(), (code, met), name, limits, &mut out);
    loop {
        let (mut next, mut end) = (None, None);
        for effect in out.drain() {
            match effect {
                // What cannot be sent is seen where nothing comes.
                Effect::Transmit((), bytes) => drop(stream.write(&bytes).await),
                Effect::Finish(()) => drop(stream.finish().await),
                Effect::Event(GuestEvent::Proved(terms)) => {
                    let kept = if keep(terms) {
                        pairing::GuestCommand::Kept
                    } else {
                        pairing::GuestCommand::NotKept
                    };
                    next = Some(Input::Command(kept));
                }
                Effect::Close(how) => end = Some(how),
                Effect::Hangup(()) | Effect::Dial(()) | Effect::Store(..) => unreachable!("it asks for none"),
            }
        }
        if let Some(end) = end {
            return Ok(end);
        }
        let deadline =
            guest.deadline().map_or_else(tokio::time::Instant::now, |deadline| clock.instant(deadline));
        let input = match next {
            Some(input) => input,
            None => tokio::select! {
                read = stream.read() => match read {
                    Ok(bytes) if bytes.is_empty() => Input::Ended((), End::Orderly),
                    Ok(bytes) => Input::Received((), bytes.into()),
                    Err(_) => Input::Ended((), End::Reset),
                },
                () = sleep_until(deadline) => Input::Elapsed,
            },
        };
        guest.step(clock.now(), input, &mut out);
    }
}
