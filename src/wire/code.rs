//! Error codes: a `u16` whose top four bits are its class. A code that is not known acts by its class.

use core::fmt;

/// What a failure means for whoever gets it, also when the exact code is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The connection is over: the peers do not understand each other.
    Protocol,
    /// The operation failed and would fail again.
    Permanent,
    /// The operation may succeed later, on this connection or another.
    Retryable,
    /// The receiver's or server's storage failed; a person has to look at it.
    Storage,
    /// A class of the future: treated as permanent.
    Unknown,
}

/// An error code on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code($value);)*

            /// Every code this implementation knows, with its name and what it says to a person.
            pub const ALL: &'static [(Code, &'static str, &'static str)] =
                &[$((Code::$name, stringify!($name), $text),)*];
        }
    };
}

codes! {
    /// The stream does not begin with the preamble.
    NOT_TOWLINE = 0x1001, "the peer does not speak towline";
    /// A frame does not follow its layout.
    MALFORMED = 0x1002, "a frame is malformed";
    /// A checksum differs.
    CHECKSUM = 0x1003, "a frame was damaged on the way";
    /// A frame is longer than its kind allows.
    TOO_LONG = 0x1004, "a frame is too long";
    /// A kind that is not known and may not be ignored.
    UNKNOWN_KIND = 0x1005, "a frame of an unknown kind";
    /// A frame that may not be sent now.
    UNEXPECTED = 0x1006, "a frame came at the wrong time";
    /// More data than the credit allows.
    CREDIT = 0x1007, "the peer sent more data than it was granted";
    /// No version in common.
    VERSION = 0x1008, "no protocol version in common";
    /// A critical TLV of `Hello` is not known.
    CRITICAL = 0x1009, "the peer insists on an extension that is not known here";
    /// The handshake took too long.
    HANDSHAKE_TIMEOUT = 0x100a, "the handshake took too long";
    /// Nothing was heard for too long.
    IDLE_TIMEOUT = 0x100b, "nothing was heard from the peer for too long";
    /// The protocol is spoken over TLS here.
    TLS_NEEDED = 0x100c, "the server speaks TLS here";

    /// No such file or folder.
    NOT_FOUND = 0x2001, "no such file or folder";
    /// A folder (or something else) where a file is needed.
    NOT_A_FILE = 0x2002, "not a regular file";
    /// A file where a folder is needed.
    NOT_A_FOLDER = 0x2003, "not a folder";
    /// The path is not allowed.
    BAD_PATH = 0x2004, "the path is not allowed";
    /// The path leads out of the served folder, or over a symbolic link or a mount where none is followed.
    OUTSIDE = 0x2005, "the path leads out of the served folder, or over a symbolic link or a mount";
    /// The system denies access.
    DENIED = 0x2006, "permission denied";
    /// The operation is not offered here.
    UNSUPPORTED = 0x2007, "not supported by the peer";
    /// The client cancelled the operation.
    CANCELLED = 0x2008, "cancelled";
    /// Another sender took over the same upload. For uploads that are resumed: nobody sends it yet.
    SUPERSEDED = 0x2009, "another sender took over this upload";
    /// The root of what was received is not the root that the sender named.
    ROOT_MISMATCH = 0x200a, "the file's hash differs from what the sender named";
    /// The folder is not empty.
    NOT_EMPTY = 0x200b, "the folder is not empty";
    /// The file is longer than the protocol allows.
    FILE_TOO_LONG = 0x200c, "the file is too long";
    /// A block was damaged again each time it was sent.
    BLOCK_DAMAGED = 0x200d, "a block was damaged each time it was sent";
    /// The range begins beyond the file's end.
    RANGE = 0x200e, "the range begins beyond the file's end";
    /// The server does not let this client do that.
    NOT_ALLOWED = 0x200f, "that is not allowed";
    /// Something stands there already, and this client may not replace it.
    EXISTS = 0x2010, "something stands there already, and you may not replace it";
    /// The client's key is not one that the server lets in.
    UNKNOWN_KEY = 0x2011, "the server does not know your key";
    /// A listing is longer than its asker takes (said by a side to itself).
    LISTING_TOO_LONG = 0x2012, "the listing is too long";

    /// Too many connections.
    BUSY = 0x3001, "the server is busy";
    /// Too many operations at once.
    TOO_MANY_OPERATIONS = 0x3002, "too many operations at once";
    /// The server is stopping.
    DRAINING = 0x3003, "the server is stopping";
    /// The source changed while it was read.
    CHANGED = 0x3004, "the file changed while it was read";
    /// The connection ended before the operation did (said by a side to itself).
    LOST = 0x3005, "the connection was lost";
    /// Too little moved for too long.
    TOO_SLOW = 0x3006, "too little moved for too long";

    /// The system reported an I/O error.
    IO = 0x4001, "input/output error on the storage";
    /// No space.
    NO_SPACE = 0x4002, "no space left on the storage";
    /// The file system is read-only.
    READ_ONLY = 0x4003, "the file system is read-only";
    /// Too many open files.
    TOO_MANY_FILES = 0x4004, "too many open files";
    /// More than this client may store.
    QUOTA = 0x4005, "no more may be stored there";
}

impl Code {
    /// The class, from the top four bits.
    pub const fn class(self) -> Class {
        match self.0 >> 12 {
            1 => Class::Protocol,
            2 => Class::Permanent,
            3 => Class::Retryable,
            4 => Class::Storage,
            _ => Class::Unknown,
        }
    }

    /// The code's name, if it is known.
    pub fn name(self) -> Option<&'static str> {
        Code::ALL.iter().find(|(code, ..)| *code == self).map(|(_, name, _)| *name)
    }

    /// What the code says to a person.
    pub fn describe(self) -> &'static str {
        match Code::ALL.iter().find(|(code, ..)| *code == self) {
            Some((_, _, text)) => text,
            None => match self.class() {
                Class::Protocol => "a protocol error that is not known here",
                Class::Permanent | Class::Unknown => "a failure that is not known here",
                Class::Retryable => "a passing failure that is not known here",
                Class::Storage => "a storage failure that is not known here",
            },
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// The body of `Failed`: why an operation (or, on operation 0, the connection) failed. `Refused` carries the same
/// fields and the versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What happened.
    pub code: Code,
    /// How long to wait before trying again, in milliseconds; 0 where that is not for the sender to say.
    pub delay_ms: u32,
    /// For a person; at most 1 KiB, may be empty, never acted upon.
    pub text: String,
}

impl Failure {
    /// A failure without a delay. `text` may be empty.
    pub fn new(code: Code, text: impl Into<String>) -> Failure {
        Failure { code, delay_ms: 0, text: text.into() }
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Failure {
        Failure::new(code, "")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text.escape_debug()) }
    }
}

impl core::error::Error for Failure {}
