//! Real sockets: where to listen and whom to dial, with the options that matter, and what the system's errors mean.
//! Takes no part in the protocol. May import `time`, `wire`, `proto`, `store` and `identity`.
//!
//! | file | what |
//! |---|---|
//! | `address` | [`Endpoint`] and [`Target`]: `HOST[:PORT][/PATH]` and `unix:SOCKET[:/PATH]`, parsed once, with errors that teach |
//! | [`options`] | [`SocketOptions`]: named, parsed, set, and read back |
//! | `peer` | [`Peer`]: the other end of a connection |
//! | `place` | [`Place`]: where a server can be had |
//! | `stream` | [`Listener`] and [`Stream`], of either kind; [`connect`] |
//! | `tcp` | [`listen`] and [`dial`] |
//! | [`tls`] | TLS 1.3 with raw public keys, over any stream |
//! | `out` | sockets of datagrams that are connected: [`connect_udp`], [`connect_unixgram`] |
//! | `udp` | [`bind_udp`] |
//! | `unix` | sockets in the file system: [`listen_unix`], [`dial_unix`], [`bind_unixgram`] |
//! | [`diagnose`] | errors in words: what was tried, what the system said, why that usually is, what to do next |

mod address;
pub mod diagnose;
mod inherited;
pub mod options;
mod out;
mod peer;
mod place;
mod stream;
mod tcp;
pub mod tls;
mod udp;
mod unix;

pub use address::{AddressError, DEFAULT_PORT, Endpoint, HostPort, SOCKET_PATH_MAX, Target, socket_path};
pub use inherited::Inherited;
pub use options::{Keepalive, OptionName, OptionsError, SocketOptions, SocketUse};
pub use out::{PrivateName, connect_udp, connect_unixgram};
pub use peer::{Peer, source_of};
pub use place::Place;
pub use stream::{Listener, Stream, connect};
pub use tcp::{dial, dial_error, listen};
pub use udp::bind_udp;
pub use unix::{SocketFile, bind_unixgram, dial_unix, listen_unix};

/// `given`, unless it is 0: then one that differs from those of all other processes, in whichever way the system can give that.
pub(crate) fn seed(given: u128) -> u128 {
    let otherwise = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() << 32 | u128::from(std::process::id())
    };
    if given == 0 { random().unwrap_or_else(|_| otherwise()) } else { given }
}

/// A random number of the system's: machines take theirs as an argument.
///
/// # Errors
/// Where the system has none to give, which is rare and final.
pub fn random() -> std::io::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(u128::from_ne_bytes(bytes))
}
