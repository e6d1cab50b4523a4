//! The bytes of the streams as they were said and heard, with the connections' beginnings and ends: kept only if a run is
//! asked to, for files that packet tools read.

use bytes::Bytes;
use towline::harness::Side;
use towline::proto::machine::End;

use super::event::{Connection, Lane};

/// What was kept, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// All of it.
    pub parts: Vec<Part>,
}

/// One thing that passed one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Virtual time, in nanoseconds.
    pub at_nanos: u64,
    /// At which end.
    pub lane: Lane,
    /// Of which connection.
    pub connection: Connection,
    /// What.
    pub recorded: Recorded,
}

/// What passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The client dials.
    Dialed,
    /// The dial was answered: true if somebody listens.
    Answered(bool),
    /// This side's bytes were said, or heard if it is the other end's.
    Bytes(Side, Bytes),
    /// This side's stream is over, as said or heard here.
    Ended(Side, End),
}
