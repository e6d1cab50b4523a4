//! What passes on a stream, written down: each frame when its last byte was said or heard, on the side of one host.

use std::collections::BTreeMap;

use bytes::Bytes;
use towline::harness::{Side, Trace};
use towline::probe::aside;
use towline::wire::{Body, Decoder};

use crate::outcome::Echoed;

/// One end of a connection.
#[derive(Debug, Default)]
pub(super) struct Tap {
    place: String,
    trace: Trace,
    told: usize,
    streams: [Watched; 2],
    echoes: BTreeMap<u32, Echoed>,
}

#[derive(Debug, Default)]
struct Watched {
    decoder: Decoder,
    is_broken: bool,
    /// Bytes that passed since the last frame's end, where that was the end of what passed at once.
    within: Option<usize>,
}

/// Bytes of a frame's header.
const HEADER: usize = towline::wire::HEADER_LEN;

impl Tap {
    pub(super) fn new(place: String) -> Tap {
        Tap { place, ..Tap::default() }
    }

    /// Bytes that `side` sent. Gives the lines of the frames that are complete now, and whether the bytes ended within a header.
    pub(super) fn bytes(&mut self, side: Side, bytes: &Bytes) -> (Vec<String>, bool) {
        // The library's decoder is at work here, too, and not the one that is tested.
        aside(|| self.note(side, bytes))
    }

    fn note(&mut self, side: Side, bytes: &Bytes) -> (Vec<String>, bool) {
        self.watch(side, bytes.clone());
        let stream = &mut self.streams[side as usize];
        let is_header_cut = stream.within.is_some_and(|within| (1..HEADER).contains(&within));
        self.trace.bytes(side, bytes.clone());
        let text = self.trace.text();
        let lines = text[self.told..].lines().map(str::to_owned).collect();
        self.told = text.len();
        (lines, is_header_cut)
    }

    fn watch(&mut self, side: Side, bytes: Bytes) {
        let stream = &mut self.streams[side as usize];
        if stream.is_broken {
            return;
        }
        let begun = if stream.decoder.is_at_boundary() { Some(0) } else { stream.within };
        stream.within = begun.map(|begun| begun + bytes.len());
        stream.decoder.push(bytes);
        loop {
            match stream.decoder.next() {
                Ok(Some(frame)) => {
                    let operation = frame.operation.0;
                    let place = || format!("{} operation {operation}", self.place);
                    match frame.body {
                        Body::Echo(request) if side == Side::Client => {
                            let echo = self.echoes.entry(operation).or_default();
                            echo.place = place();
                            echo.request = request.to_vec();
                        }
                        Body::EchoReply(reply) if side == Side::Server => {
                            let echo = self.echoes.entry(operation).or_default();
                            echo.place = place();
                            echo.replies.push(reply.to_vec());
                        }
                        _ => {}
                    }
                    stream.within = None;
                }
                Ok(None) => return,
                Err(_) => {
                    stream.is_broken = true;
                    return;
                }
            }
        }
    }

    /// The conversation.
    pub(super) fn text(&self) -> &str {
        self.trace.text()
    }

    /// Requests for echoes, and what came back. That a reply came is known from the reply.
    pub(super) fn echoes(&self) -> impl Iterator<Item = Echoed> + '_ {
        self.echoes.values().map(|echo| Echoed { done: !echo.replies.is_empty(), ..echo.clone() })
    }
}
