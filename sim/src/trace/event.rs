//! One thing that happened: when, at which host, on which connection, what.

use std::borrow::Cow;

use towline::harness::{Brief, Side};
use towline::store::memory::Primitive;
use towline::wire::DecodeError;

use crate::outcome::{ContentId, Ended};
use crate::plan::{Host, Operation, What};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Virtual time, in nanoseconds from the beginning.
    pub at_nanos: u64,
    /// Where.
    pub lane: Lane,
    /// On which connection, if on one that is known by its dial.
    pub connection: Option<Connection>,
    /// What.
    pub kind: Kind,
}

/// Where something happens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The server.
    Server,
    /// A server that wants the first one's port.
    SecondServer,
    /// A client, counted from 0.
    Client(u32),
    /// Nowhere: it is said of the run, under this heading.
    Run(Cow<'static, str>),
}

/// A connection, named by who dialed it and by which of its dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// Which client, counted from 0.
    pub client: u32,
    /// What it speaks.
    pub door: Door,
    /// Which of the client's dials to it, counted from 0.
    pub dial: u32,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// The protocol.
    Files,
    /// Raw echo.
    Echo,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frame's last byte was said or heard.
    Frame(Frame),
    /// Something goes wrong as planned, or is put right.
    Fault(What),
    /// The client's application.
    Application(Application),
    /// The server's store.
    Store(Store),
    /// Connections come and go.
    Network(Network),
    /// Anything else, in words.
    Note(String),
}

/// A frame that passed one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which side of the connection says it.
    pub by: Side,
    /// False where it was said, true where it was heard.
    pub is_heard: bool,
    /// Where its stream stood when it began: the frames before it, and the preamble with the first.
    pub start: u64,
    /// Where its stream stood behind it.
    pub end: u64,
    /// What it says.
    pub passed: Passed,
}

/// What was found in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// A frame.
    Frame(Brief),
    /// Something that is none; what follows on it is not looked at.
    NoFrame(DecodeError),
}

/// What the client's application does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Application {
    /// A step of the plan begins.
    Begins {
        /// Which.
        step: usize,
        /// What it does.
        operation: Operation,
    },
    /// It is over.
    Ends {
        /// Which.
        step: usize,
        /// How.
        ended: Ended,
    },
}

/// What a store does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file got its name.
    Publishes {
        /// Where it stands.
        path: String,
        /// What it holds.
        content: ContentId,
    },
    /// The process is gone just before this primitive.
    IsGone(Primitive),
}

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// A client dials.
    Dials,
    /// A client is connected.
    Connected,
    /// A client cannot connect, for this reason.
    CannotConnect(String),
    /// The server accepts a connection under this number.
    Accepted {
        /// Its number at the server.
        number: u64,
        /// What it speaks.
        door: Door,
    },
    /// A connection of the server's is over.
    Over {
        /// Its number at the server.
        number: u64,
        /// What it spoke.
        door: Door,
        /// How it ended.
        end: String,
    },
}

impl From<Host> for Lane {
    fn from(host: Host) -> Lane {
        match host {
            Host::Server => Lane::Server,
            Host::Client(client) => Lane::Client(client),
        }
    }
}

impl Lane {
    /// The heading of faults.
    pub const FAULTS: Lane = Lane::Run(Cow::Borrowed("fault"));

    fn parse(text: &str) -> Lane {
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
        match (text, text.strip_prefix("client").and_then(number)) {
            ("server", _) => Lane::Server,
            ("server 2nd", _) => Lane::SecondServer,
            (_, Some(client)) => Lane::Client(client),
            (_, None) => Lane::Run(Cow::Owned(text.to_owned())),
        }
    }
}

impl Connection {
    /// Who stands at the end of `side`.
    pub fn end(&self, side: Side) -> Lane {
        match side {
            Side::Client => Lane::Client(self.client),
            Side::Server => Lane::Server,
        }
    }

    fn parse(text: &str) -> Option<Connection> {
        let door = match text.get(..1)? {
            "f" => Door::Files,
            "e" => Door::Echo,
            _ => return None,
        };
        let (dial, client) = text[1..].split_once('@').unwrap_or((&text[1..], "0"));
        Some(Connection { client: client.parse().ok()?, door, dial: dial.parse().ok()? })
    }
}

impl Event {
    /// Something that is told in words only; `place` is a host, and a connection if there is one.
    pub(crate) fn note(at_nanos: u64, place: &str, what: &str) -> Event {
        let split = place.rsplit_once(' ');
        let known =
            split.and_then(|(host, rest)| Connection::parse(rest).map(|connection| (host, connection)));
        let (lane, connection) = match known {
            Some((lane, connection)) => (Lane::parse(lane), Some(connection)),
            None => (Lane::parse(place), None),
        };
        Event { at_nanos, lane, connection, kind: Kind::Note(what.to_owned()) }
    }
}
