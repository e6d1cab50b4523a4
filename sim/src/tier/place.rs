//! Connections by their names: who dialed, and which of its dials it is.

use super::byzantine::STRANGERS;
use crate::plan::{Plan, Whom};
use crate::trace::{Connection, Door};

/// Which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Of the protocol.
    Files(Dial),
    /// Of raw echo.
    Echo(Dial),
}

/// The `number`th dial of a client, to the protocol's port or to raw echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dial {
    pub(super) client: u32,
    pub(super) number: u32,
}

impl Place {
    /// True for one of the protocol's of which both ends are what they should be.
    pub(super) fn keeps_rules(self, plan: &Plan) -> bool {
        match self {
            Place::Files(dial) => {
                dial.client < STRANGERS && plan.impostor_of(dial.client, dial.number).is_none()
            }
            Place::Echo(_) => false,
        }
    }

    /// True if what is about `whom` is about this connection.
    pub(super) fn is_of(self, whom: Whom) -> bool {
        match (whom, self) {
            (Whom::Dial(client, number), Place::Files(dial)) => dial == Dial { client, number },
            (Whom::Dial(..), Place::Echo(_)) => false,
            (Whom::All | Whom::Client(_), place) => whom.means(place.client()),
        }
    }

    /// Whose it is.
    pub(super) fn client(self) -> u32 {
        match self {
            Place::Files(dial) | Place::Echo(dial) => dial.client,
        }
    }
}

impl From<Place> for Connection {
    fn from(place: Place) -> Connection {
        let (door, Dial { client, number }) = match place {
            Place::Files(dial) => (Door::Files, dial),
            Place::Echo(dial) => (Door::Echo, dial),
        };
        Connection { client, door, dial: number }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Connection::from(*self).fmt(f)
    }
}
