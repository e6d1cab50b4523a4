//! What held a transfer back, from the time that it waited for each stage: one line for a person, an object for a program.

use serde_json::{Value, json};

use super::output::Short;
use crate::proto::session::Waits;
use crate::time::Duration;

/// Which way the bytes went: what a stage is called depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From here to the server.
    Put,
    /// From the server to a file here.
    Get,
    /// From the server to standard output.
    Print,
}

/// Waits, added up over attempts.
#[derive(Debug, Default)]
pub(super) struct Held(Waits);

impl Held {
    pub(super) fn add(&mut self, waits: &Waits) {
        self.0.reading += waits.reading;
        self.0.network += waits.network;
        self.0.peer += waits.peer;
        self.0.writing += waits.writing;
    }

    /// By what, and how long, longest first.
    fn stages(&self, way: Way) -> [(Duration, &'static str); 4] {
        let Waits { reading, network, peer, writing } = self.0;
        let mut stages = [
            (reading, "reading and hashing here"),
            (
                network,
                match way {
                    Way::Put => "the network",
                    // Which of the two it is does not show at this end.
                    Way::Get | Way::Print => "the network, or what the server reads",
                },
            ),
            (
                peer,
                match way {
                    Way::Put => "the server's disk, or its answer",
                    Way::Get | Way::Print => "the server's answer",
                },
            ),
            (
                writing,
                match way {
                    Way::Put | Way::Get => "the disk here",
                    Way::Print => "standard output",
                },
            ),
        ];
        stages.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        stages
    }

    /// "held back by the network (0.52 s), reading and hashing here (12.0 ms)"; none if nothing was waited for.
    pub(super) fn line(&self, way: Way) -> Option<String> {
        let stages = self.stages(way).into_iter().filter(|(time, _)| !time.is_zero());
        let stages: Vec<String> = stages.map(|(time, what)| format!("{what} ({})", Short(time))).collect();
        (!stages.is_empty()).then(|| format!("held back by {}", stages.join(", ")))
    }

    /// In seconds.
    pub(super) fn json(&self) -> Value {
        let Waits { reading, network, peer, writing } = self.0;
        let seconds = |time: Duration| time.as_secs_f64();
        json!({
            "reading": seconds(reading),
            "network": seconds(network),
            "peer": seconds(peer),
            "writing": seconds(writing),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_waited_for_longest_is_named_first() {
        let mut held = Held::default();
        assert_eq!(held.line(Way::Put), None);
        let reading = Duration::from_millis(12);
        held.add(&Waits { reading, network: Duration::from_millis(400), ..Waits::default() });
        held.add(&Waits { network: Duration::from_millis(200), ..Waits::default() });
        let line = "held back by the network (600.0 ms), reading and hashing here (12.0 ms)";
        assert_eq!(held.line(Way::Put).as_deref(), Some(line));
        let line = held.line(Way::Print).unwrap_or_default();
        assert!(line.starts_with("held back by the network, or what the server reads (600.0 ms)"), "{line}");
        assert_eq!(held.json()["network"], 0.6);
    }
}
