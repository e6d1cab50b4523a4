//! A frame without its bulk: cheap to keep, and what is told of it in words.

use std::fmt;

use bytes::Bytes;

use crate::wire::{Body, Cv, Frame, Kind, OperationId};

/// What is kept of a frame. Its `Display` is one line, short enough to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brief {
    /// A segment of a block, without its bytes.
    Data {
        /// On which operation.
        operation: OperationId,
        /// Where in the file.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// The block's chaining value, with its last segment.
        cv: Option<Cv>,
    },
    /// An echo's request or reply.
    Echo {
        /// On which operation.
        operation: OperationId,
        /// True for the reply.
        is_reply: bool,
        /// The first bytes, at most 16.
        start: Bytes,
        /// How many there are.
        length: usize,
    },
    /// Any other frame, with all that it says.
    Whole(Frame),
}

impl Brief {
    /// Bytes that are kept of an echo.
    pub const EXCERPT: usize = 16;

    /// The kind of the frame.
    pub fn kind(&self) -> Kind {
        match self {
            Brief::Data { .. } => Kind::Data,
            Brief::Echo { is_reply: false, .. } => Kind::Echo,
            Brief::Echo { is_reply: true, .. } => Kind::EchoReply,
            Brief::Whole(frame) => frame.body.kind(),
        }
    }

    /// The operation that it belongs to; 0 is the connection.
    pub fn operation(&self) -> OperationId {
        match self {
            Brief::Data { operation, .. } | Brief::Echo { operation, .. } => *operation,
            Brief::Whole(frame) => frame.operation,
        }
    }
}

impl From<Frame> for Brief {
    fn from(frame: Frame) -> Brief {
        let operation = frame.operation;
        let echo = |bytes: &Bytes, is_reply| {
            let start = Bytes::copy_from_slice(&bytes[..bytes.len().min(Brief::EXCERPT)]);
            Brief::Echo { operation, is_reply, start, length: bytes.len() }
        };
        if let Body::Data(data) = &frame.body {
            Brief::Data { operation, offset: data.offset, length: data.payload.len(), cv: data.cv }
        } else if let Body::Echo(bytes) = &frame.body {
            echo(bytes, false)
        } else if let Body::EchoReply(bytes) = &frame.body {
            echo(bytes, true)
        } else {
            Brief::Whole(frame)
        }
    }
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operation() != OperationId::CONNECTION {
            write!(f, "{:?} ", self.operation())?;
        }
        match self {
            Brief::Data { operation: _, offset, length, cv } => {
                write!(f, "Data {offset}+{length}")?;
                cv.map_or(Ok(()), |cv| write!(f, " block {cv:?}"))
            }
            Brief::Echo { operation: _, is_reply: _, start, length } => {
                write!(f, "{:?} \"{}\"", self.kind(), start.escape_ascii())?;
                if *length > start.len() { write!(f, ".. {length} bytes") } else { Ok(()) }
            }
            Brief::Whole(frame) => body(&frame.body, f),
        }
    }
}

fn body(body: &Body, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = |is_last| if is_last { ", last" } else { "" };
    match body {
        Body::Hello(hello) => write!(
            f,
            "Hello versions {}..{} capabilities {:#x} window {} operations {} idle {} ms",
            hello.lowest, hello.highest, hello.capabilities.0, hello.window, hello.operations, hello.idle_ms
        ),
        Body::Have(page) => {
            let held = page.cvs.iter().flatten().count();
            write!(f, "Have from {}: {held} of {}{}", page.first, page.cvs.len(), last(page.last))
        }
        Body::Offer(offer) => {
            write!(f, "Offer {:?} {} bytes mode {:o}", offer.path, offer.length, offer.mode)
        }
        Body::Get(get) => write!(f, "Get {:?}", get.path),
        Body::Pull(get) => write!(f, "Pull {:?}", get.path),
        Body::Push(push) => write!(f, "Push {:?}", push.path),
        Body::Commit(commit) => write!(f, "Commit {:?}", commit.root),
        Body::Committed(root) => write!(f, "Committed {root:?}"),
        Body::Page(page) => write!(f, "Page {:?}{}", page.entries, last(page.last)),
        Body::Failed(failure) => write!(f, "Failed {:?} {failure}", failure.code),
        Body::Refused(refused) => write!(f, "Refused {:?} {}", refused.code, refused.text),
        Body::Ping(_) | Body::Pong(_) | Body::Credit(_) | Body::GoAway(_) | Body::Bye => {
            write!(f, "{body:?}")
        }
        Body::Cancel | Body::Done | Body::Hole(_) | Body::Want(_) | Body::List(_) => write!(f, "{body:?}"),
        Body::Read(read) => write!(f, "Read {:?} {:?}", read.path, read.span),
        Body::Stream(stream) => write!(f, "Stream {:?} mode {:o}", stream.path, stream.mode),
        Body::End(end) => write!(f, "End {} bytes {:?}", end.length, end.root),
        Body::Sum(path) => write!(f, "Sum {path:?}"),
        Body::Next | Body::Stat(_) | Body::Metadata(_) | Body::Remove(_) => write!(f, "{body:?}"),
        Body::MakeFolder(_) | Body::MakeLink(_) | Body::ReadLink(_) => write!(f, "{body:?}"),
        Body::LinkTarget(_) | Body::Resolve(_) | Body::Resolved(_) => write!(f, "{body:?}"),
        Body::Data(_) | Body::Echo(_) | Body::EchoReply(_) => write!(f, "{body:?}"),
    }
}
