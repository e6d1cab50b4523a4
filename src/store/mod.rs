//! Carries out the store operations of `proto::storage` on files: the logic once, over a small trait of primitive file
//! operations that the operating system implements ([`os`]), a map in memory (`memory`, for tests), and a simulated
//! disk. Imports `wire` and `proto::storage` only; the driver, the simulator and tests import it.
//!
//! [`Names`] is the one place where operations on names and leases run, one after another. [`blocks`] reads and writes
//! through the handles that [`Names::open`] gives, in any number of places at once.
//!
//! # What a crash leaves
//! A file is received into a partial in the reserved folder below its root, and is visible at its path only by a
//! rename: after `sync` of the file, before `sync_folder` of the folder, before the answer. A crash at any point leaves
//! the old file or the new one, never a mixture; what was answered is there.
//!
//! # What is kept
//! A partial that holds verified blocks is kept when its transfer breaks off, with a journal beside it that says which.
//! The journal is a hint: what it claims is hashed again by the next who receives the same file, and the sender compares.
//! Partials without a journal, and journals older than a week, are swept.
//!
//! | file | what |
//! |---|---|
//! | `files` | [`Files`], [`File`]: the primitive operations |
//! | `names` | [`Names`]: roots, leases, and which operation goes where |
//! | `partials` | open, fill, keep and discard what is received |
//! | `meters` | how much may be stored in a folder, and how much is |
//! | `joint` | what other connections bring of it |
//! | `group` | publish it: those that wait together share their syncs |
//! | `whole` | small files, loaded or staged in one go |
//! | `staging` | those that are received |
//! | `naming` | the name that it is published by |
//! | `room` | whether there is room for it |
//! | `slots` | which file a partial is in, so that the next opener finds it |
//! | `journal` | what is known of a partial that was kept |
//! | `kept` | listing and removing those |
//! | `root` | where a file may be published, and making that durable |
//! | `sources` | files read, folders listed, paths described and removed |
//! | `places` | folders and links made, links read and followed |
//! | `reserved` | the reserved folder: its lock, and sweeping what a crash left |
//! | `requests` | the outcomes remembered for retries |
//! | `log` | those of them that outlive the process, and deciding what a crash left undecided |
//! | `record` | its records, as bytes |
//! | `blocks` | the bytes: read, write, zero, hash |
//! | `streams` | what the application reads or writes in order |
//! | `errors` | from what a primitive said to what a person and a peer are told |

pub mod blocks;
mod errors;
mod files;
mod group;
mod joint;
mod journal;
mod kept;
mod log;
#[cfg(feature = "harness")]
pub mod memory;
mod meters;
mod names;
mod naming;
#[cfg(feature = "net")]
pub mod os;
mod partials;
mod places;
mod record;
mod requests;
mod reserved;
mod room;
mod root;
mod slots;
mod sources;
mod staging;
pub mod streams;
mod whole;

pub use blocks::Open;
pub use errors::no_lease;
pub use files::{File, FileError, FileErrorKind, Files, Links, Lock, Status};
pub use group::{Group, Publication, Published};
pub use joint::Joined;
#[cfg(feature = "harness")]
pub(crate) use journal::check_journal;
pub use kept::{Kept, kept, remove_kept};
pub use names::Names;
#[cfg(feature = "harness")]
pub(crate) use record::check_log;
pub use whole::{Begun, Moved};
