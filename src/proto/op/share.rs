//! What is said between the operations of one client that receive one file over several connections. The client machine
//! carries it from one session to another; nothing of it is on the wire.

use crate::wire::{Data, Hole, Range};

/// Names a connection that brings blocks of a file, to the operation that receives the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Helper(pub u32);

/// What a helper brings: part of a block, or blocks that are a hole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Brought {
    /// A segment.
    Data(Data),
    /// Whole blocks of zeros, at most an extent.
    Hole(Hole),
}

impl Brought {
    /// Where in the file.
    pub fn offset(&self) -> u64 {
        match self {
            Brought::Data(data) => data.offset,
            Brought::Hole(hole) => hole.offset,
        }
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        match self {
            Brought::Data(data) => data.payload.len() as u64,
            Brought::Hole(hole) => hole.length,
        }
    }

    /// Bytes of credit: those that came over the connection.
    pub fn credit(&self) -> u64 {
        match self {
            Brought::Data(data) => data.payload.len() as u64,
            Brought::Hole(_) => 0,
        }
    }
}

/// What an operation is told about a file that comes over several connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ShareOrder {
    /// To a receiver: before anything is asked for. Its blocks may come from helpers, if there is anything to share.
    Open,
    /// To a receiver: a connection is ready to bring blocks.
    Join(Helper),
    /// To a receiver: it brings nothing more. What it was asked for is anybody's.
    Leave(Helper),
    /// To a receiver: nobody is left to bring blocks, so that they come from its own peer.
    Alone,
    /// To a receiver: what a helper brought.
    Brought(Helper, Brought),
    /// To a receiver: data of another transfer follows there. What has been gathered is to be stored.
    Flush(Helper),
    /// To a puller: ask for these blocks.
    Want(Vec<Range>),
    /// To a puller: so many bytes that it brought are no longer held.
    Stored(u64),
    /// To a puller: nothing more is needed of it.
    Finish,
}

/// What an operation tells the client about such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareEvent {
    /// A receiver has so many bytes to be brought of this version of a file of this length, and waits for helpers, or to be
    /// told that there are none.
    Shares {
        /// The version.
        version: u128,
        /// Bytes in the file.
        length: u64,
        /// Bytes that are not here.
        missing: u64,
    },
    /// A receiver asks a helper for blocks.
    Ask(Helper, Vec<Range>),
    /// A receiver has stored, or dropped, so many bytes that a helper brought.
    Stored(Helper, u64),
    /// A receiver needs no helpers any more.
    Whole,
    /// A puller is ready.
    Ready,
    /// A puller has something of the file.
    Brings(Brought),
    /// A puller's connection brings data of another transfer now.
    Paused,
}
