//! Trees of folders: sent, received, sent again when something in them has changed. Drawn from a stream of its own, after all
//! else, so that the rest of a seed's plan is what it was, but for the places of steps. They are small: what a tree does is
//! done with a few files.

mod compared;
mod strange;

pub(super) use self::compared::compared;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ordered::{insert, place};
use super::{Scenario, habits};
use crate::plan::{Content, Expect, How, Links, Node, Operation, Plan, Step, When};

/// Of a hundred plans that may have it.
const SOME_PERCENT: u32 = 20;
const STORIES_PERCENT: u32 = 20;
/// Of a thousand trees.
const LONG_PERMILLE: u32 = 15;
/// A file that comes in one breath is not kept: these are longer.
const LONG: std::ops::Range<u64> = (1 << 20) + 1..5 << 18;
/// A put that is longer is there to be broken off and gone on with.
const PUT_MAX: u64 = 1 << 20;
/// Where what is named by a path stands in a tree.
const PATHS: [&str; 5] = ["a/one", "a/b/two", "a/b/c/three", "z/four", "five"];
const FOLDERS: [&str; 3] = ["empty", "a/empty", "z/y/x"];
/// Where links lead: to files that there may be, nowhere, round, and out.
const TARGETS: [&str; 6] = ["0", "1", "five", "nowhere", ".", "../../out"];
/// Names of so many bytes take several windows.
const NAMES: [usize; 3] = [1, 300, 4_096];

pub(super) fn trees(plan: &mut Plan, scenario: Scenario, random: &mut ChaCha8Rng) {
    match scenario {
        Scenario::Clean | Scenario::PortTaken | Scenario::LateServer | Scenario::Swarm => {
            if random.random_ratio(SOME_PERCENT, 100) {
                add(plan, random);
                habits::doubt(plan);
            }
        }
        Scenario::Partition | Scenario::ServerCrash | Scenario::ClientCrash | Scenario::Drain => {
            if random.random_ratio(STORIES_PERCENT, 100) {
                replace(plan, random);
            }
        }
        Scenario::Refused => {}
    }
}

/// What is in a folder.
#[derive(Clone)]
struct Tree {
    contents: Vec<Content>,
    nodes: Vec<(String, Node)>,
}

impl Tree {
    fn draw(random: &mut ChaCha8Rng, links: Links) -> Tree {
        let contents = (0..random.random_range(1..4)).map(|_| content(random)).collect();
        let mut nodes = Vec::new();
        for path in PATHS {
            if random.random_bool(0.4) {
                nodes.push((path.to_owned(), Node::File(content(random))));
            }
        }
        for path in FOLDERS {
            if random.random_bool(0.2) {
                nodes.push((path.to_owned(), Node::Folder));
            }
        }
        for (number, target) in TARGETS.into_iter().enumerate() {
            if random.random_bool(0.15) {
                nodes.push((link(number, links), Node::Link(target.to_owned())));
            }
        }
        Tree { contents, nodes }
    }

    /// Some of it is another, or gone, or of another kind.
    fn change(&mut self, random: &mut ChaCha8Rng) {
        for content in &mut self.contents {
            if random.random_bool(0.4) {
                *content = Content { noise: random.random(), ..*content };
            }
        }
        self.contents.truncate(random.random_range(1..=self.contents.len()));
        self.nodes.retain(|_| random.random_bool(0.7));
        let is_taken = self.nodes.iter().any(|(path, _)| path.starts_with('a') || path.starts_with("five"));
        if !is_taken && random.random_bool(0.5) {
            // A file where a folder was, and a folder where a file was.
            self.nodes.push(("a".to_owned(), Node::File(content(random))));
            self.nodes.push(("five/six".to_owned(), Node::File(content(random))));
        }
    }

    fn put(&self, path: &str, how: How) -> Operation {
        let Tree { contents, nodes } = self.clone();
        Operation::PutTree { path: path.to_owned(), contents, nodes, how }
    }
}

/// A link that is followed becomes a file, and has a name of its own.
fn link(number: usize, links: Links) -> String {
    let name = if links == Links::Follow { "behind" } else { "link" };
    if number.is_multiple_of(2) { format!("{name}-{number}") } else { format!("a/{name}-{number}") }
}

fn content(random: &mut ChaCha8Rng) -> Content {
    let length = match random.random_range(0..12) {
        0 => [0, 65_536, 65_537][random.random_range(0..3)],
        1 => random.random_range(0..40_000),
        _ => random.random_range(0..2_000),
    };
    Content { length, noise: random.random() }
}

fn how(random: &mut ChaCha8Rng, links: Links) -> How {
    How {
        links,
        delete: random.random_bool(0.5),
        dry_run: random.random_bool(0.1),
        compare: false,
        checksum: random.random_bool(0.25),
        without: None,
    }
}

/// A client sends a tree, and does something more with it.
fn add(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len());
    let is_shared = plan.clients.len() > 1 && random.random_bool(0.2);
    let path = if is_shared { "tree".to_owned() } else { format!("tree-{client}") };
    let links = match random.random_range(0..6) {
        0 => Links::Follow,
        1 => Links::Skip,
        _ => Links::Keep,
    };
    if random.random_bool(0.4) {
        plan.limits.tree_names = NAMES[random.random_range(0..NAMES.len())];
    }
    for name in ["0", "old", "a/older", "a/one"] {
        if random.random_bool(0.2) {
            plan.served.push((format!("{path}/{name}"), content(random)));
        }
    }
    let mut tree = Tree::draw(random, links);
    if random.random_ratio(LONG_PERMILLE, 1_000) {
        tree.contents.push(Content { length: random.random_range(LONG), noise: random.random() });
        plan.shape.write_max = plan.shape.write_max.max(30_000);
        plan.shape.read_max = plan.shape.read_max.max(30_000);
        plan.network.window = plan.network.window.max(65_536);
    }
    // What is behind a link that leads nowhere cannot be had, and what stands where something else is to be stays there.
    let is_sure = !is_shared && links != Links::Follow && !is_doubtful(plan);
    let mut steps = vec![(tree.put(&path, how(random, links)), is_sure)];
    let get = |random: &mut ChaCha8Rng, at: Option<String>| {
        let links = if random.random_bool(0.2) { Links::Skip } else { Links::Keep };
        Operation::GetTree { path: path.clone(), at, how: How { links, ..how(random, links) } }
    };
    let is_there = |steps: &[(Operation, bool)]| {
        let sends = |(operation, is_sure): &(Operation, bool)| *is_sure && !operation.puts().is_empty();
        steps.iter().any(sends)
    };
    for _ in 0..random.random_range(0..4) {
        let next = match random.random_range(0..10) {
            0..3 => {
                tree.change(random);
                let how = how(random, links);
                (tree.put(&path, how), is_sure && how.delete)
            }
            3..5 => (get(random, None), is_sure && is_there(&steps)),
            5..7 => (get(random, Some(format!("{client}"))), false),
            7 => (Operation::Remove { path: format!("{path}/0") }, false),
            8 => (Operation::Get { path: format!("{path}/0") }, false),
            _ => (Operation::Put { path: format!("{path}/1"), content: content(random) }, false),
        };
        steps.push(next);
    }
    let of_all = plan.clients.len();
    let client_of = |random: &mut ChaCha8Rng| {
        let is_other = is_shared && random.random_bool(0.5);
        if is_other { random.random_range(0..of_all) } else { client }
    };
    let clients: Vec<usize> = steps.iter().map(|_| client_of(random)).collect();
    let mut from = random.random_range(0..=plan.clients[client].steps.len());
    strange::strange(plan, &mut steps, &path, random);
    for ((operation, is_sure), client) in steps.into_iter().zip(clients) {
        let at = place(plan, client, from);
        let expect = if is_sure { Expect::Success } else { Expect::Any };
        let mut step = Step::new(operation, expect);
        if random.random_bool(0.06) {
            (step.give_up_ms, step.expect) = (Some(random.random_range(0..80)), Expect::Any);
        }
        insert(plan, client, at, step);
        from = at + 1;
    }
}

/// True if what is sent may fail for good.
fn is_doubtful(plan: &Plan) -> bool {
    let is_blocked = plan.obstacles.iter().any(|(at, _)| at.starts_with(".towline"));
    is_blocked || !plan.steps().any(|step| step.expect == Expect::Success)
}

/// The story's put becomes a tree of as many bytes, and what it gets is that.
fn replace(plan: &mut Plan, random: &mut ChaCha8Rng) {
    // What waits for a primitive waits for that of a put.
    let by_byte = plan.faults.first().is_some_and(|fault| matches!(fault.when, When::Byte { .. }));
    let is_story = |step: &Step| match &step.operation {
        Operation::Put { path, content } => path == "file" && content.length <= PUT_MAX,
        _ => false,
    };
    if !by_byte || !plan.clients[0].steps.iter().any(is_story) {
        return;
    }
    let at = random.random_bool(0.3).then(|| "tree".to_owned());
    for step in &mut plan.clients[0].steps {
        match &step.operation {
            Operation::Put { path, content } if path == "file" && content.length <= PUT_MAX => {
                let mut tree = Tree::draw(random, Links::Keep);
                tree.nodes.retain(|(_, node)| !matches!(node, Node::File(_)));
                let pieces = random.random_range(2..7);
                let piece = |_| Content { length: content.length / pieces, noise: random.random() };
                tree.contents = (0..pieces).map(piece).collect();
                step.operation = tree.put("tree", How::default());
            }
            Operation::Get { path } | Operation::Print { path, .. } | Operation::Compare { path, .. }
                if path == "file" =>
            {
                let at = at.clone();
                step.operation = Operation::GetTree { path: "tree".to_owned(), at, how: How::default() };
            }
            _ => {}
        }
    }
}
