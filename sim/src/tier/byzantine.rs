//! Peers that do not keep the rules: what each does, as a list of acts, drawn from its own stream of random numbers. A
//! tier plays them on a connection; the same peer does the same in every world.

mod act;
mod breach;
mod lies;
mod oddity;
mod talk;

use std::collections::VecDeque;

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::wire::{
    Attempt, Body, Capabilities, Code, Commit, Cv, Data, Failure, Frame, Header, Hello, Kind, Modified,
    Offer, OperationId, PREAMBLE, RelPath, Rope, generate, limits,
};

pub(super) use self::act::Act;
pub(super) use self::talk::Talk;
use crate::plan::{Plan, Shape, Trick};
use crate::streams::Streams;

/// The number of the first stranger, where clients have numbers.
pub(super) const STRANGERS: u32 = 100;

/// What it says where that depends on what it hears.
pub(super) fn talk(plan: &Plan, noise: u64, side: Side) -> Talk {
    Talk::new(plan, Streams::new(noise).part(Streams::MISCHIEF, &format!("talk {side:?}"), 0), side)
}

/// What a peer at the end of `side` does that plays this trick in a plan's world.
pub(super) fn acts(plan: &Plan, trick: Trick, noise: u64, side: Side) -> VecDeque<Act> {
    let user = format!("{trick:?} {side:?}");
    let flood = flood_bytes(plan);
    let echo = plan.flood_max.map_or(limits::ECHO_MAX, |most| most as usize / ECHOES).min(limits::ECHO_MAX);
    let mut actor = Actor {
        random: Streams::new(noise).part(Streams::MISCHIEF, &user, 0),
        side,
        flood,
        echo,
        acts: VecDeque::new(),
    };
    match trick {
        Trick::Garbage => actor.garbage(),
        Trick::Truncate => actor.truncate(),
        Trick::Replay => actor.replay(),
        Trick::HugeLength => actor.huge_length(),
        Trick::WrongOrder => actor.wrong_order(),
        Trick::WrongState => actor.wrong_state(),
        Trick::Stall => actor.stall(),
        Trick::Flood => actor.flood(),
        Trick::Breach => actor.breach(plan),
        Trick::Oddity => actor.oddity(plan),
        Trick::Lies => actor.lies(plan),
    }
    actor.acts
}

struct Actor {
    random: ChaCha8Rng,
    side: Side,
    /// Most bytes of a flood.
    flood: usize,
    /// Bytes of each of its echoes.
    echo: usize,
    acts: VecDeque<Act>,
}

/// Echoes of a flood that is no more than a plan says.
const ECHOES: usize = 16;

/// What passes in a part of a second, however narrow the streams.
fn flood_bytes(plan: &Plan) -> usize {
    const MS: u64 = 300;
    let widths = [plan.shape.write_max, plan.shape.read_max].into_iter().filter(|width| *width > 0);
    let width = widths.min().unwrap_or(65_536) as u64;
    let a_ms = (width * u64::from(Shape::WRITES_PER_MS)).min(plan.network.bytes_per_ms.unwrap_or(u64::MAX));
    // A window that is full waits for a round trip.
    let a_ms = a_ms.min(plan.network.window as u64 / (2 * plan.network.latency_ms.max)).max(1);
    usize::try_from((a_ms * MS).min(plan.flood_max.unwrap_or(u64::MAX))).unwrap_or(usize::MAX)
}

impl Actor {
    fn say(&mut self, bytes: Vec<u8>) {
        self.acts.push_back(Act::Say(Bytes::from(bytes)));
    }

    /// Says a frame of an operation, or of the connection (0).
    fn frame(&mut self, operation: u32, body: Body) {
        self.say(frame(operation, body));
    }

    fn flips(&mut self) -> bool {
        self.random.random_bool(0.5)
    }

    /// One of the ways to end, or not to.
    fn parts(&mut self) {
        match self.random.random_range(0..4) {
            0 => self.acts.push_back(Act::Leave),
            1 => self.acts.extend([Act::End, Act::Stay]),
            2 => {
                let ms = self.random.random_range(1..500);
                self.acts.extend([Act::Pause(ms), Act::Leave]);
            }
            _ => self.acts.push_back(Act::Stay),
        }
    }

    /// The handshake as it should be.
    fn opens(&mut self) {
        let hello = self.hello();
        self.greets(hello);
    }

    fn greets(&mut self, hello: Body) {
        if self.side == Side::Server {
            self.acts.push_back(Act::Hear(1));
        }
        self.say([PREAMBLE.as_slice(), &frame(0, hello)].concat());
        if self.side == Side::Client && self.flips() {
            self.acts.push_back(Act::Hear(1));
        }
    }

    fn hello(&mut self) -> Body {
        Body::Hello(Hello {
            lowest: 1,
            highest: 1,
            capabilities: if self.flips() { Capabilities::HOLES } else { Capabilities::default() },
            window: limits::WINDOW_MIN,
            operations: self.random.random_range(1..100),
            idle_ms: self.random.random_range(0..2_000),
            tlvs: Vec::new(),
        })
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let count = self.random.random_range(1..=most);
        (0..count).map(|_| self.random.random()).collect()
    }

    fn garbage(&mut self) {
        if self.flips() {
            self.opens();
        }
        for _ in 0..self.random.random_range(1..4) {
            let bytes = self.bytes(3_000);
            self.say(bytes);
        }
        self.parts();
    }

    fn truncate(&mut self) {
        self.opens();
        let whole = match self.random.random_range(0..4) {
            0 => frame(1, Body::Echo(Bytes::from(self.bytes(5_000)))),
            1 => frame(1, self.offer(100_000)),
            2 => frame(1, Body::List(RelPath::ROOT)),
            _ => {
                let offer = self.offer(100_000);
                self.frame(1, offer);
                frame(1, self.data(0, 9_000))
            }
        };
        let cut = self.random.random_range(1..whole.len());
        self.say(whole[..cut].to_vec());
        self.parts();
    }

    fn replay(&mut self) {
        self.opens();
        let offer = self.offer(100_000);
        match self.side {
            Side::Client => {
                let echo = Body::Echo(Bytes::from(self.bytes(1_000)));
                for (operation, body) in [(1, echo), (2, Body::List(RelPath::ROOT)), (3, offer)] {
                    self.frame(operation, body);
                }
            }
            Side::Server => self.frame(0, Body::Ping(7)),
        }
        let said: Vec<Act> = self.acts.iter().filter(|act| matches!(act, Act::Say(_))).cloned().collect();
        // All of it, or without the handshake.
        let from = usize::from(self.flips());
        self.acts.extend(said.into_iter().skip(from));
        self.parts();
    }

    fn huge_length(&mut self) {
        if self.random.random_bool(0.8) {
            self.opens();
        }
        let kind = match self.random.random_range(0..4) {
            0 => Kind::Data as u8,
            1 => 0x80,
            _ => Kind::ALL[self.random.random_range(0..Kind::ALL.len())] as u8,
        };
        let most = if kind == Kind::Data as u8 { limits::DATA_MAX + 8 } else { limits::CONTROL_MAX };
        let length = match self.random.random_range(0..3) {
            0 => u32::MAX,
            1 => most as u32 + 1,
            _ => self.random.random_range(most as u32 + 1..u32::MAX),
        };
        let header = Header { length, kind, flags: 0, operation: self.random.random_range(0..2), crc: 0 };
        let body = self.bytes(2_000);
        self.say([&header.encode(&[])[..], &body].concat());
        self.parts();
    }

    fn wrong_order(&mut self) {
        let is_greeted = self.random.random_bool(0.7);
        if is_greeted {
            self.opens();
        } else if self.side == Side::Client {
            self.say(PREAMBLE.to_vec());
        }
        let (offer, data) = (self.offer(100_000), self.data(0, 500));
        let echo = Body::Echo(Bytes::from(self.bytes(100)));
        let (commit, next) = (self.commit(), Body::Next);
        let frames: Vec<(u32, Body)> = match (self.side, self.random.random_range(0..6)) {
            (Side::Client, 0) => vec![(1, data), (1, offer)],
            (Side::Client, 1) => vec![(1, commit), (1, offer)],
            (Side::Client, 2) => vec![(5, echo.clone()), (3, echo)],
            (Side::Client, 3) => vec![(1, next)],
            (Side::Client, 4) => vec![(1, offer.clone()), (1, offer)],
            (Side::Client, _) => vec![(0, Body::Bye), (1, echo)],
            (Side::Server, 0) => vec![(0, Body::GoAway(OperationId(9))), (0, Body::GoAway(OperationId(3)))],
            (Side::Server, 1) => vec![(0, Body::Bye), (0, Body::Ping(1))],
            (Side::Server, 2) => vec![(1, data), (1, offer)],
            (Side::Server, 3) => vec![(1, commit)],
            (Side::Server, 4) => vec![(9, offer)],
            (Side::Server, _) => vec![(0, Body::Credit(u64::MAX)), (0, Body::Credit(0)), (1, next)],
        };
        for (operation, body) in frames {
            self.frame(operation, body);
        }
        self.parts();
    }

    /// Frames that are good in themselves. None of them is a lie that would be believed: against a server that lies, and
    /// is taken for the right one, no protocol helps.
    fn wrong_state(&mut self) {
        const OF_CLIENT: [Kind; 10] = [
            Kind::Hello,
            Kind::Echo,
            Kind::Get,
            Kind::Next,
            Kind::List,
            Kind::Stat,
            Kind::Remove,
            Kind::Cancel,
            Kind::Committed,
            Kind::Hole,
        ];
        const OF_SERVER: [Kind; 12] = [
            Kind::Hello,
            Kind::Refused,
            Kind::GoAway,
            Kind::EchoReply,
            Kind::Failed,
            Kind::Done,
            Kind::Have,
            Kind::Want,
            Kind::Committed,
            Kind::Page,
            Kind::Metadata,
            Kind::Next,
        ];
        self.opens();
        if self.side == Side::Client && self.flips() {
            // Damaged, damaged again, and committed twice.
            let (offer, data, commit) = (self.offer(1_000), self.data(0, 1_000), self.commit());
            for body in [offer, data, commit.clone(), commit] {
                self.frame(1, body);
            }
        }
        for _ in 0..self.random.random_range(1..4) {
            let kinds: &[Kind] = if self.side == Side::Client { &OF_SERVER } else { &OF_CLIENT };
            let kind = kinds[self.random.random_range(0..kinds.len())];
            let said = match kind {
                Kind::Failed => frame(1, Body::Failed(Failure::new(Code::IO, "so it says"))),
                kind => generate::frame_of(&mut self.random, kind).to_bytes(),
            };
            self.say(said);
        }
        self.parts();
    }

    fn stall(&mut self) {
        match self.random.random_range(0..5) {
            0 => {}
            1 => self.say(PREAMBLE[..5].to_vec()),
            2 => self.say(PREAMBLE.to_vec()),
            3 => self.opens(),
            _ => {
                self.opens();
                let offer = self.offer(100_000);
                self.frame(1, offer);
                let half = frame(1, self.data(0, 9_000));
                self.say(half[..half.len() / 2].to_vec());
            }
        }
        self.acts.push_back(Act::Stay);
    }

    fn flood(&mut self) {
        self.opens();
        self.acts.push_back(Act::Deaf);
        let payload = Bytes::from(vec![7; self.echo]);
        // Within what it was granted, or beyond it.
        let drawn = if self.flips() { 40 } else { 150 };
        let echoes = if self.side == Side::Client { drawn.min(self.flood / payload.len().max(1)) } else { 0 };
        for operation in 1..=echoes as u32 {
            self.frame(operation, Body::Echo(payload.clone()));
        }
        // At times more answers than a transport takes beside what it holds.
        let most = if self.random.random_ratio(1, 4) { 1_200_000 } else { 70_000 };
        let pings = self.flood.min(most) / frame(0, Body::Ping(0)).len();
        let mut said = Vec::new();
        for number in 0..pings as u64 {
            let _no_payload = Frame::connection(Body::Ping(number)).encode(&mut said);
        }
        self.say(said);
        self.acts.push_back(Act::Stay);
    }

    /// Of a file that nobody's steps name.
    fn offer(&mut self, length: u64) -> Body {
        let path = RelPath::new(format!("stranger-{}", self.random.random_range(0..9))).expect("a good path");
        let modified = Modified { seconds: 1, nanoseconds: 0 };
        Body::Offer(Offer { path, length, mode: 0o644, modified, version: 0, attempt: Attempt::default() })
    }

    /// What it says of its hash is not so.
    fn data(&mut self, offset: u64, length: usize) -> Body {
        let payload = Rope::from(Bytes::from(vec![9; length]));
        Body::Data(Data { offset, cv: Some(Cv([1; 32])), payload })
    }

    fn commit(&mut self) -> Body {
        Body::Commit(Commit { root: Cv([2; 32]) })
    }
}

fn frame(operation: u32, body: Body) -> Vec<u8> {
    match operation {
        0 => Frame::connection(body).to_bytes(),
        operation => Frame::of(OperationId(operation), body).to_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use towline::harness::Side;

    use super::{Act, acts};
    use crate::plan::{Plan, Trick};

    #[test]
    fn a_trick_is_drawn_once_and_comes_to_an_end() {
        let plan = Plan::empty("nothing", 0);
        for trick in Trick::ALL {
            for side in [Side::Client, Side::Server] {
                for noise in 0..40 {
                    let acts_of = acts(&plan, trick, noise, side);
                    assert!(acts_of == acts(&plan, trick, noise, side), "{trick:?} {noise}");
                    let ends = acts_of.iter().filter(|act| matches!(act, Act::Stay | Act::Leave));
                    assert_eq!(ends.count(), 1, "{trick:?} {noise}");
                    assert!(matches!(acts_of.back(), Some(Act::Stay | Act::Leave)), "{trick:?} {noise}");
                }
            }
        }
    }
}
