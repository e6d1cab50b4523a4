//! Bytes to [`Frame`] and back. Pure: no clock, no socket, no file. Imports nothing of ours.
//!
//! Every encoding is canonical and of fixed layout, little-endian; decoding is total: any bytes give a frame or a
//! [`DecodeError`], never a panic, and never more memory than [`limits`] allow. `docs/PROTOCOL.md` is the
//! specification; its vectors (`tests/vectors.txt`) are read by `tests/wire/`.
//!
//! | file | what |
//! |---|---|
//! | `frame` | [`Frame`] and [`Body`]: what can be said, one variant a kind |
//! | `shape` | what a header says of the body to come |
//! | `header` | the 16 bytes before each body, and their CRC-32C |
//! | `hello` | the preamble, `Hello`, `Refused`, and how versions are agreed |
//! | `transfer` | the bodies of a transfer: offer, have, data, hole, want, commit |
//! | `stream` | the bodies of what goes in order: parts of files, files of unknown length |
//! | `folder` | the bodies about names: metadata, entries, pages |
//! | `pairing` | the messages by which two machines come to know each other, on connections of their own |
//! | `place` | the bodies about folders that are made, and symbolic links |
//! | `shape` | what a header says of its body |
//! | `code` | error codes and their classes |
//! | `path` | [`RelPath`], the one type for a path that a peer may name |
//! | `codec` | fixed-width reading and writing |
//! | `decoder`, `rope` | a stream in arbitrary pieces to whole frames |
//! | `generate` | random values of every kind of frame (feature `harness`) |

mod code;
mod codec;
mod decoder;
mod folder;
mod frame;
#[cfg(feature = "harness")]
pub mod generate;
mod header;
mod hello;
pub mod limits;
mod pairing;
mod path;
mod place;
mod rope;
mod shape;
mod stream;
mod transfer;

pub use code::{Class, Code, Failure};
pub use codec::DecodeError;
pub use decoder::Decoder;
pub use folder::{Entry, FileKind, Metadata, Modified, Page};
pub use frame::{Body, Frame, Kind, OperationId};
pub use header::{HEADER_LEN, Header};
pub use hello::{Capabilities, Hello, PREAMBLE, PREAMBLE_LEN, Refused, Tlv, VERSION, agree};
pub use pairing::{
    Mac, PairDecoder, PairMessage, PairName, PairReason, PairRefused, PairWelcome, PairingElement,
    VersionRange,
};
pub use path::{Escaped, PathError, RESERVED, RelPath};
pub use place::{LinkTarget, MakeFolder, MakeLink, Resolved};
pub use rope::Rope;
pub use stream::{Read, Span, Stream, StreamEnd};
pub use transfer::{
    Attempt, Commit, Cv, Data, Get, HavePage, Hole, Offer, Push, Range, Remove, RequestId, Start, UploadId,
    block_size_for,
};
