//! Errors in words. A [`Diagnosis`] says what was tried, what the system said, why that usually is, and what to do
//! next; what can be looked up on this machine (who holds a port, which limit is in force) is looked up.

mod dial;
mod holder;
mod listen;
mod local;

use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::wire::Code;

pub use dial::dialing;
pub use holder::{Holder, PortUse, port_use};
pub use listen::listening;
pub use local::local_addresses;

/// An error for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What was tried: "cannot …".
    pub tried: String,
    /// What the system, or the peer, said.
    pub said: String,
    /// Why that usually is; empty where there is nothing to add.
    pub why: String,
    /// What to do next; empty where there is nothing to do.
    pub next: String,
    /// The protocol's code for it, where it has one.
    pub code: Option<Code>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tried, self.said)?;
        for (label, text) in [("why", &self.why), ("next", &self.next)] {
            if !text.is_empty() {
                write!(f, "\n  {label:<5} {text}")?;
            }
        }
        Ok(())
    }
}

/// An error of the system that is not about making a connection: of a connection that stands, a file, or a limit.
/// `tried` begins with "cannot".
pub fn system(tried: impl Into<String>, error: &io::Error) -> Diagnosis {
    let (why, next) = explain(errno(error));
    Diagnosis { tried: tried.into(), said: error.to_string(), why, next, code: None }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn explain(errno: Option<Errno>) -> (String, String) {
    let (why, next) = match errno {
        Some(Errno::CONNRESET) => (
            "the other side, or a firewall between, broke the connection off: it crashed, was killed, or refused \
             what it was sent",
            "look at the other side's output, then try again",
        ),
        Some(Errno::PIPE) => (
            "the other side had ended the connection before all was sent",
            "look at the other side's output, then try again",
        ),
        Some(Errno::TIMEDOUT) => (
            "the other side has stopped answering: it lost power or its network, or a firewall forgot the connection",
            "check that the other machine is up and reachable, then try again",
        ),
        Some(Errno::MFILE) => return local::too_many_files(),
        Some(Errno::NFILE) => (
            "the whole machine has no file descriptor left",
            "find who has so many (`lsof | awk '{print $1}' | sort | uniq -c | sort -n`), or raise fs.file-max",
        ),
        Some(Errno::NOSPC) => (
            "the disk is full, or out of inodes",
            "make room (`df -h`, `df -i`), then try again: nothing was lost",
        ),
        Some(Errno::DQUOT) => ("the disk quota is used up", "make room (`quota -s`), then try again"),
        Some(Errno::ROFS) => (
            "the file system is mounted read-only, on purpose or because it found an error",
            "choose another folder, or remount it (`mount -o remount,rw`) once you know why",
        ),
        Some(Errno::ACCESS | Errno::PERM) => (
            "the user that runs this has no right to it",
            "look at owner and mode (`ls -ld` on it and on the folders above), or run as a user who may",
        ),
        Some(Errno::NOENT) => ("there is nothing of that name", "check the spelling (`ls`)"),
        Some(_) | None => ("", ""),
    };
    (why.into(), next.into())
}

#[cfg(test)]
#[path = "mod_test.rs"]
mod tests;
