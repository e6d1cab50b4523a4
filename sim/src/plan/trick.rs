//! What peers do that keep no rules.

use serde::{Deserialize, Serialize};

/// What a peer that does not keep the rules does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Sends bytes without a meaning.
    Garbage,
    /// Begins as it should, and ends in the middle of a frame.
    Truncate,
    /// Says what it has said once more.
    Replay,
    /// Announces lengths that are too large.
    HugeLength,
    /// Sends good frames in an order that is not allowed.
    WrongOrder,
    /// Sends good frames of the other side, or of another state.
    WrongState,
    /// Says nothing, or a part of the handshake, and keeps the connection.
    Stall,
    /// Sends echoes as fast as it may and reads nothing.
    Flood,
    /// Begins a transfer or a question as it should, and breaks a rule later.
    Breach,
    /// Asks for what the protocol has words for, and no client of ours asks for.
    Oddity,
    /// Answers what it hears, and at some point with what cannot be so; a client asks for what there is not.
    Lies,
}

impl Trick {
    /// All of them.
    pub const ALL: [Trick; 11] = [
        Trick::Garbage,
        Trick::Truncate,
        Trick::Replay,
        Trick::HugeLength,
        Trick::WrongOrder,
        Trick::WrongState,
        Trick::Stall,
        Trick::Flood,
        Trick::Breach,
        Trick::Oddity,
        Trick::Lies,
    ];
}
