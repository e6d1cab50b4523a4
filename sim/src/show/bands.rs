//! What was wrong, and from when to when: a fault that begins something lasts until the one that puts it right.

use serde::Serialize;

use crate::outcome::Outcome;
use crate::plan::{Host, What, Whom};
use crate::trace::{Kind, Lane};

/// Something that was wrong for a while, or at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Band {
    /// In words.
    pub label: String,
    /// What kind of thing: `network`, `process`, `disk`, `clock`.
    pub sort: &'static str,
    /// The hosts that it is about; for the network, all whose messages it concerns.
    pub hosts: Vec<String>,
    /// The number of the event with which it begins; the first event's for what was so from the beginning.
    pub from: usize,
    /// The number of the event with which it ends; the same for what lasts for no time.
    pub to: usize,
    /// True if it was so from the beginning.
    pub starts: bool,
    /// True if nothing put it right before the end.
    pub is_open: bool,
}

/// What a fault does to a band.
enum Edge {
    /// One begins, which ends with what ends this.
    Begins(Ends),
    /// All that end with this end.
    Ends(Ends),
    /// It is a moment.
    Moment,
}

/// What a band ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Repair,
    Release,
    Start(Host),
    Resume(Host),
    Reading(Host),
    Room(Host),
    Speed(Host),
}

fn edge(what: &What) -> Edge {
    match what {
        What::Partition(..) => Edge::Begins(Ends::Repair),
        What::Repair => Edge::Ends(Ends::Repair),
        What::Hold(_) => Edge::Begins(Ends::Release),
        What::Release => Edge::Ends(Ends::Release),
        What::KillServer | What::PowerLossServer | What::DrainServer | What::AbortServer => {
            Edge::Begins(Ends::Start(Host::Server))
        }
        What::StartServer => Edge::Ends(Ends::Start(Host::Server)),
        What::KillClient(client) | What::PowerLossClient(client) => {
            Edge::Begins(Ends::Start(Host::Client(*client)))
        }
        What::StartClient(client) => Edge::Ends(Ends::Start(Host::Client(*client))),
        What::Pause(host) => Edge::Begins(Ends::Resume(*host)),
        What::Resume(host) => Edge::Ends(Ends::Resume(*host)),
        What::StopReading(host) => Edge::Begins(Ends::Reading(*host)),
        What::StartReading(host) => Edge::Ends(Ends::Reading(*host)),
        What::DiskFull(host) => Edge::Begins(Ends::Room(*host)),
        What::DiskFree(host) => Edge::Ends(Ends::Room(*host)),
        What::SlowDisk(host, 0) => Edge::Ends(Ends::Speed(*host)),
        What::SlowDisk(host, _) => Edge::Begins(Ends::Speed(*host)),
        What::Reset(_) | What::End(..) | What::Mute(..) | What::Damage(..) => Edge::Moment,
        What::SecondServer | What::AcceptFails(_) | What::Forged(_) => Edge::Moment,
        What::ClockJump(..) | What::DiskError { .. } | What::BitRot(..) => Edge::Moment,
        What::SourceChanges { .. } | What::BreakWrites(..) => Edge::Moment,
        What::Meddle(..) | What::NoteRots(..) => Edge::Moment,
    }
}

/// The kind of thing that a fault is, and the hosts that it is about.
fn about(what: &What, clients: u32) -> (&'static str, Vec<String>) {
    let name = |host: Host| vec![Lane::from(host).to_string()];
    let network = |whom: Whom| {
        let named =
            (0..clients).filter(|client| whom.means(*client)).map(|client| Lane::Client(client).to_string());
        ("network", named.chain([Lane::Server.to_string()]).collect())
    };
    match what {
        What::Partition(_, whom) | What::Hold(whom) | What::Reset(whom) => network(*whom),
        What::End(_, whom) | What::Mute(_, whom) | What::Damage(_, whom) => network(*whom),
        What::BreakWrites(_, whom) => network(*whom),
        What::Meddle(host, _) | What::NoteRots(host, _) => ("disk", name(*host)),
        What::Repair | What::Release => network(Whom::All),
        What::KillServer | What::PowerLossServer | What::StartServer => ("process", name(Host::Server)),
        What::SecondServer | What::DrainServer | What::AbortServer | What::AcceptFails(_) => {
            ("process", name(Host::Server))
        }
        What::Forged(_) => ("network", name(Host::Server)),
        What::KillClient(client) | What::PowerLossClient(client) | What::StartClient(client) => {
            ("process", name(Host::Client(*client)))
        }
        What::Pause(host) | What::Resume(host) | What::StopReading(host) | What::StartReading(host) => {
            ("process", name(*host))
        }
        What::ClockJump(host, _) => ("clock", name(*host)),
        What::DiskFull(host) | What::DiskFree(host) | What::DiskError { host, .. } => ("disk", name(*host)),
        What::SlowDisk(host, _) | What::BitRot(host, _) => ("disk", name(*host)),
        What::SourceChanges { client, .. } => ("disk", name(Host::Client(*client))),
    }
}

/// Everything that was wrong in a run, in the order in which it began.
pub fn bands(outcome: &Outcome) -> Vec<Band> {
    let events = outcome.trace.events();
    let clients = outcome.plan.clients.len() as u32;
    let (mut bands, mut open): (Vec<Band>, Vec<(usize, Ends)>) = (Vec::new(), Vec::new());
    let band = |what: &What, label, at| {
        let (sort, hosts) = about(what, clients);
        Band { label, sort, hosts, from: at, to: at, starts: false, is_open: false }
    };
    if !outcome.plan.server_at_start {
        open.push((0, Ends::Start(Host::Server)));
        let yet = band(&What::StartServer, "no server yet".to_owned(), 0);
        bands.push(Band { starts: true, ..yet });
    }
    for (at, event) in events.iter().enumerate() {
        let Kind::Fault(what) = &event.kind else { continue };
        match edge(what) {
            Edge::Begins(ends) => {
                open.push((bands.len(), ends));
                bands.push(band(what, format!("{what:?}"), at));
            }
            Edge::Ends(ends) => {
                for (number, _) in open.extract_if(.., |(_, waits)| *waits == ends) {
                    bands[number].to = at;
                }
            }
            Edge::Moment => bands.push(band(what, format!("{what:?}"), at)),
        }
    }
    for (number, _) in open {
        (bands[number].to, bands[number].is_open) = (events.len().saturating_sub(1), true);
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::bands;
    use crate::outcome::Outcome;
    use crate::plan::{Cut, Plan, What, Whom};
    use crate::trace::{Event, Kind, Lane};

    #[test]
    fn a_band_lasts_until_what_puts_it_right_or_to_the_end() {
        let mut outcome = Outcome::of(Plan::empty("test", 0));
        let whats =
            [What::Partition(Cut::Both, Whom::All), What::KillServer, What::Repair, What::SecondServer];
        for (at_nanos, what) in (10..).zip(whats) {
            outcome.trace.record(Event {
                at_nanos,
                lane: Lane::FAULTS,
                connection: None,
                kind: Kind::Fault(what),
            });
        }
        let seen: Vec<_> =
            bands(&outcome).iter().map(|band| (band.sort, band.from, band.to, band.is_open)).collect();
        let expected = [("network", 0, 2, false), ("process", 1, 3, true), ("process", 3, 3, false)];
        assert_eq!(seen, expected);
        assert_eq!(bands(&outcome)[0].hosts, ["client", "server"]);
    }
}
