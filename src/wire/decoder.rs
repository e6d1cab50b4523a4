//! [`Decoder`]: a stream in arbitrary pieces to whole frames. Emits nothing for part of a frame, so that how the
//! bytes were split or joined cannot be seen from its output.

use bytes::Bytes;

use super::header::{HEADER_LEN, Header};
use super::hello::{PREAMBLE, PREAMBLE_LEN};
use super::shape::Shape;
use super::{DecodeError, Frame, Rope, limits};
use crate::probe::{Bug, Mark, mark, mark_if, planted};

/// Turns a byte stream, from its preamble on, into frames. After an error it stays in error.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Decoder {
    held: Rope,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    Preamble,
    Header,
    Body(Header, Shape),
    Failed(DecodeError),
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}

impl Decoder {
    /// Most bytes of a stream that a decoder holds back once [`Decoder::next`] gave `None`: one frame.
    pub const HELD_MAX: usize = HEADER_LEN + 40 + limits::DATA_MAX;
    /// Most that [`Decoder::footprint`] gives once [`Decoder::next`] gave `None`, and, between a push and that, most
    /// that it gives beyond the length of the push: `HELD_MAX`, the list of pieces, and room that waits for more.
    pub const FOOTPRINT_MAX: usize = Decoder::HELD_MAX + 64 * 1024;

    /// At the beginning of a stream: the preamble comes first.
    pub fn new() -> Decoder {
        Decoder { held: Rope::new(), state: State::Preamble }
    }

    /// Behind a preamble, where frames begin.
    pub fn after_preamble() -> Decoder {
        Decoder { held: Rope::new(), state: State::Header }
    }

    /// Adds bytes from the stream. Call [`Decoder::next`] until it gives `None` or an error.
    pub fn push(&mut self, bytes: Bytes) {
        match self.state {
            State::Failed(_) => {}
            State::Preamble | State::Header | State::Body(..) => self.held.push(bytes),
        }
    }

    /// Memory held, in bytes; see [`Rope::footprint`].
    pub fn footprint(&self) -> usize {
        self.held.footprint()
    }

    /// Bytes that wait for the rest of a frame.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// True between frames: nothing is held back.
    pub fn is_at_boundary(&self) -> bool {
        self.held.is_empty() && self.state == State::Header
    }

    /// The next whole frame; `Ok(None)` until more bytes come; ignorable frames are skipped.
    #[expect(clippy::should_implement_trait, reason = "an iterator would hide that an error is final")]
    pub fn next(&mut self) -> Result<Option<Frame>, DecodeError> {
        let result = self.advance();
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.held.settle(),
            Err(error) => {
                mark(Mark::FrameRefused);
                self.held = Rope::new();
                self.state = State::Failed(error.clone());
            }
        }
        result
    }

    fn advance(&mut self) -> Result<Option<Frame>, DecodeError> {
        loop {
            match &self.state {
                State::Failed(error) => return Err(error.clone()),
                State::Preamble => {
                    if !self.preamble()? {
                        return Ok(None);
                    }
                    self.state = State::Header;
                }
                State::Header => {
                    let mut bytes = [0; HEADER_LEN];
                    if !self.held.peek(&mut bytes) {
                        mark_if(Mark::HeaderCut, || !self.held.is_empty());
                        if planted(Bug::DropCutHeader) {
                            self.held = Rope::new();
                        }
                        return Ok(None);
                    }
                    let header = Header::decode(&bytes)?;
                    let shape = header.shape()?;
                    self.held.take(HEADER_LEN);
                    self.state = State::Body(header, shape);
                }
                State::Body(header, shape) => {
                    let (header, shape) = (*header, *shape);
                    let due = header.length as usize + usize::from(planted(Bug::WaitForOneMore));
                    if self.held.len() < due {
                        return Ok(None);
                    }
                    self.state = State::Header;
                    if let Some(frame) = self.finish(&header, shape)? {
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }

    /// True once the preamble has come. All 8 bytes are awaited before they are compared, so that the error does not
    /// depend on how they were split.
    fn preamble(&mut self) -> Result<bool, DecodeError> {
        let mut bytes = [0; PREAMBLE_LEN];
        if !self.held.peek(&mut bytes) {
            return Ok(false);
        }
        if bytes != PREAMBLE {
            return Err(DecodeError::Preamble(bytes));
        }
        self.held.take(PREAMBLE_LEN);
        Ok(true)
    }

    /// Takes the body, which has come, and decodes it; `None` for what is ignored.
    fn finish(&mut self, header: &Header, shape: Shape) -> Result<Option<Frame>, DecodeError> {
        let length = header.length as usize;
        match shape {
            Shape::Control(kind) => Frame::decode_control(header, kind, &self.held.take(length)).map(Some),
            Shape::Data(before_payload) => {
                let head = self.held.take(before_payload);
                let payload = self.held.split_to(length - before_payload).settled();
                Frame::decode_data(header, &head, payload).map(Some)
            }
            Shape::Ignore if header.checksum(&self.held.take(length)) == header.crc => Ok(None),
            Shape::Ignore => Err(DecodeError::Checksum),
        }
    }
}
