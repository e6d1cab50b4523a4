//! What a prober is told, and what it tells.

use crate::proto::machine::End;
use crate::time::{Duration, Time};

/// What the application, or its driver, has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeCommand {
    /// A datagram was answered with "nobody listens there" (ICMP port unreachable).
    Refused,
    /// Enough.
    Stop,
}

/// What became of a probe. Those of the warm-up are not told of, but for replies with wrong bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeEvent {
    /// It left.
    Sent {
        /// When.
        at: Time,
        /// How much later than it was due, where there is a schedule.
        late: Option<Duration>,
    },
    /// It was answered in time.
    Reply {
        /// When.
        at: Time,
        /// Since it left.
        service: Duration,
        /// Since it was due.
        response: Duration,
        /// One that left later was answered before (RFC 4737, section 3.3).
        is_reordered: bool,
        /// Bytes of the reply, if the end of it is missing. What came was right.
        cut: Option<usize>,
    },
    /// It was not answered in time.
    Lost,
    /// It was lost, and is answered now.
    Late,
    /// It is answered once more.
    Duplicate,
    /// It is answered so late that it is forgotten whether it was answered before.
    Stale,
    /// A reply is not what was sent: of a probe that was on its way, or of nobody knows which.
    Corrupted {
        /// A probe that was waited for was answered by it, and is not lost.
        is_answer: bool,
    },
    /// Nobody listens there, says the system of the other side.
    Refused,
    /// It was on its way when the probe was stopped.
    Abandoned,
    /// So many never left: the transport, or this machine, did not keep up with the schedule.
    Unsent(u64),
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeEnd {
    /// All probes have left, and were answered or lost.
    Done,
    /// It was told to stop.
    Stopped,
    /// The other side ended the connection, or it broke.
    Ended(End),
    /// Nobody listens there, and nobody ever answered.
    Refused,
    /// More came than was sent: that is no echo.
    Unasked,
}
