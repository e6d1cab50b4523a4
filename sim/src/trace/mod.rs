//! What happened in a run, in order: events that are cheap to record, their digest and their text when they are asked for.
//! Two runs are compared by it, and it is what `show` shows.
//!
//! | file | what |
//! |---|---|
//! | `event` | one thing that happened: when, at which host, on which connection, what |
//! | `words` | an event as a line of text |
//! | `encode` | an event as bytes, for the digest |
//! | `digest` | digests, and those of a trace's beginnings |
//! | `difference` | the first event in which two runs differ |
//! | `recording` | the bytes of the streams, if a run is asked to keep them |

mod difference;
mod digest;
mod encode;
mod event;
mod recording;
mod words;

use std::fmt::Write;
use std::sync::OnceLock;

pub use difference::difference;
pub use digest::{Checkpoints, Digest, NoDigest};
pub use event::{Application, Connection, Door, Event, Frame, Kind, Lane, Network, Passed, Store};
pub use recording::{Part, Recorded, Recording};

/// Events that most runs have.
const USUAL: usize = 512;
/// Bytes that are hashed at once.
const PIECE: usize = 32 * 1024;

/// A run's events.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    events: Vec<Event>,
    /// The text, once somebody asked for it.
    text: OnceLock<String>,
    recording: Option<Recording>,
}

impl PartialEq for Trace {
    fn eq(&self, other: &Trace) -> bool {
        self.events == other.events
    }
}

impl Eq for Trace {}

impl Trace {
    /// Appends an event.
    pub fn record(&mut self, event: Event) {
        if self.events.is_empty() {
            self.events.reserve(USUAL);
        }
        self.events.push(event);
        self.text.take();
    }

    /// Appends a note: something that is told in words only. `place` is a host, and a connection if there is one.
    pub fn event(&mut self, at_ms: u64, place: &str, what: &str) {
        self.record(Event::note(at_ms * 1_000_000, place, what));
    }

    /// All of them, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// All of them as text, a line each: virtual time, where, what.
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| {
            self.events.iter().fold(String::new(), |mut text, event| {
                let _infallible = writeln!(text, "{event}");
                text
            })
        })
    }

    /// The digest of all events.
    pub fn digest(&self) -> Digest {
        let (mut hasher, mut encoded) = (blake3::Hasher::new(), Vec::new());
        for event in &self.events {
            encode::encode(event, &mut encoded);
            // A hash takes much at once sooner than little often.
            if encoded.len() >= PIECE {
                hasher.update(&encoded);
                encoded.clear();
            }
        }
        Digest::from(hasher.update(&encoded).finalize())
    }

    /// The digests of the trace's beginnings, to be kept for a comparison with a run to come.
    pub fn checkpoints(&self) -> Checkpoints {
        let (mut hasher, mut encoded, mut digests) = (blake3::Hasher::new(), Vec::new(), Vec::new());
        for stretch in self.events.chunks(Checkpoints::EVERY) {
            stretch.iter().for_each(|event| encode::encode(event, &mut encoded));
            hasher.update(&encoded);
            encoded.clear();
            if stretch.len() == Checkpoints::EVERY {
                digests.push(Digest::from(hasher.finalize()));
            }
        }
        Checkpoints { events: self.events.len(), digests, last: Digest::from(hasher.finalize()) }
    }

    /// From now on the bytes of streams are kept.
    pub fn keep_bytes(&mut self) {
        self.recording.get_or_insert_default();
    }

    /// The bytes of the streams, if they were kept.
    pub fn recording(&self) -> Option<&Recording> {
        self.recording.as_ref()
    }

    /// Where bytes are to be written down, if they are kept.
    pub(crate) fn recording_mut(&mut self) -> Option<&mut Recording> {
        self.recording.as_mut()
    }
}
