//! A conversation as text: one line a frame, in the order in which one end sent or heard them.

use std::fmt::Write;

use bytes::Bytes;

use crate::wire::{Body, Decoder, Frame};

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
                Ok(Some(frame)) => describe(&frame),
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

/// A frame on one line, short enough to read.
fn describe(frame: &Frame) -> String {
    let body = match &frame.body {
        Body::Hello(hello) => format!(
            "Hello versions {}..{} capabilities {:#x} window {} operations {} idle {} ms",
            hello.lowest, hello.highest, hello.capabilities.0, hello.window, hello.operations, hello.idle_ms
        ),
        Body::Echo(bytes) => format!("Echo {}", excerpt(bytes)),
        Body::EchoReply(bytes) => format!("EchoReply {}", excerpt(bytes)),
        Body::Data(data) => {
            let last = data.cv.map_or(String::new(), |cv| format!(" block {cv:?}"));
            format!("Data {}+{}{last}", data.offset, data.payload.len())
        }
        Body::Have(page) => {
            let held = page.cvs.iter().flatten().count();
            let last = if page.last { ", last" } else { "" };
            format!("Have from {}: {held} of {}{last}", page.first, page.cvs.len())
        }
        Body::Offer(offer) => format!("Offer {:?} {} bytes mode {:o}", offer.path, offer.length, offer.mode),
        Body::Get(get) => format!("Get {:?}", get.path),
        Body::Commit(commit) => format!("Commit {:?}", commit.root),
        Body::Committed(root) => format!("Committed {root:?}"),
        Body::Page(page) => format!("Page {:?}{}", page.entries, if page.last { ", last" } else { "" }),
        Body::Failed(failure) => format!("Failed {:?} {}", failure.code, failure),
        Body::Refused(refused) => format!("Refused {:?} {}", refused.code, refused.text),
        body @ (Body::Ping(_) | Body::Pong(_) | Body::Credit(_) | Body::GoAway(_) | Body::Bye) => {
            format!("{body:?}")
        }
        body @ (Body::Cancel | Body::Done | Body::Hole(_) | Body::Want(_) | Body::List(_)) => {
            format!("{body:?}")
        }
        body @ (Body::Next | Body::Stat(_) | Body::Metadata(_) | Body::Remove(_)) => format!("{body:?}"),
    };
    if frame.operation.0 == 0 { body } else { format!("{:?} {body}", frame.operation) }
}

fn excerpt(bytes: &[u8]) -> String {
    match bytes.get(..16) {
        Some(start) if bytes.len() > 16 => format!("\"{}\".. {} bytes", start.escape_ascii(), bytes.len()),
        Some(_) | None => format!("\"{}\"", bytes.escape_ascii()),
    }
}
