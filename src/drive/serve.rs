//! The accept loop: whom to admit is the listener machine's decision; here a task is run for each connection.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::Sleep;
use tracing::{Instrument, info, warn};

use super::server_event::{ServerEvent, Watch};
use super::traced::Traced;
use super::visitor::Visitor;
use super::{Clock, Guard, NoDial, Pool, Run, Submit, Traffic};
use crate::net::{Listener, Peer, Stream, source_of};
use crate::probe::{Bug, planted};
use crate::proto::listener::{self, ConnectionId, ListenEnd, ListenEvent, ListenInput};
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::session;
use crate::proto::storage::RootId;
use crate::proto::{Echo, EchoEnd, Limits, ListenLimits, Rights};
use crate::wire::Failure;

/// A listening socket.
pub trait Accept: Send {
    /// What a connection is.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>>;
}

/// What a listening socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The protocol.
    Files,
    /// The protocol, over TLS, for those whom the guard knows.
    Guarded,
    /// Raw echo (RFC 862).
    Echo,
}

/// A server: sockets, a store, limits, and somebody to tell.
pub struct Serve<A: Accept> {
    /// The listening sockets.
    pub doors: Vec<(Door, A)>,
    /// The store, and the root that is served.
    pub store: (Arc<dyn Submit>, RootId),
    /// What whoever connects may do, at the most.
    pub rights: Rights,
    /// Who is asked at the doors that are [guarded](Door::Guarded).
    pub guard: Option<Arc<Guard>>,
    /// Limits of each connection.
    pub limits: Limits,
    /// Limits of all together.
    pub listen: ListenLimits,
    /// How long an echo connection may be idle.
    pub echo_idle: Option<Duration>,
    /// Counts what goes over all connections.
    pub traffic: Traffic,
    /// Told what happens.
    pub watch: Watch,
}

/// Stops a server.
#[derive(Clone, Debug)]
pub struct Stopper(UnboundedSender<ListenInput>);

/// A server's end of a [`Stopper`].
#[derive(Debug)]
pub struct StopReceiver(UnboundedReceiver<ListenInput>);

/// A way to stop a server.
pub fn stopper() -> (Stopper, StopReceiver) {
    let (send, receive) = unbounded_channel();
    (Stopper(send), StopReceiver(receive))
}

impl Stopper {
    /// Accept nothing more, finish what runs. Nothing if the server has stopped.
    pub fn drain(&self) {
        let _ = self.0.send(ListenInput::Drain);
    }

    /// Cut off what runs. Nothing if the server has stopped.
    pub fn abort(&self) {
        let _ = self.0.send(ListenInput::Abort);
    }
}

/// A connection's task.
enum Task {
    Session(UnboundedSender<session::Command>, AbortHandle),
    Echo(AbortHandle),
}

struct Serving<A: Accept> {
    config: Serve<A>,
    clock: Clock,
    listener: listener::Listener,
    pool: Pool,
    next: u64,
    /// Accepted, and not admitted or refused yet.
    at_the_door: Option<(ConnectionId, Door, A::Stream, Traced)>,
    tasks: BTreeMap<ConnectionId, Task>,
    /// What connections' tasks tell the listener.
    told: (UnboundedSender<ListenInput>, UnboundedReceiver<ListenInput>),
    stop: Option<UnboundedReceiver<ListenInput>>,
    timer: Pin<Box<Sleep>>,
    accept_error: Option<io::Error>,
}

impl<A: Accept> Serve<A> {
    /// Serves until it is stopped and everything has ended. Dropping the future ends all connections where they are: what they hold
    /// is given back, and their clients see them lost.
    pub async fn run(self, stop: StopReceiver) -> ListenEnd {
        let mut serving = Serving {
            listener: listener::Listener::new(self.listen.clone(), &self.limits),
            config: self,
            clock: Clock::start(),
            pool: Pool::new(256 * 1024, 16),
            next: 0,
            at_the_door: None,
            tasks: BTreeMap::new(),
            told: unbounded_channel(),
            stop: Some(stop.0),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            accept_error: None,
        };
        loop {
            let input = poll_fn(|cx| serving.poll_input(cx)).await;
            let mut out = Out::new();
            serving.listener.step(serving.clock.now(), input, &mut out);
            for effect in out.drain() {
                match effect {
                    Effect::Event(event) => serving.carry_out(event),
                    Effect::Close(end) => return end,
                    Effect::Transmit((), never) => match never {},
                    Effect::Dial(()) | Effect::Finish(()) | Effect::Hangup(()) | Effect::Store(..) => {}
                }
            }
        }
    }
}

impl<A: Accept> Serving<A> {
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Input<listener::Listener>> {
        if let Poll::Ready(Some(input)) = self.told.1.poll_recv(cx) {
            if let ListenInput::Closed(id) = input {
                self.tasks.remove(&id);
            }
            return Poll::Ready(Input::Command(input));
        }
        if let Some(stop) = &mut self.stop {
            match stop.poll_recv(cx) {
                Poll::Ready(Some(input)) => return Poll::Ready(Input::Command(input)),
                Poll::Ready(None) => self.stop = None,
                Poll::Pending => {}
            }
        }
        if self.listener.wants_read(())
            && let Poll::Ready(input) = self.poll_accept(cx)
        {
            return Poll::Ready(Input::Command(input));
        }
        let Some(deadline) = self.listener.deadline() else { return Poll::Pending };
        self.timer.as_mut().reset(self.clock.instant(deadline) + Duration::from_millis(1));
        self.timer.as_mut().poll(cx).map(|()| Input::Elapsed)
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<ListenInput> {
        for (door, socket) in &mut self.config.doors {
            match socket.poll_accept(cx) {
                Poll::Ready(Ok((stream, peer))) => {
                    let id = ConnectionId(self.next);
                    self.next += 1;
                    let traced = Traced::new(id.0, peer, *door, &self.config.traffic);
                    self.at_the_door = Some((id, *door, stream, traced));
                    (self.config.watch)(ServerEvent::Accepted { connection: id.0, peer, door: *door });
                    return Poll::Ready(ListenInput::Accepted(id, source_of(peer)));
                }
                // A client that went away before it was accepted.
                Poll::Ready(Err(error)) if is_of_one_connection(&error) => cx.waker().wake_by_ref(),
                Poll::Ready(Err(error)) => {
                    self.accept_error = Some(error);
                    return Poll::Ready(ListenInput::AcceptFailed);
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }

    fn carry_out(&mut self, event: ListenEvent) {
        match event {
            ListenEvent::Admit(_) => self.begin(None),
            ListenEvent::Refuse(_, failure) => self.begin(Some(failure)),
            ListenEvent::Overdue(id, failure) => self.tell(id, session::Command::Abort(failure)),
            ListenEvent::Cut(id, failure) => self.tell(id, session::Command::HangUp(failure)),
            ListenEvent::Allow(id, bytes) => self.tell(id, session::Command::Allow(bytes)),
            ListenEvent::Paused => {
                if let Some(error) = self.accept_error.take() {
                    warn!(%error, "connections cannot be accepted for now");
                    (self.config.watch)(ServerEvent::AcceptPaused(error));
                }
            }
            ListenEvent::Resumed => {
                info!("connections are accepted again");
                (self.config.watch)(ServerEvent::AcceptResumed);
            }
            ListenEvent::DrainAll => {
                let connections = self.listener.connections();
                info!(connections, "stopping");
                // Whoever is told that it stops may count on that nobody comes any more.
                self.config.doors.clear();
                (self.config.watch)(ServerEvent::Draining { connections });
                self.close_doors(&session::Command::Drain);
            }
            ListenEvent::AbortAll(failure) => self.close_doors(&session::Command::Abort(failure)),
        }
    }

    fn begin(&mut self, refusal: Option<Failure>) {
        let Some((id, door, stream, traced)) = self.at_the_door.take() else { return };
        let task = match door {
            Door::Files => self.begin_session(id, stream, traced, refusal, None),
            Door::Guarded => {
                let guard = self.config.guard.clone();
                self.begin_session(id, stream, traced, refusal, guard)
            }
            Door::Echo => self.begin_echo(id, stream, traced, refusal.is_some()),
        };
        self.tasks.insert(id, task);
    }

    fn begin_session(
        &mut self,
        id: ConnectionId,
        stream: A::Stream,
        traced: Traced,
        refusal: Option<Failure>,
        guard: Option<Arc<Guard>>,
    ) -> Task {
        let (closed, told) = (TellClosed(id, self.told.0.clone()), self.told.0.clone());
        let span = traced.span();
        let visitor = Visitor {
            id,
            clock: Clock::start(),
            guard,
            refusal,
            rights: self.config.rights.clone(),
            limits: self.config.limits.clone(),
            store: (Arc::clone(&self.config.store.0), self.config.store.1),
            pool: self.pool.clone(),
            traced,
            watch: Arc::clone(&self.config.watch),
            told,
        };
        let (commands, inbox) = unbounded_channel();
        let orders = (commands.clone(), inbox);
        let running = async move {
            let _closed = closed;
            visitor.attend(stream, orders).await;
        };
        let task = tokio::spawn(running.instrument(span));
        Task::Session(commands, task.abort_handle())
    }

    /// An echo has no way to say no: a refused one is closed.
    fn begin_echo(&mut self, id: ConnectionId, stream: A::Stream, traced: Traced, is_refused: bool) -> Task {
        let clock = Clock::start();
        let echo = Echo::new(clock.now(), self.config.echo_idle);
        let run = Run::new(clock, echo, Out::new(), NoDial::default(), self.pool.clone());
        let run = run.with_traffic(traced.traffic()).with_link((), stream);
        // Nobody is asked who they are.
        let _ = self.told.0.send(ListenInput::Ready(id));
        let closed = TellClosed(id, self.told.0.clone());
        let span = traced.span();
        let mut over = TellEchoClosed { id, watch: Arc::clone(&self.config.watch), end: None, traced };
        let running = async move {
            // Told after `over`.
            let _closed = closed;
            if !is_refused {
                over.end = Some(run.to_end(|never| match never {}).await);
            }
            drop(over);
        };
        Task::Echo(tokio::spawn(running.instrument(span)).abort_handle())
    }

    /// Who dials now is refused by the system, and may try again, instead of waiting for nothing.
    fn close_doors(&mut self, command: &session::Command) {
        self.config.doors.clear();
        self.tell_all(command);
    }

    /// One that has ended meanwhile needs telling no more.
    fn tell(&mut self, id: ConnectionId, command: session::Command) {
        match self.tasks.get(&id) {
            Some(Task::Session(commands, _)) => drop(commands.send(command)),
            Some(Task::Echo(task)) => task.abort(),
            None => {}
        }
    }

    fn tell_all(&mut self, command: &session::Command) {
        for task in self.tasks.values() {
            match task {
                // A session that has just ended needs telling no more.
                Task::Session(commands, _) => drop(commands.send(command.clone())),
                Task::Echo(task) => task.abort(),
            }
        }
    }
}

/// Whoever gives a server up gives its connections up.
impl<A: Accept> Drop for Serving<A> {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            let (Task::Session(_, task) | Task::Echo(task)) = task;
            task.abort();
        }
    }
}

/// Tells the listener that a connection's task is over, however it ended.
struct TellClosed(ConnectionId, UnboundedSender<ListenInput>);

impl Drop for TellClosed {
    fn drop(&mut self) {
        if planted(Bug::ForgetTask) {
            return;
        }
        let _ = self.1.send(ListenInput::Closed(self.0));
    }
}

/// Tells whoever watches that an echo is over: also one that was cut off as the server stopped.
struct TellEchoClosed {
    id: ConnectionId,
    watch: Watch,
    end: Option<EchoEnd>,
    traced: Traced,
}

impl Drop for TellEchoClosed {
    fn drop(&mut self) {
        self.traced.on_echo_closed(self.end);
        (self.watch)(ServerEvent::EchoClosed { connection: self.id.0, end: self.end });
    }
}

/// Errors of `accept` that are about the connection, not about the socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

impl Accept for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        Listener::poll_accept(self, cx)
    }
}
