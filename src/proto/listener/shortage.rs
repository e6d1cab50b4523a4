//! Where the system has no more files for connections.

use crate::time::{Duration, Time};

/// Whether the system has files for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shortage {
    None,
    /// Nothing is accepted until then, for this long.
    Pausing(Time, Duration),
    /// It is tried again; if all is well until then, as long as the pause before, it is over. Each connection that ends gives a file
    /// back, so that one which is accepted shows nothing.
    Trying(Time, Duration),
}

impl Shortage {
    pub(super) fn until(self) -> Option<Time> {
        match self {
            Shortage::Pausing(until, _) | Shortage::Trying(until, _) => Some(until),
            Shortage::None => None,
        }
    }
}
