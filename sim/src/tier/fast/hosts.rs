//! What runs on the two hosts: the machines, each under the contract's observation, and their stores.

use std::collections::{BTreeMap, VecDeque};

use towline::harness::{Checked, MemoryStreams};
use towline::proto::client::{Client, LinkId};
use towline::proto::listener::Listener;
use towline::proto::storage::Ticket;
use towline::proto::{DatagramEcho, Echo, Session};
use towline::store::{Names, Publication};
use towline::time::Time;

use super::datagrams::Probe;
use super::net::ConnId;
use super::world::Life;
use crate::disk::{Power, PoweredFiles};

/// A server's process.
pub(super) struct ServerHost {
    pub(super) power: Power,
    pub(super) names: Names<PoweredFiles>,
    pub(super) listener: Checked<Listener>,
    pub(super) sessions: BTreeMap<ConnId, Checked<Session>>,
    pub(super) echoes: BTreeMap<ConnId, Checked<Echo>>,
    pub(super) datagrams: Checked<DatagramEcho>,
    /// The numbers under which the listener knows connections.
    pub(super) numbers: BTreeMap<ConnId, u64>,
    /// What has closed and is flushed before the listener is told.
    pub(super) ends: BTreeMap<ConnId, Ending>,
    pub(super) next_number: u64,
    /// Connections that its system has made and it has not accepted.
    pub(super) backlog: VecDeque<ConnId>,
    /// Until when the store works on names.
    pub(super) names_until: Time,
    /// Operations on names that wait for their turn; with what is to be published, of those that may share a group.
    pub(super) names_queue: VecDeque<(ConnId, Ticket, Option<Publication>)>,
    /// False once it accepts nothing more.
    pub(super) is_open: bool,
}

/// How a connection's machine closed.
pub(super) enum Ending {
    Session(towline::proto::session::SessionEnd),
    Echo(Option<towline::proto::EchoEnd>),
}

/// A client's process.
pub(super) struct ClientHost {
    pub(super) power: Power,
    pub(super) names: Names<PoweredFiles>,
    pub(super) machine: Checked<Client>,
    pub(super) links: BTreeMap<LinkId, ConnId>,
    pub(super) life: Life,
    pub(super) raw: Option<RawEcho>,
    /// What its application writes, and reads, in order.
    pub(super) streams: MemoryStreams,
    pub(super) probe: Option<Probe>,
}

/// A raw echo that is going on: all is sent, and read until the end.
pub(super) struct RawEcho {
    pub(super) conn: ConnId,
    pub(super) step: usize,
    pub(super) request: Vec<u8>,
    pub(super) reply: Vec<u8>,
}
