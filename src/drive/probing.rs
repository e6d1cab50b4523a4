//! Runs the probe's machine over a stream, a socket of datagrams, or calls of a protocol. A probe is handed over only when the
//! system takes it at once, so that the time at which the machine let it go is the one at which it left.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UdpSocket, UnixDatagram};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::alarm::Alarm;
use super::{Clock, Traffic};
use crate::proto::Prober;
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::proto::prober::{ProbeCommand, ProbeEnd, Settings, Tally};

/// The longest datagram that any socket brings, and what is read of a stream at once.
const LONGEST: usize = 64 * 1024;

/// What carries probes and their replies.
pub trait Wire: Send {
    /// What goes wrong.
    type Error: Send;

    /// Gives the system all of `probe`, or what it takes now.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        probe: &mut Bytes,
    ) -> Poll<Result<(), WireError<Self::Error>>>;

    /// What comes next; `None` where nothing more will.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireError<Self::Error>>>;
}

/// Why something was not sent, or not received.
#[derive(Debug)]
pub enum WireError<E> {
    /// A datagram was answered with "nobody listens there". The next one may be heard.
    Refused,
    /// Nothing more goes or comes.
    Broken(E),
}

/// How a probe ended.
#[derive(Debug)]
pub struct Probed<E> {
    /// As the machine says.
    pub end: ProbeEnd,
    /// What broke it, if the system said so.
    pub error: Option<E>,
}

/// Runs a prober over `wire` to its end, or until `stop` is true, and counts in `tally`; what comes is `traffic`.
pub async fn run_probe<W: Wire>(
    clock: Clock,
    mut prober: Prober,
    mut wire: W,
    mut stop: watch::Receiver<bool>,
    tally: Arc<Mutex<Tally>>,
    traffic: Traffic,
) -> io::Result<Probed<W::Error>> {
    let mut alarm = Alarm::new()?;
    let mut stopped = pin!(async move {
        if stop.wait_for(|is_stopped| *is_stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    let mut state = State { outbox: None, has_told_room: false, is_stopped: false, error: None };
    let mut out = Out::new();
    loop {
        let next = poll_fn(|cx| {
            let clock = &clock;
            state.poll(cx, &mut wire, stopped.as_mut(), |cx| match prober.deadline() {
                Some(deadline) => alarm.poll(cx, clock, deadline),
                None => Poll::Pending,
            })
        });
        let (input, has_slept) = next.await;
        if let Input::Received((), bytes) = &input {
            // An empty datagram is an arrival, too.
            traffic.received(bytes.len().max(1));
        }
        let now = clock.now();
        let woken_for = prober.deadline().filter(|_| has_slept);
        prober.step(now, input, &mut out);
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        woken_for.into_iter().for_each(|deadline| tally.note_wake(now.since(deadline)));
        for effect in out.drain() {
            match effect {
                Effect::Transmit((), probe) => state.outbox = Some(probe),
                Effect::Event(event) => tally.note(&event),
                Effect::Close(end) => return Ok(Probed { end, error: state.error.take() }),
                // The connection goes with the wire, and there is nothing on it any more that anybody waits for.
                Effect::Finish(()) | Effect::Hangup(()) | Effect::Dial(()) | Effect::Store(..) => {}
            }
        }
    }
}

/// What is under way between the machine and its wire.
struct State<E> {
    outbox: Option<Bytes>,
    has_told_room: bool,
    is_stopped: bool,
    error: Option<E>,
}

impl<E> State<E> {
    /// The next input, and whether the task slept until the deadline. What was let go leaves first; what came is told before
    /// there is room for more.
    fn poll<W: Wire<Error = E>>(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut W,
        stopped: Pin<&mut impl Future<Output = ()>>,
        alarm: impl FnOnce(&mut Context<'_>) -> Poll<bool>,
    ) -> Poll<(Input<Prober>, bool)> {
        if let Some(probe) = &mut self.outbox {
            self.has_told_room = false;
            match wire.poll_send(cx, probe) {
                Poll::Ready(Ok(())) => self.outbox = None,
                Poll::Ready(Err(error)) => return Poll::Ready((self.failed(error), false)),
                Poll::Pending => {}
            }
        }
        match wire.poll_receive(cx) {
            Poll::Ready(Ok(Some(bytes))) => return Poll::Ready((Input::Received((), bytes), false)),
            Poll::Ready(Ok(None)) => return Poll::Ready((Input::Ended((), End::Orderly), false)),
            Poll::Ready(Err(error)) => return Poll::Ready((self.failed(error), false)),
            Poll::Pending => {}
        }
        if !self.has_told_room && self.outbox.is_none() {
            self.has_told_room = true;
            return Poll::Ready((Input::Room((), Settings::SIZE_MAX), false));
        }
        if !self.is_stopped && stopped.poll(cx).is_ready() {
            self.is_stopped = true;
            return Poll::Ready((Input::Command(ProbeCommand::Stop), false));
        }
        alarm(cx).map(|has_slept| (Input::Elapsed, has_slept))
    }

    fn failed(&mut self, error: WireError<E>) -> Input<Prober> {
        match error {
            WireError::Refused => Input::Command(ProbeCommand::Refused),
            WireError::Broken(error) => {
                self.error = Some(error);
                Input::Ended((), End::Reset)
            }
        }
    }
}

/// Probes over a stream.
pub struct StreamWire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> StreamWire<S> {
    /// Over a connection that stands.
    pub fn new(stream: S) -> StreamWire<S> {
        StreamWire { stream, buffer: vec![0; LONGEST] }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for StreamWire<S> {
    type Error = io::Error;

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        probe: &mut Bytes,
    ) -> Poll<Result<(), WireError<io::Error>>> {
        while !probe.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, probe)) {
                Ok(0) => return Poll::Ready(Err(WireError::Broken(io::ErrorKind::WriteZero.into()))),
                Ok(count) => probe.advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(WireError::Broken(error))),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireError<io::Error>>> {
        loop {
            let mut space = ReadBuf::new(&mut self.buffer);
            return match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space)) {
                Ok(()) if space.filled().is_empty() => Poll::Ready(Ok(None)),
                Ok(()) => Poll::Ready(Ok(Some(Bytes::copy_from_slice(space.filled())))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Poll::Ready(Err(WireError::Broken(error))),
            };
        }
    }
}

/// Probes from a connected socket of datagrams.
pub struct DatagramWire {
    socket: DatagramSocket,
    buffer: Vec<u8>,
}

/// A connected socket of datagrams: the system brings nothing from anybody else.
pub enum DatagramSocket {
    /// UDP.
    Udp(UdpSocket),
    /// A Unix socket.
    Unix(UnixDatagram),
}

impl DatagramWire {
    /// From a socket that is connected.
    pub fn new(socket: DatagramSocket) -> DatagramWire {
        DatagramWire { socket, buffer: vec![0; LONGEST] }
    }

    /// What an error says of the other end, if it is only about one datagram.
    fn sort(&self, error: io::Error) -> WireError<io::Error> {
        match (&self.socket, error.kind()) {
            (DatagramSocket::Udp(_), io::ErrorKind::ConnectionRefused) => WireError::Refused,
            (DatagramSocket::Udp(_) | DatagramSocket::Unix(_), _) => WireError::Broken(error),
        }
    }
}

impl Wire for DatagramWire {
    type Error = io::Error;

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        probe: &mut Bytes,
    ) -> Poll<Result<(), WireError<io::Error>>> {
        loop {
            let sent = match &self.socket {
                DatagramSocket::Udp(socket) => ready!(socket.poll_send(cx, probe)),
                DatagramSocket::Unix(socket) => ready!(socket.poll_send(cx, probe)),
            };
            match sent {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(self.sort(error))),
            }
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireError<io::Error>>> {
        loop {
            let mut space = ReadBuf::new(&mut self.buffer);
            let received = match &self.socket {
                DatagramSocket::Udp(socket) => ready!(socket.poll_recv(cx, &mut space)),
                DatagramSocket::Unix(socket) => ready!(socket.poll_recv(cx, &mut space)),
            };
            match received {
                Ok(()) => return Poll::Ready(Ok(Some(Bytes::copy_from_slice(space.filled())))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(self.sort(error))),
            }
        }
    }
}

/// Probes as calls of a protocol, which compares the reply with what was sent by itself.
pub struct CallWire<F, E> {
    call: F,
    calls: JoinSet<Result<Bytes, E>>,
}

impl<F, E: Send + 'static> CallWire<F, E> {
    /// `call` sends a probe, and gives it back once it was answered.
    pub fn new(call: F) -> CallWire<F, E> {
        CallWire { call, calls: JoinSet::new() }
    }
}

impl<F, C, E> Wire for CallWire<F, E>
where
    F: Fn(Bytes) -> C + Send,
    C: Future<Output = Result<Bytes, E>> + Send + 'static,
    E: Send + 'static,
{
    type Error = E;

    fn poll_send(&mut self, _cx: &mut Context<'_>, probe: &mut Bytes) -> Poll<Result<(), WireError<E>>> {
        self.calls.spawn((self.call)(std::mem::take(probe)));
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireError<E>>> {
        match self.calls.poll_join_next(cx) {
            Poll::Ready(Some(Ok(Ok(reply)))) => Poll::Ready(Ok(Some(reply))),
            Poll::Ready(Some(Ok(Err(error)))) => Poll::Ready(Err(WireError::Broken(error))),
            Poll::Ready(Some(Err(panicked))) => std::panic::resume_unwind(panicked.into_panic()),
            // A call that is made later wakes the task by itself.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
