//! Who may pass a door that asks: the handshake of TLS, in the connection's own task and under the same deadline as what follows it,
//! then the key. Whom to let in and whom to send away is the registry's decision (`identity::Registry`).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use crate::identity::{AuthorizedKeys, Grant, PublicKey, Registry, Severed};
use crate::net::tls::{Identity, Secured, ServerTls, TlsError, TlsStream};
use crate::proto::listener::ConnectionId;
use crate::proto::machine::{End, TlsTrouble};
use crate::proto::session::{Command, SessionEnd};
use crate::wire::{Code, Failure, RelPath};

/// Who may pass a door that asks who comes.
#[derive(Debug)]
pub struct Guard {
    tls: ServerTls,
    public: PublicKey,
    present: Mutex<Present>,
}

#[derive(Debug)]
struct Present {
    registry: Registry<ConnectionId>,
    sessions: BTreeMap<ConnectionId, UnboundedSender<Command>>,
}

/// Who has come to a door.
pub(super) enum Met<S> {
    /// Somebody who may do this.
    Known(Secured<S>, PublicKey, Grant, Presence),
    /// Somebody who is told why not.
    Refused(Secured<S>, Option<PublicKey>, Failure),
    /// Nobody who could be spoken to.
    Gone(Option<TlsError>, SessionEnd),
}

/// That somebody is there, as long as this lives.
pub(super) struct Presence(std::sync::Arc<Guard>, ConnectionId);

impl Drop for Presence {
    fn drop(&mut self) {
        let mut present = self.0.lock();
        present.registry.leave(self.1);
        present.sessions.remove(&self.1);
    }
}

impl Guard {
    /// A server with this identity, to which those keys may come.
    pub fn new(identity: &Identity, authorized: AuthorizedKeys) -> Guard {
        let present = Present { registry: Registry::new(authorized), sessions: BTreeMap::new() };
        Guard { tls: ServerTls::new(identity), public: identity.public(), present: Mutex::new(present) }
    }

    /// The server's own key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// How many keys may come.
    pub fn authorized(&self) -> usize {
        self.lock().registry.authorized()
    }

    /// How much may be stored in the folders of the keys that may write; `usual` is for those whose line says nothing.
    pub fn quotas(&self, usual: Option<u64>) -> BTreeMap<RelPath, u64> {
        self.lock().registry.quotas(usual)
    }

    /// Others may come from now on. Sessions of keys that are gone, or have other rights, are ended and told why; no other is
    /// disturbed. Gives how many were ended.
    pub fn replace(&self, authorized: AuthorizedKeys) -> usize {
        let Present { registry, sessions } = &mut *self.lock();
        let severed = registry.replace(authorized);
        for (connection, why) in &severed {
            if let Some(session) = sessions.remove(connection) {
                // One that has just ended needs telling no more.
                let _ = session.send(Command::Abort(farewell(*why)));
            }
        }
        severed.len()
    }

    /// Finds out who has come. `commands` are those to the session that is to be: whatever comes before there is one ends it.
    pub(super) async fn meet<S: AsyncRead + AsyncWrite + Unpin>(
        self: &std::sync::Arc<Guard>,
        connection: ConnectionId,
        stream: S,
        deadline: Option<Instant>,
        (commands, inbox): (&UnboundedSender<Command>, &mut UnboundedReceiver<Command>),
    ) -> Met<S> {
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let met = tokio::select! {
            biased;
            met = TlsStream::accept(stream, &self.tls) => met,
            // All that can be said to a session now is that it is to end.
            _ = inbox.recv() => return Met::Gone(None, broken(Code::DRAINING)),
            () = late => return Met::Gone(None, broken(Code::HANDSHAKE_TIMEOUT)),
        };
        match met {
            Ok(stream) => self.look_up(connection, stream, commands),
            Err((TlsError::Plaintext, stream)) => {
                let why = Failure::new(Code::TLS_NEEDED, "this port is for those who encrypt and show a key");
                Met::Refused(Secured::Plain(stream), None, why)
            }
            Err((error, _)) => {
                let end = end_of(&error);
                Met::Gone(Some(error), end)
            }
        }
    }

    fn look_up<S: AsyncRead + AsyncWrite + Unpin>(
        self: &std::sync::Arc<Guard>,
        connection: ConnectionId,
        stream: TlsStream<S>,
        commands: &UnboundedSender<Command>,
    ) -> Met<S> {
        let key = stream.peer();
        let stream = Secured::Tls(Box::new(stream));
        let mut present = self.lock();
        match present.registry.enter(connection, key) {
            Some(grant) => {
                present.sessions.insert(connection, commands.clone());
                Met::Known(stream, key, grant, Presence(std::sync::Arc::clone(self), connection))
            }
            None => {
                let why = format!("its authorized_keys has no line for {key}");
                Met::Refused(stream, Some(key), Failure::new(Code::UNKNOWN_KEY, why))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a handshake that began with the connection has to be over.
pub(super) fn deadline(began: Instant, limit: Option<Duration>) -> Option<Instant> {
    limit.map(|limit| began + limit)
}

fn farewell(why: Severed) -> Failure {
    match why {
        Severed::Removed => {
            Failure::new(Code::UNKNOWN_KEY, "your key was taken out of its authorized_keys just now")
        }
        Severed::Changed => Failure::new(Code::BUSY, "your rights were changed just now: connect again"),
    }
}

fn broken(code: Code) -> SessionEnd {
    SessionEnd::Broken(Failure::from(code))
}

fn end_of(error: &TlsError) -> SessionEnd {
    match error.trouble() {
        TlsTrouble::Cut => SessionEnd::Lost(End::Reset),
        TlsTrouble::Plaintext
        | TlsTrouble::Foreign
        | TlsTrouble::WrongKey(_)
        | TlsTrouble::NotTowline
        | TlsTrouble::OldVersion
        | TlsTrouble::NoKey
        | TlsTrouble::Refused
        | TlsTrouble::Failed => SessionEnd::Broken(Failure::new(Code::NOT_TOWLINE, error.to_string())),
    }
}
