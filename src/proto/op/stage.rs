//! How far a transfer is, as far as that says what it waits for.

use super::{Operation, Receiver, Sender};

/// What a transfer does while it sends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    /// It has said what it has to say, and is to be answered.
    Awaiting,
    /// Blocks come in.
    Receiving,
    /// All has come: it is checked and made durable.
    Publishing,
    /// Its source is read, and hashed.
    Reading,
}

impl Operation {
    /// The stage of a transfer; `None` of what is none, or is over.
    pub(crate) fn stage(&self) -> Option<Stage> {
        match self {
            Operation::Sender(sender) => Sender::stage(sender),
            Operation::Receiver(receiver) => Receiver::stage(receiver),
            Operation::Pourer(pourer) => pourer.stage(),
            Operation::Pusher(pusher) => pusher.stage(),
            Operation::Printer(_) | Operation::Puller(_) => Some(Stage::Receiving),
            Operation::Answer(_) | Operation::Ask(_) | Operation::Comparison(_) => None,
            Operation::Intake(_) | Operation::Reader(_) | Operation::Summary(_) => None,
            Operation::Supplier(_) | Operation::Taker(_) => None,
        }
    }
}
