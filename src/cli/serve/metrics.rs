//! `--metrics`: what happened at the server, in numbers, for whoever collects them (Prometheus' text format, version 0.0.4). They are
//! only told: nothing can be asked for or changed there.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::drive::Door;
use crate::proto::op::{OpDone, OpResult};
use crate::proto::session::{Event, SessionEnd, Tag};
use crate::server::ServerEvent;
use crate::wire::Code;

/// Numbers by the labels that tell them apart. Labels are names of this program, never a peer's words, so that there are few.
type Family = BTreeMap<String, u64>;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: Family,
    open: u64,
    closed: Family,
    operations: Family,
    bytes: Family,
    /// What runs, by connection and operation.
    running: BTreeMap<(u64, Tag), &'static str>,
    /// How often a connection had used up what its key's rate allows.
    held_back: u64,
    pauses: u64,
    is_paused: bool,
    is_stopping: bool,
}

impl Counters {
    pub(super) fn on_event(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Accepted { door, .. } => {
                add(&mut self.accepted, format!("door=\"{}\"", name_of(*door)), 1);
                self.open += 1;
            }
            ServerEvent::Session { connection, event } => self.on_session(*connection, event),
            ServerEvent::Closed { connection, end } => {
                self.open = self.open.saturating_sub(1);
                let (how, code) = match end {
                    SessionEnd::Orderly => ("orderly", None),
                    SessionEnd::Lost(_) => ("lost", None),
                    SessionEnd::Broken(failure) => ("ended", Some(failure.code)),
                    SessionEnd::ByPeer(failure) => ("ended_by_client", Some(failure.code)),
                };
                add(&mut self.closed, format!("how=\"{how}\",code=\"{}\"", code.map_or("", word)), 1);
                let gone = self.running.range((*connection, Tag(0))..=(*connection, Tag(u64::MAX)));
                for key in gone.map(|(key, _)| *key).collect::<Vec<_>>() {
                    self.running.remove(&key);
                }
            }
            ServerEvent::EchoClosed { .. } => {
                self.open = self.open.saturating_sub(1);
                add(&mut self.closed, "how=\"echo\",code=\"\"".to_owned(), 1);
            }
            ServerEvent::AcceptPaused(_) => {
                self.pauses += 1;
                self.is_paused = true;
            }
            ServerEvent::AcceptResumed => self.is_paused = false,
            ServerEvent::Draining { .. } => self.is_stopping = true,
            // Who was not let in shows in how their connections ended.
            ServerEvent::MailClosed { .. } | ServerEvent::Known { .. } => {}
            ServerEvent::Unknown { .. } | ServerEvent::NotMet { .. } => {}
        }
    }

    fn on_session(&mut self, connection: u64, event: &Event) {
        match event {
            Event::Began(tag, began) => {
                self.running.insert((connection, *tag), began.name());
            }
            Event::Finished(tag, result) => {
                let Some(name) = self.running.remove(&(connection, *tag)) else { return };
                let name = name.replace(' ', "_");
                let code = result.as_ref().err().map_or("", |error| word(error.failure.code));
                add(&mut self.operations, format!("operation=\"{name}\",code=\"{code}\""), 1);
                add(&mut self.bytes, format!("operation=\"{name}\""), moved(result));
            }
            Event::Spent { more, .. } => self.held_back += u64::from(*more),
            Event::Ready { .. } | Event::Op(..) | Event::GoingAway => {}
        }
    }

    /// The page.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        let version = [(format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1)].into();
        let one = |number: u64| Family::from([(String::new(), number)]);
        family(&mut page, "build_info", "gauge", "Which version runs.", &version);
        family(&mut page, "connections_accepted_total", "counter", "Connections that came.", &self.accepted);
        family(&mut page, "connections_open", "gauge", "Connections that are there.", &one(self.open));
        let text = "Connections that are over: how, and with which code of the protocol.";
        family(&mut page, "connections_closed_total", "counter", text, &self.closed);
        let running = one(self.running.len() as u64);
        family(&mut page, "operations_running", "gauge", "Operations under way.", &running);
        let text = "Operations that are over; without a code they went well.";
        family(&mut page, "operations_total", "counter", text, &self.operations);
        let text = "Bytes of files that were moved, or told in order.";
        family(&mut page, "file_bytes_total", "counter", text, &self.bytes);
        let text = "How often a connection waited, since its key moves no more a second.";
        family(&mut page, "rate_waits_total", "counter", text, &one(self.held_back));
        let text = "How often nothing was accepted for a while, since the system had no more files.";
        family(&mut page, "accept_pauses_total", "counter", text, &one(self.pauses));
        let paused = one(self.is_paused.into());
        family(&mut page, "accept_paused", "gauge", "1 while that is so.", &paused);
        let stopping = one(self.is_stopping.into());
        family(&mut page, "stopping", "gauge", "1 from when it was told to stop.", &stopping);
        page
    }
}

fn add(family: &mut Family, labels: String, more: u64) {
    let number = family.entry(labels).or_default();
    *number = number.saturating_add(more);
}

fn family(page: &mut String, name: &str, kind: &str, help: &str, family: &Family) {
    let _ = write!(page, "# HELP towline_{name} {help}\n# TYPE towline_{name} {kind}\n");
    for (labels, number) in family {
        let _ = match labels.is_empty() {
            true => writeln!(page, "towline_{name} {number}"),
            false => writeln!(page, "towline_{name}{{{labels}}} {number}"),
        };
    }
}

fn word(code: Code) -> &'static str {
    code.name().unwrap_or("unknown")
}

fn name_of(door: Door) -> &'static str {
    match door {
        Door::Files => "files",
        Door::Guarded => "files_tls",
        Door::Echo => "echo",
    }
}

fn moved(result: &OpResult) -> u64 {
    match result {
        Ok(OpDone::Moved(moved)) => moved.length.saturating_sub(moved.skipped),
        Ok(OpDone::Given { bytes } | OpDone::Pulled { bytes }) => *bytes,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Peer;
    use crate::proto::op::{OpError, Party};
    use crate::proto::session::Began;
    use crate::wire::{Failure, RelPath};

    #[test]
    fn events_are_counted_and_peers_words_are_not_told() {
        let mut counters = Counters::default();
        let peer = Peer::Ip("192.0.2.7:9".parse().unwrap());
        for connection in 0..3 {
            counters.on_event(&ServerEvent::Accepted { connection, peer, door: Door::Files });
            let path = RelPath::new("odd \"name\"").unwrap();
            let event = Event::Began(Tag(connection), Began::Get(path));
            counters.on_event(&ServerEvent::Session { connection, event });
        }
        let finished = |connection, result| ServerEvent::Session {
            connection,
            event: Event::Finished(Tag(connection), result),
        };
        counters.on_event(&finished(0, Ok(OpDone::Given { bytes: 500 })));
        let failure = Failure::new(Code::NOT_ALLOWED, "odd \"text\"");
        counters.on_event(&finished(1, Err(OpError { by: Party::Us, failure })));
        let end = SessionEnd::Broken(Failure::from(Code::TOO_SLOW));
        counters.on_event(&ServerEvent::Closed { connection: 2, end });
        let page = counters.page();
        for line in [
            "towline_connections_accepted_total{door=\"files\"} 3",
            "towline_connections_open 2",
            "towline_connections_closed_total{how=\"ended\",code=\"TOO_SLOW\"} 1",
            "towline_operations_total{operation=\"get\",code=\"\"} 1",
            "towline_operations_total{operation=\"get\",code=\"NOT_ALLOWED\"} 1",
            "towline_file_bytes_total{operation=\"get\"} 500",
            "towline_operations_running 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("odd"), "{page}");
    }
}
