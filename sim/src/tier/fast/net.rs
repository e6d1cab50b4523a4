//! Connections as the ends' systems hold them: bytes that wait to be written, that are on their way, and that wait to be
//! read. Every cut and delay is drawn from the plan's stream `bytes`.

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::proto::client::LinkId;
use towline::proto::machine::End;
use towline::time::{Duration, Time};

use super::super::damage::Damage;
use super::super::facts::{Facts, Place};
use super::super::tap::Tap;
use super::notes::Notes;
use super::pieces::Pieces;
use crate::ledger::Rare;
use crate::plan::{Cut, Network, Plan, Shape};
use crate::streams::{Part, Streams};

/// Bytes that a process may have queued for a connection of the protocol.
pub(super) const QUEUE: usize = 2 * 1024 * 1024;
/// Writes that a process makes in one go, of which one is drawn for each pipe: what they carry arrives at once.
const BURSTS: [u32; 4] = [1, 4, Shape::WRITES_PER_MS, Shape::WRITES_PER_MS];
/// For a connection of raw echo, of which one is drawn: nothing there needs room for more than a byte.
const ECHO_QUEUES: [usize; 3] = [64, 16 * 1024, QUEUE];
/// Bytes of a packet on most networks.
const PACKET: usize = 1_460;

/// Names a connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnId(pub(super) u64);

/// What is on its way.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    Bytes(Bytes),
    /// Nothing more comes, or the connection is broken.
    End(End),
}

/// A connection: its ends, and a pipe each way.
pub(super) struct Connection {
    pub(super) place: Place,
    /// The client machine's name for it.
    pub(super) link: LinkId,
    /// True once its client was answered.
    pub(super) is_up: bool,
    /// By the side whose end it is.
    pub(super) ends: [Socket; 2],
    /// By the side that writes.
    pipes: [Pipe; 2],
    number: ConnId,
    /// How what passes is written down.
    pub(super) notes: Notes,
}

/// One end.
pub(super) struct Socket {
    /// False once its process has let it go, or is gone.
    pub(super) is_held: bool,
    pub(super) tap: Tap,
}

/// Where the writing end of a pipe stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Open,
    /// Ends once the queue is empty.
    Finishing,
    /// Ended, or broken: nothing more goes out.
    Over,
}

/// What the reading end was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Open,
    /// All that is in the inbox is the last.
    Ending(End),
    Over,
}

/// One direction.
pub(super) struct Pipe {
    part: Part,
    shape: Shape,
    window: usize,
    /// Of [`BURSTS`], once it is drawn.
    burst: Option<u32>,
    queue_max: usize,
    pub(super) queue: Pieces,
    /// What the machine thinks there is room for.
    pub(super) told: usize,
    pub(super) write: Write,
    /// True while a moment to write is scheduled.
    pub(super) is_writing: bool,
    /// Bytes on their way or in the inbox.
    pub(super) unread: usize,
    /// Segments do not overtake one another.
    pub(super) last_arrival: Time,
    /// Segments that wait to be sent again.
    pub(super) held: Vec<Segment>,
    /// True once a segment was lost for ever: nothing after it is heard.
    pub(super) is_torn: bool,
    /// True once nothing arrives any more, not even what is on its way.
    pub(super) is_mute: bool,
    /// Bytes that it carries in a millisecond, and when it has carried all that was sent.
    rate: Option<u64>,
    carried: Time,
    pub(super) inbox: Pieces,
    pub(super) read: Read,
    /// True while a moment to read is scheduled.
    pub(super) is_reading: bool,
    /// Bytes that were read.
    pub(super) heard: u64,
    /// What is to be inverted of those that come next.
    pub(super) damage: Damage,
}

impl Connection {
    /// The `number`th connection of the run.
    pub(super) fn new(plan: &Plan, number: ConnId, place: Place, link: LinkId, notes: Notes) -> Connection {
        let streams = Streams::new(plan.seed);
        let socket = |is_held, side| {
            let tap = Tap::new(Some(place), side);
            // See [`super::world::World::conclude`]: an echo is judged by what its client saw.
            let is_asked = side == Side::Client && place.keeps_rules(plan);
            Socket { is_held, tap: if is_asked { tap } else { tap.without_echoes() } }
        };
        let queue_max = match place {
            Place::Files(..) => QUEUE,
            Place::Echo(..) => {
                ECHO_QUEUES
                    [streams.part(Streams::BYTES, "queue", number.0).random_range(0..ECHO_QUEUES.len())]
            }
        };
        let pipe = |user| Pipe {
            queue_max,
            ..Pipe::new(Part::new(streams, Streams::BYTES, user, number.0), plan.shape, plan.network)
        };
        Connection {
            place,
            link,
            is_up: false,
            ends: [socket(true, Side::Client), socket(false, Side::Server)],
            pipes: [pipe("fast client"), pipe("fast server")],
            number,
            notes,
        }
    }

    /// True if what is lost is sent again once the network has healed: drawn once, whenever it is asked.
    pub(super) fn resends(&self, plan: &Plan) -> bool {
        let mut random = Streams::new(plan.seed).part(Streams::BYTES, "connection", self.number.0);
        random.random_ratio(plan.network.resent_percent, 100)
    }

    pub(super) fn pipe(&mut self, writer: Side) -> &mut Pipe {
        &mut self.pipes[writer as usize]
    }

    pub(super) fn end(&self, side: Side) -> &Socket {
        &self.ends[side as usize]
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut Socket {
        &mut self.ends[side as usize]
    }

    /// True once this end's process may use it.
    pub(super) fn is_ready(&self, side: Side) -> bool {
        side == Side::Server || self.is_up
    }

    /// Bytes that were heard of `side`.
    pub(super) fn heard(&self, side: Side) -> u64 {
        self.pipes[side as usize].heard
    }

    /// What passed at the end of `side`.
    pub(super) fn tap(&self, side: Side) -> &Tap {
        &self.ends[side as usize].tap
    }
}

/// The other end.
pub(super) fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// True if what `writer` sends is lost in this cut.
pub(super) fn cuts(cut: Cut, writer: Side) -> bool {
    match cut {
        Cut::Both => true,
        Cut::ToServer => writer == Side::Client,
        Cut::ToClient => writer == Side::Server,
    }
}

impl Pipe {
    fn new(part: Part, shape: Shape, network: Network) -> Pipe {
        let Network { bytes_per_ms: rate, window, .. } = network;
        Pipe {
            part,
            shape,
            window,
            burst: None,
            queue_max: QUEUE,
            queue: Pieces::default(),
            told: 0,
            write: Write::Open,
            is_writing: false,
            unread: 0,
            last_arrival: Time::ZERO,
            held: Vec::new(),
            is_torn: false,
            is_mute: false,
            rate,
            carried: Time::ZERO,
            inbox: Pieces::default(),
            read: Read::Open,
            is_reading: false,
            heard: 0,
            damage: Damage::default(),
        }
    }

    /// Its draws, of which the first is the burst.
    fn random(&mut self) -> &mut ChaCha8Rng {
        if self.burst.is_none() {
            self.burst = Some(BURSTS[self.part.random().random_range(0..BURSTS.len())]);
        }
        self.part.random()
    }

    fn burst(&mut self) -> u32 {
        self.random();
        self.burst.unwrap_or(1)
    }

    /// Nothing more goes out, and what waited to is dropped.
    pub(super) fn stop_writing(&mut self) {
        self.write = Write::Over;
        self.queue = Pieces::default();
    }

    /// A segment is lost.
    pub(super) fn lose(&mut self, resends: bool, segment: Segment) {
        if resends {
            self.held.push(segment);
        } else {
            self.is_torn = true;
        }
    }

    /// What was not read is dropped.
    pub(super) fn drop_inbox(&mut self) {
        self.unread -= self.inbox.len();
        self.inbox = Pieces::default();
    }

    /// True if there is room to tell of.
    pub(super) fn has_news_of_room(&self) -> bool {
        self.told < self.queue_max / 2 && self.queue_max.saturating_sub(self.queue.len()) > self.told
    }

    /// The room to tell of, if the machine may be short of it: as the driver does.
    pub(super) fn news_of_room(&mut self) -> Option<usize> {
        let room = self.queue_max.saturating_sub(self.queue.len());
        self.has_news_of_room().then(|| {
            self.told = room;
            room
        })
    }

    /// True once all that was queued has left, or cannot.
    pub(super) fn is_flushed(&self) -> bool {
        match self.write {
            Write::Open => self.queue.is_empty(),
            Write::Finishing => false,
            Write::Over => true,
        }
    }

    /// True if the system takes bytes now.
    pub(super) fn takes(&self) -> bool {
        self.unread < self.window
    }

    /// What the writes of `side` that come now take, and when the next may come.
    pub(super) fn take(&mut self, facts: &mut Facts, side: Side) -> (Bytes, Duration) {
        let (mut taken, mut pause, mut nap, mut is_partial) = (0, Duration::ZERO, None, false);
        for _ in 0..self.burst() {
            let count_max = self.shape.write_max;
            let drawn = if count_max == 0 { usize::MAX } else { self.random().random_range(1..=count_max) };
            let count = drawn.min(self.queue.len() - taken).min(self.window - self.unread);
            let count = count.min(self.packet() - taken);
            if count == 0 || nap.is_some() {
                break;
            }
            facts.wrote(side, count);
            taken += count;
            self.unread += count;
            pause += Duration::from_millis(1) / Shape::WRITES_PER_MS;
            nap = self.nap();
            is_partial |= taken < self.queue.len();
        }
        if is_partial {
            facts.reach(Rare::PartialWrite);
        }
        (self.queue.take(taken), nap.unwrap_or(pause))
    }

    /// A pause that this direction makes now, seldom.
    pub(super) fn nap(&mut self) -> Option<Duration> {
        let Shape { nap_permille, nap_ms_max, .. } = self.shape;
        let naps = self.random().random_ratio(nap_permille, 1000);
        naps.then(|| Duration::from_millis(self.random().random_range(1..=nap_ms_max)))
    }

    /// When so many bytes that are sent now have arrived: once they are carried, which begins when all before them are.
    pub(super) fn arrival(&mut self, now: Time, plan: &Plan, bytes: usize) -> Time {
        let carrying = self.rate.map_or(0, |rate| bytes as u64 * 1_000_000 / rate.max(1));
        self.carried = self.carried.max(now) + Duration::from_nanos(carrying);
        self.last_arrival = self.last_arrival.max(self.carried + latency(self.random(), plan));
        self.last_arrival
    }

    /// The most that arrives at once where bytes take time: a packet, or what a millisecond carries.
    fn packet(&self) -> usize {
        let rate = self.rate.and_then(|rate| usize::try_from(rate).ok());
        rate.map_or(usize::MAX, |rate| rate.max(PACKET))
    }

    /// True if the reader is not ready although it could be.
    pub(super) fn dawdles(&mut self) -> bool {
        let pending_percent = self.shape.pending_percent;
        self.random().random_ratio(pending_percent, 100)
    }

    /// What one read gives of the inbox.
    pub(super) fn give(&mut self, allowed: u64) -> Bytes {
        let count_max = self.shape.read_max;
        let drawn = if count_max == 0 { usize::MAX } else { self.random().random_range(1..=count_max) };
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let count = drawn.min(self.inbox.len()).min(allowed);
        self.unread -= count;
        self.heard += count as u64;
        self.inbox.take(count)
    }

    /// A drawn choice.
    pub(super) fn flips(&mut self) -> bool {
        self.random().random_bool(0.5)
    }
}

/// A message's time on its way.
pub(super) fn latency(random: &mut ChaCha8Rng, plan: &Plan) -> Duration {
    let (min, max) = (plan.network.latency_ms.min * 1_000, plan.network.latency_ms.max * 1_000);
    Duration::from_micros(random.random_range(min..=max))
}
