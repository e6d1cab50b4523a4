//! Two machines of any protocol on one connection and a virtual clock: what [`Pair`](super::Pair) is for towline's own client and server.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Checked, Side};
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::time::{Duration, Time};

/// The way between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// One way, for every piece.
    pub latency: Duration,
    /// Longest piece that arrives at once, in bytes; at least 1.
    pub piece: usize,
    /// Bytes that each side's transport takes before it is told that it takes no more.
    pub room: usize,
}

impl Default for Way {
    fn default() -> Way {
        Way { latency: Duration::from_millis(5), piece: usize::MAX, room: 1024 * 1024 }
    }
}

/// One side: a machine that has one connection and no store, under the contract.
struct Half<M: Machine> {
    machine: Checked<M>,
    queued: usize,
    events: Vec<M::Event>,
    end: Option<M::Outcome>,
}

/// What a side does to the connection.
enum Act {
    Send(Bytes),
    Finish,
    Reset,
}

/// What arrives at a side.
enum Due {
    Bytes(Bytes),
    Ended(End),
    /// Its own bytes have arrived: there is room for as many again.
    Left(usize),
}

impl<M: Machine<Link = (), Rx = Bytes, Tx = Bytes>> Half<M> {
    fn new(make: impl FnOnce(Time, &mut Out<M>) -> M) -> (Half<M>, Vec<Act>) {
        let mut born = Out::new();
        let machine = make(Time::ZERO, &mut born);
        let (machine, born) = Checked::new(Time::ZERO, machine, born);
        let mut half = Half { machine, queued: 0, events: Vec::new(), end: None };
        let acts = half.carry_out(born);
        (half, acts)
    }

    fn step(&mut self, now: Time, input: Input<M>) -> Vec<Act> {
        if self.end.is_some() {
            return Vec::new();
        }
        let effects = self.machine.step(now, input);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect<M>>) -> Vec<Act> {
        let mut acts = Vec::new();
        for effect in effects {
            match effect {
                Effect::Transmit((), bytes) => {
                    self.queued += bytes.len();
                    acts.push(Act::Send(bytes));
                }
                Effect::Finish(()) => acts.push(Act::Finish),
                Effect::Hangup(()) => acts.push(Act::Reset),
                Effect::Event(event) => self.events.push(event),
                Effect::Close(end) => {
                    self.end = Some(end);
                    acts.push(Act::Finish);
                }
                Effect::Dial(()) => panic!("its one connection stands already"),
                Effect::Store(..) => panic!("there is no store here"),
            }
        }
        acts
    }

    fn arrive(&mut self, now: Time, due: Due, room: usize) -> Vec<Act> {
        match due {
            Due::Bytes(bytes) => self.step(now, Input::Received((), bytes)),
            Due::Ended(end) => self.step(now, Input::Ended((), end)),
            Due::Left(bytes) => {
                self.queued -= bytes;
                self.step(now, Input::Room((), room.saturating_sub(self.queued)))
            }
        }
    }
}

/// Two machines on one connection. Bytes take a latency and arrive in pieces; the clock jumps from one happening to the next; every
/// step is held to the contract of [`Machine`].
pub struct Duo<A: Machine, B: Machine> {
    client: Half<A>,
    server: Half<B>,
    way: Way,
    now: Time,
    due: BTreeMap<(Time, u64), (Side, Due)>,
    next: u64,
    /// Whether a side has said that it sends no more, by [`Side`].
    is_finished: [bool; 2],
}

impl<A, B> Duo<A, B>
where
    A: Machine<Link = (), Rx = Bytes, Tx = Bytes>,
    B: Machine<Link = (), Rx = Bytes, Tx = Bytes>,
{
    /// Two sides that are connected; each is made at time 0, and may have effects already.
    pub fn new(
        way: Way,
        client: impl FnOnce(Time, &mut Out<A>) -> A,
        server: impl FnOnce(Time, &mut Out<B>) -> B,
    ) -> Duo<A, B> {
        let ((client, first), (server, second)) = (Half::new(client), Half::new(server));
        let (due, is_finished) = (BTreeMap::new(), [false; 2]);
        let mut duo = Duo { client, server, way, now: Time::ZERO, due, next: 0, is_finished };
        duo.act(Side::Client, first);
        duo.act(Side::Server, second);
        let acts = duo.client.step(Time::ZERO, Input::Room((), way.room));
        duo.act(Side::Client, acts);
        let acts = duo.server.step(Time::ZERO, Input::Room((), way.room));
        duo.act(Side::Server, acts);
        duo
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Asks the client's side for something, now.
    pub fn command(&mut self, command: A::Command) {
        let acts = self.client.step(self.now, Input::Command(command));
        self.act(Side::Client, acts);
    }

    /// Asks the server's side for something, now.
    pub fn command_server(&mut self, command: B::Command) {
        let acts = self.server.step(self.now, Input::Command(command));
        self.act(Side::Server, acts);
    }

    /// What the client's side has told so far, then the server's.
    pub fn events(&self) -> (&[A::Event], &[B::Event]) {
        (&self.client.events, &self.server.events)
    }

    /// How the client's side has closed, if it has, then the server's.
    pub fn ends(&self) -> (Option<&A::Outcome>, Option<&B::Outcome>) {
        (self.client.end.as_ref(), self.server.end.as_ref())
    }

    /// Breaks the connection: both sides see it reset.
    pub fn cut(&mut self) {
        self.due.clear();
        for side in [Side::Client, Side::Server] {
            self.schedule(side, Due::Ended(End::Reset));
        }
    }

    /// Runs until nothing is on its way and no deadline is set.
    pub fn run(&mut self) {
        self.run_until(|_| false);
    }

    /// Runs until `done`, or until nothing is left to happen; an hour of virtual time is the most.
    pub fn run_until(&mut self, done: impl Fn(&Duo<A, B>) -> bool) {
        while !done(self) && self.advance() {
            assert!(self.now < Time::from_millis(3_600_000), "an hour has passed");
        }
    }

    /// Lets the next thing happen; false if there is none. At equal times what is on its way comes before a deadline.
    fn advance(&mut self) -> bool {
        let deadline = |end: bool, deadline: Option<Time>| deadline.filter(|_| !end);
        let client = deadline(self.client.end.is_some(), self.client.machine.machine().deadline());
        let server = deadline(self.server.end.is_some(), self.server.machine.machine().deadline());
        let first = client.into_iter().chain(server).min();
        if let Some(entry) = self.due.first_entry()
            && first.is_none_or(|first| entry.key().0 <= first)
        {
            let ((at, _), (side, due)) = entry.remove_entry();
            self.now = self.now.max(at);
            let acts = match side {
                Side::Client => self.client.arrive(self.now, due, self.way.room),
                Side::Server => self.server.arrive(self.now, due, self.way.room),
            };
            self.act(side, acts);
            return true;
        }
        let Some(first) = first else { return false };
        self.now = self.now.max(first);
        if client == Some(first) {
            let acts = self.client.step(self.now, Input::Elapsed);
            self.act(Side::Client, acts);
        } else {
            let acts = self.server.step(self.now, Input::Elapsed);
            self.act(Side::Server, acts);
        }
        true
    }

    /// What `side` does reaches the other one.
    fn act(&mut self, side: Side, acts: Vec<Act>) {
        let other = match side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    assert!(
                        !self.is_finished[side as usize],
                        "{side:?} sends after it said that it would not"
                    );
                    let length = bytes.len();
                    let mut rest = bytes;
                    while !rest.is_empty() {
                        let piece = rest.split_to(rest.len().min(self.way.piece.max(1)));
                        self.schedule(other, Due::Bytes(piece));
                    }
                    self.schedule(side, Due::Left(length));
                }
                Act::Finish if self.is_finished[side as usize] => {}
                Act::Finish => {
                    self.is_finished[side as usize] = true;
                    self.schedule(other, Due::Ended(End::Orderly));
                }
                Act::Reset => {
                    self.is_finished[side as usize] = true;
                    self.schedule(other, Due::Ended(End::Reset));
                }
            }
        }
    }

    fn schedule(&mut self, side: Side, due: Due) {
        self.due.insert((self.now + self.way.latency, self.next), (side, due));
        self.next += 1;
    }
}
