//! Files, and what clients do with them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::plan::{Content, Expect, Operation, Plan, Shape, Step};

/// Most bytes of one file, however wide the stream.
const LENGTH_MAX: u64 = 2 * 1024 * 1024;
/// About how many writes the longest file takes: turmoil's cost is by the write.
const WRITES_MAX: u64 = 800;
/// Files at most so long are most of all: what breaks breaks at the edges, and long ones cost time.
const SHORT: u64 = 4 * 1024;
/// Long enough to be in the middle of, and short enough to be many.
const MIDDLE: u64 = 160 * 1024;

/// Draws what clients do.
pub(super) struct Workload {
    pub(super) random: ChaCha8Rng,
    length_max: u64,
}

impl Workload {
    /// What fits through streams of this shape.
    pub(super) fn new(random: ChaCha8Rng, shape: &Shape) -> Workload {
        let width = |most: usize| if most == 0 { LENGTH_MAX } else { most as u64 };
        let narrower = width(shape.write_max).min(4 * width(shape.read_max));
        Workload { random, length_max: (narrower * WRITES_MAX / 2).min(LENGTH_MAX) }
    }

    /// Of any length: mostly short, lengths around the edges of a block among them.
    pub(super) fn content(&mut self) -> Content {
        const EDGES: [u64; 9] = [0, 1, 100, 65_535, 65_536, 65_537, 131_072, 1 << 20, (1 << 20) + 1];
        let length = match self.random.random_range(0..40) {
            0..26 => self.random.random_range(0..=SHORT),
            26..36 => EDGES[self.random.random_range(0..7)],
            36..38 => self.random.random_range(0..=MIDDLE),
            38 => EDGES[self.random.random_range(7..EDGES.len())],
            _ => self.random.random_range(0..=self.length_max),
        };
        Content { length: length.min(self.length_max), noise: self.random.random() }
    }

    /// Long enough to be in the middle of.
    pub(super) fn long(&mut self) -> Content {
        let is_long = self.random.random_ratio(1, 16);
        let most = if is_long { self.length_max } else { MIDDLE.min(self.length_max) };
        let length = self.random.random_range(most / 2..=most);
        Content { length, noise: self.random.random() }
    }

    /// More on one connection than its credit at first allows, where streams are wide enough for that.
    pub(super) fn bulk(&mut self, plan: &mut Plan) {
        const LEAST: u64 = LENGTH_MAX / 2;
        if self.length_max < LEAST {
            return;
        }
        plan.limits.window = LENGTH_MAX;
        for number in 0..3 {
            let length = self.random.random_range(LEAST..=self.length_max);
            let content = Content { length, noise: self.random.random() };
            plan.step_of_first(Operation::Put { path: format!("bulk-{number}"), content });
        }
    }

    /// Of an echo within the protocol.
    pub(super) fn payload(&mut self) -> Content {
        let length = self.random.random_range(0..1_100_u64).saturating_sub(100);
        Content { length, noise: self.random.random() }
    }

    fn put(&mut self, plan: &mut Plan, path: &str) {
        let content = self.content();
        plan.step_of_first(Operation::Put { path: path.to_owned(), content });
    }

    /// Some of everything, raw echo as well.
    pub(super) fn mixed(&mut self, plan: &mut Plan) {
        self.mixed_on_files(plan);
        let payload = self.content();
        plan.step_of_first(Operation::RawEcho(payload));
    }

    pub(super) fn mixed_on_files(&mut self, plan: &mut Plan) {
        let old = self.content();
        plan.served.push(("old".to_owned(), old));
        plan.step_of_first(Operation::Get { path: "old".to_owned() });
        for number in 0..self.random.random_range(1..3) {
            let path = if number == 0 { "folder/new".to_owned() } else { format!("new-{number}") };
            self.put(plan, &path);
            plan.step_of_first(Operation::Get { path });
        }
        let payload = self.payload();
        plan.step_of_first(Operation::Echo(payload));
        plan.step_of_first(Operation::List);
        self.put(plan, "old");
        match self.random.random_range(0..3) {
            0 => plan.step_of_first(Operation::Remove { path: "old".to_owned() }),
            1 => plan.step_of_first(Operation::Remove { path: "folder/new".to_owned() }),
            _ => plan.step_of_first(Operation::Get { path: "old".to_owned() }),
        }
        plan.step_of_first(Operation::List);
    }

    pub(super) fn refused(&mut self, plan: &mut Plan) {
        let operations = [
            Operation::Put { path: "new".to_owned(), content: self.content() },
            Operation::Echo(self.payload()),
        ];
        let refused = |operation| Step::new(operation, Expect::Refused);
        plan.clients[0].steps.extend(operations.map(refused));
    }

    /// A file that is overwritten by a long put, in which something happens, and read back. Gives the put's length.
    pub(super) fn overwrite(&mut self, plan: &mut Plan) -> u64 {
        if self.random.random_bool(0.8) {
            let old = self.content();
            plan.served.push(("file".to_owned(), old));
        }
        let content = self.long();
        plan.step_of_first(Operation::Put { path: "file".to_owned(), content });
        plan.step_of_first(Operation::Get { path: "file".to_owned() });
        content.length
    }
}
