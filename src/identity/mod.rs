//! Who a machine is: Ed25519 keys as text, and the three files that hold them. Pure: bytes in, values or a [`ParseError`] out, which
//! says line, column, what is wrong and what to do. May import `wire` and `proto`.
//!
//! | file | what |
//! |---|---|
//! | `base64` | 32 bytes as 43 characters, in one way only |
//! | `key` | [`PublicKey`], [`Fingerprint`], [`SecretKey`] |
//! | `key_file` | this machine's own key |
//! | `authorized` | [`AuthorizedKeys`]: who may come to a server, and what they may do |
//! | `known` | [`KnownHosts`]: which key a server had |
//! | `registry` | [`Registry`]: who is connected, and what a change of the keys means for them |
//! | `size` | numbers of bytes as people write them |
//! | `lines` | what the files have in common: lines, comments, limits |

mod authorized;
mod base64;
mod key;
mod key_file;
mod known;
mod lines;
mod registry;
mod size;

pub use authorized::{AuthorizedKeys, Grant, RATE_MIN};
pub use key::{BadFingerprint, Fingerprint, PublicKey, SecretKey};
pub use key_file::{parse_key_file, write_key_file};
pub use known::{HostName, KnownHosts};
pub use lines::{FILE_MAX, LINE_MAX, LINES_MAX, ParseError, Problem};
pub use registry::{Registry, Severed};
pub use size::{parse_size, write_size};

#[cfg(test)]
mod tests;
