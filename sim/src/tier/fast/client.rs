//! A client's host: its machine, its store, and the application that takes the plan's steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand::RngExt;
use towline::harness::{Checked, MemoryStreams, Side, carry_out};
use towline::proto::client::{Client, Command, Event, LinkId};
use towline::proto::machine::{DialError, DialErrorKind, Effect, End, Input, Out};
use towline::proto::session::Session;
use towline::store::Names;
use towline::store::streams::Stream;
use towline::time::Duration;

use super::super::byzantine::STRANGERS;
use super::super::disks::slowness_ms;
use super::super::facts::{Dial, Place};
use super::super::{steps, trees};
use super::hosts::{ClientHost, RawEcho};
use super::net::{ConnId, Connection, Segment, latency};
use super::pipes::pipe;
use super::world::{Due, Life, World, lock};
use crate::disk::{Power, PoweredFiles};
use crate::ledger::Rare;
use crate::outcome::Ended;
use crate::plan::{Host, Operation, Span};
use crate::trace::{Network, Recorded};

impl World {
    /// A client's process begins, with the step that the last one did not finish.
    pub(super) fn start_client(&mut self, client: u32) {
        self.deadline = None;
        self.mute.remove(&Host::Client(client));
        self.is_fresh(Host::Client(client));
        let (number, step) = self.facts().client_begins(client);
        let life = Life { client, number };
        let power = Power::new();
        let host = Host::Client(client);
        let nonce = steps::store_of(client, number);
        let Some(names) = self.open_store(host, nonce, &power) else { return };
        let seed = steps::seed_of(&self.plan, client, number);
        let machine = Client::new(self.plan.limits(), self.plan.policy(), seed);
        let (machine, _nothing) = Checked::new(self.clock(Host::Client(client)), machine, Out::new());
        let (machine, links) = (machine.drawn(seed, self.observed_one_in), BTreeMap::new());
        let host = ClientHost {
            power,
            names,
            machine,
            links,
            life,
            raw: None,
            streams: MemoryStreams::new(),
            probe: None,
        };
        self.clients[client as usize] = Some(host);
        self.begin_group(life, step);
    }

    /// A host's store as a new process opens it: again and again, if its disk fails; `None` if the power went meanwhile.
    pub(super) fn open_store(&self, host: Host, nonce: u64, power: &Power) -> Option<Names<PoweredFiles>> {
        while power.is_on() {
            let mut names = Names::new(nonce);
            match names.add_root(self.files(host, power)) {
                Ok(_) => return Some(names),
                Err(error) => self.facts().cannot_begin(host, &error),
            }
        }
        None
    }

    /// A host's files as a new process sees them.
    pub(super) fn files(&self, host: Host, power: &Power) -> PoweredFiles {
        let facts = Arc::clone(&self.facts);
        self.folders.files(host, power, Arc::new(move |touch| touch(&mut lock(&facts))))
    }

    /// The process is gone, and what it knew.
    pub(super) fn kill_client(&mut self, client: u32) {
        self.deadline = None;
        let steps = self.plan.clients[client as usize].steps.len();
        (0..steps).for_each(|step| self.note_printed(client, step));
        self.facts().client_died(client);
        self.memory.forget_all(Host::Client(client));
        if let Some(host) = self.clients[client as usize].take() {
            host.power.cut();
        }
        self.is_fresh(Host::Client(client));
    }

    pub(super) fn client(&mut self, client: u32) -> Option<&mut ClientHost> {
        self.clients[client as usize].as_mut()
    }

    /// The application goes on: with a step, or several together.
    pub(super) fn begin_group(&mut self, life: Life, first: usize) {
        let group = self.facts().group(life.client, first);
        if group.is_empty() && self.plan.clients[life.client as usize].leaves {
            return self.leave(life.client);
        }
        if group.is_empty() {
            return self.step_client(life.client, Input::Command(Command::Close));
        }
        group.into_iter().for_each(|step| self.begin_step(life, step));
    }

    fn begin_step(&mut self, life: Life, step: usize) {
        let Life { client, number } = life;
        let operation = self.facts().step_begins(client, number, step);
        let give_up_ms = self.plan.step(client, step).and_then(|step| step.give_up_ms);
        if let Some(ms) = give_up_ms {
            self.after(Duration::from_millis(ms), Due::GiveUp(life, step));
        }
        if let Some(tree) = trees::tree(&operation, step, client, number) {
            let job = self.facts().number_of(client, step).expect("it was counted as it began");
            return self.step_client(client, Input::Command(Command::StartTree(job, tree)));
        }
        if let Some(host) = self.client(client)
            && let Some(pipe) = pipe(&operation)
        {
            host.streams.insert(steps::stream_of(step), Stream::new(pipe));
        }
        match (steps::request(&operation, step, client, number), operation) {
            (Some(request), _) => {
                let job = self.facts().number_of(client, step).expect("it was counted as it began");
                self.step_client(client, Input::Command(Command::Start(job, request)));
            }
            (None, Operation::RawEcho(content)) => {
                let place = Place::Echo(self.next_dial(client, 1));
                let conn = self.dial(place, LinkId(u32::MAX));
                let raw = RawEcho { conn, step, request: content.bytes(), reply: Vec::new() };
                if let Some(host) = self.client(client) {
                    host.raw = Some(raw);
                }
                self.watch_raw_echo(Life { client, number }, conn, usize::MAX);
            }
            (None, operation) => self.begin_datagrams(Life { client, number }, step, &operation),
        }
    }

    /// The next dial of a client: to the protocol's port (0), to raw echo (1).
    fn next_dial(&mut self, client: u32, port: usize) -> Dial {
        let next = &mut self.dials[client as usize][port];
        *next += 1;
        Dial { client, number: *next - 1 }
    }

    pub(super) fn step_is_over(&mut self, client: u32, step: usize, ended: Ended) {
        let Some(life) = self.client(client).map(|host| host.life) else { return };
        if self.facts().has_ended(client, step) {
            return;
        }
        self.note_printed(client, step);
        let next = lock(&self.facts).step_is_over(client, step, ended, &self.folders);
        if let Some(next) = next {
            self.after(Duration::ZERO, Due::Step(life, next));
        }
    }

    /// The application waits for this step no more.
    pub(super) fn give_up(&mut self, life: Life, step: usize) {
        let Some(job) = self.facts().number_of(life.client, step) else { return };
        if self.facts().has_ended(life.client, step) {
            return;
        }
        self.step_is_over(life.client, step, Ended::GivenUp);
        self.step_client(life.client, Input::Command(Command::Cancel(job)));
    }

    /// Sends a wish to connect.
    pub(super) fn dial(&mut self, place: Place, link: LinkId) -> ConnId {
        let conn = self.conns.next();
        let notes = self.notes(place);
        self.conns.push(Connection::new(&self.plan, conn, place, link, notes));
        self.facts().keep(Side::Client, place.into(), || Recorded::Dialed);
        if !self.is_cut(place.client(), Side::Client) {
            let latency = latency(&mut self.random, &self.plan);
            self.after(latency, Due::Syn(conn));
        }
        conn
    }

    /// The server's system answers a wish to connect.
    pub(super) fn answer(&mut self, conn: ConnId, is_yes: bool) {
        let place = self.conns.get(&conn).map(|conn| conn.place);
        if place.is_none_or(|place| self.is_cut(place.client(), Side::Server)) {
            return;
        }
        // Nothing that the server says overtakes its answer.
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let at = connection.pipe(Side::Server).arrival(self.now, &self.plan, 0);
        self.at(at, Due::Answer(conn, is_yes));
    }

    pub(super) fn on_answer(&mut self, conn: ConnId, is_yes: bool) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let (place, link) = (connection.place, connection.link);
        let client = place.client();
        if !connection.end(Side::Client).is_held {
            // Its client has given up, or is gone.
            if is_yes && !self.mute.contains(&Host::Client(client)) {
                self.send(conn, Side::Client, Segment::End(End::Reset));
            }
            return;
        }
        connection.is_up = is_yes;
        self.stirs += 1;
        connection.end_mut(Side::Client).is_held = is_yes;
        if let Some(stranger) = client.checked_sub(STRANGERS) {
            return self.answer_stranger(conn, stranger, is_yes);
        }
        self.facts().keep(Side::Client, place.into(), || Recorded::Answered(is_yes));
        if let Place::Echo(_) = place {
            return self.on_echo_answer(client, conn, is_yes);
        }
        let refused = || Network::CannotConnect("ConnectionRefused".to_owned());
        let network = if is_yes { Network::Connected } else { refused() };
        self.facts().network(place.into(), network);
        if is_yes {
            self.step_client(client, Input::Dialed(link));
            self.kick(conn, Side::Client);
        } else {
            self.facts().reach(Rare::Refused);
            if let Some(host) = self.client(client) {
                host.links.remove(&link);
            }
            let error = DialError { kind: DialErrorKind::Refused, os: None };
            self.step_client(client, Input::DialFailed(link, error));
        }
    }

    fn on_echo_answer(&mut self, client: u32, conn: ConnId, is_yes: bool) {
        let Some(raw) = self.client(client).and_then(|host| host.raw.as_mut()) else { return };
        if !is_yes {
            return self.end_raw_echo(client, Ended::Refused("refused".to_owned()));
        }
        let request = Bytes::from(raw.request.clone());
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.pipe(Side::Client).queue.push(request);
        }
        self.finish(conn, Side::Client);
    }

    /// A raw echo of which nothing moves for a while is given up: its other end may be gone without a word.
    pub(super) fn watch_raw_echo(&mut self, life: Life, conn: ConnId, moved: usize) {
        let Some(raw) = self.client(life.client).and_then(|host| host.raw.as_ref()) else { return };
        let (heard, all, of) = (raw.reply.len(), raw.request.len(), raw.conn);
        if of != conn {
            return;
        }
        let connection = self.conns.get_mut(&conn).filter(|conn| conn.is_up);
        let sent = connection.map_or(0, |conn| all.saturating_sub(conn.pipe(Side::Client).queue.len()));
        let now_moved = heard + sent;
        if now_moved == moved {
            return self.end_raw_echo(life.client, Ended::Failed("nothing moves any more".to_owned()));
        }
        let quiet = Duration::from_millis(self.plan.limits.idle_ms + self.plan.retry.connect_ms);
        self.after(quiet, Due::RawQuiet(life, conn, now_moved));
    }

    /// The raw echo's client heard something.
    pub(super) fn hear_raw_echo(&mut self, client: u32, input: Input<Session>) {
        let Some(raw) = self.client(client).and_then(|host| host.raw.as_mut()) else { return };
        match input {
            Input::Received((), bytes) => raw.reply.extend_from_slice(&bytes),
            Input::Ended((), End::Orderly) => {
                // A server that goes away ends its streams, too: an end says nothing of completeness.
                let is_whole = raw.reply.len() >= raw.request.len();
                let ended = if is_whole { Ended::Done } else { Ended::Failed("ended early".to_owned()) };
                self.end_raw_echo(client, ended);
            }
            Input::Ended((), End::Reset) => {
                self.end_raw_echo(client, Ended::Failed("reset".to_owned()));
            }
            _ => {}
        }
    }

    fn end_raw_echo(&mut self, client: u32, ended: Ended) {
        let Some(raw) = self.client(client).and_then(|host| host.raw.take()) else { return };
        let RawEcho { conn, step, request, reply } = raw;
        self.release(conn, Side::Client);
        self.facts().raw_echo_is_over(client, request, reply, ended == Ended::Done);
        self.step_is_over(client, step, ended);
    }

    pub(super) fn step_client(&mut self, client: u32, input: Input<Client>) {
        self.deadline = None;
        let now = self.clock(Host::Client(client));
        let host = self.clients[client as usize].as_mut();
        let Some(host) = host.filter(|host| !host.machine.is_closed()) else { return };
        let life = host.life;
        let effects = host.machine.step(now, input);
        self.memory.note_client(client, &host.machine);
        for effect in effects {
            self.carry_out_client(life, effect);
        }
        // A kick is of no machine's concern.
        let links = self.client(client).map(|host| std::mem::take(&mut host.links)).unwrap_or_default();
        links.values().for_each(|conn| self.kick(*conn, Side::Client));
        if let Some(host) = self.client(client) {
            host.links = links;
        }
    }

    fn carry_out_client(&mut self, life: Life, effect: Effect<Client>) {
        let Life { client, number } = life;
        let Some(host) = self.clients[client as usize].as_mut() else { return };
        match effect {
            Effect::Dial(link) => {
                let place = Place::Files(self.next_dial(client, 0));
                self.facts().network(place.into(), Network::Dials);
                let conn = self.dial(place, link);
                if let Some(host) = self.client(client) {
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
                // A process without power does nothing more; the script takes it away after this step.
                if !host.power.is_on() {
                    return;
                }
                let slowness_ms = slowness_ms(&lock(&self.facts), Host::Client(client), &op);
                let stored = carry_out(&mut host.names, &mut host.streams, op);
                let pause = self.store_pause(slowness_ms);
                self.after(pause, Due::ToClient(life, Box::new(Input::Stored(ticket, stored))));
            }
            Effect::Event(event) => {
                self.facts().client_told(client, number, &event);
                let step = |job| self.facts().step_of(client, job);
                if let Event::Finished(job, result) = event
                    && let Some(step) = step(job)
                {
                    let ended = result.map_or_else(|error| steps::ended(&error), trees::whole);
                    self.step_is_over(client, step, ended);
                }
            }
            Effect::Close(()) => self.facts().client_closed(client),
        }
    }

    /// How long a store operation takes: completions overtake one another.
    pub(super) fn store_pause(&mut self, slowness_ms: u64) -> Duration {
        let Span { min, max } = self.plan.disks.latency_us;
        Duration::from_micros(self.random.random_range(min..=max)) + Duration::from_millis(slowness_ms)
    }
}
