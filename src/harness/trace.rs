//! A conversation as text: one line a frame, in the order in which one end sent or heard them.

use std::fmt::Write;

use bytes::Bytes;

use super::Brief;
use crate::wire::Decoder;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The end that began the connection.
    Client,
    /// The end that accepted it.
    Server,
}

/// Takes both streams of connections and writes down what is said.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    streams: [Decoder; 2],
    /// What follows on something that is no frame is not looked at.
    ended: [bool; 2],
    sides: [String; 2],
    connections: usize,
    text: String,
}

impl Trace {
    /// Nothing was said.
    pub fn new() -> Trace {
        Trace::default()
    }

    /// A new connection: both streams begin again.
    pub fn connection(&mut self) {
        self.streams = Default::default();
        self.ended = Default::default();
        self.connections += 1;
        if self.connections > 1 {
            self.note("", &format!("connection {}", self.connections));
        }
    }

    /// Bytes of a stream.
    pub fn bytes(&mut self, side: Side, bytes: Bytes) {
        if self.ended[side as usize] {
            return;
        }
        self.streams[side as usize].push(bytes);
        let who = match side {
            Side::Client => "client",
            Side::Server => "server",
        };
        loop {
            let line = match self.streams[side as usize].next() {
                Ok(Some(frame)) => Brief::from(frame).to_string(),
                Ok(None) => return,
                Err(error) => {
                    self.ended[side as usize] = true;
                    self.note(who, &format!("not a frame: {error}"));
                    return;
                }
            };
            let _infallible = writeln!(self.sides[side as usize], "{who:<7}{line}");
            self.note(who, &line);
        }
    }

    /// Something that is not a frame: an end, an event.
    pub fn note(&mut self, who: &str, what: &str) {
        let _infallible = writeln!(self.text, "{who:<7}{what}");
    }

    /// All that the client said, then all that the server did: the same however their words crossed.
    pub fn by_side(&self) -> String {
        self.sides.concat()
    }

    /// The conversation so far.
    pub fn text(&self) -> &str {
        &self.text
    }
}
