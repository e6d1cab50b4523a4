//! What a client command says while it works, on standard error: progress where a person watches, retries as they
//! happen.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::args::Talk;
use super::explain::in_short;
use super::held::{Held, Way};
use super::output::{self, Short, Size};
use super::trees::{self, Failures, Line, Teller};
use crate::net::Endpoint;
use crate::proto::client::Event;
use crate::proto::op::OpEvent;
use crate::proto::tree_job::{Outcome, Told};

/// How often progress is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// A client's place to speak.
pub(super) struct Screen {
    talk: Talk,
    server: Endpoint,
    /// Progress is for a person who watches.
    draws: bool,
    progress: Mutex<Progress>,
    waits: Mutex<Held>,
    trees: Mutex<Trees>,
}

/// What is told of trees.
#[derive(Default)]
struct Trees {
    teller: Option<Teller>,
    failures: Failures,
    /// The retry that was told last: what is lost with a connection is tried again at once, and told once.
    retry: Option<String>,
}

#[derive(Default)]
struct Progress {
    length: u64,
    done: u64,
    /// Of `done`, what was there already.
    skipped: u64,
    began: Option<Instant>,
    /// The most that brought one file at once.
    connections: u32,
    /// Files that are done, where there are many.
    files: Option<u64>,
    /// When progress was last drawn, and so stands on the terminal's line.
    drawn: Option<Instant>,
}

impl Screen {
    pub(super) fn new(talk: Talk, server: &Endpoint) -> Screen {
        let draws = !talk.quiet && std::io::stderr().is_terminal();
        let (progress, waits, trees) = (Mutex::default(), Mutex::default(), Mutex::default());
        Screen { talk, server: server.clone(), draws, progress, waits, trees }
    }

    /// A line for a person, unless they want quiet.
    pub(super) fn note(&self, line: &str) {
        if !self.talk.quiet {
            self.clear();
            output::note(line);
        }
    }

    /// A line for a person who wants to know more.
    pub(super) fn detail(&self, line: &str) {
        if self.talk.verbose {
            self.note(line);
        }
    }

    /// Follows what the client tells.
    pub(super) fn on_event(&self, event: &Event) {
        match event {
            Event::Connected { version, hello } => self.detail(&format!(
                "connected to {}: protocol version {version}, window {}, up to {} operations at once",
                self.server,
                Size(hello.window),
                hello.operations
            )),
            Event::Job(_, OpEvent::Started { length }) => {
                let mut progress = self.progress();
                if progress.files.is_none() {
                    let began = Some(Instant::now());
                    *progress = Progress { length: *length, began, ..Progress::default() };
                }
            }
            Event::Job(_, event @ (OpEvent::Progress(bytes) | OpEvent::Skipped(bytes))) => {
                let mut progress = self.progress();
                progress.done += bytes;
                if matches!(event, OpEvent::Skipped(_)) {
                    progress.skipped += bytes;
                }
                if self.draws && progress.drawn.or(progress.began).is_some_and(|at| at.elapsed() >= REDRAW) {
                    progress.draw();
                }
            }
            Event::Job(_, OpEvent::Connections(count)) => {
                let mut progress = self.progress();
                progress.connections = progress.connections.max(*count);
            }
            Event::Job(_, OpEvent::Waited(waits)) => self.waits().add(waits),
            Event::Job(
                _,
                OpEvent::Consumed(_)
                | OpEvent::Share(_)
                | OpEvent::Entries(_)
                | OpEvent::Printed(_)
                | OpEvent::Taken(_),
            )
            | Event::Finished(..) => {}
            Event::Tree(_, told) => self.on_told(told),
            Event::Retrying { attempt, delay, error, .. } => {
                let (why, delay, server) = (in_short(error), Short(*delay), &self.server);
                let failed = format!("attempt {attempt} with {server} failed: {why}");
                if self.trees().retry.replace(failed.clone()).is_none_or(|last| last != failed) {
                    self.note(&format!("{failed}; trying again in {delay}"));
                }
            }
        }
    }

    /// The most connections that brought one file at once.
    pub(super) fn connections(&self) -> u32 {
        self.progress().connections.max(1)
    }

    /// From now on entries of trees are told of.
    pub(super) fn tell_trees(&self, teller: Teller) {
        self.trees().teller = Some(teller);
        *self.progress() = Progress { files: Some(0), began: Some(Instant::now()), ..Progress::default() };
    }

    /// What has failed of them.
    pub(super) fn failures(&self) -> Failures {
        std::mem::take(&mut self.trees().failures)
    }

    fn on_told(&self, told: &Told) {
        let mut trees = self.trees();
        let Some(teller) = &trees.teller else { return };
        let (line, object) = (teller.line(told), teller.object(told));
        if let Line::Wrong(line) = &line {
            trees.failures.note(told, line);
        }
        drop(trees);
        if let (Outcome::Moved { .. }, Some(files)) = (&told.outcome, &mut self.progress().files) {
            *files += 1;
        }
        match line {
            Line::Wrong(line) => {
                self.clear();
                output::complain(&line);
            }
            Line::Detail(line) => self.detail(&line),
            Line::Result(_) if object.is_some() => {}
            Line::Result(line) => {
                self.clear();
                trees::print(&line);
            }
        }
        if let Some(object) = object {
            self.clear();
            trees::print(&object.to_string());
        }
    }

    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes progress off the terminal.
    pub(super) fn clear(&self) {
        if self.progress().drawn.take().is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }

    /// Says what has held transfers back, if anything has.
    pub(super) fn note_held(&self, way: Way) {
        let line = self.waits().line(way);
        if let Some(line) = line {
            self.note(&line);
        }
    }

    /// What has held transfers back so far.
    pub(super) fn waits(&self) -> MutexGuard<'_, Held> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn draw(&mut self) {
        self.drawn = Some(Instant::now());
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r{}\x1b[K", self.line()).and_then(|()| stderr.flush());
    }

    fn line(&self) -> String {
        let elapsed = self.began.map(|began| began.elapsed()).unwrap_or_default().as_secs_f64().max(1e-9);
        if let Some(files) = self.files {
            let rate = self.done.saturating_sub(self.skipped) as f64 / elapsed;
            return format!("{files} files  {}  {}/s", Size(self.done), Size(rate as u64));
        }
        let percent = (self.done.min(self.length) * 100).checked_div(self.length).unwrap_or(100);
        let rate = self.done.saturating_sub(self.skipped) as f64 / elapsed;
        let left =
            Duration::from_secs_f64((self.length.saturating_sub(self.done) as f64 / rate.max(1.0)).min(1e9));
        let (done, length) = (Size(self.done), Size(self.length));
        format!("{percent:3} %  {done} of {length}  {}/s  {} left", Size(rate as u64), Short(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_of_any_numbers_is_a_line() {
        for (length, done) in [(0, 0), (1 << 30, 1 << 29), (10, 20), (u64::MAX / 200, u64::MAX / 300)] {
            let began = Some(Instant::now());
            let progress = Progress { length, done, skipped: done / 2, began, ..Progress::default() };
            let line = progress.line();
            assert!(line.contains(" % ") && line.len() < 80, "{line}");
            let line = Progress { files: Some(length), ..progress }.line();
            assert!(line.contains(" files ") && line.len() < 80, "{line}");
        }
    }
}
