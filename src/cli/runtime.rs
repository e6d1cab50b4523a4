//! The runtime that a command's sockets and timers live in.

use std::io;
use std::os::unix::net::UnixStream;

use tokio::runtime::{Builder, Runtime};

use super::explain::CliError;

/// What a runtime opens: its queue of the system's events and what wakes it up, and a pair of sockets for signals, each perhaps twice.
const FILES: usize = 10;

/// Makes it, with everything.
pub(super) fn start(builder: &mut Builder) -> Result<Runtime, CliError> {
    let failed = |error: io::Error| CliError::system("cannot start", &error);
    // It opens this many for itself, and panics where it gets none of those for signals.
    let room: io::Result<Vec<_>> = (0..FILES / 2).map(|_| UnixStream::pair()).collect();
    drop(room.map_err(failed)?);
    builder.enable_all().build().map_err(failed)
}
