//! An event as a line of text: virtual time, where, what.

use std::fmt::{Display, Formatter, Result};

use towline::harness::Side;

use super::event::{Application, Connection, Door, Event, Frame, Kind, Lane, Network, Passed, Store};

impl Display for Lane {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Lane::Server => f.pad("server"),
            Lane::SecondServer => f.pad("server 2nd"),
            Lane::Client(0) => f.pad("client"),
            Lane::Client(number) => f.pad(&format!("client{number}")),
            Lane::Run(heading) => f.pad(heading),
        }
    }
}

impl Display for Door {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Door::Files => "Files",
            Door::Echo => "Echo",
        })
    }
}

/// `f0` is the first client's dial 0, `f0@2` is that of the client 2.
impl Display for Connection {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Connection { client, door, dial } = self;
        f.write_str(match door {
            Door::Files => "f",
            Door::Echo => "e",
        })?;
        if *client == 0 { write!(f, "{dial}") } else { write!(f, "{dial}@{client}") }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Event { at_nanos, lane, connection, kind } = self;
        write!(f, "{:>6} ms  ", at_nanos / 1_000_000)?;
        match connection {
            None => write!(f, "{lane:<10}")?,
            Some(connection) => write!(f, "{:<10}", format_args!("{lane} {connection}").to_string())?,
        }
        write!(f, " {kind}")
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Kind::Frame(frame) => frame.fmt(f),
            Kind::Fault(what) => write!(f, "{what:?}"),
            Kind::Application(Application::Begins { step, operation }) => {
                write!(f, "step {step}: {operation:?}")
            }
            Kind::Application(Application::Ends { step, ended }) => {
                write!(f, "step {step} is over: {ended:?}")
            }
            Kind::Store(Store::Publishes { path, content }) => write!(f, "publishes {path} as {content:?}"),
            Kind::Store(Store::IsGone(primitive)) => write!(f, "is gone before {primitive:?}"),
            Kind::Network(network) => network.fmt(f),
            Kind::Note(what) => f.write_str(what),
        }
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Network::Dials => f.write_str("dials"),
            Network::Connected => f.write_str("is connected"),
            Network::CannotConnect(why) => write!(f, "cannot connect: {why}"),
            Network::Accepted { number, door } => write!(f, "accepts connection {number} for {door}"),
            Network::Over { number, door: Door::Files, end } => {
                write!(f, "connection {number} is over: {end}")
            }
            Network::Over { number, door: Door::Echo, end } => {
                write!(f, "echo connection {number} is over: {end}")
            }
        }
    }
}

/// As in a conversation between two machines.
impl Display for Frame {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let who = match self.by {
            Side::Client => "client",
            Side::Server => "server",
        };
        match &self.passed {
            Passed::Frame(brief) => write!(f, "{who:<7}{brief}"),
            Passed::NoFrame(error) => write!(f, "{who:<7}not a frame: {error}"),
        }
    }
}
