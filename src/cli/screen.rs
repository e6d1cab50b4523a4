//! What a client command says while it works, on standard error: progress where a person watches, retries as they
//! happen.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::args::Talk;
use super::bar::{Bar, REDRAW};
use super::explain::in_short;
use super::held::{Held, Way};
use super::output::{self, Short, Size};
use super::progress::Progress;
use super::trees::{self, Failures, Line, Teller};
use crate::net::Endpoint;
use crate::proto::client::Event;
use crate::proto::op::OpEvent;
use crate::proto::tree_job::{Outcome, Told};

/// A client's place to speak.
pub(super) struct Screen {
    talk: Talk,
    server: Endpoint,
    bar: Bar,
    /// The most that brought one file at once.
    connections: AtomicU32,
    waits: Mutex<Held>,
    trees: Mutex<Trees>,
}

/// What is told of trees.
#[derive(Default)]
struct Trees {
    teller: Option<Teller>,
    failures: Failures,
    /// A source's own place was made: nothing had stood there.
    is_root_made: bool,
    /// The retry that was told last: what is lost with a connection is tried again at once, and told once.
    retry: Option<String>,
}

impl Screen {
    pub(super) fn new(talk: Talk, server: &Endpoint) -> Screen {
        let bar = Bar::new(Progress::connecting(Instant::now()), talk.quiet);
        let (connections, waits, trees) = (AtomicU32::new(1), Mutex::default(), Mutex::default());
        Screen { talk, server: server.clone(), bar, connections, waits, trees }
    }

    /// A line for a person, unless they want quiet.
    pub(super) fn note(&self, line: &str) {
        if !self.talk.quiet {
            self.bar.aside(|| output::note(line));
        }
    }

    /// Which way a transfer goes, and so what its end waits for.
    pub(super) fn settle(&self, way: Way) {
        self.bar.progress().settle(match way {
            Way::Put => "waiting for the server's disk",
            Way::Get => "waiting for the disk here",
            Way::Print => "waiting for the server",
        });
    }

    /// Shows how far it is, for as long as it is polled: also where nothing happens, which is then what is shown.
    pub(super) async fn keep_drawing(&self) {
        let mut interval = tokio::time::interval(REDRAW);
        loop {
            interval.tick().await;
            self.bar.show(Instant::now());
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
            Event::Connected { version, hello } => {
                self.bar.progress().connected(Instant::now());
                self.detail(&format!(
                    "connected to {}: protocol version {version}, window {}, up to {} operations at once",
                    self.server,
                    Size(hello.window),
                    hello.operations
                ));
            }
            Event::Job(_, OpEvent::Started { length }) => self.bar.progress().begin(Instant::now(), *length),
            Event::Job(_, event @ (OpEvent::Progress(bytes) | OpEvent::Skipped(bytes))) => {
                let now = Instant::now();
                self.bar.progress().advance(now, *bytes, matches!(event, OpEvent::Skipped(_)));
                // Where bytes come without a pause nobody else has a turn to draw.
                self.bar.show(now);
            }
            Event::Job(_, OpEvent::Connections(count)) => {
                self.connections.fetch_max(*count, Ordering::Relaxed);
            }
            Event::Job(_, OpEvent::Waited(waits)) => self.waits().add(waits),
            Event::Job(
                _,
                OpEvent::Consumed(_)
                | OpEvent::Share(_)
                | OpEvent::Entries(_)
                | OpEvent::Printed(_)
                | OpEvent::Taken(_),
            ) => {}
            // What is told from now on is the result.
            Event::Finished(..) => self.bar.clear(),
            Event::Tree(_, told) => self.on_told(told),
            Event::Retrying { attempt, delay, error, .. } => {
                self.bar.progress().retrying(Instant::now(), *delay);
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
        self.connections.load(Ordering::Relaxed)
    }

    /// From now on entries of trees are told of.
    pub(super) fn tell_trees(&self, teller: Teller) {
        self.trees().teller = Some(teller);
        self.bar.progress().of_many(Instant::now());
    }

    /// What has failed of them.
    pub(super) fn failures(&self) -> Failures {
        std::mem::take(&mut self.trees().failures)
    }

    /// Whether a place that was named was made, and not filled.
    pub(super) fn is_root_made(&self) -> bool {
        self.trees().is_root_made
    }

    fn on_told(&self, told: &Told) {
        let mut trees = self.trees();
        trees.is_root_made |= told.path.is_empty() && told.outcome == Outcome::FolderMade;
        let Some(teller) = &trees.teller else { return };
        let (line, object) = (teller.line(told), teller.object(told));
        let is_told_at_the_end = teller.is_told_at_the_end(told);
        if let Line::Wrong(line) = &line {
            trees.failures.note(told, line);
        }
        drop(trees);
        if matches!(told.outcome, Outcome::Moved { .. }) {
            self.bar.progress().file_done(Instant::now());
        }
        match line {
            Line::Wrong(_) if is_told_at_the_end => {}
            Line::Wrong(line) => self.bar.aside(|| output::complain(&line)),
            Line::Detail(line) => self.detail(&line),
            Line::Result(_) if object.is_some() => {}
            Line::Result(line) => self.bar.aside(|| trees::print(&line)),
        }
        if let Some(object) = object {
            self.bar.aside(|| trees::print(&object.to_string()));
        }
    }

    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes progress off the terminal, for good.
    pub(super) fn clear(&self) {
        self.bar.clear();
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
}
