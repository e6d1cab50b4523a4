//! What a header alone says of the body that follows: how it is to be read, and whether it is refused before any of it
//! is kept.

use super::codec::DecodeError;
use super::frame::{IGNORABLE, LAST, OFFSET_LEN, Scope};
use super::header::Header;
use super::{Cv, Kind, limits};

/// What the decoder needs to know of a frame before its body has come.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) enum Shape {
    /// Read the whole body, then [`Frame::decode_control`].
    Control(Kind),
    /// A `Data` frame: this many bytes before the payload.
    Data(usize),
    /// Skip the body.
    Ignore,
}

impl Header {
    /// Decides by the header alone how the body is to be read; lengths above the limit are refused before any of the
    /// body is kept.
    pub(super) fn shape(&self) -> Result<Shape, DecodeError> {
        let Some(kind) = Kind::from_byte(self.kind) else {
            let limit = limits::CONTROL_MAX as u64;
            return match self.kind & IGNORABLE {
                0 => Err(DecodeError::Kind(self.kind)),
                _ if u64::from(self.length) > limit => {
                    Err(DecodeError::TooLong(u64::from(self.length), limit))
                }
                _ => Ok(Shape::Ignore),
            };
        };
        let on_connection = self.operation == 0;
        match kind.scope() {
            Scope::Connection if !on_connection => return Err(DecodeError::Operation(self.kind)),
            Scope::Operation if on_connection => return Err(DecodeError::Operation(self.kind)),
            Scope::Connection | Scope::Operation | Scope::Either => {}
        }
        let may_be_last = matches!(kind, Kind::Data | Kind::Have | Kind::Page);
        if self.flags & !LAST != 0 || (self.flags == LAST && !may_be_last) {
            return Err(DecodeError::Reserved);
        }
        let before_payload = OFFSET_LEN + if self.flags == LAST { size_of::<Cv>() } else { 0 };
        let limit = if kind == Kind::Data { before_payload + limits::DATA_MAX } else { limits::CONTROL_MAX };
        if self.length as usize > limit {
            return Err(DecodeError::TooLong(u64::from(self.length), limit as u64));
        }
        if kind != Kind::Data {
            return Ok(Shape::Control(kind));
        }
        if (self.length as usize) <= before_payload {
            return Err(DecodeError::Length("a data frame without data"));
        }
        Ok(Shape::Data(before_payload))
    }
}
