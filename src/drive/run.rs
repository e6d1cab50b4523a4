//! The loop that runs one machine.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::link::Heard;
use super::links::Links;
use super::timer::Timer;
use super::{Clock, Completions, Link, Pool, Traffic};
use crate::probe::{Bug, planted};
use crate::proto::machine::{DialError, Effect, Input, Machine, Out};
use crate::time::Time;

/// How long what was sent before `Close` may take to leave.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
/// Bytes that a machine of one's own is given at once.
const READ: usize = 64 * 1024;

/// Makes a machine's connections.
pub trait Dial {
    /// What a connection is.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// Connects to the one peer that this dialler is for.
    fn dial(&self) -> impl Future<Output = Result<Self::Stream, DialError>> + Send + 'static;
}

/// For machines that do not dial; `S` is their stream.
#[derive(Debug)]
pub struct NoDial<S>(std::marker::PhantomData<fn() -> S>);

impl<S> Default for NoDial<S> {
    fn default() -> Self {
        NoDial(std::marker::PhantomData)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Dial for NoDial<S> {
    type Stream = S;

    fn dial(&self) -> impl Future<Output = Result<S, DialError>> + Send + 'static {
        std::future::pending()
    }
}

/// A machine with all that it runs on.
pub struct Run<M: Machine, D: Dial> {
    machine: M,
    clock: Clock,
    dialer: D,
    pool: Pool,
    links: Links<M::Link, Link<D::Stream>>,
    traffic: Traffic,
    dialing: BTreeMap<M::Link, Dialing<D::Stream>>,
    store: Option<Box<Completions>>,
    commands: Option<UnboundedReceiver<M::Command>>,
    out: Out<M>,
    timer: Timer,
}

impl<M, S> Run<M, NoDial<S>>
where
    M: Machine<Link = (), Rx = Bytes, Tx = Bytes>,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// A machine of any protocol on one connection that stands: a TCP or Unix socket, one of a simulation, half of
    /// `tokio::io::duplex`. `make` makes it, and may have effects already. It has no store, and dials nobody.
    ///
    /// ```
    /// # use towline::drive::Run;
    /// # use towline::proto::{Echo, EchoEnd};
    /// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let (mut here, there) = tokio::io::duplex(1024);
    /// let echo = tokio::spawn(Run::over(there, |now, _born| Echo::new(now, None)).to_end(|never| match never {}));
    /// here.write_all(b"Hello, world").await?;
    /// here.shutdown().await?;
    /// let mut back = Vec::new();
    /// here.read_to_end(&mut back).await?;
    /// assert_eq!(back, b"Hello, world");
    /// assert_eq!(echo.await?, EchoEnd::Orderly);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn over(stream: S, make: impl FnOnce(Time, &mut Out<M>) -> M) -> Run<M, NoDial<S>> {
        let (clock, mut born) = (Clock::start(), Out::new());
        let machine = make(clock.now(), &mut born);
        Run::new(clock, machine, born, NoDial::default(), Pool::new(READ, 2)).with_link((), stream)
    }
}

type Dialing<S> = Pin<Box<dyn Future<Output = Result<S, DialError>> + Send>>;

impl<M, D> Run<M, D>
where
    M: Machine<Rx = Bytes, Tx = Bytes>,
    D: Dial,
    D::Stream: 'static,
{
    /// A machine that was just made at `clock`'s now; `born` are the effects of that. Reads into buffers of `pool`.
    pub fn new(clock: Clock, machine: M, born: Out<M>, dialer: D, pool: Pool) -> Run<M, D> {
        Run {
            machine,
            clock,
            dialer,
            pool,
            links: Links::new(),
            traffic: Traffic::default(),
            dialing: BTreeMap::new(),
            store: None,
            commands: None,
            out: born,
            timer: Timer::new(),
        }
    }

    /// Gives the machine a connection that stands already.
    pub fn with_link(mut self, link: M::Link, stream: D::Stream) -> Self {
        self.links.insert(link, Link::new(stream, self.traffic.clone()));
        self
    }

    /// Counts what goes over its connections.
    pub fn with_traffic(mut self, traffic: Traffic) -> Self {
        self.traffic = traffic;
        self
    }

    /// Gives the machine a store; without one it must not ask for any.
    pub fn with_store(mut self, store: Completions) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// Gives the application a way to ask things of the machine.
    pub fn with_commands(mut self, commands: UnboundedReceiver<M::Command>) -> Self {
        self.commands = Some(commands);
        self
    }

    /// Runs the machine until it closes; `on_event` is told what it tells. Dropping the future drops the connections and
    /// gives the machine's leases back.
    pub async fn to_end(mut self, mut on_event: impl FnMut(M::Event)) -> M::Outcome {
        loop {
            if let Some(outcome) = self.carry_out(&mut on_event) {
                if !planted(Bug::CloseUnflushed) {
                    self.flush().await;
                }
                return outcome;
            }
            let input = poll_fn(|cx| {
                let input = self.poll_input(cx);
                if input.is_pending() {
                    // As in a link: what waits holds no memory.
                    self.out = Out::new();
                }
                input
            })
            .await;
            self.machine.step(self.clock.now(), input, &mut self.out);
        }
    }

    /// Carries the effects of a step out; gives the outcome when the machine has closed.
    fn carry_out(&mut self, on_event: &mut impl FnMut(M::Event)) -> Option<M::Outcome> {
        let mut outcome = None;
        for effect in self.out.drain() {
            match effect {
                Effect::Transmit(link, bytes) => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.transmit(bytes);
                    }
                }
                Effect::Finish(link) => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.finish();
                    }
                }
                Effect::Hangup(link) => {
                    self.links.remove(&link);
                    self.dialing.remove(&link);
                }
                Effect::Dial(link) => {
                    self.dialing.insert(link, Box::pin(self.dialer.dial()));
                }
                Effect::Store(ticket, op) => {
                    let store = self.store.as_mut().expect("a machine that stores is run with a store");
                    store.submit(ticket, op);
                }
                Effect::Event(event) => on_event(event),
                Effect::Close(end) => outcome = Some(end),
            }
        }
        outcome
    }

    /// The next input, in a fixed order: completions, commands, connections, and the deadline last.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Input<M>> {
        if let Some(store) = &mut self.store
            && let Poll::Ready((ticket, stored)) = store.poll(cx)
        {
            return Poll::Ready(Input::Stored(ticket, stored));
        }
        if let Some(commands) = &mut self.commands {
            match commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => return Poll::Ready(Input::Command(command)),
                Poll::Ready(None) => self.commands = None,
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(input) = self.poll_dialing(cx) {
            return Poll::Ready(input);
        }
        for (name, link) in self.links.iter_mut() {
            if let Poll::Ready(heard) = link.poll(cx, &self.pool, self.machine.wants_read(*name)) {
                return Poll::Ready(match heard {
                    Heard::Received(bytes) => Input::Received(*name, bytes),
                    Heard::Ended(end) => Input::Ended(*name, end),
                    Heard::Room(room) => Input::Room(*name, room),
                });
            }
        }
        self.poll_deadline(cx)
    }

    fn poll_dialing(&mut self, cx: &mut Context<'_>) -> Poll<Input<M>> {
        let mut made = None;
        for (name, dialing) in &mut self.dialing {
            if let Poll::Ready(result) = dialing.as_mut().poll(cx) {
                made = Some((*name, result));
                break;
            }
        }
        let Some((name, result)) = made else { return Poll::Pending };
        self.dialing.remove(&name);
        Poll::Ready(match result {
            Ok(stream) => {
                self.links.insert(name, Link::new(stream, self.traffic.clone()));
                Input::Dialed(name)
            }
            Err(error) => Input::DialFailed(name, error),
        })
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Input<M>> {
        let Some(deadline) = self.machine.deadline() else { return Poll::Pending };
        self.timer.poll(cx, Instant::now(), self.clock.instant(deadline)).map(|()| Input::Elapsed)
    }

    /// What was sent before the end leaves, for a limited time.
    async fn flush(&mut self) {
        let all = poll_fn(|cx| {
            let flushed = self.links.iter_mut().map(|(_, link)| link.poll_flush_all(cx));
            if flushed.filter(Poll::is_pending).count() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        // Whatever has not left by then is lost with the connection, as its peer will see.
        let _ = tokio::time::timeout(FLUSH_LIMIT, all).await;
    }
}
