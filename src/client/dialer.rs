//! Connections over real sockets, and what is remembered of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{ClientError, lock};
use crate::drive::Dial;
use crate::identity::PublicKey;
use crate::net::diagnose::{self, Diagnosis};
use crate::net::tls::{ClientTls, Identity, Secured, TlsError, TlsStream};
use crate::net::{self, Endpoint, Place, SocketOptions};
use crate::proto::client::JobError;
use crate::proto::machine::{DialError, DialErrorKind};

/// A connection of a client's, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// This end (`getsockname`); `None` where it has no name, or the system does not tell.
    pub local: Option<Place>,
    /// The server's (`getpeername`).
    pub peer: Option<Place>,
    /// What holds of its socket (`getsockopt`).
    pub options: SocketOptions,
}

/// Why a server could not be connected to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("cannot connect to {endpoint}: {}", said(.error))]
pub struct ConnectError {
    /// Which server.
    pub endpoint: Endpoint,
    /// Why: the connection was not made, or the server does not speak as it should.
    pub error: ClientError,
}

fn said(error: &ClientError) -> String {
    match error {
        ClientError::Job(JobError::Dial(error)) => diagnose::said(error),
        error @ (ClientError::Job(_) | ClientError::Local(_) | ClientError::BadPath(_)) => error.to_string(),
        error @ (ClientError::Options(_) | ClientError::Stopped) => error.to_string(),
    }
}

impl ConnectError {
    /// The system's number, where it gave one, as `connect_ex` gives it.
    pub fn os_code(&self) -> Option<i32> {
        self.error.os_code()
    }

    /// What kept the connection from being made; `None` where it was made, and what came then was wrong.
    pub fn kind(&self) -> Option<DialErrorKind> {
        match &self.error {
            ClientError::Job(JobError::Dial(error)) => Some(error.kind),
            ClientError::Job(_) | ClientError::Local(_) | ClientError::BadPath(_) => None,
            ClientError::Options(_) | ClientError::Stopped => None,
        }
    }

    /// In words, with what is to be found out of it on this machine.
    pub fn diagnosis(&self) -> Diagnosis {
        match &self.error {
            ClientError::Job(JobError::Dial(error)) => diagnose::dialing(&self.endpoint, error),
            error @ (ClientError::Job(_)
            | ClientError::Local(_)
            | ClientError::BadPath(_)
            | ClientError::Options(_)
            | ClientError::Stopped) => {
                let tried = format!("cannot connect to {}", self.endpoint);
                Diagnosis {
                    tried,
                    said: error.to_string(),
                    why: String::new(),
                    next: String::new(),
                    code: None,
                }
            }
        }
    }
}

/// The latest connections of a client, oldest first.
pub(super) type Dialled = Arc<Mutex<VecDeque<Connection>>>;

/// However many there were: so many are remembered.
const DIALLED_MAX: usize = 64;

/// Over real sockets.
pub(super) struct SocketDialer {
    endpoint: Endpoint,
    options: SocketOptions,
    tls: Option<ClientTls>,
    dialled: Dialled,
}

impl SocketDialer {
    /// Notes what it has made in `dialled`.
    pub(super) fn new(
        endpoint: Endpoint,
        options: SocketOptions,
        tls: Option<ClientTls>,
        dialled: &Dialled,
    ) -> SocketDialer {
        SocketDialer { endpoint, options, tls, dialled: Arc::clone(dialled) }
    }
}

impl Dial for SocketDialer {
    type Stream = Secured<net::Stream>;

    fn dial(&self) -> impl Future<Output = Result<Self::Stream, DialError>> + Send + 'static {
        let (endpoint, options, tls) = (self.endpoint.clone(), self.options.clone(), self.tls.clone());
        let dialled = Arc::clone(&self.dialled);
        async move {
            let stream = net::connect(&endpoint, &options).await.map_err(|error| net::dial_error(&error))?;
            note(&stream, &dialled);
            let Some(tls) = tls else { return Ok(Secured::Plain(stream)) };
            match TlsStream::connect(stream, &tls).await {
                Ok(stream) => Ok(Secured::Tls(Box::new(stream))),
                Err((error, _)) => Err(untold(&error)),
            }
        }
    }
}

fn untold(error: &TlsError) -> DialError {
    let os = if let TlsError::Io(error) = error { error.raw_os_error() } else { None };
    DialError { kind: DialErrorKind::Tls(error.trouble()), os }
}

/// Which key a server has that was never met. Nothing of `identity` is shown to it. That the server has the secret key to it is seen
/// when a client that [knows](ClientTls::new) this one connects. Has no deadline of its own.
///
/// # Errors
/// If it cannot be reached, or speaks no TLS.
pub async fn server_key(
    endpoint: &Endpoint,
    options: &SocketOptions,
    identity: &Identity,
) -> Result<PublicKey, DialError> {
    let stream = net::connect(endpoint, options).await.map_err(|error| net::dial_error(&error))?;
    match TlsStream::connect(stream, &ClientTls::asking(identity)).await {
        Err((TlsError::WrongKey(key), _)) => Ok(key),
        Err((error, _)) => Err(untold(&error)),
        Ok(stream) => Ok(stream.peer()),
    }
}

/// What is told of a connection is advice: the end of one that is gone already has no address any more.
fn note(stream: &net::Stream, dialled: &Dialled) {
    let (local, peer) = (stream.local().unwrap_or_default(), stream.peer().unwrap_or_default());
    let mut dialled = lock(dialled);
    if dialled.len() == DIALLED_MAX {
        dialled.pop_front();
    }
    dialled.push_back(Connection { local, peer, options: stream.in_force().unwrap_or_default() });
}
