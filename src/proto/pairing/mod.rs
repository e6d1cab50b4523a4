//! Pairing: two machines whose users share a short code come to know each other's keys. SPAKE2 under the code, with a proof from each
//! side that covers the TLS session, both keys, the roles and the version; the client proves first, so that each guess at a code is seen
//! by the server, and counted. Pure, and knows nothing of TLS but what it is told of a connection ([`Introduction`]).
//!
//! | file | what |
//! |---|---|
//! | `code` | [`PairCode`]: drawn, shown, typed |
//! | `exchange` | the mathematics, and what the proofs cover |
//! | `guest` | [`Guest`], the client's side: one try on one connection |
//! | `host` | [`Host`], the server's side: one code, any number of connections |
//!
//! `docs/PROTOCOL.md` says who says what when, and how each number is computed.

mod code;
mod exchange;
mod guest;
mod host;

use core::fmt;

pub use code::{BadCode, PairCode};
pub use guest::{Guest, GuestCommand, GuestEnd, GuestEvent};
pub use host::{Host, HostCommand, HostEnd, HostEvent};

use super::{Right, Rights};
use crate::wire::{PairMessage, PairReason, PairRefused, PairWelcome, VersionRange};
use exchange::Role;

/// The versions that this crate speaks.
pub const VERSIONS: VersionRange = VersionRange { lowest: 1, highest: 1 };

/// What is known of a connection on which the TLS handshake is done, and the randomness for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Introduction {
    /// This machine's public key, as it was shown.
    pub ours: [u8; 32],
    /// The other one's, which has proved that it has the secret one.
    pub theirs: [u8; 32],
    /// What the TLS session is known by to its two ends (RFC 8446, 7.5).
    pub exporter: [u8; 32],
    /// Fresh random bytes, for this connection alone.
    pub seed: Seed,
}

impl Introduction {
    /// The client's key, then the server's.
    fn keys(&self, role: Role) -> ([u8; 32], [u8; 32]) {
        match role {
            Role::Client => (self.ours, self.theirs),
            Role::Server => (self.theirs, self.ours),
        }
    }
}

/// Random bytes that nobody else may know. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// What a client is told that it may do, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The port at which the server serves, or will.
    pub port: u16,
    rights: u8,
    /// True where the rights are for a folder of what is served.
    pub is_confined: bool,
}

impl Terms {
    /// Of what stands in `authorized_keys`, and where it counts.
    pub fn new(port: u16, rights: &Rights) -> Terms {
        let bits = Right::ALL.into_iter().filter(|right| rights.may(*right)).map(|right| right as u8);
        Terms { port, rights: bits.sum(), is_confined: !rights.folder().is_root() }
    }

    /// True if the client may do that.
    pub fn may(&self, right: Right) -> bool {
        self.rights & right as u8 != 0
    }

    fn of(welcome: &PairWelcome) -> Terms {
        Terms { port: welcome.port, rights: welcome.rights, is_confined: welcome.is_confined }
    }

    fn welcome(self) -> PairWelcome {
        PairWelcome { mac: [0; 32], port: self.port, rights: self.rights, is_confined: self.is_confined }
    }
}

fn refused(reason: PairReason, left: u8) -> PairMessage {
    PairMessage::Refused(PairRefused { reason, left, versions: (VERSIONS.lowest, VERSIONS.highest) })
}
