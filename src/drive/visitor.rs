//! The task of one connection that speaks the protocol: finds out who is there where the door asks, then runs a session.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::guard::{Guard, Met, Presence, deadline};
use super::traced::Traced;
use super::{Clock, Completions, NoDial, Pool, Run, ServerEvent, Submit, Watch};
use crate::net::tls::Secured;
use crate::proto::listener::{ConnectionId, ListenInput};
use crate::proto::machine::Out;
use crate::proto::session::{self, SessionEnd};
use crate::proto::storage::{Owner, RootId};
use crate::proto::{Limits, Rights, Session};
use crate::time::Time;
use crate::wire::Failure;

/// One who has come to a door, and what a session with them needs.
pub(super) struct Visitor {
    pub(super) id: ConnectionId,
    /// Began as the connection was accepted: one deadline holds from then until the client has greeted.
    pub(super) clock: Clock,
    /// Who is asked who comes; nobody at a door that does not ask.
    pub(super) guard: Option<Arc<Guard>>,
    /// Set where whoever comes is refused.
    pub(super) refusal: Option<Failure>,
    /// What anybody may do at the most.
    pub(super) rights: Rights,
    pub(super) limits: Limits,
    pub(super) store: (Arc<dyn Submit>, RootId),
    pub(super) pool: Pool,
    pub(super) traced: Traced,
    pub(super) watch: Watch,
    /// The listener, which is told once it is known who has come.
    pub(super) told: UnboundedSender<ListenInput>,
}

/// Commands to a session, both ends: before there is one, too.
pub(super) type Orders = (UnboundedSender<session::Command>, UnboundedReceiver<session::Command>);

/// What to say to whom. Boxed on its way, so that a connection that waits does not keep room for it twice.
struct Audience<S> {
    stream: Secured<S>,
    session: Session,
    born: Out<Session>,
    _presence: Option<Presence>,
}

impl Visitor {
    /// Until the connection is over.
    pub(super) async fn attend<S>(mut self, stream: S, (commands, mut inbox): Orders)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = self.id.0;
        let audience = self.receive(stream, (&commands, &mut inbox)).await;
        // The inbox ends with those who may command, not with this task.
        drop(commands);
        let Visitor { id, clock, store, pool, mut traced, watch, told, .. } = self;
        let end = match audience {
            Err(end) => end,
            Ok(audience) => {
                let Audience { stream, session, born, _presence } = *audience;
                let run = Run::new(clock, session, born, NoDial::default(), pool)
                    .with_traffic(traced.traffic())
                    .with_link((), stream)
                    .with_store(Completions::new(store.0))
                    .with_commands(inbox);
                run.to_end(|event| {
                    traced.on_event(&event);
                    if let Some(news) = for_the_listener(id, &event) {
                        // A server that is gone waits for nobody.
                        let _ = told.send(news);
                    }
                    watch(ServerEvent::Session { connection, event });
                })
                .await
            }
        };
        traced.on_closed(&end);
        watch(ServerEvent::Closed { connection, end });
    }

    /// Finds out who it is, and what is to be said to them.
    async fn receive<S>(
        &mut self,
        stream: S,
        orders: (&UnboundedSender<session::Command>, &mut UnboundedReceiver<session::Command>),
    ) -> Result<Box<Audience<S>>, SessionEnd>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(guard) = self.guard.clone() else {
            let refusal = self.refusal.take();
            return Ok(self.audience(Secured::Plain(stream), refusal, None));
        };
        let connection = self.id.0;
        let until = deadline(self.clock.instant(Time::ZERO), self.limits.handshake);
        match guard.meet(self.id, stream, until, orders).await {
            Met::Known(stream, key, grant, presence) => {
                self.traced.on_known(&grant.name, &key);
                (self.watch)(ServerEvent::Known { connection, key, name: grant.name });
                self.rights = grant.rights.at_most(&self.rights);
                let refusal = self.refusal.take();
                Ok(self.audience(stream, refusal, Some((Owner(key.0), presence))))
            }
            Met::Refused(stream, key, failure) => {
                if let Some(key) = key {
                    self.traced.on_unknown(&key);
                    (self.watch)(ServerEvent::Unknown { connection, key });
                }
                let refusal = self.refusal.take().unwrap_or(failure);
                Ok(self.audience(stream, Some(refusal), None))
            }
            Met::Gone(error, end) => {
                if let Some(error) = error {
                    (self.watch)(ServerEvent::NotMet { connection, error });
                }
                Err(end)
            }
        }
    }

    /// A session of `owner`, at the rate that is theirs.
    fn paced(&self, owner: Owner, session: Session) -> Session {
        let session = session.owned_by(owner);
        let Some(rate) = self.rights.share().rate else { return session };
        // A server that is gone allows nobody anything, and has dropped this task.
        let _ = self.told.send(ListenInput::Paced { id: self.id, owner, rate });
        session.paced()
    }

    /// The machine's time begins with the connection, and so does the deadline for its client's greeting.
    fn audience<S>(
        &self,
        stream: Secured<S>,
        refusal: Option<Failure>,
        known: Option<(Owner, Presence)>,
    ) -> Box<Audience<S>> {
        let (limits, mut born) = (self.limits.clone(), Out::new());
        let (owner, presence) = known.unzip();
        let owner = owner.unwrap_or(Owner::ANYBODY);
        let session = match refusal {
            None => self.paced(owner, Session::server(Time::ZERO, self.store.1, self.rights.clone(), limits)),
            Some(failure) => Session::refusing(self.clock.now(), failure, limits, &mut born),
        };
        Box::new(Audience { stream, session, born, _presence: presence })
    }
}

/// What of a session's events the listener decides by.
fn for_the_listener(id: ConnectionId, event: &session::Event) -> Option<ListenInput> {
    match event {
        session::Event::Ready { .. } => Some(ListenInput::Ready(id)),
        session::Event::Spent { bytes, more } => Some(ListenInput::Spent { id, bytes: *bytes, more: *more }),
        session::Event::Began(..) | session::Event::Op(..) => None,
        session::Event::Finished(..) | session::Event::GoingAway => None,
    }
}
