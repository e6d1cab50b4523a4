//! What passes on a stream, written down: each frame when its last byte was said or heard, on the side of one host.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use towline::harness::{Brief, Side};
use towline::probe::aside;
use towline::wire::{Body, Decoder, PREAMBLE_LEN};

use crate::outcome::Echoed;
use crate::trace::{Frame, Passed};

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Tap {
    place: String,
    side: Side,
    streams: [Watched; 2],
    /// `None` where nobody asks for them.
    echoes: Option<BTreeMap<u32, Echoed>>,
    /// What was said here and not heard yet, where it is kept: each frame, and what it says if it is of an echo.
    unheard: VecDeque<(Frame, Option<Body>)>,
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
        let echoes = Some(BTreeMap::new());
        Tap { place, side, streams: Default::default(), echoes, unheard: VecDeque::new() }
    }

    /// One that is not asked for [echoes](Tap::echoes).
    pub(super) fn without_echoes(self) -> Tap {
        Tap { echoes: None, ..self }
    }

    /// Bytes that `by` sent. Gives the frames that are complete now, and whether the bytes ended within a header.
    pub(super) fn bytes(&mut self, by: Side, bytes: Bytes) -> (Vec<Frame>, bool) {
        // The library's decoder is at work here, too, and not the one that is tested.
        let frames = aside(|| self.watch(by, bytes, false));
        let within = self.streams[by as usize].within;
        (frames, within.is_some_and(|within| (1..HEADER).contains(&within)))
    }

    /// Bytes that were said here. Gives the frames that are complete now, and keeps them if the other end's tap is to
    /// [hear](Tap::heard) of them.
    pub(super) fn said(&mut self, bytes: Bytes, keeps: bool) -> Vec<Frame> {
        aside(|| self.watch(self.side, bytes, keeps))
    }

    /// As [`Tap::bytes`], of the next `count` bytes that were said at the tap `there`, and kept.
    pub(super) fn heard(&mut self, there: &mut Tap, count: usize) -> (Vec<Frame>, bool) {
        let by = there.side;
        let stream = &mut self.streams[by as usize];
        let told = stream.told.max(PREAMBLE_LEN as u64);
        let begun = if stream.passed == told { Some(0) } else { stream.within };
        stream.within = begun.map(|begun| begun + count);
        stream.passed += count as u64;
        let passed = stream.passed;
        let mut frames = Vec::new();
        while there.unheard.front().is_some_and(|(frame, _)| frame.end <= passed)
            && let Some((frame, echo)) = there.unheard.pop_front()
        {
            (stream.told, stream.within) = (frame.end, None);
            if let (Some(body), Passed::Frame(brief)) = (&echo, &frame.passed) {
                watch_echo(self.echoes.as_mut(), &self.place, by, brief.operation().0, body);
            }
            frames.push(Frame { is_heard: true, ..frame });
        }
        (frames, stream.within.is_some_and(|within| (1..HEADER).contains(&within)))
    }

    fn watch(&mut self, by: Side, bytes: Bytes, keeps: bool) -> Vec<Frame> {
        let Tap { place, side, streams, echoes, unheard } = self;
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
                    watch_echo(echoes.as_mut(), place, by, frame.operation.0, &frame.body);
                    stream.told = end;
                    stream.within = None;
                    let is_echo = matches!(frame.body, Body::Echo(_) | Body::EchoReply(_));
                    let echo = (keeps && is_echo).then(|| frame.body.clone());
                    let passed = Passed::Frame(Brief::from(frame));
                    let frame = Frame { by, is_heard, start, end, passed };
                    if keeps {
                        unheard.push_back((frame.clone(), echo));
                    }
                    frames.push(frame);
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
        self.echoes
            .iter()
            .flat_map(BTreeMap::values)
            .map(|echo| Echoed { done: !echo.replies.is_empty(), ..echo.clone() })
    }
}

fn watch_echo(
    echoes: Option<&mut BTreeMap<u32, Echoed>>,
    place: &str,
    by: Side,
    operation: u32,
    body: &Body,
) {
    let Some(echoes) = echoes else { return };
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
