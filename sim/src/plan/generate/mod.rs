//! From a seed to its plan. Every draw is from a stream of the seed's, so that a draw more in one moves no other.
//!
//! | file | what |
//! |---|---|
//! | `workload` | files, and what is done with them |
//! | `habits` | what is done together, and what is given up |
//! | `meddlers` | who meddles with the folder for partial files; failing barriers and logs; drivers that are interrupted |
//! | `obstacles` | what is in the way of a path; servers that stop at once; forged datagrams |
//! | `oddities` | what a peer may ask for, and no client of ours does; files that are too long to be read |
//! | `ordered` | parts of files, streams, comparisons |
//! | `stories` | plans about one thing that goes wrong |
//! | `swarm` | plans with each kind of fault or none |
//! | `trees` | trees of folders |
//! | `fair` | what must succeed can |

mod fair;
mod habits;
mod meddlers;
mod obstacles;
mod oddities;
mod ordered;
mod resumes;
mod several;
mod stories;
mod swarm;
mod trees;
mod workload;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::workload::Workload;
use super::{Expect, Fault, Numbers, Operation, Plan, Retry, Shape, Span, Step, What, When};
use crate::streams::Streams;

/// Bytes written and not yet read, of which one is drawn for a plan.
const WINDOWS: [usize; 3] = [128 * 1024, 1024 * 1024, 4 * 1024 * 1024];
/// Data bytes that a peer may send ahead, of which one is drawn for a plan: the least, and the usual.
const CREDIT: [u64; 2] = [2 * 1024 * 1024, 8 * 1024 * 1024];

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
    /// Several clients, and each kind of fault or none: what the stories do not think of.
    Swarm,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Scenario; 9] = [
        Scenario::Clean,
        Scenario::Partition,
        Scenario::PortTaken,
        Scenario::Refused,
        Scenario::LateServer,
        Scenario::ServerCrash,
        Scenario::ClientCrash,
        Scenario::Drain,
        Scenario::Swarm,
    ];

    /// The scenario of a seed: by its remainder, so that any 20 seeds in a row tell every story, and half are swarms.
    pub fn of(seed: u64) -> Scenario {
        Scenario::ALL[(seed % 16).min(8) as usize]
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
            Scenario::Swarm => "swarm",
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
        plan.limits.window = CREDIT[world.random_range(0..CREDIT.len())];
        let mut workload = Workload::new(streams.stream(Streams::WORKLOAD), &plan.shape);
        let mut faults = streams.stream(Streams::FAULTS);
        match scenario {
            Scenario::Clean => stories::clean(&mut plan, &mut workload),
            Scenario::PortTaken => stories::port_taken(&mut plan, &mut workload, &mut faults),
            Scenario::Refused => stories::refused(&mut plan, &mut workload),
            Scenario::LateServer => stories::late_server(&mut plan, &mut workload, &mut faults),
            Scenario::Partition => stories::partition(&mut plan, &mut workload, &mut faults),
            Scenario::ServerCrash => stories::server_crash(&mut plan, &mut workload, &mut faults),
            Scenario::ClientCrash => stories::client_crash(&mut plan, &mut workload, &mut faults),
            Scenario::Drain => stories::drain(&mut plan, &mut workload, &mut faults),
            Scenario::Swarm => swarm::swarm(&mut plan, &mut workload, &mut world, &mut faults),
        }
        if matches!(scenario, Scenario::Clean | Scenario::PortTaken | Scenario::LateServer | Scenario::Swarm)
        {
            let mut random = streams.stream(Streams::HABITS);
            habits::habits(&mut plan, &mut random);
            if scenario == Scenario::Swarm {
                habits::source_changes(&mut plan, &mut random);
                habits::straits(&mut plan, &mut random);
                habits::mistakes(&mut plan, &mut random);
            }
        }
        if matches!(scenario, Scenario::Clean | Scenario::Partition | Scenario::Swarm) {
            resumes::resumes(&mut plan, &mut streams.stream(Streams::RESUMES));
        }
        if matches!(scenario, Scenario::ServerCrash | Scenario::ClientCrash | Scenario::Drain) {
            resumes::after_a_crash(&mut plan, &mut streams.stream(Streams::RESUMES));
        }
        if matches!(
            scenario,
            Scenario::Partition | Scenario::ServerCrash | Scenario::ClientCrash | Scenario::Drain
        ) {
            plan.fill();
        }
        if scenario == Scenario::Swarm {
            oddities::oddities(&mut plan, &mut streams.stream(Streams::ODDITIES));
            obstacles::obstacles(&mut plan, &mut streams.stream(Streams::OBSTACLES));
            habits::doorstep(&mut plan, &mut streams.stream(Streams::DOORSTEP));
        }
        if matches!(scenario, Scenario::Clean | Scenario::Partition | Scenario::Swarm) {
            several::gets(&mut plan, &mut streams.stream(Streams::SEVERAL));
            several::puts(&mut plan, &mut streams.stream(Streams::PUSHES));
        }
        ordered::ordered(&mut plan, scenario, &mut streams.stream(Streams::ORDERED));
        trees::trees(&mut plan, scenario, &mut streams.stream(Streams::TREES));
        trees::compared(&mut plan, &mut streams.stream(Streams::COMPARED));
        meddlers::meddlers(&mut plan, scenario, &mut streams.stream(Streams::MEDDLERS));
        fair::fair(&mut plan);
        plan
    }

    /// What breaks off at a byte has so many on its way: no file is a hole.
    fn fill(&mut self) {
        self.served.iter_mut().for_each(|(_, content)| *content = content.dense());
        for step in self.clients.iter_mut().flat_map(|application| &mut application.steps) {
            if let Operation::Put { content, .. } = &mut step.operation {
                *content = content.dense();
            }
        }
    }

    fn fault(&mut self, when: When, what: What) {
        self.faults.push(Fault { when, what });
    }

    /// One step more of the first client, which must succeed.
    fn step_of_first(&mut self, operation: Operation) {
        self.clients[0].steps.push(Step::new(operation, Expect::Success));
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
        ..Shape::SMOOTH
    }
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
