//! The runtime that a command's sockets and timers live in.

use std::io;
use std::num::NonZero;
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

/// Threads for the connections of a server: as many as there are processors for this process, or one where that is to poll. A runtime of
/// a single thread takes turns among all that are ready, where those of several let the ones wait that do not fit in a thread's own queue.
pub(super) fn threads(polls: bool) -> Builder {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    if polls || processors == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() }
}
