//! Plans: what a seed means, as data. A plan runs without its seed; its `Debug` text is for reading.

mod generate;
mod light;

use towline::harness::Side;
use towline::proto::backoff::SplitMix;
use towline::proto::client::RetryPolicy;
use towline::proto::{Limits, ListenLimits};
use towline::store::memory::Primitive;
use towline::time::Duration;

use crate::outcome::ContentId;

/// The story that a plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Files go both ways, names are listed and removed, echoes come back; nothing goes wrong.
    Clean,
    /// The network falls apart in the middle of a put, and heals.
    Partition,
    /// A second server wants the first one's port.
    PortTaken,
    /// Nobody listens.
    Refused,
    /// The server comes later than the client, which waits for it.
    LateServer,
    /// The server is killed, or loses its power, in the middle of a put, and comes back on the same disk.
    ServerCrash,
    /// The client is killed, or loses its power, in the middle of a put.
    ClientCrash,
    /// The server is told to stop while it has work in flight.
    Drain,
}

impl Scenario {
    /// All of them; a seed's is the one at its remainder, so that any 20 seeds in a row tell every story.
    pub const ALL: [Scenario; 8] = [
        Scenario::Clean,
        Scenario::Partition,
        Scenario::PortTaken,
        Scenario::Refused,
        Scenario::LateServer,
        Scenario::ServerCrash,
        Scenario::ClientCrash,
        Scenario::Drain,
    ];

    /// True if nothing breaks on the way, so that every world shows its applications the same.
    pub fn is_fault_free(self) -> bool {
        match self {
            Scenario::Clean | Scenario::PortTaken | Scenario::Refused | Scenario::LateServer => true,
            Scenario::Partition | Scenario::ServerCrash | Scenario::ClientCrash | Scenario::Drain => false,
        }
    }

    /// The scenario of a seed.
    pub fn of(seed: u64) -> Scenario {
        Scenario::ALL[(seed % Scenario::ALL.len() as u64) as usize]
    }
}

/// All that a run is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it was made from; names the random streams of the run.
    pub seed: u64,
    /// The story.
    pub scenario: Scenario,
    /// How long a message is on its way, in milliseconds.
    pub latency_ms: Span,
    /// How streams are cut.
    pub shape: Shape,
    /// Deadlines of both ends.
    pub limits: Deadlines,
    /// How the client tries again.
    pub retry: Retry,
    /// True if the server is there from the beginning.
    pub server_at_start: bool,
    /// What the server's folder holds at the beginning.
    pub served: Vec<(String, Content)>,
    /// What the client does, one step after another.
    pub steps: Vec<Step>,
    /// What goes wrong, in this order.
    pub faults: Vec<Fault>,
}

/// From `min` to `max`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

/// What the shim does to the bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Most bytes that one write takes.
    pub write_max: usize,
    /// Most bytes that one read gives.
    pub read_max: usize,
    /// How often, in percent, a stream is not ready although it could be, and wakes at once.
    pub pending_percent: u32,
    /// How often, in a thousand, it sleeps first.
    pub nap_permille: u32,
    /// For how long at most.
    pub nap_ms_max: u64,
}

impl Shape {
    /// Writes that a stream takes in a millisecond.
    pub const WRITES_PER_MS: u32 = 16;

    /// Nothing is cut or delayed.
    pub const SMOOTH: Shape = Shape {
        write_max: usize::MAX,
        read_max: usize::MAX,
        pending_percent: 0,
        nap_permille: 0,
        nap_ms_max: 1,
    };
}

/// Deadlines in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// A peer that is silent for so long is taken for dead.
    pub idle_ms: u64,
    /// From the beginning of a connection to the peer's hello.
    pub handshake_ms: u64,
    /// From the last byte to the peer's end.
    pub linger_ms: u64,
    /// How long a stopping server waits for what is running.
    pub drain_ms: u64,
}

/// The client's retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts of a job.
    pub attempts: u32,
    /// The first delay is at most this.
    pub base_ms: u64,
    /// No delay is longer.
    pub cap_ms: u64,
    /// How long to look for a server that was never reached.
    pub wait_ms: Option<u64>,
    /// How long a dial may take.
    pub connect_ms: u64,
}

/// Bytes that anybody can make again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// How many.
    pub length: u64,
    /// What they are made from.
    pub noise: u64,
}

impl Content {
    /// The bytes themselves.
    pub fn bytes(&self) -> Vec<u8> {
        let length = usize::try_from(self.length).expect("contents fit in memory");
        let mut state = SplitMix(self.noise);
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&state.next_u64().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// What they are known by.
    pub fn id(&self) -> ContentId {
        ContentId::of(&self.bytes())
    }
}

/// One thing that the client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub operation: Operation,
    /// How it must end, if it is carried out to its end.
    pub expect: Expect,
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sends a file.
    Put {
        /// Where it is to stand.
        path: String,
        /// What it holds.
        content: Content,
    },
    /// Receives a file.
    Get {
        /// Where it stands.
        path: String,
    },
    /// Lists the served folder.
    List,
    /// Removes a file.
    Remove {
        /// Where it stands.
        path: String,
    },
    /// Echo within the protocol.
    Echo(Content),
    /// Echo by RFC 862, on a connection of its own.
    RawEcho(Content),
}

/// How a step must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It succeeds, whatever went wrong on the way.
    Success,
    /// It is told that nobody listens.
    Refused,
}

/// Something that goes wrong, once the faults before it have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub when: When,
    /// What.
    pub what: What,
}

/// When a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this virtual time, in milliseconds.
    At(u64),
    /// So many milliseconds after the fault before it.
    After(u64),
    /// When the receiver has heard so many bytes, and nothing after them, of what `side` sends on the connection of
    /// the client's `dial`th dial (from 0).
    Byte {
        /// Which connection.
        dial: u32,
        /// Whose bytes.
        side: Side,
        /// How many.
        byte: u64,
    },
    /// Just before the server's store runs this primitive for the `nth` time (from 0).
    Primitive {
        /// Which.
        primitive: Primitive,
        /// How many passed.
        nth: u32,
    },
}

impl When {
    /// True if it comes however little happens.
    pub fn is_timed(&self) -> bool {
        matches!(self, When::At(_) | When::After(_))
    }
}

/// What goes wrong, and what is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing passes between client and server; what is on its way is lost.
    Partition(Cut),
    /// Everything passes again.
    Repair,
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
    /// As for the server.
    KillClient,
    /// As for the server.
    PowerLossClient,
    /// A client begins on the same disk, with the step that the last one did not finish.
    StartClient,
}

/// Which way a partition goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both.
    Both,
    /// The server hears nothing.
    ToServer,
    /// The client hears nothing.
    ToClient,
}

impl Plan {
    /// The deadlines as machines take them.
    pub fn limits(&self) -> Limits {
        let Deadlines { idle_ms, handshake_ms, linger_ms, drain_ms: _ } = self.limits;
        Limits {
            idle: Some(Duration::from_millis(idle_ms)),
            handshake: Some(Duration::from_millis(handshake_ms)),
            linger: Duration::from_millis(linger_ms),
            ..Limits::default()
        }
    }

    /// The server's limits over all connections.
    pub fn listen_limits(&self) -> ListenLimits {
        let drain = Some(Duration::from_millis(self.limits.drain_ms));
        ListenLimits { drain, ..ListenLimits::default() }
    }

    /// The client's retries as its machine takes them.
    pub fn policy(&self) -> RetryPolicy {
        let Retry { attempts, base_ms, cap_ms, wait_ms, connect_ms } = self.retry;
        RetryPolicy {
            attempts,
            base: Duration::from_millis(base_ms),
            cap: Duration::from_millis(cap_ms),
            wait: wait_ms.map(Duration::from_millis),
            connect: Some(Duration::from_millis(connect_ms)),
        }
    }

    /// Bytes that the steps move, files and echoes alike.
    pub fn bytes(&self) -> u64 {
        let length = |path: &str| {
            let served = self.served.iter().filter(|(at, _)| at == path).map(|(_, content)| content.length);
            let put = self.steps.iter().filter_map(|step| match &step.operation {
                Operation::Put { path: at, content } if at == path => Some(content.length),
                _ => None,
            });
            served.chain(put).max().unwrap_or(0)
        };
        let of = |step: &Step| match &step.operation {
            Operation::Put { content, .. } => content.length,
            Operation::Get { path } => length(path),
            Operation::Echo(content) | Operation::RawEcho(content) => 2 * content.length,
            Operation::List | Operation::Remove { .. } => 0,
        };
        self.steps.iter().map(of).sum()
    }

    /// The virtual time in which everything that can end has ended: what is moved at the shim's pace, as often as
    /// something may break it off, and each deadline that may have to be waited for. Generous by a factor, not by magnitudes.
    pub fn bound_ms(&self) -> u64 {
        let write = (self.shape.write_max as u64).clamp(1, 65_536);
        let naps = u64::from(self.shape.nap_permille) * self.shape.nap_ms_max;
        let writes = 3 * (self.bytes() + 2_000 * self.steps.len() as u64) / write + 1;
        let moving = writes / u64::from(Shape::WRITES_PER_MS) + 2 * writes * naps / 1000 + 100;
        let scripted = |fault: &Fault| match fault.when {
            When::At(ms) | When::After(ms) => ms,
            When::Byte { .. } | When::Primitive { .. } => 0,
        };
        let script: u64 = self.faults.iter().map(scripted).sum();
        let Deadlines { idle_ms, handshake_ms, linger_ms, drain_ms } = self.limits;
        let one = 2 * idle_ms + handshake_ms + linger_ms + self.retry.connect_ms + 2 * self.retry.cap_ms;
        let breaks = self.faults.len() as u64 + 1;
        let trips = 40 * self.latency_ms.max * (self.steps.len() as u64 + 1);
        breaks * (2 * moving + one) + script + trips + drain_ms + 2 * linger_ms + 5_000
    }
}
