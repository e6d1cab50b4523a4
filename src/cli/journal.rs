//! A server's events as lines: one for each finished operation, with who, what, how much and how it ended. Names and
//! texts of peers are escaped.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use super::args::Talk;
use super::explain::spoken;
use super::output::{Short, Size, Utc};
use super::terminal::Line;
use crate::drive::Tally;
use crate::net::{Peer, Place};
use crate::proto::datagram::Unanswered;
use crate::proto::op::{Moved, OpDone, OpResult, Party, Question, Summed};
use crate::proto::session::{Began, Event, SessionEnd, Tag};
use crate::server::ServerEvent;

/// What is being waited for is told again after so long.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// What is known of the connections, as far as lines need it.
#[derive(Debug)]
pub(super) struct Journal {
    talk: Talk,
    drain: Option<Duration>,
    stopping: Option<Stopping>,
    visitors: BTreeMap<u64, Visitor>,
}

/// A server that waits for what runs.
#[derive(Debug)]
struct Stopping {
    since: Instant,
    /// When it was told last what is being waited for, and that.
    told: (Instant, String),
}

#[derive(Debug)]
struct Visitor {
    peer: Peer,
    /// As authorized_keys has it, and " at "; empty where nobody was asked.
    name: String,
    /// Why it was refused is told already.
    is_told: bool,
    /// Operations by what they are called in a line.
    running: BTreeMap<Tag, Asked>,
    /// Echoes are many: they are told together, at the end.
    echoes: u64,
}

#[derive(Debug)]
enum Asked {
    Echo,
    Line(String),
}

impl Journal {
    /// `drain` is how long a stopping server waits.
    pub(super) fn new(talk: Talk, drain: Option<Duration>) -> Journal {
        Journal { talk, drain, stopping: None, visitors: BTreeMap::new() }
    }

    /// The lines that an event is worth; none of a server that is to be quiet.
    pub(super) fn on_event(&mut self, event: ServerEvent) -> Vec<String> {
        if self.talk.quiet {
            return Vec::new();
        }
        match event {
            ServerEvent::Accepted { connection, peer, .. } => {
                let (name, running) = (String::new(), BTreeMap::new());
                let visitor = Visitor { peer, name, is_told: false, running, echoes: 0 };
                self.visitors.insert(connection, visitor);
                self.detail(connection, "connected".to_owned())
            }
            ServerEvent::Known { connection, key, name } => {
                let lines = self.detail(connection, format!("is {name} ({})", key.fingerprint()));
                if let Some(visitor) = self.visitors.get_mut(&connection) {
                    visitor.name = format!("{name} at ");
                }
                lines
            }
            ServerEvent::Unknown { connection, key } => {
                let fingerprint = key.fingerprint();
                let why = format!(
                    "its key is not known (fingerprint {fingerprint}); to let it in, give it a name and rights in \
                     authorized_keys, such as: {key} NAME read,list"
                );
                self.refused(connection, &why)
            }
            ServerEvent::NotMet { connection, error } => self.refused(connection, &error.to_string()),
            ServerEvent::Session { connection, event } => self.on_session(connection, event),
            ServerEvent::Closed { connection, end } => self.on_closed(connection, &end),
            ServerEvent::EchoClosed { connection, end } => {
                let end =
                    end.map_or_else(|| "by this server".to_owned(), |end| format!("{end:?}").to_lowercase());
                let lines = self.line(connection, &format!("raw echo ended ({end})"));
                self.visitors.remove(&connection);
                lines
            }
            ServerEvent::AcceptPaused(error) => {
                let said = crate::net::diagnose::system("cannot accept connections for now", &error);
                let lines = Line::all_of(&said);
                lines.iter().map(|line| format!("{}  {line}", Utc::now())).collect()
            }
            ServerEvent::MailClosed { place, tally, error } => mail(&place, &tally, error.as_ref()),
            ServerEvent::AcceptResumed => vec![format!("{}  accepting connections again", Utc::now())],
            ServerEvent::Draining { .. } => vec![self.on_draining()],
        }
    }

    fn on_session(&mut self, connection: u64, event: Event) -> Vec<String> {
        let Some(visitor) = self.visitors.get_mut(&connection) else { return Vec::new() };
        match event {
            Event::Began(tag, began) => {
                visitor.running.insert(tag, asked(&began));
                Vec::new()
            }
            Event::Finished(tag, result) => match visitor.running.remove(&tag) {
                Some(Asked::Line(what)) => {
                    let line = format!("{what}: {}", outcome(&result));
                    self.line(connection, &line)
                }
                Some(Asked::Echo) => {
                    visitor.echoes += u64::from(result.is_ok());
                    Vec::new()
                }
                None => Vec::new(),
            },
            Event::Ready { version, .. } => {
                self.detail(connection, format!("speaks protocol version {version}"))
            }
            Event::Op(..) | Event::GoingAway | Event::Spent { .. } => Vec::new(),
        }
    }

    fn on_closed(&mut self, connection: u64, end: &SessionEnd) -> Vec<String> {
        let echoes = self.visitors.get(&connection).map_or(0, |visitor| visitor.echoes);
        let mut lines = match echoes {
            0 => Vec::new(),
            _ => self.line(connection, &format!("echo: {echoes} round trips")),
        };
        let is_told = self.visitors.get(&connection).is_some_and(|visitor| visitor.is_told);
        lines.extend(match end {
            SessionEnd::Lost(_) | SessionEnd::Broken(_) if is_told => Vec::new(),
            SessionEnd::Orderly => self.detail(connection, "said goodbye".to_owned()),
            SessionEnd::Lost(_) => self.detail(connection, "went away without a goodbye".to_owned()),
            SessionEnd::Broken(failure) => self.line(connection, &format!("dropped: {}", spoken(failure))),
            SessionEnd::ByPeer(failure) => self.line(connection, &format!("gave up: {}", spoken(failure))),
        });
        self.visitors.remove(&connection);
        lines
    }

    /// Told once, and not again as the connection closes.
    fn refused(&mut self, connection: u64, why: &str) -> Vec<String> {
        if let Some(visitor) = self.visitors.get_mut(&connection) {
            visitor.is_told = true;
        }
        self.line(connection, &format!("refused: {why}"))
    }

    fn line(&self, connection: u64, what: &str) -> Vec<String> {
        let Some(visitor) = self.visitors.get(&connection) else { return Vec::new() };
        vec![format!("{}  {}{}  {what}", Utc::now(), visitor.name, visitor.peer)]
    }

    fn detail(&self, connection: u64, what: String) -> Vec<String> {
        if self.talk.verbose { self.line(connection, &what) } else { Vec::new() }
    }

    fn on_draining(&mut self) -> String {
        let limit =
            self.drain.map_or("as long as it takes".into(), |drain| format!("at most {}", Short(drain)));
        let (now, waiting) = (Instant::now(), self.waiting());
        let line = match self.visitors.len() {
            0 => "stopping: nothing is under way".to_owned(),
            _ => format!("stopping: waiting for {waiting} to finish, {limit}; Ctrl-C again stops at once"),
        };
        self.stopping = Some(Stopping { since: now, told: (now, waiting) });
        line
    }

    /// What a server that is stopping waits for, where that has changed, and every ten seconds; to be asked every second.
    pub(super) fn still_stopping(&mut self, now: Instant) -> Option<String> {
        let waiting = self.waiting();
        let Stopping { since, told } = self.stopping.as_mut()?;
        let is_news = told.1 != waiting || now.duration_since(told.0) >= TOLD_AGAIN;
        if !is_news || self.visitors.is_empty() || self.talk.quiet {
            return None;
        }
        *told = (now, waiting.clone());
        let left = self.drain.map(|drain| drain.saturating_sub(now.duration_since(*since)));
        let left = left.map_or_else(String::new, |left| format!(", {} s more at most", left.as_secs()));
        Some(format!("stopping: still waiting for {waiting}{left}"))
    }

    /// Connections, and what runs on them: by name, where that is one thing.
    fn waiting(&self) -> String {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let connections = count(self.visitors.len(), "connection");
        let mut running = self.visitors.values().flat_map(|visitor| visitor.running.values());
        match (running.next(), running.count()) {
            (None, _) => connections,
            (Some(Asked::Line(what)), 0) => format!("{connections} ({what})"),
            (Some(_), more) => format!("{connections} ({})", count(more + 1, "operation")),
        }
    }
}

/// What became of the datagrams at a socket.
fn mail(place: &Place, tally: &Tally, error: Option<&std::io::Error>) -> Vec<String> {
    let mut line =
        format!("{}  {place}  {} datagrams came, {} answered", Utc::now(), tally.received, tally.answered);
    for (why, count) in &tally.unanswered {
        let why = match why {
            Unanswered::ReservedPort => "from a server's port",
            Unanswered::OwnPort => "from this port, as another echo's would be",
            Unanswered::NoSource => "from no single address",
            Unanswered::ToMany => "to many hosts",
            Unanswered::OverBudget => "beyond what one source is answered",
            Unanswered::NoRoom => "more than the system takes",
        };
        line += &format!("; {count} not: {why}");
    }
    if tally.untaken > 0 {
        line += &format!("; {} answers were not taken: nobody reads there any more", tally.untaken);
    }
    if tally.errors > 0 {
        line += &format!("; {} errors of the socket passed", tally.errors);
    }
    match error {
        Some(error) => {
            let said = crate::net::diagnose::system(format!("{line}; cannot go on"), error);
            Line::all_of(&said).iter().map(ToString::to_string).collect()
        }
        None => vec![line],
    }
}

/// The command that a person would have typed for it.
fn asked(began: &Began) -> Asked {
    Asked::Line(match began {
        Began::Offer(path) => format!("put {path}"),
        Began::Get(path) => format!("get {path}"),
        Began::Stream(path) => format!("put {path} (a stream)"),
        Began::Read(path) => format!("read {path}"),
        Began::Pull(path) => format!("get {path}, one more connection"),
        Began::Push(path) => format!("put {path}, one more connection"),
        Began::Sum(path) => format!("verify {path}"),
        Began::Question(Question::List(path)) => format!("ls {path}"),
        Began::Question(Question::Stat(path)) => format!("stat {path}"),
        Began::Question(Question::Remove(remove)) => format!("rm {}", remove.path),
        Began::Question(Question::MakeFolder(folder)) => format!("mkdir {}", folder.path),
        Began::Question(Question::MakeLink(link)) => format!("ln -s {}", link.path),
        Began::Question(Question::ReadLink(path)) => format!("readlink {path}"),
        Began::Question(Question::Resolve(path)) => format!("stat -L {path}"),
        Began::Question(Question::Echo(_)) => return Asked::Echo,
    })
}

fn outcome(result: &OpResult) -> String {
    match result {
        Ok(OpDone::Moved(Moved { length, root, blocks_refused, skipped })) => {
            let mut text = format!("{}, {root}", Size(*length));
            if *skipped > 0 {
                let _ = write!(text, ", {} of it were there already", Size(*skipped));
            }
            if *blocks_refused > 0 {
                let _ = write!(text, ", {blocks_refused} blocks sent again since they arrived damaged");
            }
            text
        }
        Ok(OpDone::Summed(Summed { length, root })) => format!("{}, {root}", Size(*length)),
        Ok(OpDone::Given { bytes } | OpDone::Pulled { bytes }) => Size(*bytes).to_string(),
        Ok(OpDone::Printed(_)) => "printed".to_owned(),
        Ok(OpDone::Compared(_)) => "compared".to_owned(),
        Ok(OpDone::Listed) => "listed".to_owned(),
        Ok(OpDone::Described(_)) => "described".to_owned(),
        Ok(OpDone::Removed) => "removed".to_owned(),
        Ok(OpDone::Made) => "made".to_owned(),
        Ok(OpDone::Target(_)) => "read".to_owned(),
        Ok(OpDone::Resolved(_)) => "described".to_owned(),
        Ok(OpDone::Tree(_)) => "moved".to_owned(),
        Ok(OpDone::Echoed) => "echoed".to_owned(),
        Err(error) => match error.by {
            Party::Us => format!("failed: {}", spoken(&error.failure)),
            Party::Peer => format!("given up by the client: {}", spoken(&error.failure)),
            Party::Link => "not finished: the connection was lost".to_owned(),
        },
    }
}

#[cfg(test)]
#[path = "journal_test.rs"]
mod tests;
