//! The operations: one small machine each. Their stream is a stream of [`Body`]s, since the session has taken off the
//! frames; `Room` is how many bytes of data (see [`Body::credit`]) and pages may go out now.
//!
//! They know neither connection nor role: the same [`Sender`] serves an upload at the client and a download at the
//! server. `Close` carries the outcome; the session tells the peer, if the operation has not done so itself.

mod answer;
mod ask;
mod assembly;
mod blocks;
mod comparison;
mod flow;
mod handout;
mod hashing;
mod holding;
mod incoming;
mod intake;
mod pipeline;
mod pourer;
mod printer;
mod puller;
mod pusher;
mod reader;
mod receiver;
mod sender;
mod share;
mod shares;
mod stage;
mod summary;
mod supplier;
mod taker;
mod tickets;

use core::fmt;

pub use answer::{Answer, Question};
pub use ask::Ask;
pub use comparison::{Compared, Comparison};
pub use intake::Intake;
pub use pourer::Pourer;
pub use printer::{Printed, PrintedPart, Printer};
pub use puller::Puller;
pub use pusher::{Pushed, Pusher};
pub use reader::Reader;
pub use receiver::Receiver;
pub use sender::Sender;
pub use share::{Helper, ShareEvent, ShareOrder};
pub(crate) use stage::Stage;
pub use summary::{Summary, Summed};
pub use supplier::Supplier;
pub use taker::Taker;
use tickets::Tickets;

use super::machine::{Bulk, Effect, Input, Machine, Out};
use super::session::Waits;
use super::storage::{StoreError, StoreOp, Ticket};
use super::tree_job;
use crate::time::Time;
use crate::wire::{Body, Capabilities, Code, Cv, Entry, Failure, LinkTarget, Metadata, Resolved};

/// What a session tells an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first step of every operation.
    Begin,
    /// Data of another operation follows: store what is gathered, so that at most one transfer of a connection holds
    /// credit back.
    Flush,
    /// About a file that comes over several connections.
    Share(ShareOrder),
    /// End at once where the peer cannot have carried it out yet; else ask the peer to, and hear how it ended.
    Cancel,
}

/// What an operation tells whoever runs it while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpEvent {
    /// So many data bytes that the peer had sent are no longer held: their credit can be given back.
    Consumed(u64),
    /// So many more bytes of the file are stored at the receiver, sent by the sender, or hashed here to be compared.
    Progress(u64),
    /// So many more bytes of the file need not be sent, as it seems: the receiver has them.
    Skipped(u64),
    /// The file that is being moved.
    Started {
        /// Its length in bytes.
        length: u64,
    },
    /// So many bytes of a stream have been read in all.
    Taken(u64),
    /// Bytes were printed, or a block was refused: this is where printing goes on.
    Printed(Box<Printed>),
    /// What held the connection's transfers back since this was told last.
    Waited(Waits),
    /// A file comes over so many connections now.
    Connections(u32),
    /// For the client, about a file that comes over several connections.
    Share(ShareEvent),
    /// Names of the listed folder.
    Entries(Vec<Entry>),
}

/// How an operation succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OpDone {
    /// The same bytes came back.
    Echoed,
    /// A file was moved.
    Moved(Moved),
    /// All entries were given.
    Listed,
    /// What a path is.
    Described(Metadata),
    /// A name is gone.
    Removed,
    /// A folder or link stands there.
    Made,
    /// Where a link leads.
    Target(LinkTarget),
    /// What a path leads to.
    Resolved(Resolved),
    /// Trees were moved, but for what failed.
    Tree(tree_job::Summary),
    /// A file's blocks were told.
    Summed(Summed),
    /// A file was compared.
    Compared(Compared),
    /// Bytes of a file were sent, in order.
    Given {
        /// How many, with those of the blocks that they are in.
        bytes: u64,
    },
    /// Bytes of a file were printed.
    Printed(PrintedPart),
    /// Blocks of a file were moved for another operation.
    Pulled {
        /// Their bytes.
        bytes: u64,
    },
}

/// A file that was moved, verified and published at the receiving side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moved {
    /// Bytes in the file.
    pub length: u64,
    /// The file's BLAKE3 hash, as `b3sum` prints it.
    pub root: Cv,
    /// Blocks that arrived damaged and were sent again.
    pub blocks_refused: u32,
    /// Bytes that were not sent, since the receiver had them.
    pub skipped: u64,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// This side: its store, its caller, its own check.
    Us,
    /// The peer said so.
    Peer,
    /// The connection between the two was lost.
    Link,
}

/// How an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpError {
    /// Whose fault it is.
    pub by: Party,
    /// Why.
    pub failure: Failure,
}

impl OpError {
    pub(crate) fn us(code: Code, text: impl Into<String>) -> OpError {
        OpError { by: Party::Us, failure: Failure::new(code, text) }
    }

    pub(crate) fn peer(failure: Failure) -> OpError {
        OpError { by: Party::Peer, failure }
    }

    /// The peer broke the rules of this operation; the connection cannot go on.
    pub(crate) fn unexpected(text: impl Into<String>) -> OpError {
        OpError::us(Code::UNEXPECTED, text)
    }
}

impl From<StoreError> for OpError {
    fn from(error: StoreError) -> OpError {
        OpError { by: Party::Us, failure: error.into() }
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            Party::Us => write!(f, "{}", self.failure),
            Party::Peer => write!(f, "the peer says: {}", self.failure),
            Party::Link => write!(f, "the connection was lost: {}", self.failure),
        }
    }
}

impl core::error::Error for OpError {}

/// What an operation closes with.
pub type OpResult = Result<OpDone, OpError>;

/// What a frame of bulk takes of the transport beyond its bulk: at most this.
const HEAD: usize = 64;

/// Bytes that a body takes of an operation's room. Bulk waits for it; all else is control and does not.
impl Bulk for Body {
    fn bulk(&self) -> usize {
        match self {
            Body::Data(data) => data.payload.len(),
            Body::Echo(bytes) | Body::EchoReply(bytes) => bytes.len().max(1),
            Body::Page(page) => page.entries.iter().map(Entry::encoded_len).sum::<usize>().max(1),
            Body::Have(page) => {
                page.cvs.iter().flatten().count() * size_of::<Cv>() + page.cvs.len().div_ceil(8)
            }
            Body::Hello(_) | Body::Refused(_) | Body::Ping(_) | Body::Pong(_) | Body::Credit(_) => 0,
            Body::GoAway(_) | Body::Bye | Body::Cancel | Body::Failed(_) | Body::Done | Body::Offer(_) => 0,
            Body::Get(_) | Body::Hole(_) | Body::Want(_) | Body::Commit(_) | Body::Committed(_) => 0,
            Body::Pull(_) | Body::Push(_) => 0,
            Body::List(_) | Body::Next | Body::Stat(_) | Body::Metadata(_) | Body::Remove(_) => 0,
            Body::MakeFolder(_) | Body::MakeLink(_) | Body::ReadLink(_) | Body::LinkTarget(_) => 0,
            Body::Resolve(_) | Body::Resolved(_) => 0,
            Body::Sum(_) | Body::Read(_) | Body::Stream(_) | Body::End(_) => 0,
        }
    }
}

/// How often a receiver asks for blocks, and a sender lets itself be asked.
const ROUNDS_MAX: u32 = 16;

macro_rules! operations {
    ($($name:ident),*) => {
        /// Any operation.
        #[derive(Clone, Debug, PartialEq, Hash)]
        pub(crate) enum Operation {
            $(#[doc = "See the type."] $name(Box<$name>),)*
        }

        $(impl From<$name> for Operation {
            fn from(machine: $name) -> Operation {
                Operation::$name(Box::new(machine))
            }
        })*

        impl Operation {
            /// Steps the machine and moves its effects to `out`.
            pub(crate) fn step(&mut self, now: Time, input: OpInput, out: &mut Vec<OpEffect>) {
                match self {
                    $(Operation::$name(machine) => step(&mut **machine, now, input, out),)*
                }
            }

            /// Bytes held.
            pub(crate) fn footprint(&self) -> usize {
                match self { $(Operation::$name(machine) => machine.footprint(),)* }
            }

            /// Most bytes that may be held.
            pub(crate) fn footprint_max(&self) -> usize {
                match self { $(Operation::$name(machine) => machine.footprint_max(),)* }
            }

            /// Bytes read from the store that are not sent yet.
            pub(crate) fn read_ahead(&self) -> usize {
                match self {
                    Operation::Sender(sender) => sender.read_ahead(),
                    Operation::Reader(reader) => reader.read_ahead(),
                    Operation::Pourer(pourer) => pourer.read_ahead(),
                    Operation::Supplier(supplier) => supplier.read_ahead(),
                    Operation::Pusher(pusher) => pusher.read_ahead(),
                    Operation::Answer(_) | Operation::Ask(_) | Operation::Receiver(_) => 0,
                    Operation::Puller(_) | Operation::Taker(_) => 0,
                    Operation::Comparison(_) | Operation::Summary(_) | Operation::Printer(_) => 0,
                    Operation::Intake(_) => 0,
                }
            }

            /// What the peer can, if it has said so.
            pub(crate) fn peer_can(&mut self, capabilities: Option<Capabilities>) {
                match self {
                    Operation::Sender(sender) => sender.peer_can(capabilities),
                    Operation::Supplier(supplier) => supplier.peer_can(capabilities),
                    Operation::Pusher(pusher) => pusher.peer_can(capabilities),
                    Operation::Answer(_) | Operation::Ask(_) | Operation::Receiver(_) => {}
                    Operation::Puller(_) | Operation::Taker(_) | Operation::Intake(_) => {}
                    Operation::Comparison(_) | Operation::Summary(_) | Operation::Printer(_) => {}
                    Operation::Reader(_) | Operation::Pourer(_) => {}
                }
            }

            /// True if it answers an echo.
            pub(crate) fn is_echo(&self) -> bool {
                matches!(self, Operation::Answer(answer) if answer.is_echo())
            }

            /// True if it moves blocks of a file for another operation.
            pub(crate) fn helps(&self) -> bool {
                matches!(self, Operation::Puller(_) | Operation::Pusher(_))
            }

            /// True while the operation must not be left for another one: it is within an extent.
            pub(crate) fn is_within_extent(&self) -> bool {
                match self {
                    Operation::Sender(sender) => sender.is_within_extent(),
                    Operation::Reader(reader) => reader.is_within_extent(),
                    Operation::Pourer(pourer) => pourer.is_within_extent(),
                    Operation::Supplier(supplier) => supplier.is_within_extent(),
                    Operation::Pusher(pusher) => pusher.is_within_extent(),
                    Operation::Answer(_) | Operation::Ask(_) | Operation::Receiver(_) => false,
                    Operation::Puller(_) | Operation::Taker(_) => false,
                    Operation::Comparison(_) | Operation::Summary(_) | Operation::Printer(_) => false,
                    Operation::Intake(_) => false,
                }
            }

            /// Bytes of room that the next transmission waits for; 0 if none does.
            pub(crate) fn wants_room(&self) -> usize {
                match self { $(Operation::$name(machine) => machine.wants_room(),)* }
            }
        }
    };
}

operations!(
    Answer, Ask, Comparison, Intake, Pourer, Printer, Puller, Pusher, Reader, Receiver, Sender, Summary,
    Supplier, Taker
);

/// The inputs that a session hands to an operation.
#[derive(Clone, Debug)]
pub(crate) enum OpInput {
    Begin,
    Flush,
    Cancel,
    Share(ShareOrder),
    Received(Body),
    Room(usize),
    Ended(super::machine::End),
    Stored(Ticket, super::storage::Stored),
}

/// The effects that an operation hands to its session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OpEffect {
    Transmit(Body),
    Store(Ticket, StoreOp),
    Event(OpEvent),
    Close(OpResult),
}

fn step<M>(machine: &mut M, now: Time, input: OpInput, effects: &mut Vec<OpEffect>)
where
    M: Machine<Link = (), Rx = Body, Tx = Body, Command = Order, Event = OpEvent, Outcome = OpResult>,
{
    let input = match input {
        OpInput::Begin => Input::Command(Order::Begin),
        OpInput::Flush => Input::Command(Order::Flush),
        OpInput::Cancel => Input::Command(Order::Cancel),
        OpInput::Share(order) => Input::Command(Order::Share(order)),
        OpInput::Received(body) => Input::Received((), body),
        OpInput::Room(room) => Input::Room((), room),
        OpInput::Ended(end) => Input::Ended((), end),
        OpInput::Stored(ticket, stored) => Input::Stored(ticket, stored),
    };
    let mut out = Out::new();
    machine.step(now, input, &mut out);
    for effect in out.drain() {
        match effect {
            Effect::Transmit((), body) => effects.push(OpEffect::Transmit(body)),
            Effect::Store(ticket, op) => effects.push(OpEffect::Store(ticket, op)),
            Effect::Event(event) => effects.push(OpEffect::Event(event)),
            Effect::Close(outcome) => effects.push(OpEffect::Close(outcome)),
            Effect::Dial(()) | Effect::Finish(()) | Effect::Hangup(()) => {
                unreachable!("an operation has no connection of its own")
            }
        }
    }
}
