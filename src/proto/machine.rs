//! The [`Machine`]: how everything below the driver is written, and the contract that it keeps.
//!
//! A machine is a value. It is told the time, is given inputs one at a time, and answers with effects, which are data.
//! It never blocks, never asks for the time, and does not know whether a socket, a simulator or a fuzzer drives it.
//!
//! # The contract
//! Asserted for every machine, on every step, by `proto::harness` (feature `harness`):
//! 1. **Total.** Every input is legal in every state; nothing that a peer sends makes it panic.
//! 2. **One way in.** The same inputs at the same times give the same effects: a log of inputs is a replay.
//! 3. **Split invariance.** However the bytes of a stream were split or joined, the concatenated transmissions and the
//!    sequence of all other effects are the same.
//! 4. **Room.** `Room(n)` is absolute: the transport takes `n` more bytes now. Transmissions stay within it, but for
//!    at most [`Machine::RESERVE`] bytes beyond, for control. A transport that has nothing queued takes at least
//!    [`ROOM_MIN`]: a segment waits until it fits whole.
//! 5. **Time.** At equal `now`, bytes come before `Elapsed`. After `Elapsed` at `now` the deadline is none or later;
//!    an early `Elapsed` does nothing. A deadline may fire late.
//! 6. **Completion.** Every `Store` effect is answered by exactly one `Stored` with its ticket. `Close` comes once, after
//!    all completions, and nothing comes after it.
//! 7. **Bounds.** [`Machine::footprint`] stays within [`Machine::footprint_max`].

use core::convert::Infallible;
use core::fmt;
use core::hash::{Hash, Hasher};

use bytes::Bytes;

use super::storage::{StoreOp, Stored, Ticket};
use crate::time::Time;

/// A sans-IO state machine. See the [module](self) for the contract.
pub trait Machine: Clone + PartialEq + Hash + fmt::Debug {
    /// Names a connection of this machine: `()` where it has exactly one.
    type Link: Copy + Ord + fmt::Debug;
    /// What comes in: a chunk of a stream, a frame, a datagram with its addresses.
    type Rx: Clone + fmt::Debug;
    /// What goes out.
    type Tx: Bulk + Clone + PartialEq + fmt::Debug;
    /// What the application asks; [`core::convert::Infallible`] where it asks nothing.
    type Command: Clone + fmt::Debug;
    /// What the application is told.
    type Event: Clone + PartialEq + fmt::Debug;
    /// Why the machine closed.
    type Outcome: Clone + PartialEq + fmt::Debug;

    /// Transmissions may exceed `Room` by at most this many bytes, for control.
    const RESERVE: usize;

    /// Takes one input and appends its effects.
    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Out<Self>);

    /// When to step with [`Input::Elapsed`], if at all: never, where a machine waits for no time.
    fn deadline(&self) -> Option<Time> {
        None
    }

    /// False while nothing should be read from `link`: only against abuse, since bulk is governed by credit.
    fn wants_read(&self, _link: Self::Link) -> bool {
        true
    }

    /// Bytes held, by capacity.
    fn footprint(&self) -> usize;

    /// The most that [`Machine::footprint`] may ever be.
    fn footprint_max(&self) -> usize;

    /// Moves every time that the machine holds so that `now` becomes the epoch (what is past becomes the epoch): states
    /// that behave alike from `now` on become equal, and [`fingerprint`] hashes them alike, for model checking.
    ///
    /// Nothing, where a machine holds no time.
    fn rebase(&mut self, _now: Time) {}
}

/// What a transport that has nothing queued takes at least, in bytes: more than any frame.
pub const ROOM_MIN: usize = 512 * 1024;

/// What is transmitted.
pub trait Bulk {
    /// The bytes of it that count against `Room`.
    fn bulk(&self) -> usize;
}

impl Bulk for Bytes {
    fn bulk(&self) -> usize {
        self.len()
    }
}

impl Bulk for Infallible {
    fn bulk(&self) -> usize {
        match *self {}
    }
}

/// What happens to a machine.
#[derive(Clone, Debug)]
pub enum Input<M: Machine> {
    /// The connection asked for by [`Effect::Dial`] stands.
    Dialed(M::Link),
    /// The connection asked for by [`Effect::Dial`] could not be made.
    DialFailed(M::Link, DialError),
    /// Something came in.
    Received(M::Link, M::Rx),
    /// Nothing more will come in, and after a reset nothing more can go out.
    Ended(M::Link, End),
    /// The transport takes this many more bytes now (absolute, not added to what was said before).
    Room(M::Link, usize),
    /// The deadline has come.
    Elapsed,
    /// A store operation completed.
    Stored(Ticket, Stored),
    /// The application asks for something.
    Command(M::Command),
}

/// What a machine asks of its driver.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Effect<M: Machine> {
    /// Make a connection to the machine's peer; answered by `Dialed` or `DialFailed`.
    Dial(M::Link),
    /// Send; in the order of the effects of a link.
    Transmit(M::Link, M::Tx),
    /// Nothing more will be sent: half-close once all is flushed.
    Finish(M::Link),
    /// Drop the connection at once; nothing more is heard of it.
    Hangup(M::Link),
    /// Carry out a store operation; answered by `Stored`.
    Store(Ticket, StoreOp),
    /// Tell the application.
    Event(M::Event),
    /// The machine is done: flush, then drop all connections.
    Close(M::Outcome),
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The peer said that it sends no more.
    Orderly,
    /// The connection broke.
    Reset,
}

/// Why a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DialError {
    /// What it means for whoever would try again.
    pub kind: DialErrorKind,
    /// The system's error number, where it gave one.
    pub os: Option<i32>,
}

/// Kinds of [`DialError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialErrorKind {
    /// The host is up, and nothing listens there.
    Refused,
    /// No answer.
    TimedOut,
    /// No way to the host.
    Unreachable,
    /// The name does not resolve.
    NameNotFound,
    /// The system denies it, or the address is not usable from here.
    NotAllowed,
    /// It stands, and the two sides do not come to speak over TLS.
    Tls(TlsTrouble),
    /// Anything else.
    Other,
}

/// Why two sides do not come to speak over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsTrouble {
    /// The connection ended in the handshake.
    Cut,
    /// The server speaks the protocol without TLS.
    Plaintext,
    /// What answers there speaks something else.
    Foreign,
    /// The server has this key, which is not the one that is known.
    WrongKey([u8; 32]),
    /// What answers there speaks TLS, and is none of ours.
    NotTowline,
    /// It does not speak TLS 1.3.
    OldVersion,
    /// It shows a certificate, or nothing, where a raw public key is needed.
    NoKey,
    /// It ended the handshake.
    Refused,
    /// Anything else.
    Failed,
}

/// Effects in order.
#[derive(Clone, Debug)]
pub struct Out<M: Machine> {
    effects: Vec<Effect<M>>,
}

impl<M: Machine> Default for Out<M> {
    fn default() -> Self {
        Out { effects: Vec::new() }
    }
}

impl<M: Machine> Out<M> {
    /// No effects.
    pub fn new() -> Self {
        Out::default()
    }

    /// Appends an effect.
    pub fn push(&mut self, effect: Effect<M>) {
        self.effects.push(effect);
    }

    /// Tells the application.
    pub fn event(&mut self, event: M::Event) {
        self.effects.push(Effect::Event(event));
    }

    /// The effects so far.
    pub fn effects(&self) -> &[Effect<M>] {
        &self.effects
    }

    /// All effects, in order.
    pub fn into_effects(self) -> Vec<Effect<M>> {
        self.effects
    }

    /// Takes the effects, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect<M>> + use<'_, M> {
        self.effects.drain(..)
    }
}

/// The earlier of two deadlines.
pub fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Feeds the machine's canonical state (see [`Machine::rebase`]) to `hasher`; buffers count by content.
pub fn fingerprint<M: Machine>(machine: &M, now: Time, hasher: &mut impl Hasher) {
    let mut canonical = machine.clone();
    canonical.rebase(now);
    canonical.hash(hasher);
}
