//! The real server and client with their driver, accept loop, retries and shutdown, on any network that has streams: what
//! turmoil's tier and the one on real sockets share. Nothing here decides anything: the plan does.
//!
//! | file | what |
//! |---|---|
//! | `state` | what all parts of a run share: the clock, the trace, the facts, the connections |
//! | `script` | the plan's faults, carried out between two looks at the world |
//! | `server`, `client` | what runs on the hosts |
//! | `sockets` | a network's sockets as the driver wants them |
//! | `mail` | datagrams: lost, doubled, late and forged ones |
//! | `pipes` | what applications write to a client and read from it in order |
//! | `store` | the driver's store, on a disk that takes its time |
//! | `shim` | streams that take and give a part of what they could, and that the script breaks |

pub(super) mod client;
pub(super) mod mail;
mod pipes;
pub(super) mod script;
pub(super) mod server;
mod shim;
mod sockets;
pub(super) mod state;
mod store;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use towline::drive::{Door, Mail, Mode};

use self::mail::End;
use self::state::{Shared, lock};
use crate::plan::Host;

/// Where server and clients meet.
pub(super) trait Network: Clone + Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// A socket that listens.
    type Listener: Send + Sync + 'static;
    /// A socket of datagrams.
    type Mail: Mail<End = End> + 'static;
    /// Where store operations run: on threads where there may be any.
    const STORE: Mode;

    /// The server takes the port of a door.
    fn listen(&self, door: Door) -> impl Future<Output = io::Result<Self::Listener>> + Send + 'static;

    /// The next connection, and its client's address.
    fn accept(
        listener: Arc<Self::Listener>,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send + 'static;

    /// A client connects to a door of the server's, or is led to an impostor.
    fn dial(
        &self,
        door: Door,
        impostor: Option<u32>,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static;

    /// A host opens a socket of datagrams: the server its echo's, a client one of its own. Gives its own end, too.
    fn mail(&self, host: Host) -> impl Future<Output = io::Result<(Self::Mail, End)>> + Send;

    /// The two ends of a connection: ours, and the peer's.
    fn addresses(stream: &Self::Stream) -> io::Result<(SocketAddr, SocketAddr)>;
}

/// Tells a server to finish what runs, at the run's end.
pub(super) fn stop(shared: &Shared) {
    lock(shared).facts.server_stops();
    script::order(shared, server::Order::Drain);
}

/// Takes down what is there at the end.
pub(super) fn conclude(shared: &Shared) {
    let leases = shared.leases();
    let mut state = lock(shared);
    shared.folders.conclude(&mut state.facts, leases);
    for tap in std::mem::take(&mut state.taps) {
        state.facts.finish_taps([&*tap.lock().unwrap_or_else(PoisonError::into_inner)]);
    }
}

/// The number of a simulated server's door: none asks who comes.
pub(super) fn number_of(door: Door) -> usize {
    match door {
        Door::Files | Door::Guarded => 0,
        Door::Echo => 1,
    }
}
