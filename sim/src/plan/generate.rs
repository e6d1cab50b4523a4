//! From a seed to its plan.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::store::memory::Primitive;

use super::{
    Content, Cut, Expect, Fault, Host, Numbers, Operation, Plan, Retry, Shape, Span, Step, What, When, Whom,
};
use crate::streams::Streams;

/// Most bytes of one file, however wide the stream.
const LENGTH_MAX: u64 = 2 * 1024 * 1024;
/// About how many writes the longest file takes: turmoil's cost is by the write.
const WRITES_MAX: u64 = 800;
/// Bytes written and not yet read, of which one is drawn for a plan.
const WINDOWS: [usize; 3] = [128 * 1024, 1024 * 1024, 4 * 1024 * 1024];
/// More than a hello and the frames before the first data take.
const OPENING: u64 = 260;

/// The story that a seed tells.
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

    /// The scenario of a seed.
    pub fn of(seed: u64) -> Scenario {
        Scenario::ALL[(seed % Scenario::ALL.len() as u64) as usize]
    }

    /// As a plan's story.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Clean => "clean",
            Scenario::Partition => "partition",
            Scenario::PortTaken => "port taken",
            Scenario::Refused => "refused",
            Scenario::LateServer => "late server",
            Scenario::ServerCrash => "server crash",
            Scenario::ClientCrash => "client crash",
            Scenario::Drain => "drain",
        }
    }
}

impl Plan {
    /// What `seed` means.
    pub fn from_seed(seed: u64) -> Plan {
        let streams = Streams::new(seed);
        let scenario = Scenario::of(seed);
        let mut world = streams.stream(Streams::WORLD);
        let mut bytes = streams.stream(Streams::BYTES);
        let mut plan = Plan::empty(scenario.name(), seed);
        plan.shape = shape(&mut bytes);
        plan.network.window = WINDOWS[bytes.random_range(0..WINDOWS.len())];
        plan.network.resent_percent = [0, 50, 100][bytes.random_range(0..3)];
        let latency_min = world.random_range(1..10);
        plan.network.latency_ms = Span { min: latency_min, max: latency_min + world.random_range(0..20) };
        plan.limits = Numbers { idle_ms: world.random_range(400..1_200), ..Numbers::default() };
        plan.retry = Retry { base_ms: world.random_range(60..200), ..Retry::default() };
        let shape = plan.shape;
        let mut workload =
            Workload { random: streams.stream(Streams::WORKLOAD), length_max: longest(&shape) };
        let mut faults = streams.stream(Streams::FAULTS);
        match scenario {
            Scenario::Clean => {
                plan.retry.wait_ms = None;
                workload.mixed(&mut plan);
            }
            Scenario::PortTaken => {
                plan.retry.wait_ms = None;
                workload.mixed(&mut plan);
                plan.fault(When::At(faults.random_range(1..300)), What::SecondServer);
            }
            Scenario::Refused => {
                plan.retry.wait_ms = None;
                plan.server_at_start = false;
                workload.refused(&mut plan);
            }
            Scenario::LateServer => {
                plan.server_at_start = false;
                workload.mixed_on_files(&mut plan);
                plan.fault(When::At(faults.random_range(100..4_000)), What::StartServer);
            }
            Scenario::Partition => partition(&mut plan, &mut workload, &mut faults),
            Scenario::ServerCrash => server_crash(&mut plan, &mut workload, &mut faults),
            Scenario::ClientCrash => client_crash(&mut plan, &mut workload, &mut faults),
            Scenario::Drain => drain(&mut plan, &mut workload, &mut faults),
        }
        plan
    }

    fn fault(&mut self, when: When, what: What) {
        self.faults.push(Fault { when, what });
    }

    fn put_step(&mut self, operation: Operation) {
        self.clients[0].steps.push(Step { operation, expect: Expect::Success });
    }
}

fn shape(random: &mut ChaCha8Rng) -> Shape {
    const WIDTHS: [usize; 6] = [7, 100, 536, 1_460, 9_000, 65_536];
    let width = |random: &mut ChaCha8Rng| WIDTHS[random.random_range(0..WIDTHS.len())];
    Shape {
        write_max: width(random),
        read_max: width(random),
        pending_percent: random.random_range(0..30),
        nap_permille: if random.random_bool(0.5) { random.random_range(0..10) } else { 0 },
        nap_ms_max: random.random_range(1..20),
    }
}

/// What the narrower of writes and reads can carry.
fn longest(shape: &Shape) -> u64 {
    (shape.write_max.min(4 * shape.read_max) as u64 / 2 * WRITES_MAX).min(LENGTH_MAX)
}

struct Workload {
    random: ChaCha8Rng,
    length_max: u64,
}

impl Workload {
    /// Of any length, lengths around the edges of a block among them.
    fn content(&mut self) -> Content {
        const EDGES: [u64; 9] = [0, 1, 100, 65_535, 65_536, 65_537, 131_072, 1 << 20, (1 << 20) + 1];
        let length = if self.random.random_bool(0.4) {
            EDGES[self.random.random_range(0..EDGES.len())].min(self.length_max)
        } else {
            self.random.random_range(0..=self.length_max)
        };
        Content { length, noise: self.random.random() }
    }

    /// Long enough to be in the middle of.
    fn long(&mut self) -> Content {
        let length = self.random.random_range(self.length_max / 2..=self.length_max);
        Content { length, noise: self.random.random() }
    }

    fn payload(&mut self) -> Content {
        Content { length: self.random.random_range(0..1_000), noise: self.random.random() }
    }

    fn put(&mut self, plan: &mut Plan, path: &str) {
        let content = self.content();
        plan.put_step(Operation::Put { path: path.to_owned(), content });
    }

    /// Some of everything, raw echo as well.
    fn mixed(&mut self, plan: &mut Plan) {
        self.mixed_on_files(plan);
        let payload = self.content();
        plan.put_step(Operation::RawEcho(payload));
    }

    fn mixed_on_files(&mut self, plan: &mut Plan) {
        let old = self.content();
        plan.served.push(("old".to_owned(), old));
        plan.put_step(Operation::Get { path: "old".to_owned() });
        for number in 0..self.random.random_range(1..3) {
            let path = if number == 0 { "folder/new".to_owned() } else { format!("new-{number}") };
            self.put(plan, &path);
            plan.put_step(Operation::Get { path });
        }
        let payload = self.payload();
        plan.put_step(Operation::Echo(payload));
        plan.put_step(Operation::List);
        self.put(plan, "old");
        match self.random.random_range(0..3) {
            0 => plan.put_step(Operation::Remove { path: "old".to_owned() }),
            1 => plan.put_step(Operation::Remove { path: "folder/new".to_owned() }),
            _ => plan.put_step(Operation::Get { path: "old".to_owned() }),
        }
        plan.put_step(Operation::List);
    }

    fn refused(&mut self, plan: &mut Plan) {
        let operations = [
            Operation::Put { path: "new".to_owned(), content: self.content() },
            Operation::Echo(self.payload()),
        ];
        let refused = |operation| Step { operation, expect: Expect::Refused };
        plan.clients[0].steps.extend(operations.map(refused));
    }

    /// A file that is overwritten by a long put, in which something happens, and read back. Gives the put's length.
    fn overwrite(&mut self, plan: &mut Plan) -> u64 {
        if self.random.random_bool(0.8) {
            let old = self.content();
            plan.served.push(("file".to_owned(), old));
        }
        let content = self.long();
        plan.put_step(Operation::Put { path: "file".to_owned(), content });
        plan.put_step(Operation::Get { path: "file".to_owned() });
        content.length
    }
}

/// Where the first connection's put breaks off: mostly among the data, at times in the frames before and after it.
fn within_put(length: u64, random: &mut ChaCha8Rng) -> When {
    let byte = match random.random_range(0..10) {
        0 => random.random_range(0..OPENING),
        1 => length + random.random_range(0..OPENING),
        _ => random.random_range(OPENING..OPENING + length.max(1)),
    };
    When::Byte { client: 0, dial: 0, side: Side::Client, byte }
}

fn partition(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let length = workload.overwrite(plan);
    let when = within_put(length, random);
    let cut = match random.random_range(0..4) {
        0 => Cut::ToServer,
        1 => Cut::ToClient,
        _ => Cut::Both,
    };
    plan.fault(when, What::Partition(cut, Whom::All));
    plan.fault(When::After(random.random_range(10..3 * plan.limits.idle_ms)), What::Repair);
}

fn server_crash(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let before = workload.payload();
    plan.put_step(Operation::Put { path: "before".to_owned(), content: before });
    let length = workload.overwrite(plan) + before.length;
    let again = workload.content();
    plan.put_step(Operation::Put { path: "after".to_owned(), content: again });
    plan.put_step(Operation::Get { path: "before".to_owned() });
    plan.put_step(Operation::List);
    // In the first put or in the second.
    let nth = random.random_range(0..2);
    let primitive = match random.random_range(0..6) {
        0 => Some(Primitive::WriteAt),
        1 => Some(Primitive::Sync),
        2 => Some(Primitive::Rename),
        3 => Some(Primitive::SyncFolder),
        _ => None,
    };
    match primitive {
        Some(primitive) => {
            plan.fault(When::Primitive { host: Host::Server, primitive, nth }, What::PowerLossServer)
        }
        None => {
            let what = if random.random_bool(0.5) { What::KillServer } else { What::PowerLossServer };
            plan.fault(within_put(length, random), what);
        }
    }
    plan.fault(When::After(random.random_range(10..3_000)), What::StartServer);
}

fn client_crash(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let length = workload.overwrite(plan);
    let what = if random.random_bool(0.5) { What::KillClient(0) } else { What::PowerLossClient(0) };
    plan.fault(within_put(length, random), what);
    if random.random_bool(0.6) {
        plan.fault(When::After(random.random_range(10..3_000)), What::StartClient(0));
    }
}

fn drain(plan: &mut Plan, workload: &mut Workload, random: &mut ChaCha8Rng) {
    let length = workload.overwrite(plan);
    plan.put_step(Operation::List);
    if random.random_bool(0.5) {
        plan.limits.drain_ms = random.random_range(1..60);
    }
    plan.fault(within_put(length, random), What::DrainServer);
    plan.fault(When::After(random.random_range(10..2_000)), What::StartServer);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Plan, Scenario};

    #[test]
    fn any_twenty_seeds_tell_every_story() {
        for start in [0, 1, 7, 1_000_003, u64::MAX - 20] {
            let told: BTreeSet<Scenario> = (start..start + 20).map(Scenario::of).collect();
            assert_eq!(told.len(), Scenario::ALL.len(), "from {start}");
        }
    }

    #[test]
    fn a_seed_always_means_the_same() {
        for seed in 0..64 {
            assert_eq!(Plan::from_seed(seed), Plan::from_seed(seed));
        }
    }

    #[test]
    fn a_plan_can_be_read() {
        let text = Plan::from_seed(1).text();
        for word in ["partition", "latency_ms", "byte", "repair", "file"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}
