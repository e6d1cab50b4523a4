//! What passes on a stream, written down: each frame when its last byte was said or heard, on the side of one host.

use std::collections::BTreeMap;

use bytes::Bytes;
use towline::harness::{Brief, Side};
use towline::probe::aside;
use towline::wire::{Body, Decoder};

use crate::outcome::Echoed;
use crate::trace::{Frame, Passed};

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Tap {
    place: String,
    side: Side,
    streams: [Watched; 2],
    echoes: BTreeMap<u32, Echoed>,
}

#[derive(Debug, Default)]
struct Watched {
    decoder: Decoder,
    is_broken: bool,
    /// Bytes that passed.
    passed: u64,
    /// Where the last frame ended.
    told: u64,
    /// Bytes that passed since the last frame's end, where that was the end of what passed at once.
    within: Option<usize>,
}

/// Bytes of a frame's header.
const HEADER: usize = towline::wire::HEADER_LEN;

impl Tap {
    /// At the end of `side`.
    pub(super) fn new(place: String, side: Side) -> Tap {
        Tap { place, side, streams: Default::default(), echoes: BTreeMap::new() }
    }

    /// Bytes that `by` sent. Gives the frames that are complete now, and whether the bytes ended within a header.
    pub(super) fn bytes(&mut self, by: Side, bytes: Bytes) -> (Vec<Frame>, bool) {
        // The library's decoder is at work here, too, and not the one that is tested.
        let frames = aside(|| self.watch(by, bytes));
        let within = self.streams[by as usize].within;
        (frames, within.is_some_and(|within| (1..HEADER).contains(&within)))
    }

    fn watch(&mut self, by: Side, bytes: Bytes) -> Vec<Frame> {
        let Tap { place, side, streams, echoes } = self;
        let (stream, is_heard) = (&mut streams[by as usize], by != *side);
        let mut frames = Vec::new();
        if stream.is_broken {
            return frames;
        }
        let begun = if stream.decoder.is_at_boundary() { Some(0) } else { stream.within };
        stream.within = begun.map(|begun| begun + bytes.len());
        stream.passed += bytes.len() as u64;
        stream.decoder.push(bytes);
        loop {
            let next = stream.decoder.next();
            let (start, end) = (stream.told, stream.passed - stream.decoder.held() as u64);
            match next {
                Ok(Some(frame)) => {
                    watch_echo(echoes, place, by, frame.operation.0, &frame.body);
                    stream.told = end;
                    stream.within = None;
                    let passed = Passed::Frame(Brief::from(frame));
                    frames.push(Frame { by, is_heard, start, end, passed });
                }
                Ok(None) => return frames,
                Err(error) => {
                    stream.is_broken = true;
                    frames.push(Frame { by, is_heard, start, end, passed: Passed::NoFrame(error) });
                    return frames;
                }
            }
        }
    }

    /// Requests for echoes, and what came back. That a reply came is known from the reply.
    pub(super) fn echoes(&self) -> impl Iterator<Item = Echoed> + '_ {
        self.echoes.values().map(|echo| Echoed { done: !echo.replies.is_empty(), ..echo.clone() })
    }
}

fn watch_echo(echoes: &mut BTreeMap<u32, Echoed>, place: &str, by: Side, operation: u32, body: &Body) {
    if !matches!((body, by), (Body::Echo(_), Side::Client) | (Body::EchoReply(_), Side::Server)) {
        return;
    }
    let echo = echoes.entry(operation).or_default();
    echo.place = format!("{place} operation {operation}");
    if let Body::Echo(request) = body {
        echo.request = request.to_vec();
    } else if let Body::EchoReply(reply) = body {
        echo.replies.push(reply.to_vec());
    }
}
