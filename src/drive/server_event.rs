//! What happens at a server, for whoever watches.

use std::io;
use std::sync::Arc;

use super::{Door, Tally};
use crate::identity::PublicKey;
use crate::net::tls::TlsError;
use crate::net::{Peer, Place};
use crate::proto::EchoEnd;
use crate::proto::session::{self, SessionEnd};

/// What happens at a server.
#[derive(Debug)]
pub enum ServerEvent {
    /// A connection was accepted.
    Accepted {
        /// Its number, from 0.
        connection: u64,
        /// Its other end.
        peer: Peer,
        /// What it came for.
        door: Door,
    },
    /// Somebody has shown a key that may come.
    Known {
        /// On this connection.
        connection: u64,
        /// The key.
        key: PublicKey,
        /// What the owner is called.
        name: String,
    },
    /// Somebody has shown a key that may not come.
    Unknown {
        /// On this connection.
        connection: u64,
        /// The key.
        key: PublicKey,
    },
    /// Somebody has come with whom TLS could not be spoken.
    NotMet {
        /// On this connection.
        connection: u64,
        /// Why.
        error: TlsError,
    },
    /// A session tells something.
    Session {
        /// Of this connection.
        connection: u64,
        /// What it tells.
        event: session::Event,
    },
    /// A session is over.
    Closed {
        /// Of this connection.
        connection: u64,
        /// Why.
        end: SessionEnd,
    },
    /// A raw echo is over.
    EchoClosed {
        /// Of this connection.
        connection: u64,
        /// Why; `None` where it was refused, or cut off as the server stopped.
        end: Option<EchoEnd>,
    },
    /// A socket of datagrams is served no more.
    MailClosed {
        /// Where it was.
        place: Place,
        /// What became of what came there.
        tally: Tally,
        /// Why, unless the server stopped.
        error: Option<io::Error>,
    },
    /// Nothing can be accepted for a while; told once, until it can be again.
    AcceptPaused(io::Error),
    /// It can be again.
    AcceptResumed,
    /// The server was told to stop.
    Draining {
        /// Connections that it still has.
        connections: usize,
    },
}

/// Somebody to tell what happens.
pub type Watch = Arc<dyn Fn(ServerEvent) + Send + Sync>;
