//! TLS 1.3 with raw Ed25519 public keys (RFC 8446, RFC 7250) on both sides, over any stream. The one place that knows of `rustls`.
//! What it promises: whoever is at the other end has the secret key of the [`PublicKey`](crate::identity::PublicKey) that is told, and what is read is what that
//! one has written, to its end. Who may do what is decided elsewhere.
//!
//! | file | what |
//! |---|---|
//! | `setup` | [`Identity`], [`ServerTls`], [`ClientTls`]: how each side speaks |
//! | `verify` | which keys are taken in a handshake |
//! | `records` | records in and out, without a stream |
//! | `stream` | [`TlsStream`]: the same over a stream |
//! | `pairing` | [`PairStream`]: between two that do not know each other yet, with the session's exporter |
//! | `secured` | [`Secured`]: with it or without it |
//! | `error` | [`TlsError`] |

mod error;
mod pairing;
mod records;
mod secured;
mod setup;
mod stream;
mod verify;

pub use error::TlsError;
pub use pairing::PairStream;
pub use secured::Secured;
pub use setup::{ClientTls, Identity, ServerTls};
pub use stream::TlsStream;

/// What both sides name in their greeting (ALPN, RFC 7301), so that nobody else's bytes are taken for ours.
pub const ALPN: &[u8] = b"towline/1";
/// The same in a pairing, so that a port that serves and one that pairs tell each other apart.
pub const PAIR_ALPN: &[u8] = b"towline-pair/1";

#[cfg(test)]
mod tests;
