//! A line on the terminal that says how far it is; nothing where the standard error output is no terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The line.
pub(super) struct Progress {
    is_terminal: bool,
    is_shown: bool,
    begun: Instant,
    told: Option<Instant>,
}

impl Progress {
    /// No more often is it written again.
    const EVERY: Duration = Duration::from_millis(100);

    pub(super) fn new() -> Progress {
        let is_terminal = io::stderr().is_terminal();
        Progress { is_terminal, is_shown: false, begun: Instant::now(), told: None }
    }

    /// Since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Says how far it is, if it is time to.
    pub(super) fn tell(&mut self, text: impl FnOnce() -> String) {
        if !self.is_terminal || self.told.is_some_and(|told| told.elapsed() < Progress::EVERY) {
            return;
        }
        (self.told, self.is_shown) = (Some(Instant::now()), true);
        // Whoever cannot be told does not need it.
        let _ = write!(io::stderr(), "\r\x1b[2K{}", text());
    }

    /// Makes room for other lines.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
