//! [`Frame`]: what one side says to the other, and its encoding. The list of kinds is written once, in `kinds!`.

use core::fmt;

use bytes::Bytes;

use super::codec::{Put, Reader};
use super::header::{HEADER_LEN, Header};
use super::shape::{LAST, OFFSET_LEN};
use super::transfer::{decode_ranges, encode_ranges, put_path, read_file_path, read_path};
use super::{
    Code, Commit, Cv, Data, DecodeError, Failure, Get, HavePage, Hello, Hole, LinkTarget, MakeFolder,
    MakeLink, Metadata, Offer, Page, Push, Range, Read, Refused, RelPath, Remove, Resolved, Rope, Stream,
    StreamEnd, limits,
};
use crate::probe::{Bug, planted};

/// Names an operation on a connection: chosen by the client, strictly increasing; 0 is the connection itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OperationId(pub u32);

impl OperationId {
    /// The connection itself.
    pub const CONNECTION: OperationId = OperationId(0);
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One protocol message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The operation it belongs to.
    pub operation: OperationId,
    /// What it says.
    pub body: Body,
}

/// Which operations a kind may be sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// Operation 0 only.
    Connection,
    /// Any but 0.
    Operation,
    /// Both.
    Either,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $(($body:ty))? = $value:literal, $scope:ident;)*) => {
        /// What a frame says.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Body {
            $($(#[$doc])* $name $(($body))?,)*
        }

        /// The kind of a frame: the byte in its header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $value,)*
        }

        impl Kind {
            /// Every kind, in the order of its byte.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The kind that a header's byte names, if it is known.
            pub fn from_byte(byte: u8) -> Option<Kind> {
                match byte {
                    $($value => Some(Kind::$name),)*
                    _ => None,
                }
            }

            pub(super) fn scope(self) -> Scope {
                match self {
                    $(Kind::$name => Scope::$scope,)*
                }
            }
        }

        impl Body {
            /// The kind of this body.
            pub fn kind(&self) -> Kind {
                match self {
                    $(kinds!(@pattern $name $(($body))?) => Kind::$name,)*
                }
            }
        }
    };
    (@pattern $name:ident) => { Body::$name };
    (@pattern $name:ident ($body:ty)) => { Body::$name(_) };
}

kinds! {
    /// The first frame of each side.
    Hello(Hello) = 0x01, Connection;
    /// Instead of `Hello`: the connection is refused.
    Refused(Refused) = 0x02, Connection;
    /// Asks for a `Pong` with the same number.
    Ping(u64) = 0x03, Connection;
    /// Answers a `Ping`.
    Pong(u64) = 0x04, Connection;
    /// Data bytes that the peer may have sent since the beginning, in all.
    Credit(u64) = 0x05, Connection;
    /// No operation above this one was or will be begun.
    GoAway(OperationId) = 0x06, Connection;
    /// The orderly end: nothing but the end of the stream follows.
    Bye = 0x07, Connection;

    /// Asks for the same bytes back (at most 64 KiB; they count as data).
    Echo(Bytes) = 0x10, Operation;
    /// The bytes of an `Echo`.
    EchoReply(Bytes) = 0x11, Operation;
    /// Ends an operation from the client's side; answered by the operation's own terminal reply.
    Cancel = 0x12, Operation;
    /// The operation failed (terminal), or, on operation 0, the connection.
    Failed(Failure) = 0x13, Either;
    /// The operation is done (terminal).
    Done = 0x14, Operation;

    /// A sender's file.
    Offer(Offer) = 0x20, Operation;
    /// Asks for a file.
    Get(Get) = 0x21, Operation;
    /// What the receiver holds.
    Have(HavePage) = 0x22, Operation;
    /// A segment of a block.
    Data(Data) = 0x23, Operation;
    /// Blocks of zeros.
    Hole(Hole) = 0x24, Operation;
    /// Blocks that the receiver asks for, again or for the first time.
    Want(Vec<Range>) = 0x25, Operation;
    /// The sender has sent all, and names the root.
    Commit(Commit) = 0x26, Operation;
    /// The receiver has published the file with this root, durably.
    Committed(Cv) = 0x27, Operation;
    /// Asks for blocks of a file that another connection receives.
    Pull(Get) = 0x28, Operation;
    /// Brings blocks of a file that another connection uploads.
    Push(Push) = 0x29, Operation;
    /// Asks for the chaining values of a file's blocks.
    Sum(RelPath) = 0x2c, Operation;
    /// Asks for bytes of a file, in order.
    Read(Read) = 0x2d, Operation;
    /// Begins an upload of unknown length.
    Stream(Stream) = 0x2e, Operation;
    /// The end of a stream: its length and root.
    End(StreamEnd) = 0x2f, Operation;

    /// Asks for a folder's names.
    List(RelPath) = 0x30, Operation;
    /// Asks for the next page.
    Next = 0x31, Operation;
    /// Part of a folder's names (the last one is terminal).
    Page(Page) = 0x32, Operation;
    /// Asks for the metadata of one path.
    Stat(RelPath) = 0x33, Operation;
    /// The metadata of one path (terminal).
    Metadata(Metadata) = 0x34, Operation;
    /// Removes a file or an empty folder.
    Remove(Remove) = 0x35, Operation;

    /// Makes a folder where there is none, and sets its mode and time.
    MakeFolder(MakeFolder) = 0x40, Operation;
    /// Makes a symbolic link, in place of a file or link that stands there.
    MakeLink(MakeLink) = 0x41, Operation;
    /// Asks where a symbolic link leads.
    ReadLink(RelPath) = 0x42, Operation;
    /// Where a symbolic link leads (terminal).
    LinkTarget(LinkTarget) = 0x43, Operation;
    /// Asks for the metadata of what a path leads to, over links.
    Resolve(RelPath) = 0x44, Operation;
    /// What a path leads to (terminal).
    Resolved(Resolved) = 0x45, Operation;
}

impl Frame {
    /// A frame about the connection.
    pub fn connection(body: Body) -> Frame {
        Frame { operation: OperationId::CONNECTION, body }
    }

    /// A frame of an operation.
    pub fn of(operation: OperationId, body: Body) -> Frame {
        Frame { operation, body }
    }

    /// Appends the frame's bytes to `out`, all but the payload of a `Data` frame, which is returned: it follows.
    pub fn encode(&self, out: &mut Vec<u8>) -> Option<Rope> {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_LEN]);
        let payload = self.body.encode(out);
        let in_line = out.len() - start - HEADER_LEN;
        let length = in_line + payload.as_ref().map_or(0, Rope::len);
        let header = Header {
            length: u32::try_from(length).expect("bodies are at most 256 KiB"),
            kind: self.body.kind() as u8,
            flags: self.body.flags(),
            operation: self.operation.0,
            crc: 0,
        };
        let covered = if payload.is_some() { OFFSET_LEN } else { in_line };
        let header = header.encode(&out[start + HEADER_LEN..][..covered]);
        out[start..start + HEADER_LEN].copy_from_slice(&header);
        payload
    }

    /// The frame's bytes in one piece, for tests, vectors and corpora.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(payload) = self.encode(&mut out) {
            out.extend_from_slice(&payload.into_bytes());
        }
        out
    }

    /// Decodes a whole body of a kind other than `Data`.
    pub(super) fn decode_control(header: &Header, kind: Kind, body: &Bytes) -> Result<Frame, DecodeError> {
        if header.checksum(body) != header.crc && !planted(Bug::SkipChecksum) {
            return Err(DecodeError::Checksum);
        }
        Ok(Frame {
            operation: OperationId(header.operation),
            body: Body::decode(kind, header.flags == LAST, body)?,
        })
    }

    /// Decodes a `Data` frame from what precedes its payload.
    pub(super) fn decode_data(header: &Header, head: &[u8], payload: Rope) -> Result<Frame, DecodeError> {
        let mut reader = Reader::new(head);
        let offset: [u8; OFFSET_LEN] = reader.array("offset")?;
        if header.checksum(&offset) != header.crc {
            return Err(DecodeError::Checksum);
        }
        let offset = u64::from_le_bytes(offset);
        if offset.saturating_add(payload.len() as u64) > limits::FILE_MAX {
            return Err(DecodeError::Value("offset above 2^47"));
        }
        let cv = if header.flags == LAST { Some(Cv(reader.array("chaining value")?)) } else { None };
        reader.end()?;
        let body = Body::Data(Data { offset, cv, payload });
        Ok(Frame { operation: OperationId(header.operation), body })
    }
}

impl Body {
    /// Data bytes that the frame costs the sender's credit: the payloads of `Data`, `Echo` and `EchoReply`.
    pub fn credit(&self) -> u64 {
        match self {
            Body::Data(data) => data.payload.len() as u64,
            Body::Echo(bytes) | Body::EchoReply(bytes) => bytes.len() as u64,
            Body::Hello(_) | Body::Refused(_) | Body::Ping(_) | Body::Pong(_) | Body::Credit(_) => 0,
            Body::GoAway(_) | Body::Bye | Body::Cancel | Body::Failed(_) | Body::Done => 0,
            Body::Offer(_) | Body::Get(_) | Body::Have(_) | Body::Hole(_) | Body::Want(_) => 0,
            Body::Pull(_) | Body::Push(_) => 0,
            Body::Commit(_) | Body::Committed(_) | Body::List(_) | Body::Next | Body::Page(_) => 0,
            Body::Stat(_) | Body::Metadata(_) | Body::Remove(_) => 0,
            Body::MakeFolder(_) | Body::MakeLink(_) | Body::ReadLink(_) | Body::LinkTarget(_) => 0,
            Body::Resolve(_) | Body::Resolved(_) => 0,
            Body::Sum(_) | Body::Read(_) | Body::Stream(_) | Body::End(_) => 0,
        }
    }

    fn flags(&self) -> u8 {
        let last = match self {
            Body::Data(data) => data.cv.is_some(),
            Body::Have(page) => page.last,
            Body::Page(page) => page.last,
            Body::Hello(_) | Body::Refused(_) | Body::Ping(_) | Body::Pong(_) | Body::Credit(_) => false,
            Body::GoAway(_) | Body::Bye | Body::Echo(_) | Body::EchoReply(_) | Body::Cancel => false,
            Body::Failed(_) | Body::Done | Body::Offer(_) | Body::Get(_) | Body::Hole(_) => false,
            Body::Want(_) | Body::Commit(_) | Body::Committed(_) | Body::List(_) | Body::Next => false,
            Body::Pull(_) | Body::Push(_) => false,
            Body::Stat(_) | Body::Metadata(_) | Body::Remove(_) => false,
            Body::MakeFolder(_) | Body::MakeLink(_) | Body::ReadLink(_) | Body::LinkTarget(_) => false,
            Body::Resolve(_) | Body::Resolved(_) => false,
            Body::Sum(_) | Body::Read(_) | Body::Stream(_) | Body::End(_) => false,
        };
        if last { LAST } else { 0 }
    }

    /// Appends the body to `out`; the payload of `Data` is returned instead.
    fn encode(&self, out: &mut Vec<u8>) -> Option<Rope> {
        match self {
            Body::Hello(hello) => hello.encode(out),
            Body::Refused(refused) => refused.encode(out),
            Body::Ping(number) | Body::Pong(number) | Body::Credit(number) => out.put_u64(*number),
            Body::GoAway(last) => out.put_u32(last.0),
            Body::Echo(bytes) | Body::EchoReply(bytes) => out.put(bytes),
            Body::Bye | Body::Cancel | Body::Done | Body::Next => {}
            Body::Failed(failure) => {
                out.put_u16(failure.code.0);
                out.put_u32(failure.delay_ms);
                out.put_text(&failure.text);
            }
            Body::Offer(offer) => offer.encode(out),
            Body::Get(get) | Body::Pull(get) => get.encode(out),
            Body::Push(push) => push.encode(out),
            Body::Have(page) => page.encode(out),
            Body::Data(data) => {
                out.put_u64(data.offset);
                if let Some(cv) = data.cv {
                    out.put(&cv.0);
                }
                return Some(data.payload.clone());
            }
            Body::Hole(hole) => hole.encode(out),
            Body::Want(ranges) => encode_ranges(ranges, out),
            Body::Commit(commit) => commit.encode(out),
            Body::Committed(root) => out.put(&root.0),
            Body::List(path) | Body::Stat(path) | Body::Sum(path) => put_path(out, path),
            Body::ReadLink(path) | Body::Resolve(path) => put_path(out, path),
            Body::MakeFolder(folder) => folder.encode(out),
            Body::MakeLink(link) => link.encode(out),
            Body::LinkTarget(target) => target.encode(out),
            Body::Resolved(resolved) => resolved.encode(out),
            Body::Read(read) => read.encode(out),
            Body::Stream(stream) => stream.encode(out),
            Body::End(end) => end.encode(out),
            Body::Page(page) => page.encode(out),
            Body::Metadata(metadata) => metadata.encode(out),
            Body::Remove(remove) => remove.encode(out),
        }
        None
    }

    fn decode(kind: Kind, last: bool, bytes: &Bytes) -> Result<Body, DecodeError> {
        let mut reader = Reader::new(bytes);
        let body = match kind {
            Kind::Hello => Body::Hello(Hello::decode(&mut reader)?),
            Kind::Refused => Body::Refused(Refused::decode(&mut reader)?),
            Kind::Ping => Body::Ping(reader.u64("number")?),
            Kind::Pong => Body::Pong(reader.u64("number")?),
            Kind::Credit => Body::Credit(reader.u64("credit")?),
            Kind::GoAway => Body::GoAway(OperationId(reader.u32("operation")?)),
            Kind::Bye => Body::Bye,
            Kind::Echo => Body::Echo(echo_payload(&mut reader)?),
            Kind::EchoReply => Body::EchoReply(echo_payload(&mut reader)?),
            Kind::Cancel => Body::Cancel,
            Kind::Failed => {
                let (code, delay_ms) = (Code(reader.u16("code")?), reader.u32("delay")?);
                Body::Failed(Failure { code, delay_ms, text: reader.text()? })
            }
            Kind::Done => Body::Done,
            Kind::Offer => Body::Offer(Offer::decode(&mut reader)?),
            Kind::Get => Body::Get(Get::decode(&mut reader)?),
            Kind::Have => Body::Have(HavePage::decode(&mut reader, last)?),
            Kind::Data => return Err(DecodeError::Value("a data frame is not a control frame")),
            Kind::Hole => Body::Hole(Hole::decode(&mut reader)?),
            Kind::Want => Body::Want(decode_ranges(&mut reader)?),
            Kind::Commit => Body::Commit(Commit::decode(&mut reader)?),
            Kind::Committed => Body::Committed(Cv(reader.array("root")?)),
            Kind::Pull => Body::Pull(Get::decode_pull(&mut reader)?),
            Kind::Push => Body::Push(Push::decode(&mut reader)?),
            Kind::Sum => Body::Sum(read_file_path(&mut reader)?),
            Kind::Read => Body::Read(Read::decode(&mut reader)?),
            Kind::Stream => Body::Stream(Stream::decode(&mut reader)?),
            Kind::End => Body::End(StreamEnd::decode(&mut reader)?),
            Kind::List => Body::List(read_path(&mut reader)?),
            Kind::Next => Body::Next,
            Kind::Page => Body::Page(Page::decode(&mut reader, last)?),
            Kind::Stat => Body::Stat(read_path(&mut reader)?),
            Kind::Metadata => Body::Metadata(Metadata::decode(&mut reader)?),
            Kind::Remove => Body::Remove(Remove::decode(&mut reader)?),
            Kind::MakeFolder => Body::MakeFolder(MakeFolder::decode(&mut reader)?),
            Kind::MakeLink => Body::MakeLink(MakeLink::decode(&mut reader)?),
            Kind::ReadLink => Body::ReadLink(read_file_path(&mut reader)?),
            Kind::LinkTarget => Body::LinkTarget(LinkTarget::decode(&mut reader)?),
            Kind::Resolve => Body::Resolve(read_path(&mut reader)?),
            Kind::Resolved => Body::Resolved(Resolved::decode(&mut reader)?),
        };
        reader.end()?;
        Ok(body)
    }
}

fn echo_payload(reader: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
    let length = reader.remaining();
    if length > limits::ECHO_MAX {
        return Err(DecodeError::TooLong(length as u64, limits::ECHO_MAX as u64));
    }
    Ok(Bytes::copy_from_slice(reader.bytes(length, "echo")?))
}
