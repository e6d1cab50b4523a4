//! The client's host: its machine, its store, and the application that takes the plan's steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::RngExt;
use towline::harness::{Checked, Side, carry_out};
use towline::proto::client::{Client, Command, Event, JobId, LinkId};
use towline::proto::machine::{DialError, DialErrorKind, Effect, End, Input, Out};
use towline::proto::session::Session;
use towline::store::Names;
use towline::time::Duration;
use towline::wire::Rope;

use super::super::facts::{CLIENT, Place};
use super::super::steps;
use super::hosts::{ClientHost, RawEcho};
use super::net::{ConnId, Connection, Segment, cuts, latency};
use super::world::{Due, World, lock};
use crate::disk::{Power, PoweredFiles};
use crate::ledger::Rare;
use crate::outcome::Ended;
use crate::plan::Operation;

impl World {
    /// A client's process begins, with the step that the last one did not finish.
    pub(super) fn start_client(&mut self) {
        self.is_mute[Side::Client as usize] = false;
        let (number, step) = self.facts().client_begins();
        let power = Power::new();
        let local = self.folders.local.clone();
        let files = PoweredFiles::new(local, power.clone(), Arc::new(|_| {}), Arc::new(|_| {}), None);
        let mut names = Names::new(1_000 + u64::from(number));
        names.add_root(files).expect("memory can be read");
        let seed = self.plan.seed ^ u64::from(number);
        let client = Client::new(self.now, self.plan.limits(), self.plan.policy(), seed);
        let (machine, _nothing) = Checked::new(self.now, client, Out::new());
        let (machine, links) = (machine.drawn(seed, self.observed_one_in), BTreeMap::new());
        self.client = Some(ClientHost { power, names, machine, links, number, raw: None });
        self.begin_step(step);
    }

    /// The process is gone, and what it knew.
    pub(super) fn kill_client(&mut self) {
        self.facts().client_died();
        if let Some(host) = self.client.take() {
            host.power.cut();
        }
    }

    /// The application goes on.
    pub(super) fn begin_step(&mut self, step: usize) {
        let Some(number) = self.client.as_ref().map(|host| host.number) else { return };
        if step >= self.plan.steps.len() {
            return self.step_client(Input::Command(Command::Close));
        }
        let operation = self.facts().step_begins(step, number);
        match (steps::request(&operation, step, number), operation) {
            (Some(request), _) => {
                self.step_client(Input::Command(Command::Start(JobId(step as u64), request)));
            }
            (None, Operation::RawEcho(content)) => {
                let place = Place::Echo(self.dials[1]);
                self.dials[1] += 1;
                let conn = self.dial(place, LinkId(u32::MAX));
                let raw = RawEcho { conn, step, request: content.bytes(), reply: Vec::new() };
                if let Some(host) = &mut self.client {
                    host.raw = Some(raw);
                }
            }
            (None, operation) => unreachable!("{operation:?} is a request"),
        }
    }

    fn step_is_over(&mut self, step: usize, ended: Ended) {
        let Some(number) = self.client.as_ref().map(|host| host.number) else { return };
        lock(&self.facts).step_is_over(step, ended, &self.folders);
        self.after(Duration::ZERO, Due::Step(number, step + 1));
    }

    /// Sends a wish to connect.
    fn dial(&mut self, place: Place, link: LinkId) -> ConnId {
        let conn = ConnId(self.conns.len() as u64);
        self.conns.insert(conn, Connection::new(&self.plan, conn, place, link));
        if !cuts(self.cut, Side::Client) {
            let latency = latency(&mut self.random, &self.plan);
            self.after(latency, Due::Syn(conn));
        }
        conn
    }

    /// The server's system answers a wish to connect.
    pub(super) fn answer(&mut self, conn: ConnId, is_yes: bool) {
        if cuts(self.cut, Side::Server) {
            return;
        }
        // Nothing that the server says overtakes its answer.
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let at = connection.pipe(Side::Server).arrival(self.now, &self.plan);
        self.at(at, Due::Answer(conn, is_yes));
    }

    pub(super) fn on_answer(&mut self, conn: ConnId, is_yes: bool) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let (place, link) = (connection.place, connection.link);
        if !connection.end(Side::Client).is_held {
            // Its client has given up, or is gone.
            if is_yes && !self.is_mute[Side::Client as usize] {
                self.send(conn, Side::Client, Segment::End(End::Reset));
            }
            return;
        }
        connection.is_up = is_yes;
        connection.end_mut(Side::Client).is_held = is_yes;
        if let Place::Echo(_) = place {
            return self.on_echo_answer(conn, is_yes);
        }
        let what = if is_yes { "is connected" } else { "cannot connect: ConnectionRefused" };
        self.facts().event(&format!("{CLIENT} {place}"), what);
        if is_yes {
            self.step_client(Input::Dialed(link));
            self.kick(conn, Side::Client);
        } else {
            self.facts().reach(Rare::Refused);
            let error = DialError { kind: DialErrorKind::Refused, os: None };
            self.step_client(Input::DialFailed(link, error));
        }
    }

    fn on_echo_answer(&mut self, conn: ConnId, is_yes: bool) {
        let Some(raw) = self.client.as_mut().and_then(|host| host.raw.as_mut()) else { return };
        if !is_yes {
            return self.end_raw_echo(Ended::Refused("refused".to_owned()));
        }
        let request = Bytes::from(raw.request.clone());
        if let Some(connection) = self.conns.get_mut(&conn) {
            let mut queue = Rope::new();
            queue.push(request);
            connection.pipe(Side::Client).queue = queue;
        }
        self.finish(conn, Side::Client);
    }

    /// The raw echo's client heard something.
    pub(super) fn hear_raw_echo(&mut self, input: Input<Session>) {
        let Some(raw) = self.client.as_mut().and_then(|host| host.raw.as_mut()) else { return };
        match input {
            Input::Received((), bytes) => raw.reply.extend_from_slice(&bytes),
            Input::Ended((), End::Orderly) => self.end_raw_echo(Ended::Done),
            Input::Ended((), End::Reset) => self.end_raw_echo(Ended::Failed("reset".to_owned())),
            _ => {}
        }
    }

    fn end_raw_echo(&mut self, ended: Ended) {
        let Some(raw) = self.client.as_mut().and_then(|host| host.raw.take()) else { return };
        let RawEcho { conn, step, request, reply } = raw;
        self.release(conn, Side::Client);
        self.facts().raw_echo_is_over(request, reply, ended == Ended::Done);
        self.step_is_over(step, ended);
    }

    pub(super) fn step_client(&mut self, input: Input<Client>) {
        let Some(host) = self.client.as_mut().filter(|host| !host.machine.is_closed()) else { return };
        let number = host.number;
        for effect in host.machine.step(self.now, input) {
            self.carry_out_client(number, effect);
        }
        let links = self.client.as_ref().map(|host| host.links.values().copied().collect::<Vec<_>>());
        links.unwrap_or_default().into_iter().for_each(|conn| self.kick(conn, Side::Client));
    }

    fn carry_out_client(&mut self, number: u32, effect: Effect<Client>) {
        let Some(host) = &mut self.client else { return };
        match effect {
            Effect::Dial(link) => {
                let place = Place::Files(self.dials[0]);
                self.dials[0] += 1;
                self.facts().event(&format!("{CLIENT} {place}"), "dials");
                let conn = self.dial(place, link);
                if let Some(host) = &mut self.client {
                    host.links.insert(link, conn);
                }
            }
            Effect::Transmit(link, bytes) => {
                if let Some(conn) = host.links.get(&link).copied() {
                    self.transmit(conn, Side::Client, bytes);
                }
            }
            Effect::Finish(link) => {
                if let Some(conn) = host.links.get(&link).copied() {
                    self.finish(conn, Side::Client);
                }
            }
            Effect::Hangup(link) => {
                if let Some(conn) = host.links.remove(&link) {
                    self.release(conn, Side::Client);
                }
            }
            Effect::Store(ticket, op) => {
                let stored = carry_out(&mut host.names, op);
                self.folders.forget_logs();
                let pause = self.store_pause();
                self.after(pause, Due::ToClient(number, Input::Stored(ticket, stored)));
            }
            Effect::Event(event) => {
                self.facts().client_told(number, &event);
                if let Event::Finished(JobId(step), result) = event {
                    let ended = result.map_or_else(|error| steps::ended(&error), |_| Ended::Done);
                    self.step_is_over(step as usize, ended);
                }
            }
            Effect::Close(()) => self.facts().client_closed(),
        }
    }

    /// How long a store operation takes: completions overtake one another.
    pub(super) fn store_pause(&mut self) -> Duration {
        Duration::from_micros(self.random.random_range(0..500))
    }
}
