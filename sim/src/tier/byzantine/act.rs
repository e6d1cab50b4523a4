//! What a peer that keeps no rules does, act by act.

use bytes::Bytes;

/// One thing that such a peer does.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::tier) enum Act {
    /// Sends bytes.
    Say(Bytes),
    /// Waits until it has heard so many bytes in all, or the other side has ended.
    Hear(u64),
    /// Answers what it hears, from the beginning of the connection on, until it has told its lie or the other side has ended.
    Talk,
    /// Waits for so many milliseconds.
    Pause(u64),
    /// Reads nothing more.
    Deaf,
    /// Ends its stream, in order.
    End,
    /// Keeps the connection as long as the other side does.
    Stay,
    /// Drops the connection.
    Leave,
}

impl std::fmt::Display for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Act::Say(bytes) => write!(f, "says {} bytes", bytes.len()),
            Act::Hear(bytes) => write!(f, "waits for {bytes} bytes"),
            Act::Talk => write!(f, "answers what it hears"),
            Act::Pause(ms) => write!(f, "waits for {ms} ms"),
            Act::Deaf => write!(f, "reads nothing more"),
            Act::End => write!(f, "ends its stream"),
            Act::Stay => write!(f, "stays"),
            Act::Leave => write!(f, "leaves"),
        }
    }
}
