//! Datagrams: the server's echo of them, the clients' probes, which send and count, and a network that loses, doubles and delays each
//! by itself. What it does is drawn from a part of the stream `bytes` of its own.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rand::RngExt;
use towline::harness::{Checked, Side};
use towline::proto::datagram::{Address, Datagram};
use towline::proto::machine::{Bulk, Effect, Input, Machine, Out};
use towline::proto::prober::{Carrier, Pace, Rate, Settings};
use towline::proto::{DatagramEcho, Prober};
use towline::time::{Duration, Time};

use super::super::datagrams::{self, FIRST_PORT, FORGED, FORGER, ends};
use super::super::facts::{SERVER, client_name};
use super::net::{latency, other};
use super::world::{Due, Life, World};
use crate::outcome::{Counted, Ended};
use crate::plan::{Datagrams, Forged, Host, Operation, Plan};
use crate::streams::{Part, Streams};

/// Bytes of datagrams that a system keeps for a process, and takes of it: Linux's default (`net.core.rmem_default`).
const BUFFER: usize = 212_992;

/// Where the server's echo is.
const SERVED: Address = Address::v4([10, 0, 0, 1], 8697);

/// All that is not in a process.
pub(super) struct DatagramNet {
    random: Part,
    /// What arrived and was not read, by host.
    mail: BTreeMap<Host, VecDeque<Datagram>>,
    sockets: u16,
}

/// A client's probe, on a socket of its own.
pub(super) struct Probe {
    life: Life,
    step: usize,
    socket: Address,
    prober: Checked<Prober>,
    counted: Counted,
    /// How many have not left yet.
    left: u32,
    /// When it is stepped next, as far as that was arranged.
    arranged: Option<Time>,
    /// The end of its step was arranged.
    is_ending: bool,
}

impl DatagramNet {
    pub(super) fn new(plan: &Plan) -> DatagramNet {
        let random = Part::new(Streams::new(plan.seed), Streams::BYTES, "fast datagrams", 0);
        DatagramNet { random, mail: BTreeMap::new(), sockets: 0 }
    }
}

impl World {
    /// A client begins to send.
    pub(super) fn begin_datagrams(&mut self, life: Life, step: usize, operation: &Operation) {
        let Operation::DatagramEcho { count, length, gap_ms } = *operation else { return };
        let port = FIRST_PORT + self.datagrams.sockets % (u16::MAX - FIRST_PORT);
        self.datagrams.sockets = self.datagrams.sockets.wrapping_add(1);
        let socket = Address::v4([10, 0, 1, life.client as u8], port);
        let per_second = if gap_ms == 0 { Rate::MAX_PER_SECOND } else { 1e3 / gap_ms as f64 };
        let settings = Settings {
            pace: Pace::Open(Rate::new(per_second).unwrap_or(Rate::DEFAULT)),
            size: (length as usize).max(Carrier::Datagrams.size_min()),
            count: Some(count.into()),
            timeout: Duration::from_millis(Operation::DATAGRAM_WAIT_MS),
            seed: self.plan.seed ^ step as u64,
            ..Settings::default()
        };
        let prober = Prober::new(self.now, &settings).expect("a probe that makes sense");
        let (prober, _nothing) = Checked::new(self.now, prober, Out::new());
        let prober = prober.drawn(self.plan.seed, self.observed_one_in);
        if let Some(host) = self.client(life.client) {
            let (counted, arranged, is_ending) = (Counted::default(), None, false);
            host.probe =
                Some(Probe { life, step, socket, prober, counted, left: count, arranged, is_ending });
        }
        self.facts().datagrams_begin(life.client, step);
        self.step_probe(life.client, Input::Room((), BUFFER));
    }

    /// The probe's time has come.
    pub(super) fn send_datagram(&mut self, life: Life, step: usize) {
        if self
            .client(life.client)
            .and_then(|host| host.probe.as_ref())
            .is_some_and(|probe| probe.step == step)
        {
            self.step_probe(life.client, Input::Elapsed);
        }
    }

    /// Steps a client's probe, and arranges its next time.
    fn step_probe(&mut self, client: u32, input: Input<Prober>) {
        let (now, mut inputs) = (self.now, vec![input]);
        while let Some(input) = inputs.pop() {
            let Some(probe) = self.client(client).and_then(|host| host.probe.as_mut()) else { return };
            if probe.prober.is_closed() {
                return;
            }
            let from = probe.socket;
            probe.counted.heard += usize::from(matches!(input, Input::Received(..)));
            for effect in probe.prober.step(now, input) {
                let Some(probe) = self.client(client).and_then(|host| host.probe.as_mut()) else { return };
                match effect {
                    Effect::Transmit((), payload) => {
                        probe.left = probe.left.saturating_sub(1);
                        self.facts().datagram_sent(client, &payload);
                        self.post(client, Side::Client, Datagram { from, to: SERVED, payload });
                        inputs.push(Input::Room((), BUFFER));
                    }
                    Effect::Event(event) => probe.counted.counts.note(&event),
                    // Its socket stays until nothing more is waited for: what comes twice may come after its end.
                    Effect::Finish(()) | Effect::Hangup(()) | Effect::Close(_) => {}
                    Effect::Dial(()) | Effect::Store(..) => {
                        unreachable!("a probe of datagrams does none of these")
                    }
                }
            }
        }
        let Some(probe) = self.client(client).and_then(|host| host.probe.as_mut()) else { return };
        let (deadline, over) =
            (probe.prober.machine().deadline(), Due::DatagramsOver(probe.life, probe.step));
        // Of a process that stood still for too long, some never leave.
        let is_last = !probe.is_ending && (probe.left == 0 || probe.prober.is_closed());
        probe.is_ending |= is_last;
        if let Some(at) = deadline.filter(|_| deadline != probe.arranged) {
            probe.arranged = deadline;
            let due = Due::SendDatagram(probe.life, probe.step);
            self.at(at.max(now), due);
        }
        if is_last {
            self.after(Duration::from_millis(Operation::DATAGRAM_WAIT_MS), over);
        }
    }

    /// Nothing more is waited for.
    pub(super) fn end_datagrams(&mut self, life: Life, step: usize) {
        let Some(host) = self.client(life.client) else { return };
        if let Some(probe) = host.probe.take_if(|probe| probe.step == step) {
            let counts = probe.counted.counts;
            let words = format!(
                "its probe tells of {} in time, {} late, {} once more, {} out of order",
                counts.received, counts.late, counts.duplicated, counts.reordered
            );
            self.facts().event(client_name(life.client), &words);
            self.facts().datagrams_are_over(life.client, Some(probe.counted));
            self.step_is_over(life.client, step, Ended::Done);
        }
    }

    /// Sends one on its way, or two, or none.
    fn post(&mut self, client: u32, writer: Side, datagram: Datagram) {
        let Datagrams { lost_percent, doubled_percent, late_percent } = self.plan.datagrams;
        let random = self.datagrams.random.random();
        let is_lost = random.random_ratio(lost_percent, 100);
        let copies = 1 + usize::from(random.random_ratio(doubled_percent, 100));
        let mut delays = Vec::new();
        for _ in 0..copies {
            let is_late = random.random_ratio(late_percent, 100);
            let late = if is_late { random.random_range(1..=1_000) } else { 0 };
            delays.push(latency(random, &self.plan) + Duration::from_millis(late));
        }
        if is_lost || self.is_cut(client, writer) {
            return self.facts().event(name_of(client, writer), &format!("{} is lost", told(&datagram)));
        }
        if copies > 1 {
            self.facts().event(name_of(client, writer), &format!("{} is doubled", told(&datagram)));
        }
        for delay in delays {
            self.after(delay, Due::Datagram(client, writer, datagram.clone()));
        }
    }

    /// One arrives: the system keeps it, if it has room, until the process reads.
    pub(super) fn on_datagram(&mut self, client: u32, writer: Side, datagram: Datagram) {
        let host = match other(writer) {
            Side::Server => Host::Server,
            Side::Client => Host::Client(client),
        };
        let is_there = match host {
            Host::Server => self.server.as_ref().is_some_and(|server| !server.datagrams.is_closed()),
            Host::Client(_) => self.client(client).is_some_and(|client| client.probe.is_some()),
        };
        if self.mute.contains(&host) || !is_there {
            return;
        }
        let mail = self.datagrams.mail.entry(host).or_default();
        let kept: usize = mail.iter().map(Bulk::bulk).sum();
        if kept + datagram.bulk() > BUFFER {
            let what = format!("{} finds no room, and is lost", told(&datagram));
            return self.facts().event(name_of(client, other(writer)), &what);
        }
        mail.push_back(datagram);
        self.read_mail(host);
    }

    /// A process reads what its system has kept, unless it stands still or reads nothing.
    pub(super) fn read_mail(&mut self, host: Host) {
        if self.paused.contains(&host) || self.deaf.contains(&host) {
            return;
        }
        let mail = self.datagrams.mail.remove(&host).unwrap_or_default();
        if mail.is_empty() {
            return;
        }
        match host {
            Host::Server => {
                self.step_datagrams(Input::Room((), BUFFER));
                mail.into_iter().for_each(|datagram| self.step_datagrams(Input::Received((), datagram)));
            }
            Host::Client(client) => mail.into_iter().for_each(|datagram| {
                let probe = self.client(client).and_then(|host| host.probe.as_ref());
                if probe.is_some_and(|probe| probe.socket == datagram.to) {
                    self.facts().datagram_heard(client, &datagram.payload);
                    self.step_probe(client, Input::Received((), datagram.payload));
                }
            }),
        }
    }

    /// What was kept for a process is gone with it.
    pub(super) fn drop_mail(&mut self, host: Host) {
        self.datagrams.mail.remove(&host);
    }

    /// One arrives at the server that is not of whom it says, or not for the server alone.
    pub(super) fn forged(&mut self, forged: Forged) {
        let (from, to) = ends(forged, SERVED);
        let datagram = Datagram { from, to, payload: Bytes::from_static(FORGED) };
        self.facts().event("fault", &told(&datagram));
        self.on_datagram(u32::from(FORGER), Side::Client, datagram);
    }

    /// The server's echo hears something.
    pub(super) fn step_datagrams(&mut self, input: Input<DatagramEcho>) {
        let now = self.clock(Host::Server);
        let Some(host) = self.server.as_mut().filter(|host| !host.datagrams.is_closed()) else { return };
        for effect in host.datagrams.step(now, input) {
            match effect {
                Effect::Transmit((), datagram) if !self.is_asked_for(&datagram) => {
                    let words = format!("answers a forged datagram: {}", told(&datagram));
                    self.facts().event(SERVER, &words);
                    self.facts().outcome.forged_answers.push(words);
                }
                Effect::Transmit((), datagram) => {
                    // The last byte of a client's address is its place in the plan.
                    self.post((datagram.to.host & 0xff) as u32, Side::Server, datagram);
                }
                Effect::Event(why) => {
                    self.facts().event(SERVER, &format!("does not answer a datagram: {why:?}"));
                }
                Effect::Close(()) => self.drop_mail(Host::Server),
                Effect::Dial(()) | Effect::Finish(()) | Effect::Hangup(()) | Effect::Store(..) => {
                    unreachable!("an echo of datagrams does none of these")
                }
            }
        }
    }
}

impl World {
    /// True if a client of the plan has asked for it.
    fn is_asked_for(&self, answer: &Datagram) -> bool {
        let of_client = |client: usize| Address::v4([10, 0, 1, client as u8], answer.to.port) == answer.to;
        (0..self.plan.clients.len()).any(of_client) && answer.to.port >= FIRST_PORT && answer.from == SERVED
    }
}

/// Who sent it.
fn name_of(client: u32, side: Side) -> &'static str {
    match side {
        Side::Server => SERVER,
        Side::Client => client_name(client),
    }
}

/// Which one it is.
fn told(Datagram { from, to, payload }: &Datagram) -> String {
    datagrams::told(payload, *from, *to)
}
