//! Errors in words. A [`Diagnosis`] says what was tried, what the system said, why that usually is, and what to do
//! next; what can be looked up on this machine (who holds a port, which limit is in force) is looked up. The texts stand in one
//! table, [`ENTRIES`].

mod causes;
mod dial;
mod holder;
mod listen;
mod local;
mod table;

use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::wire::Code;

pub use causes::Cause;
pub use dial::{dialing, said};
pub use holder::{Holder, PortUse, Transport, port_use, socket_holders};
pub use listen::listening;
pub use local::local_addresses;
pub use table::{ENTRIES, Entry, Unknown, find};

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

/// Why and what next, as it stands in the table; nothing of what is not there.
fn explain(errno: Option<Errno>) -> (String, String) {
    let Some(usual) = errno.and_then(table::usual) else { return Default::default() };
    let facts = facts();
    usual.told(&facts.iter().map(|(name, fact)| (*name, fact.as_str())).collect::<Vec<_>>())
}

/// Why an error of the system's usually happens, and what to do next, where its number is all that is known of it.
pub fn usually(error: Errno) -> (String, String) {
    explain(Some(error))
}

/// What holds of this machine, for texts of [`ENTRIES`].
pub fn facts() -> Vec<(&'static str, String)> {
    let (soft, raise) = local::open_files();
    let start = local::unprivileged_port_start().unwrap_or(1024);
    vec![
        ("addresses", local_addresses().join(", ")),
        ("start", start.to_string()),
        ("soft", soft),
        ("raise", raise),
        // Only where it is not the usual port.
        ("listen", String::new()),
        ("letters", "ltu".to_owned()),
    ]
}

#[cfg(test)]
#[path = "mod_test.rs"]
mod tests;
