//! What is said between the operations of one client that move one file over several connections. The client machine
//! carries it from one session to another; nothing of it is on the wire.

use crate::wire::{Cv, Data, Hole, Range, UploadId};

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
    /// To a receiver or a sender: before anything is asked for, or offered. Its blocks may come from helpers, or go by them, if
    /// there is anything to share.
    Open,
    /// To either: a connection is ready to bring blocks.
    Join(Helper),
    /// To either: it brings nothing more. What it was asked for is anybody's.
    Leave(Helper),
    /// To either: nobody is left to bring blocks, so that they go over its own connection.
    Alone,
    /// To a receiver: what a helper brought.
    Brought(Helper, Brought),
    /// To a receiver: data of another transfer follows there. What has been gathered is to be stored.
    Flush(Helper),
    /// To a sender: blocks that it handed out have landed.
    Landed {
        /// Who brought them.
        helper: Helper,
        /// The first block.
        first: u32,
        /// One a block.
        cvs: Vec<Cv>,
    },
    /// To a sender: a block that it handed out came damaged, and is sent again.
    Damaged,
    /// To a puller: ask for these blocks. To a pusher: bring them.
    Want(Vec<Range>),
    /// To a puller: so many bytes that it brought are no longer held.
    Stored(u64),
    /// To a puller, or a pusher: nothing more is needed of it.
    Finish,
}

/// What an operation tells the client about such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareEvent {
    /// A receiver or a sender has so many bytes to be brought of this version of a file of this length, and waits for helpers,
    /// or to be told that there are none.
    Shares {
        /// The version.
        version: u128,
        /// Bytes in the file.
        length: u64,
        /// Bytes that are not here.
        missing: u64,
        /// What the receiver calls it, if that is the peer.
        upload: UploadId,
    },
    /// A receiver asks a helper for blocks, or a sender gives it some.
    Ask(Helper, Vec<Range>),
    /// A receiver has stored, or dropped, so many bytes that a helper brought.
    Stored(Helper, u64),
    /// A receiver or a sender needs no helpers any more.
    Whole,
    /// A puller or a pusher is ready.
    Ready,
    /// The peer has stored and checked blocks of a pusher.
    Landed {
        /// The first block.
        first: u32,
        /// One a block.
        cvs: Vec<Cv>,
        /// Their bytes.
        bytes: u64,
    },
    /// The peer found a block of a pusher damaged.
    Damaged,
    /// A puller has something of the file.
    Brings(Brought),
    /// A puller's connection brings data of another transfer now.
    Paused,
}
