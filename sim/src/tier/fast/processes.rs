//! Processes that stand still or do not read, while their systems go on, or drop their clients; and hosts whose clocks differ.

use towline::harness::Side;
use towline::proto::storage::Lease;
use towline::time::{Duration, Time};

use super::net::ConnId;
use super::wires::host;
use super::world::{Due, World};
use crate::plan::Host;

impl World {
    /// Its process goes on, and drops its client: the driver closes its connections and gives its leases back.
    pub(super) fn leave(&mut self, client: u32) {
        self.deadline = None;
        self.memory.forget_all(Host::Client(client));
        let Some(mut host) = self.clients[client as usize].take() else { return };
        host.links.values().for_each(|conn| self.release(*conn, Side::Client));
        let open: Vec<Lease> = host.names.leases().collect();
        open.into_iter().for_each(|lease| host.names.abandon(lease));
        self.facts().client_leaves(client);
    }

    /// The process stands still. Its system accepts, receives and sends what was handed to it.
    pub(super) fn pause(&mut self, host: Host) {
        self.deadline = None;
        self.paused.insert(host);
    }

    /// It goes on: with all that its system has for it, and only then with what has become due.
    pub(super) fn resume(&mut self, host: Host) {
        if !self.paused.remove(&host) {
            return;
        }
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.asleep).into_iter().partition(|(whose, _)| *whose == host);
        self.asleep = others;
        self.deadline = None;
        self.read_mail(host);
        mine.into_iter().for_each(|(_, due)| self.happen(due));
        self.kick_all(host);
        if host == Host::Server {
            self.accept();
            let closed = self.server.as_ref().map(|server| server.ends.keys().copied().collect::<Vec<_>>());
            closed.unwrap_or_default().into_iter().for_each(|conn| self.see_flushed(conn, Side::Server));
        }
    }

    /// A process that begins is neither stopped nor slow, whatever the one before it was.
    pub(super) fn is_fresh(&mut self, host: Host) {
        self.drop_mail(host);
        self.resume(host);
        self.start_reading(host);
    }

    /// The process reads nothing more.
    pub(super) fn stop_reading(&mut self, host: Host) {
        self.deaf.insert(host);
    }

    /// It reads again.
    pub(super) fn start_reading(&mut self, host: Host) {
        if self.deaf.remove(&host) {
            self.kick_all(host);
            self.read_mail(host);
        }
    }

    fn kick_all(&mut self, of: Host) {
        for conn in self.conns.ids() {
            for side in [Side::Client, Side::Server] {
                if self.conns.get(&conn).is_some_and(|conn| host(side, conn.place) == of) {
                    self.kick(conn, side);
                }
            }
        }
    }

    /// True while the process at this end stands still.
    pub(super) fn is_paused_at(&self, conn: ConnId, side: Side) -> bool {
        let place = self.conns.get(&conn).map(|conn| conn.place);
        place.is_some_and(|place| self.paused.contains(&host(side, place)))
    }

    /// The process without which this cannot happen, if that stands still.
    pub(super) fn sleeper(&self, due: &Due) -> Option<Host> {
        let at = |conn, side| self.conns.get(conn).map(|conn| host(side, conn.place));
        let needed = match due {
            Due::Read(conn, side) | Due::Room(conn, side) => at(conn, *side),
            // The system has the answer; the process hears it later.
            Due::Answer(conn, _) => at(conn, Side::Client),
            Due::ToClient(life, _) | Due::Step(life, _) | Due::GiveUp(life, _) => {
                Some(Host::Client(life.client))
            }
            Due::RawQuiet(life, ..) | Due::SendDatagram(life, _) | Due::DatagramsOver(life, _) => {
                Some(Host::Client(life.client))
            }
            Due::Store(..) | Due::FlushLimit(_) => Some(Host::Server),
            Due::Drain | Due::Abort => Some(Host::Server),
            Due::Datagram(..) => None,
            Due::Stranger(_) | Due::Play(..) => None,
            Due::Syn(_) | Due::Arrive(..) | Due::Write(..) | Due::Begin(_) => None,
        };
        needed.filter(|host| self.paused.contains(host))
    }

    /// What a process on this host is told of the time.
    pub(super) fn clock(&self, host: Host) -> Time {
        self.now + self.clocks.get(&host).copied().unwrap_or_default()
    }

    /// When a moment of this host's clock comes.
    pub(super) fn moment(&self, host: Host, at: Time) -> Time {
        at - self.clocks.get(&host).copied().unwrap_or_default()
    }

    /// The host's clock leaps forward.
    pub(super) fn leap(&mut self, host: Host, ms: u64) {
        self.deadline = None;
        *self.clocks.entry(host).or_default() += Duration::from_millis(ms);
    }
}
