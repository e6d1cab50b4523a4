//! Connects to what is probed, and runs the probe over each connection, all on one thread.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::target::Target;
use crate::cli::args;
use crate::cli::explain::CliError;
use crate::cli::trust::Trusted;
use crate::client::{Client, ClientConfig, ClientError};
use crate::drive::{
    CallWire, Clock, DatagramSocket, DatagramWire, Probed, StreamWire, Traffic, Wire, run_probe, stay_awake,
};
use crate::net::{self, Endpoint, PrivateName, SocketOptions};
use crate::proto::client::{JobError, RetryPolicy};
use crate::proto::prober::{Carrier, ProbeEnd, Settings, Tally};
use crate::proto::session::SessionEnd;
use crate::proto::{Limits, Prober};
use crate::wire::Class;

/// How soon another attempt to connect follows a failed one, where that was asked for.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a server of ours may take to greet.
const GREETING: Duration = Duration::from_secs(5);

/// How connections are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connecting<'a> {
    /// How long one attempt may take; `None`: for ever.
    pub(super) timeout: Option<Duration>,
    /// For how long it is tried again.
    pub(super) wait: Option<Duration>,
    /// Options of the sockets.
    pub(super) options: &'a SocketOptions,
    /// What was found out about a server of ours that is not spoken to in plaintext.
    pub(super) trusted: Option<&'a Trusted>,
}

/// A connection that stands.
pub(super) enum Open {
    Stream(net::Stream),
    Datagrams(DatagramSocket, Option<PrivateName>),
    Session(Arc<Client>),
}

impl Open {
    /// True if it goes through the protocol.
    pub(super) fn is_session(&self) -> bool {
        matches!(self, Open::Session(_))
    }

    fn carrier(&self) -> Carrier {
        match self {
            Open::Stream(_) => Carrier::Stream,
            Open::Datagrams(..) | Open::Session(_) => Carrier::Datagrams,
        }
    }
}

/// What the system, or a client of ours, said.
#[derive(Debug)]
pub(super) enum Trouble {
    System(io::Error),
    /// Boxed: it is large, and rare.
    Client(Box<ClientError>),
}

/// How a connection's probe ended.
pub(super) type Ended = Probed<Trouble>;

/// Connects once.
pub(super) async fn connect(target: &Target, how: Connecting<'_>) -> Result<Open, CliError> {
    let give_up = how.wait.map(|wait| Instant::now() + wait);
    loop {
        match attempt(target, how).await {
            Ok(open) => return Ok(open),
            Err(trouble) if give_up.is_none_or(|give_up| Instant::now() + AGAIN > give_up) => {
                return Err(super::failed::connecting(target, how.trusted, trouble));
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

async fn attempt(target: &Target, how: Connecting<'_>) -> Result<Open, Trouble> {
    let system = Trouble::System;
    let connecting = async {
        match target {
            Target::Session(endpoint) => session(endpoint, how).await,
            Target::Tcp(host) => stream(&Endpoint::Tcp(host.clone()), how).await,
            Target::Unix(path) => either(&Endpoint::Unix(path.clone()), how).await,
            Target::Udp(host) => {
                let socket = net::connect_udp(host, how.options).await.map_err(system)?;
                Ok(Open::Datagrams(DatagramSocket::Udp(socket), None))
            }
            Target::Unixgram(path) => {
                let (socket, name) = net::connect_unixgram(path, how.options).map_err(system)?;
                Ok(Open::Datagrams(DatagramSocket::Unix(socket), Some(name)))
            }
        }
    };
    match how.timeout {
        None => connecting.await,
        Some(limit) => match tokio::time::timeout(limit, connecting).await {
            Ok(done) => done,
            Err(_elapsed) => Err(Trouble::System(io::ErrorKind::TimedOut.into())),
        },
    }
}

/// A server of ours, or anybody's echo: who answers a greeting with a greeting is one, and who sends it back is the other.
async fn either(endpoint: &Endpoint, how: Connecting<'_>) -> Result<Open, Trouble> {
    match session(endpoint, how).await {
        Ok(open) => Ok(open),
        Err(Trouble::Client(error)) if says_later(&error) => Err(Trouble::Client(error)),
        Err(_) => stream(endpoint, how).await,
    }
}

/// True if a server of ours says that it may answer another time.
fn says_later(error: &ClientError) -> bool {
    match error {
        ClientError::Job(JobError::Session(SessionEnd::ByPeer(failure))) => {
            failure.code.class() == Class::Retryable
        }
        ClientError::Job(_)
        | ClientError::Local(_)
        | ClientError::BadPath(_)
        | ClientError::Stopped
        | ClientError::Options(_) => false,
    }
}

async fn stream(endpoint: &Endpoint, how: Connecting<'_>) -> Result<Open, Trouble> {
    net::connect(endpoint, how.options).await.map(Open::Stream).map_err(Trouble::System)
}

async fn session(endpoint: &Endpoint, how: Connecting<'_>) -> Result<Open, Trouble> {
    // A probe that is sent again would be counted once, and late.
    let policy = RetryPolicy { attempts: 1, connect: how.timeout, ..RetryPolicy::default() };
    let seed = net::random().map_err(Trouble::System)?;
    let (socket, limits) = (how.options.clone(), Limits { handshake: Some(GREETING), ..Limits::default() });
    let tls = how.trusted.map(|trusted| trusted.tls.clone());
    let config = ClientConfig { policy, seed, socket, limits, tls, ..ClientConfig::default() };
    let client = Client::new(endpoint.clone(), config);
    // It connects with the first thing that it is asked.
    match client.echo(Bytes::new()).await {
        Ok(_) => Ok(Open::Session(Arc::new(client))),
        Err(error) => {
            // An echo that is dropped with what it has sent unread is told of a reset, and may not take that well.
            client.close().await;
            Err(Trouble::Client(Box::new(error)))
        }
    }
}

/// Runs the probe over all connections, until it is over or `stop` resolves.
pub(super) async fn run(
    connections: Vec<Open>,
    settings: &Settings,
    busy_poll: Option<Duration>,
    stop: impl Future<Output = ()>,
) -> Result<(Tally, Vec<Ended>), CliError> {
    let traffic = Traffic::default();
    let mut awake = JoinSet::new();
    if let Some(limit) = busy_poll {
        awake.spawn(stay_awake(traffic.clone(), limit));
    }
    let tally = Arc::new(Mutex::new(Tally::default()));
    let (stopper, stopped) = watch::channel(false);
    let (clock, mut tasks) = (Clock::start(), JoinSet::new());
    let count = connections.len() as u64;
    let (start, seed) = (clock.now(), args::random()? as u64);
    for (number, open) in connections.into_iter().enumerate() {
        let (carrier, share) = (open.carrier(), (number as u64, count));
        let settings = Settings { carrier, seed, share, ..settings.clone() };
        let prober = Prober::new(start, &settings).map_err(|error| super::failed::settings(&error))?;
        let (stopped, tally, traffic) = (stopped.clone(), Arc::clone(&tally), traffic.clone());
        tasks.spawn(async move {
            let system = Trouble::System;
            match open {
                Open::Stream(stream) => {
                    over(clock, prober, StreamWire::new(stream), (stopped, tally, traffic), system).await
                }
                Open::Datagrams(socket, _name) => {
                    over(clock, prober, DatagramWire::new(socket), (stopped, tally, traffic), system).await
                }
                Open::Session(client) => {
                    let client_error = |error| Trouble::Client(Box::new(error));
                    let call = move |probe: Bytes| {
                        let client = Arc::clone(&client);
                        async move { client.echo(probe.clone()).await.map(|_| probe) }
                    };
                    over(clock, prober, CallWire::new(call), (stopped, tally, traffic), client_error).await
                }
            }
        });
    }
    let mut stop = std::pin::pin!(stop);
    let (mut ended, mut is_stopping) = (Vec::new(), false);
    loop {
        tokio::select! {
            biased;
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                // Nobody is left to be told if all have ended just now.
                let _ = stopper.send(true);
            }
            next = tasks.join_next() => match next {
                Some(Ok(one)) => ended.push(one),
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
                None => break,
            },
        }
    }
    let tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((tally, ended))
}

async fn over<W: Wire>(
    clock: Clock,
    prober: Prober,
    wire: W,
    (stopped, tally, traffic): (watch::Receiver<bool>, Arc<Mutex<Tally>>, Traffic),
    trouble: impl FnOnce(W::Error) -> Trouble,
) -> Ended {
    match run_probe(clock, prober, wire, stopped, tally, traffic).await {
        Ok(Probed { end, error }) => Probed { end, error: error.map(trouble) },
        // Without a timer nothing was sent.
        Err(error) => Probed { end: ProbeEnd::Stopped, error: Some(Trouble::System(error)) },
    }
}
