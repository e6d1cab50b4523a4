//! Real sockets: where to listen and whom to dial, with the options that matter, and what the system's errors mean.
//! Takes no part in the protocol. May import `time`, `wire`, `proto` and `store`.
//!
//! | file | what |
//! |---|---|
//! | `address` | [`Endpoint`] and [`Target`]: `HOST[:PORT][/PATH]`, parsed once, with errors that teach |
//! | `tcp` | [`listen`] and [`dial`] |
//! | [`diagnose`] | errors in words: what was tried, what the system said, why that usually is, what to do next |

mod address;
pub mod diagnose;
mod tcp;

pub use address::{AddressError, DEFAULT_PORT, Endpoint, Target};
pub use tcp::{SocketOptions, dial, dial_error, listen, source_of};

/// A random number of the system's: machines take theirs as an argument.
///
/// # Errors
/// Where the system has none to give, which is rare and final.
pub fn random() -> std::io::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(u128::from_ne_bytes(bytes))
}
