//! Events as JSON: an object each, with the fields of [`Shown`]; those that do not apply are left out.

use serde::Serialize;
use towline::harness::Side;

use crate::trace::{Application, Event, Frame, Kind, Network, Passed, Store, Trace};

/// An event's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its number, from 0.
    pub n: usize,
    /// Virtual time in nanoseconds.
    pub at_ns: u64,
    /// Where: a host, or the heading of what is said of the run.
    pub host: String,
    /// The connection, if on one that is known by its dial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// `frame`, `fault`, `application`, `store`, `network` or `note`.
    pub kind: &'static str,
    /// For a frame: which side says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'static str>,
    /// For a frame: `said` or `heard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<&'static str>,
    /// For a frame: its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
    /// For a frame: its operation, if it is not the connection's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<u32>,
    /// For a frame: the bytes of its stream that it takes, from and to (not included).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(u64, u64)>,
    /// For the application: which step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// For the application, `begins` or `ends`; for the network, `dials`, `connected`, `cannot connect`, `accepted` or
    /// `over`; for the store, `publishes` or `is gone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub does: Option<&'static str>,
    /// For the store: the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// For the network at the server: the connection's number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The event in words: what its line of text ends with.
    pub text: String,
}

/// Lines, each an event.
pub fn json(trace: &Trace) -> String {
    let lines = Shown::all(trace).map(|shown| serde_json::to_string(&shown).expect("plain fields") + "\n");
    lines.collect()
}

impl Shown {
    /// All events of a trace.
    pub fn all(trace: &Trace) -> impl Iterator<Item = Shown> + '_ {
        trace.events().iter().enumerate().map(|(n, event)| Shown::of(n, event))
    }

    fn of(n: usize, event: &Event) -> Shown {
        let Event { at_nanos, lane, connection, kind } = event;
        let shown = Shown {
            n,
            at_ns: *at_nanos,
            host: lane.to_string(),
            connection: connection.map(|connection| connection.to_string()),
            text: kind.to_string(),
            ..Shown::default()
        };
        match kind {
            Kind::Frame(frame) => shown.frame(frame),
            Kind::Fault(_) => Shown { kind: "fault", ..shown },
            Kind::Application(application) => {
                let (step, does) = match application {
                    Application::Begins { step, operation: _ } => (*step, "begins"),
                    Application::Ends { step, ended: _ } => (*step, "ends"),
                };
                Shown { kind: "application", step: Some(step), does: Some(does), ..shown }
            }
            Kind::Store(Store::Publishes { path, content: _ }) => {
                Shown { kind: "store", does: Some("publishes"), path: Some(path.clone()), ..shown }
            }
            Kind::Store(Store::IsGone(_)) => Shown { kind: "store", does: Some("is gone"), ..shown },
            Kind::Network(network) => {
                let (does, number) = match network {
                    Network::Dials => ("dials", None),
                    Network::Connected => ("connected", None),
                    Network::CannotConnect(_) => ("cannot connect", None),
                    Network::Accepted { number, door: _ } => ("accepted", Some(*number)),
                    Network::Over { number, door: _, end: _ } => ("over", Some(*number)),
                };
                Shown { kind: "network", does: Some(does), number, ..shown }
            }
            Kind::Note(_) => Shown { kind: "note", ..shown },
        }
    }

    fn frame(self, frame: &Frame) -> Shown {
        let Frame { by, is_heard, start, end, passed } = frame;
        let brief = match passed {
            Passed::Frame(brief) => Some(brief),
            Passed::NoFrame(_) => None,
        };
        Shown {
            kind: "frame",
            by: Some(match by {
                Side::Client => "client",
                Side::Server => "server",
            }),
            seen: Some(if *is_heard { "heard" } else { "said" }),
            frame: brief.map(|brief| format!("{:?}", brief.kind())),
            operation: brief.map(|brief| brief.operation().0).filter(|operation| *operation != 0),
            bytes: Some((*start, *end)),
            ..self
        }
    }
}
