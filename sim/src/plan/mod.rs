//! Plans: what a seed means, as data. A plan is written down, edited and run without its seed; see `text`.
//!
//! | file | what |
//! |---|---|
//! | `network` | latency, cuts, losses, disks |
//! | `work` | what the applications do |
//! | `fault` | what goes wrong, and when |
//! | `folder` | what is in a tree, and how it is moved |
//! | `obstacle` | what stands in the way of a path |
//! | `meddling` | what somebody else takes out of the folder for partial files |
//! | `part` | bytes of a file |
//! | `trick` | what peers do that keep no rules |
//! | `heal` | what must be put right again |
//! | `text` | a plan as a file, and back |
//! | `compared` | whether every world shows its applications the same |
//! | `bound` | how long a plan may take |
//! | `generate` | from a seed to its plan |

mod bound;
mod compared;
mod fault;
mod folder;
mod generate;
mod heal;
mod light;
mod meddling;
mod network;
mod obstacle;
mod part;
mod text;
mod trick;
mod work;

use serde::{Deserialize, Serialize};
use towline::proto::client::RetryPolicy;
use towline::proto::{Connections, Limits, ListenLimits};
use towline::time::Duration;

pub use self::fault::{Cut, DiskFailure, Fault, Host, Impostor, Stranger, What, When, Whom};
pub use self::folder::{How, Links, Node};
pub use self::generate::Scenario;
pub use self::meddling::Meddling;
pub use self::network::{Datagrams, Disks, Forged, Network, Shape, Span};
pub use self::obstacle::Obstacle;
pub use self::part::Part;
pub use self::text::BadPlan;
pub use self::trick::Trick;
pub use self::work::{Application, Content, Expect, Operation, Step};

/// All that a run is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it tells, for people.
    pub story: String,
    /// Names the random streams of the run; a plan from a seed was made from it.
    #[serde(default)]
    pub seed: u64,
    /// A planted bug, by its name; only in a build that has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plant: Option<String>,
    /// What lies between the hosts.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub network: Network,
    /// How streams are cut.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub shape: Shape,
    /// What happens to datagrams.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub datagrams: Datagrams,
    /// The disks.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub disks: Disks,
    /// Deadlines and limits of both ends.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub limits: Numbers,
    /// How clients try again.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub retry: Retry,
    /// True if the server is there from the beginning.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub server_at_start: bool,
    /// What the server's folder holds at the beginning.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub served: Vec<(String, Content)>,
    /// How many more files it holds, empty ones with names so long that a list of them takes several pages.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub crowd: u32,
    /// What else stands in the served folder, by its path: links, devices, other file systems.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub obstacles: Vec<(String, Obstacle)>,
    /// The clients, each with a machine of its own.
    pub clients: Vec<Application>,
    /// Most bytes of a flood, if it is to be no more than streams carry in a part of a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flood_max: Option<u64>,
    /// Clients that do not keep the rules.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub strangers: Vec<Stranger>,
    /// Servers that do not keep the rules.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub impostors: Vec<Impostor>,
    /// What goes wrong.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub faults: Vec<Fault>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

/// As many bytes of names as a client holds without being told.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_usual(names: &usize) -> bool {
    *names == Limits::default().tree_names
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_greeting(connections: &usize) -> bool {
    *connections == ListenLimits::default().greeting
}

fn is_listing_max(entries: &u64) -> bool {
    *entries == Limits::default().listing_max
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_tree_max(entries: &u64) -> bool {
    *entries == Limits::default().tree_max
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_adaptive_min(bytes: &u64) -> bool {
    *bytes == Limits::default().adaptive_min
}

/// What is as in a plain world is not written.
fn is_plain<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Deadlines in milliseconds, and what may be held; of every host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Numbers {
    /// A peer that is silent for so long is taken for dead.
    pub idle_ms: u64,
    /// From the beginning of a connection to the peer's hello.
    pub handshake_ms: u64,
    /// From the last byte to the peer's end.
    pub linger_ms: u64,
    /// How long a stopping server waits for what is running.
    pub drain_ms: u64,
    /// Data bytes that a peer may send ahead; at least 2 MiB.
    pub window: u64,
    /// Operations that a peer may have open at once.
    pub operations: u32,
    /// Bytes of control frames that wait for room before nothing more is read.
    pub control: usize,
    /// Connections that the server has at once.
    pub connections: usize,
    /// Connections that the server has of one address at once.
    pub per_source: usize,
    /// Connections that have not greeted, of all that the server has at once.
    #[serde(skip_serializing_if = "is_greeting")]
    pub greeting: usize,
    /// Bytes of files read ahead of what is sent, over all transfers of a connection.
    pub read_ahead: usize,
    /// Store operations of a connection under way before nothing more is read from its peer.
    pub store_operations: usize,
    /// Verified bytes of a transfer between two notes of what is held.
    pub note_every: u64,
    /// Bytes of names that a tree holds of its folders.
    #[serde(skip_serializing_if = "is_usual")]
    pub tree_names: usize,
    /// Entries of a folder that a tree takes for true.
    #[serde(skip_serializing_if = "is_listing_max")]
    pub listing_max: u64,
    /// And of all its folders.
    #[serde(skip_serializing_if = "is_tree_max")]
    pub tree_max: u64,
    /// Connections of a client for one long file; 0: as many as are of use.
    pub parallel: u32,
    /// The least bytes for which as many as are of use are looked for.
    #[serde(skip_serializing_if = "is_adaptive_min")]
    pub adaptive_min: u64,
}

impl Default for Numbers {
    fn default() -> Numbers {
        let (limits, listen) = (Limits::default(), ListenLimits::default());
        Numbers {
            idle_ms: 800,
            handshake_ms: 800,
            linger_ms: 300,
            drain_ms: 20_000,
            window: limits.window,
            operations: limits.operations,
            control: limits.backlog,
            connections: listen.connections,
            per_source: listen.per_source,
            greeting: listen.greeting,
            read_ahead: limits.read_ahead,
            store_operations: limits.store_operations,
            note_every: limits.note_every,
            tree_names: limits.tree_names,
            listing_max: limits.listing_max,
            tree_max: limits.tree_max,
            parallel: 1,
            adaptive_min: limits.adaptive_min,
        }
    }
}

/// The clients' retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: 40, base_ms: 100, cap_ms: 500, wait_ms: Some(60_000), connect_ms: 700 }
    }
}

impl Plan {
    /// Most clients of a plan.
    pub const CLIENTS_MAX: usize = 8;

    /// A plan in which one client does nothing, and nothing goes wrong.
    pub fn empty(story: &str, seed: u64) -> Plan {
        Plan {
            story: story.to_owned(),
            seed,
            plant: None,
            network: Network::default(),
            shape: Shape::default(),
            datagrams: Datagrams::default(),
            disks: Disks::default(),
            limits: Numbers::default(),
            retry: Retry::default(),
            server_at_start: true,
            served: Vec::new(),
            crowd: 0,
            obstacles: Vec::new(),
            flood_max: None,
            clients: vec![Application::default()],
            strangers: Vec::new(),
            impostors: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// True if nothing breaks on the way.
    pub fn is_fault_free(&self) -> bool {
        let is_harmless = |fault: &Fault| matches!(fault.what, What::SecondServer | What::StartServer);
        let is_lossy = self.datagrams != Datagrams::default();
        self.faults.iter().all(is_harmless)
            && self.strangers.is_empty()
            && self.impostors.is_empty()
            && !is_lossy
    }

    /// True if all datagrams arrive, and come back in time.
    pub fn keeps_datagrams(&self) -> bool {
        let touches = |fault: &Fault| match fault.what {
            What::Partition(..) | What::Hold(_) | What::Pause(_) | What::StopReading(_) => true,
            What::KillServer | What::PowerLossServer | What::DrainServer | What::AbortServer => true,
            What::KillClient(_) | What::PowerLossClient(_) | What::StartClient(_) => true,
            What::Repair | What::Release | What::Resume(_) | What::StartReading(_) => false,
            What::Reset(_) | What::End(..) | What::Mute(..) | What::Damage(..) => false,
            What::ClockJump(..) | What::Forged(_) => false,
            What::BreakWrites(..) | What::Meddle(..) | What::NoteRots(..) => false,
            What::StartServer | What::SecondServer | What::AcceptFails(_) => false,
            What::DiskFull(_) | What::DiskFree(_) | What::DiskError { .. } => false,
            What::SlowDisk(..) | What::BitRot(..) | What::SourceChanges { .. } => false,
        };
        let Datagrams { lost_percent, doubled_percent: _, late_percent } = self.datagrams;
        (lost_percent, late_percent) == (0, 0)
            && 2 * self.network.latency_ms.max < Operation::DATAGRAM_WAIT_MS
            && self.server_at_start
            && !self.faults.iter().any(touches)
    }

    /// Who answers this dial of a client instead of the server, with its place in the plan.
    pub fn impostor_of(&self, client: u32, dial: u32) -> Option<(u32, Impostor)> {
        let is_it = |(_, impostor): &(u32, &Impostor)| (impostor.client, impostor.dial) == (client, dial);
        (0..).zip(&self.impostors).find(is_it).map(|(number, impostor)| (number, *impostor))
    }

    /// The names of the crowd.
    pub fn crowd_names(&self) -> impl Iterator<Item = String> {
        (0..self.crowd).map(|number| format!("crowd-{number:05}-{}", "x".repeat(200)))
    }

    /// The step of a client.
    pub fn step(&self, client: u32, step: usize) -> Option<&Step> {
        self.clients.get(client as usize).and_then(|application| application.steps.get(step))
    }

    /// The steps of all clients.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.clients.iter().flat_map(|application| &application.steps)
    }

    /// What is at `path` at some time: at the beginning, and by each put.
    pub fn contents_at(&self, path: &str) -> impl Iterator<Item = &Content> {
        let served = self.served.iter().filter(move |(at, _)| at == path).map(|(_, content)| content);
        let put = self.steps().flat_map(|step| step.operation.puts());
        served.chain(put.filter(move |(at, _)| at == path).map(|(_, content)| content))
    }

    /// What is below the folder `path` at some time.
    pub fn tree_at(&self, path: &str) -> impl Iterator<Item = (String, &Content)> {
        let start = format!("{path}/");
        let served = self.served.iter().map(|(at, content)| (at.clone(), content));
        let put = self.steps().flat_map(|step| step.operation.puts());
        served.chain(put).filter(move |(at, _)| at.starts_with(&start))
    }

    /// What the source of a step becomes, by each fault that changes it.
    pub fn source_changes(&self, of: u32, at: usize) -> impl Iterator<Item = &Content> {
        self.faults.iter().filter_map(move |fault| match &fault.what {
            What::SourceChanges { client, step, content } if (*client, *step) == (of, at) => Some(content),
            _ => None,
        })
    }

    /// The deadlines as machines take them.
    pub fn limits(&self) -> Limits {
        let Numbers { idle_ms, handshake_ms, linger_ms, window, operations, control, .. } = self.limits;
        let Numbers { read_ahead, store_operations, note_every, tree_names, .. } = self.limits;
        let Numbers { listing_max, tree_max, parallel, adaptive_min, .. } = self.limits;
        let connections = if parallel == 0 { Connections::Adaptive } else { Connections::Fixed(parallel) };
        Limits {
            idle: Some(Duration::from_millis(idle_ms)),
            handshake: Some(Duration::from_millis(handshake_ms)),
            linger: Duration::from_millis(linger_ms),
            window,
            operations,
            backlog: control,
            read_ahead,
            store_operations,
            note_every,
            tree_names,
            listing_max,
            tree_max,
            connections,
            adaptive_min,
            ..Limits::default()
        }
    }

    /// The server's limits over all connections.
    pub fn listen_limits(&self) -> ListenLimits {
        let Numbers { drain_ms, connections, per_source, greeting, .. } = self.limits;
        let drain = Some(Duration::from_millis(drain_ms));
        ListenLimits { drain, connections, per_source, greeting, ..ListenLimits::default() }
    }

    /// The clients' retries as their machines take them.
    pub fn policy(&self) -> RetryPolicy {
        let Retry { attempts, base_ms, cap_ms, wait_ms, connect_ms } = self.retry;
        RetryPolicy {
            attempts,
            // No plan has a limit for an operation: what is slow there is a finding.
            operation: None,
            base: Duration::from_millis(base_ms),
            cap: Duration::from_millis(cap_ms),
            wait: wait_ms.map(Duration::from_millis),
            connect: Some(Duration::from_millis(connect_ms)),
        }
    }
}
