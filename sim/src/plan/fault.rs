//! What goes wrong, and when.

use serde::{Deserialize, Serialize};
use towline::harness::Side;
use towline::store::FileErrorKind;
use towline::store::memory::Primitive;

use super::{Content, Forged, Meddling, Trick};

/// Something that goes wrong. Each waits for its own time; one that comes [`When::After`] waits for the one before it
/// in the plan's list, so that a list is made of chains, which do not wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When.
    pub when: When,
    /// What.
    pub what: What,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At this virtual time, in milliseconds.
    At(u64),
    /// So many milliseconds after the fault before it.
    After(u64),
    /// When the receiver has heard so many bytes, and nothing after them, of what `side` sends on the connection of
    /// the client's `dial`th dial (from 0).
    Byte {
        /// Whose dial.
        #[serde(default)]
        client: u32,
        /// Which connection.
        dial: u32,
        /// Whose bytes.
        #[serde(with = "side")]
        side: Side,
        /// How many.
        byte: u64,
    },
    /// Just before the host's store runs this primitive for the `nth` time (from 0).
    Primitive {
        /// Whose store.
        #[serde(default)]
        host: Host,
        /// Which.
        #[serde(with = "primitive")]
        primitive: Primitive,
        /// How many passed.
        nth: u32,
    },
}

impl When {
    /// True if it comes however little happens.
    pub fn is_timed(&self) -> bool {
        match self {
            When::At(_) | When::After(_) => true,
            When::Byte { .. } | When::Primitive { .. } => false,
        }
    }
}

/// What goes wrong, and what is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Nothing passes between the server and these clients; what is on its way is lost.
    Partition(Cut, Whom),
    /// Everything passes again.
    Repair,
    /// What is sent between the server and these clients waits on its way.
    Hold(Whom),
    /// What waited goes on, in its order.
    Release,
    /// The connections of these clients are broken: both ends are told, and what was not read is lost.
    Reset(Whom),
    /// The stream of this side ends early on each connection of these clients, in an orderly way, behind what was
    /// read; what is on its way, and what its process sends after that, is dropped.
    End(#[serde(with = "side")] Side, Whom),
    /// Nothing that this side sends on the present connections of these clients arrives any more, nor what is on its
    /// way: half-open.
    Mute(#[serde(with = "side")] Side, Whom),
    /// The system takes nothing more that this side writes on the present connections of these clients, and says so: a broken
    /// pipe. What the other side says arrives all the same, and so nobody else is told.
    BreakWrites(#[serde(with = "side")] Side, Whom),
    /// One bit of what this side sends next on the connections of these clients is inverted on its way; on those to raw
    /// echo, which protects nothing, none is.
    Damage(#[serde(with = "side")] Side, Whom),
    /// The server's process ends, cleaning nothing up; its system closes its connections.
    KillServer,
    /// The server's machine is gone without a word.
    PowerLossServer,
    /// A server begins on the same disk, once none is left.
    StartServer,
    /// Another server wants the same port.
    SecondServer,
    /// The server is told to finish what runs.
    DrainServer,
    /// The server is told to stop at once.
    AbortServer,
    /// A datagram arrives at the server that is not of whom it says.
    Forged(Forged),
    /// The server's system has no files left for its next so many connections; they wait to be accepted.
    AcceptFails(u32),
    /// As for the server.
    KillClient(u32),
    /// As for the server.
    PowerLossClient(u32),
    /// A client begins on the same disk, with the step that the last one did not finish.
    StartClient(u32),
    /// The process stands still, as after SIGSTOP; its system goes on. One that begins meanwhile runs.
    Pause(Host),
    /// It goes on.
    Resume(Host),
    /// The process reads nothing more from its connections, and does all else.
    StopReading(Host),
    /// It reads again.
    StartReading(Host),
    /// The host's clock leaps by so many milliseconds, as after a suspension.
    ClockJump(Host, u64),
    /// The host's disk takes no byte more.
    DiskFull(Host),
    /// It has room again.
    DiskFree(Host),
    /// The next `times` runs of a primitive on the host's disk fail.
    DiskError {
        /// Whose disk.
        host: Host,
        /// Which.
        #[serde(with = "primitive")]
        primitive: Primitive,
        /// How often.
        times: u32,
        /// How.
        #[serde(default, skip_serializing_if = "DiskFailure::is_usual")]
        how: DiskFailure,
    },
    /// Each operation of the host's store takes so many milliseconds longer; 0 puts it right.
    SlowDisk(Host, u64),
    /// A bit of a file at rest on the host's disk is inverted: of the `pick`th, counted around, of its files.
    BitRot(Host, u32),
    /// A bit of the newest note in a journal of the host's is inverted: of the `pick`th journal, counted around.
    NoteRots(Host, u32),
    /// Somebody on the host's machine takes something out of the folder for partial files.
    Meddle(Host, Meddling),
    /// Somebody writes over what a client sends in a step, in its place: it holds this from then on. The same content is a
    /// change too, since its time is another one.
    SourceChanges {
        /// Whose.
        client: u32,
        /// Which of its steps.
        step: usize,
        /// What it holds then.
        content: Content,
    },
}

/// How a primitive fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFailure {
    /// By an I/O error.
    #[default]
    Io,
    /// For want of permission.
    Denied,
    /// Since the file system may not be written.
    ReadOnly,
    /// Since no more files may be open.
    TooManyFiles,
    /// Since something else uses it.
    Busy,
    /// Since the file would be too long.
    TooLong,
    /// Since something that is no folder stands where one is needed.
    NotAFolder,
    /// Since something that is no file stands there.
    NotAFile,
    /// Since the folder holds something.
    NotEmpty,
    /// Since a symbolic link is in the way.
    Link,
    /// Since the path leads out of the folder.
    Outside,
    /// Since the file system takes no such name.
    BadName,
}

impl DiskFailure {
    /// All of them.
    pub const ALL: [DiskFailure; 12] = [
        DiskFailure::Io,
        DiskFailure::Denied,
        DiskFailure::ReadOnly,
        DiskFailure::TooManyFiles,
        DiskFailure::Busy,
        DiskFailure::TooLong,
        DiskFailure::NotAFolder,
        DiskFailure::NotAFile,
        DiskFailure::NotEmpty,
        DiskFailure::Link,
        DiskFailure::Outside,
        DiskFailure::BadName,
    ];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_usual(&self) -> bool {
        *self == DiskFailure::Io
    }

    /// As the store is told.
    pub fn kind(self) -> FileErrorKind {
        match self {
            DiskFailure::Io => FileErrorKind::Other,
            DiskFailure::Denied => FileErrorKind::Denied,
            DiskFailure::ReadOnly => FileErrorKind::ReadOnly,
            DiskFailure::TooManyFiles => FileErrorKind::TooManyFiles,
            DiskFailure::Busy => FileErrorKind::Busy,
            DiskFailure::TooLong => FileErrorKind::TooLong,
            DiskFailure::NotAFolder => FileErrorKind::NotAFolder,
            DiskFailure::NotAFile => FileErrorKind::NotAFile,
            DiskFailure::NotEmpty => FileErrorKind::NotEmpty,
            DiskFailure::Link => FileErrorKind::Link,
            DiskFailure::Outside => FileErrorKind::Outside,
            DiskFailure::BadName => FileErrorKind::BadName,
        }
    }
}

/// Which way a partition goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Both.
    Both,
    /// The server hears nothing.
    ToServer,
    /// The client hears nothing.
    ToClient,
}

/// Which clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// All of them.
    All,
    /// One, by its place in the plan.
    Client(u32),
    /// One connection of it, by its place among the client's dials; of what is about connections alone.
    Dial(u32, u32),
}

impl Whom {
    /// True if it means this client.
    pub fn means(self, client: u32) -> bool {
        match self {
            Whom::All => true,
            Whom::Client(which) | Whom::Dial(which, _) => which == client,
        }
    }

    /// The client that it is about; `None` where it is about all.
    pub fn client(self) -> Option<u32> {
        match self {
            Whom::All => None,
            Whom::Client(client) | Whom::Dial(client, _) => Some(client),
        }
    }
}

/// Which host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// The server's.
    #[default]
    Server,
    /// A client's, by its place in the plan.
    Client(u32),
}

/// A client that does not keep the rules: it dials the server and plays its trick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stranger {
    /// When it dials, in milliseconds.
    pub begins_ms: u64,
    /// What it does.
    pub trick: Trick,
    /// What its choices are drawn from.
    pub noise: u64,
}

/// A server that does not keep the rules: it answers one dial of a client instead of the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impostor {
    /// Whose dial.
    pub client: u32,
    /// Which.
    pub dial: u32,
    /// What it does.
    pub trick: Trick,
    /// What its choices are drawn from.
    pub noise: u64,
}

/// [`Side`] in a plan's text.
mod side {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use towline::harness::Side;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Text {
        Client,
        Server,
    }

    pub(super) fn serialize<S: Serializer>(side: &Side, to: S) -> Result<S::Ok, S::Error> {
        match side {
            Side::Client => Text::Client.serialize(to),
            Side::Server => Text::Server.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Side, D::Error> {
        Ok(match Text::deserialize(from)? {
            Text::Client => Side::Client,
            Text::Server => Side::Server,
        })
    }
}

/// [`Primitive`] in a plan's text: its name.
mod primitive {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use towline::store::memory::Primitive;

    pub(super) fn serialize<S: Serializer>(primitive: &Primitive, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{primitive:?}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Primitive, D::Error> {
        let name = String::deserialize(from)?;
        let known = || Primitive::ALL.iter().map(|primitive| format!("{primitive:?}"));
        Primitive::ALL.iter().copied().find(|primitive| format!("{primitive:?}") == name).ok_or_else(|| {
            let names: Vec<String> = known().collect();
            D::Error::custom(format!("no primitive is named {name:?}; there are {}", names.join(", ")))
        })
    }
}
