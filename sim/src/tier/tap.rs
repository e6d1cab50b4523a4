//! What passes on a stream, written down: each frame when its last byte was said or heard, on the side of one host.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use towline::harness::{Brief, Side};
use towline::probe::aside;
use towline::wire::{self, Body, Decoder, Kind, PREAMBLE_LEN};

use super::facts::Place;
use crate::outcome::Echoed;
use crate::trace::{Frame, Passed};

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Tap {
    /// Where, once that is known.
    place: Option<Place>,
    side: Side,
    streams: [Watched; 2],
    /// `None` where nobody asks for them.
    echoes: Option<BTreeMap<u32, Echoed>>,
    /// What was handed over to be said here and not heard yet, where that is known: each frame, and the bytes of one that
    /// is of an echo.
    known: VecDeque<(Frame, Option<Bytes>)>,
    /// How many of those were said.
    unheard: usize,
    /// Bytes that were said.
    said: u64,
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
    pub(super) fn new(place: Option<Place>, side: Side) -> Tap {
        let echoes = Some(BTreeMap::new());
        Tap { place, side, streams: Default::default(), echoes, known: VecDeque::new(), unheard: 0, said: 0 }
    }

    /// One that is not asked for [echoes](Tap::echoes).
    pub(super) fn without_echoes(self) -> Tap {
        Tap { echoes: None, ..self }
    }

    /// Bytes that `by` sent. Gives the frames that are complete now, and whether the bytes ended within a header.
    pub(super) fn bytes(&mut self, by: Side, bytes: Bytes) -> (Vec<Frame>, bool) {
        let Tap { place, side, streams, echoes, .. } = self;
        let (stream, is_heard, mut frames) = (&mut streams[by as usize], by != *side, Vec::new());
        stream.take_apart(bytes, |start, end, next| {
            let echo = bytes_of_echo(&next);
            let frame = Frame { by, is_heard, start, end, passed: passed(next) };
            note_echo(echoes.as_mut(), *place, &frame, echo.as_ref());
            frames.push(frame);
        });
        (frames, stream.is_within_header())
    }

    /// Bytes that the process here has handed over, and that are [said](Tap::said) later and [heard](Tap::heard)
    /// as they are, however they are cut.
    pub(super) fn will_say(&mut self, bytes: Bytes) {
        let Tap { side: by, streams, known, .. } = self;
        streams[*by as usize].take_apart(bytes, |start, end, next| {
            let echo = bytes_of_echo(&next);
            let frame = Frame { by: *by, is_heard: false, start, end, passed: passed(next) };
            known.push_back((frame, echo));
        });
    }

    /// The next `count` bytes of those are said. Hands over the frames that are complete now.
    pub(super) fn said(&mut self, count: usize, mut each: impl FnMut(Frame)) {
        self.said += count as u64;
        while let Some((frame, echo)) =
            self.known.get(self.unheard).filter(|(frame, _)| frame.end <= self.said)
        {
            self.unheard += 1;
            note_echo(self.echoes.as_mut(), self.place, frame, echo.as_ref());
            each(frame.clone());
        }
    }

    /// As [`Tap::bytes`], of the next `count` bytes that were said at the tap `there`.
    pub(super) fn heard(&mut self, there: &mut Tap, count: usize) -> (Vec<Frame>, bool) {
        let stream = &mut self.streams[there.side as usize];
        let told = stream.told.max(PREAMBLE_LEN as u64);
        let begun = if stream.passed == told { Some(0) } else { stream.within };
        stream.within = begun.map(|begun| begun + count);
        stream.passed += count as u64;
        let passed = stream.passed;
        let mut frames = Vec::new();
        while there.unheard > 0
            && there.known.front().is_some_and(|(frame, _)| frame.end <= passed)
            && let Some((frame, echo)) = there.known.pop_front()
        {
            there.unheard -= 1;
            (stream.told, stream.within) = (frame.end, None);
            note_echo(self.echoes.as_mut(), self.place, &frame, echo.as_ref());
            frames.push(Frame { is_heard: true, ..frame });
        }
        (frames, stream.is_within_header())
    }

    /// Requests for echoes, and what came back. That a reply came is known from the reply.
    pub(super) fn echoes(&self) -> impl Iterator<Item = Echoed> + '_ {
        self.echoes
            .iter()
            .flat_map(BTreeMap::values)
            .map(|echo| Echoed { done: !echo.replies.is_empty(), ..echo.clone() })
    }
}

impl Watched {
    /// Hands over what is complete now, with where it begins and ends. The library's decoder is at work here, too, and
    /// not the one that is tested.
    fn take_apart(
        &mut self,
        bytes: Bytes,
        mut each: impl FnMut(u64, u64, Result<wire::Frame, wire::DecodeError>),
    ) {
        if self.is_broken {
            return;
        }
        let begun = if self.decoder.is_at_boundary() { Some(0) } else { self.within };
        self.within = begun.map(|begun| begun + bytes.len());
        self.passed += bytes.len() as u64;
        aside(|| {
            self.decoder.push(bytes);
            while let Some(next) = self.decoder.next().transpose() {
                let (start, end) = (self.told, self.passed - self.decoder.held() as u64);
                self.is_broken = next.is_err();
                if !self.is_broken {
                    (self.told, self.within) = (end, None);
                }
                each(start, end, next);
                if self.is_broken {
                    return;
                }
            }
        });
    }

    /// True if what passed last ended within a frame's header.
    fn is_within_header(&self) -> bool {
        self.within.is_some_and(|within| (1..HEADER).contains(&within))
    }
}

fn passed(next: Result<wire::Frame, wire::DecodeError>) -> Passed {
    next.map_or_else(Passed::NoFrame, |frame| Passed::Frame(Brief::from(frame)))
}

fn bytes_of_echo(next: &Result<wire::Frame, wire::DecodeError>) -> Option<Bytes> {
    match next.as_ref().ok().map(|frame| &frame.body) {
        Some(Body::Echo(bytes) | Body::EchoReply(bytes)) => Some(bytes.clone()),
        _ => None,
    }
}

/// A frame passed that is of an echo, if there are bytes of one.
fn note_echo(
    echoes: Option<&mut BTreeMap<u32, Echoed>>,
    place: Option<Place>,
    frame: &Frame,
    bytes: Option<&Bytes>,
) {
    let (Some(echoes), Some(bytes), Passed::Frame(brief)) = (echoes, bytes, &frame.passed) else { return };
    let is_reply = brief.kind() == Kind::EchoReply;
    if is_reply != (frame.by == Side::Server) {
        return;
    }
    let operation = brief.operation().0;
    let echo = echoes.entry(operation).or_default();
    let place = place.map_or_else(String::new, |place| place.to_string());
    echo.place = format!("{place} operation {operation}");
    if is_reply {
        echo.replies.push(bytes.to_vec());
    } else {
        echo.request = bytes.to_vec();
    }
}
