//! Datagrams as all worlds have them: how they are told apart, and how those look that lie.

use towline::proto::datagram::Address;

use crate::plan::Forged;

/// What a forged one says.
pub(super) const FORGED: &[u8] = b"a forged datagram";

/// The first port that systems give to clients (RFC 6335, section 6: the dynamic ports).
pub(super) const FIRST_PORT: u16 = 49_152;

/// The last byte of the address of who forges: no client's.
pub(super) const FORGER: u8 = 200;

/// The number that one begins with.
pub(super) fn number(payload: &[u8]) -> u64 {
    let first = payload.get(..8).and_then(|bytes| bytes.try_into().ok());
    first.map_or(u64::MAX, u64::from_le_bytes)
}

/// Which one it is, for the trace.
pub(super) fn told(payload: &[u8], from: Address, to: Address) -> String {
    format!("datagram {} from port {} to {}", number(payload), from.port, to.port)
}

/// Whom a forged one says it is from, and whom it is for, at an echo on `served`.
pub(super) fn ends(forged: Forged, served: Address) -> (Address, Address) {
    let (mut from, mut to) = (Address::v4([10, 0, 1, FORGER], FIRST_PORT), served);
    let group = |host| Address { host, port: served.port };
    match forged {
        Forged::Reserved => from.port = 7,
        Forged::Service => from.port = 5353,
        Forged::OwnPort => from.port = to.port,
        Forged::Nobody => from = Address::v4([0, 0, 0, FORGER], FIRST_PORT),
        Forged::Nothing => from.host = 0,
        Forged::Group => from = Address::v4([224, 0, 0, 1], FIRST_PORT),
        Forged::Groups => from.host = 0xff02 << 112 | 1,
        Forged::ToMany => to = group(0xff02 << 112 | 1),
    }
    (from, to)
}
