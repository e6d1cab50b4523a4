//! The server's host: its listener, a session for each connection, and its store.

use std::collections::{BTreeMap, VecDeque};

use towline::harness::{Checked, Side};
use towline::proto::datagram::Allowance;
use towline::proto::listener::{ConnectionId, ListenEnd, ListenEvent, ListenInput, Listener, Source};
use towline::proto::machine::{Effect, End, Input, Machine, Out};
use towline::proto::session::{self, Session};
use towline::proto::{DatagramEcho, Echo, Rights};
use towline::time::Duration;
use towline::wire::Failure;

use super::super::byzantine::STRANGERS;
use super::super::facts::{Place, SERVER};
use super::super::steps::ROOT;
use super::hosts::{Ending, ServerHost};
use super::net::ConnId;
use super::world::{Due, World, lock};
use crate::disk::Power;
use crate::plan::Host;
use crate::trace::Door;

/// How long what was sent before a close may take to leave: the driver's.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

impl World {
    /// A server's process begins. The one before, if it stopped in order, must have left nothing open.
    pub(super) fn start_server(&mut self) {
        self.deadline = None;
        let before = self.server.take().map_or(0, |host| host.names.leases().count());
        self.mute.remove(&Host::Server);
        self.is_fresh(Host::Server);
        let number = {
            let mut facts = self.facts();
            facts.outcome.leftovers.leases += before;
            facts.server.begun += 1;
            facts.bound(false, None);
            facts.server.begun
        };
        let (power, partials) = (Power::new(), self.folders.served_partials());
        let Some(names) = self.open_store(Host::Server, u64::from(number), &power) else { return };
        {
            let mut facts = lock(&self.facts);
            facts.opened_store(partials, self.folders.served_partials());
            facts.server.serves = true;
        }
        let seed = self.plan.seed ^ u64::from(number);
        let listener = Listener::new(self.plan.listen_limits(), &self.plan.limits());
        let (listener, _nothing) = Checked::new(self.clock(Host::Server), listener, Out::new());
        let datagrams = DatagramEcho::new(Allowance::default());
        let (datagrams, _nothing) = Checked::new(self.clock(Host::Server), datagrams, Out::new());
        self.server = Some(ServerHost {
            power,
            names,
            listener: listener.drawn(seed, self.observed_one_in),
            sessions: BTreeMap::new(),
            echoes: BTreeMap::new(),
            datagrams: datagrams.drawn(seed, self.observed_one_in),
            numbers: BTreeMap::new(),
            ends: BTreeMap::new(),
            next_number: 0,
            backlog: VecDeque::new(),
            names_until: self.now,
            names_queue: VecDeque::new(),
            is_open: true,
        });
    }

    /// Another server wants the same port.
    pub(super) fn second_server(&mut self) {
        let is_taken = self.server.as_ref().is_some_and(|host| host.is_open);
        let error = is_taken.then(|| "address in use: a server has this port".to_owned());
        self.facts().bound(true, error);
    }

    pub(super) fn drain_server(&mut self) {
        self.facts().server_stops();
        self.step_listener(Input::Command(ListenInput::Drain));
    }

    /// The process is gone: its store does nothing any more, and what it knew is forgotten.
    pub(super) fn kill_server(&mut self) {
        self.deadline = None;
        self.facts().server_died();
        self.memory.forget_all(Host::Server);
        if let Some(host) = self.server.take() {
            host.power.cut();
        }
        self.is_fresh(Host::Server);
    }

    /// A client's wish to connect arrives.
    pub(super) fn on_syn(&mut self, conn: ConnId) {
        if self.is_for_impostor(conn) || self.mute.contains(&Host::Server) {
            return;
        }
        let is_heard = self.server.as_ref().is_some_and(|host| host.is_open);
        let backlog = self.server.as_ref().map_or(0, |host| host.backlog.len());
        if is_heard && backlog >= self.plan.network.backlog {
            let place = self.conns.get(&conn).map(|conn| conn.place);
            let words =
                place.map_or_else(String::new, |place| format!("{place} finds the accept queue full"));
            return self.facts().event(SERVER, &words);
        }
        if is_heard
            && let Some(connection) = self.conns.get_mut(&conn)
            && let Some(host) = &mut self.server
        {
            connection.end_mut(Side::Server).is_held = true;
            host.backlog.push_back(conn);
        }
        self.answer(conn, is_heard);
        self.accept();
    }

    /// Takes what its system has ready, as far as the listener wants.
    pub(super) fn accept(&mut self) {
        while !self.paused.contains(&Host::Server)
            && let Some(host) = &mut self.server
            && host.is_open
            && host.listener.machine().wants_read(())
            && let Some(conn) = host.backlog.front().copied()
        {
            if lock(&self.facts).cannot_accept() {
                return self.step_listener(Input::Command(ListenInput::AcceptFailed));
            }
            host.backlog.pop_front();
            let number = host.next_number;
            host.next_number += 1;
            host.numbers.insert(conn, number);
            let place = self.conns.get(&conn).map(|conn| conn.place);
            let door = match place {
                Some(Place::Files(_)) | None => Door::Files,
                Some(Place::Echo(_)) => Door::Echo,
            };
            let source = Source(1 + place.map_or(0, |place| u128::from(place.client())));
            self.facts().accepted(number, door);
            self.step_listener(Input::Command(ListenInput::Accepted(ConnectionId(number), source)));
        }
    }

    pub(super) fn step_listener(&mut self, input: Input<Listener>) {
        self.deadline = None;
        let now = self.clock(Host::Server);
        let Some(host) = self.server.as_mut().filter(|host| !host.listener.is_closed()) else { return };
        for effect in host.listener.step(now, input) {
            match effect {
                Effect::Event(event) => self.on_listen_event(event),
                Effect::Close(end) => self.on_server_closed(end),
                Effect::Transmit((), never) => match never {},
                Effect::Dial(()) | Effect::Finish(()) | Effect::Hangup(()) | Effect::Store(..) => {}
            }
        }
        self.accept();
    }

    /// As the library's server does: what could not be tidied up is left to the next start.
    fn on_server_closed(&mut self, end: ListenEnd) {
        let Some(host) = &mut self.server else { return };
        // Closing the folder ends whatever was left open: it is counted first.
        let left = host.names.leases().count();
        let _left_to_the_next_sweep = host.names.close_root(ROOT);
        let is_on = host.power.is_on();
        let mut facts = self.facts();
        facts.outcome.leftovers.leases += left;
        if is_on {
            facts.stopped(end);
        }
    }

    fn on_listen_event(&mut self, event: ListenEvent) {
        match event {
            ListenEvent::Admit(id) => self.begin(id, None),
            ListenEvent::Refuse(id, failure) => self.begin(id, Some(failure)),
            ListenEvent::Overdue(id, failure) => self.tell(id, session::Command::Abort(failure)),
            ListenEvent::Cut(id, failure) => self.tell(id, session::Command::HangUp(failure)),
            ListenEvent::Allow(id, bytes) => self.tell(id, session::Command::Allow(bytes)),
            ListenEvent::Paused | ListenEvent::Resumed => {}
            ListenEvent::DrainAll => {
                let Some(host) = &self.server else { return };
                let connections = host.listener.machine().connections();
                self.facts().event(SERVER, &format!("stops, with {connections} connections"));
                self.close_doors();
                self.tell_all(&session::Command::Drain);
            }
            ListenEvent::AbortAll(failure) => {
                self.close_doors();
                self.tell_all(&session::Command::Abort(failure));
            }
        }
    }

    /// Who dials now is refused by the system, and may try again, instead of waiting for nothing.
    fn close_doors(&mut self) {
        let Some(host) = &mut self.server else { return };
        host.is_open = false;
        let backlog = std::mem::take(&mut host.backlog);
        backlog.into_iter().for_each(|conn| self.release(conn, Side::Server));
        self.step_datagrams(Input::Ended((), End::Orderly));
    }

    fn tell_all(&mut self, command: &session::Command) {
        self.deadline = None;
        let Some(host) = &self.server else { return };
        let (sessions, echoes): (Vec<_>, Vec<_>) =
            (host.sessions.keys().copied().collect(), host.echoes.keys().copied().collect());
        sessions.into_iter().for_each(|conn| self.step_session(conn, Input::Command(command.clone())));
        for conn in echoes {
            if let Some(host) = &mut self.server {
                host.echoes.remove(&conn);
                host.ends.insert(conn, Ending::Echo(None));
            }
            self.let_go(conn);
        }
    }

    fn conn_of(&self, id: ConnectionId) -> Option<ConnId> {
        let numbers = &self.server.as_ref()?.numbers;
        numbers.iter().find(|(_, number)| **number == id.0).map(|(conn, _)| *conn)
    }

    fn tell(&mut self, id: ConnectionId, command: session::Command) {
        if let Some(conn) = self.conn_of(id) {
            self.step_session(conn, Input::Command(command));
        }
    }

    fn begin(&mut self, id: ConnectionId, refusal: Option<Failure>) {
        self.deadline = None;
        let now = self.clock(Host::Server);
        let Some(conn) = self.conn_of(id) else { return };
        let Some(host) = &mut self.server else { return };
        let (limits, seed) = (self.plan.limits(), self.plan.seed ^ conn.0);
        match (self.conns.get(&conn).map(|conn| conn.place), refusal) {
            (Some(Place::Echo(_)), None) => {
                let echo = Echo::new(now, limits.idle);
                let (echo, _nothing) = Checked::new(now, echo, Out::new());
                host.echoes.insert(conn, echo.drawn(seed, self.observed_one_in));
                // Nobody is asked who they are.
                self.step_listener(Input::Command(ListenInput::Ready(id)));
            }
            (Some(Place::Echo(_)), Some(_)) => {
                host.ends.insert(conn, Ending::Echo(None));
                self.let_go(conn);
            }
            (Some(Place::Files(_)) | None, refusal) => {
                let mut born = Out::new();
                let session = match refusal {
                    None => Session::server(now, ROOT, Rights::ALL, limits),
                    Some(failure) => Session::refusing(now, failure, limits, &mut born),
                };
                let (session, born) = Checked::new(now, session, born);
                host.sessions.insert(conn, session.drawn(seed, self.observed_one_in));
                self.carry_out_session(conn, born);
            }
        }
        // What was told before there was a machine was told to nobody.
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.pipe(Side::Server).told = 0;
        }
        self.kick(conn, Side::Server);
    }

    pub(super) fn step_session(&mut self, conn: ConnId, input: Input<Session>) {
        self.deadline = None;
        let now = self.clock(Host::Server);
        let session = self.server.as_mut().and_then(|host| host.sessions.get_mut(&conn));
        let Some(session) = session else { return };
        let effects = session.step(now, input);
        self.memory.note_session(conn, session);
        self.carry_out_session(conn, effects);
        self.kick(conn, Side::Server);
    }

    fn carry_out_session(&mut self, conn: ConnId, effects: Vec<Effect<Session>>) {
        for effect in effects {
            match effect {
                Effect::Transmit((), bytes) => self.transmit(conn, Side::Server, bytes),
                Effect::Finish(()) => self.finish(conn, Side::Server),
                Effect::Hangup(()) => self.release(conn, Side::Server),
                Effect::Store(ticket, op) => self.store_served(conn, ticket, op),
                Effect::Event(event) => {
                    let number = self.server.as_ref().and_then(|host| host.numbers.get(&conn)).copied();
                    let number = number.unwrap_or(u64::MAX);
                    let is_ready = matches!(event, session::Event::Ready { .. });
                    self.facts().served(number, event);
                    if is_ready {
                        self.step_listener(Input::Command(ListenInput::Ready(ConnectionId(number))));
                    }
                }
                Effect::Close(end) => self.on_closed(conn, Ending::Session(end)),
                Effect::Dial(()) => unreachable!("a server does not dial"),
            }
        }
    }

    pub(super) fn step_echo(&mut self, conn: ConnId, input: Input<Echo>) {
        self.deadline = None;
        let now = self.clock(Host::Server);
        let echo = self.server.as_mut().and_then(|host| host.echoes.get_mut(&conn));
        let Some(echo) = echo else { return };
        for effect in echo.step(now, input) {
            match effect {
                Effect::Transmit((), bytes) => self.transmit(conn, Side::Server, bytes),
                Effect::Finish(()) => self.finish(conn, Side::Server),
                Effect::Hangup(()) => self.release(conn, Side::Server),
                Effect::Close(end) => self.on_closed(conn, Ending::Echo(Some(end))),
                Effect::Event(never) => match never {},
                Effect::Dial(()) | Effect::Store(..) => unreachable!("an echo does neither"),
            }
        }
        self.kick(conn, Side::Server);
    }

    /// A machine has closed: what it sent leaves, for a limited time.
    fn on_closed(&mut self, conn: ConnId, ending: Ending) {
        self.deadline = None;
        let Some(host) = &mut self.server else { return };
        host.sessions.remove(&conn);
        self.memory.forget_session(conn);
        host.echoes.remove(&conn);
        host.ends.insert(conn, ending);
        self.after(FLUSH_LIMIT, Due::FlushLimit(conn));
        self.see_flushed(conn, Side::Server);
    }

    /// Lets a closed machine's connection go once nothing of it is left to send.
    pub(super) fn see_flushed(&mut self, conn: ConnId, side: Side) {
        let is_flushed =
            self.conns.get_mut(&conn).is_some_and(|connection| connection.pipe(Side::Server).is_flushed());
        if side == Side::Server && is_flushed && !self.paused.contains(&Host::Server) {
            self.let_go(conn);
        }
    }

    /// A closed machine's connection is over.
    pub(super) fn let_go(&mut self, conn: ConnId) {
        let Some(host) = &mut self.server else { return };
        let Some(ending) = host.ends.remove(&conn) else { return };
        let number = host.numbers.remove(&conn).unwrap_or(u64::MAX);
        self.release(conn, Side::Server);
        match ending {
            Ending::Session(end) => {
                let client = self.conns.get(&conn).map(|conn| conn.place.client());
                let mut facts = lock(&self.facts);
                if let Some(stranger) = client.and_then(|client| client.checked_sub(STRANGERS)) {
                    facts.visit_is_over(stranger, &end);
                }
                facts.closed(number, &end);
            }
            Ending::Echo(end) => self.facts().echo_closed(number, &end),
        }
        self.step_listener(Input::Command(ListenInput::Closed(ConnectionId(number))));
    }
}
