//! Parts of files, streams, and comparisons, among the steps that there are. Drawn from a stream of its own, after all else,
//! so that the rest of a seed's plan is what it was, but for the places of steps.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use towline::harness::Side;
use towline::proto::storage::REPLAY_MAX;
use towline::store::memory::Primitive;

use super::{Scenario, habits};
use crate::plan::{Content, Expect, Host, Operation, Part, Plan, Step, What, When, Whom};

/// Of a hundred plans that may have it.
const SOME_PERCENT: u32 = 30;
const STORIES_PERCENT: u32 = 25;
/// Of a thousand plans: these cost as much as many others.
const LONG_PART_PERMILLE: u32 = 12;
const LONG_STREAM_PERMILLE: u32 = 10;
/// Streams that carry something long in a run of ordinary length.
const WIDTHS: [usize; 2] = [30_000, 65_536];
/// Of several blocks of what goes in order.
const PART_LENGTHS: std::ops::Range<u64> = 2 << 20..3 << 20;
/// As much as is kept of a stream, and more.
const STREAM_LENGTHS: std::ops::Range<u64> = 3 << 20..6 << 20;
/// A put that is longer is there to be broken off and gone on with.
const PUT_MAX: u64 = 1 << 20;

pub(super) fn ordered(plan: &mut Plan, scenario: Scenario, random: &mut ChaCha8Rng) {
    match scenario {
        Scenario::Clean | Scenario::PortTaken | Scenario::LateServer | Scenario::Swarm => {
            if random.random_ratio(SOME_PERCENT, 100) {
                for _ in 0..random.random_range(1..4) {
                    add(plan, random);
                }
                habits::doubt(plan);
            }
            if scenario == Scenario::Swarm {
                long(plan, random);
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

/// One step more, somewhere.
fn add(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len());
    let at = place(plan, client, random.random_range(0..=plan.clients[client].steps.len()));
    let (operation, is_sure) = draw(plan, client, at, random);
    // Where something may fail for good, nothing has to succeed.
    let is_hopeful = plan.steps().any(|step| step.expect == Expect::Success);
    let expect = if is_sure && is_hopeful { Expect::Success } else { Expect::Any };
    let mut step = Step::new(operation, expect);
    let before = at.checked_sub(1).map(|before| &plan.clients[client].steps[before].operation);
    step.together = random.random_bool(0.25) && before.is_some_and(Operation::is_job);
    if random.random_bool(0.1) {
        (step.give_up_ms, step.expect) = (Some(random.random_range(0..60)), Expect::Any);
    }
    let compared = match &step.operation {
        Operation::Compare { content, .. } if random.random_bool(0.3) => Some(*content),
        _ => None,
    };
    insert(plan, client, at, step);
    if let Some(was) = compared.filter(|_| plan.story == Scenario::Swarm.name()) {
        // Somebody writes over what is here, as it is hashed or looked at.
        let content = Content { noise: random.random(), ..was };
        let (host, client) = (Host::Client(client as u32), client as u32);
        let primitive = [Primitive::ReadAt, Primitive::FileStatus][random.random_range(0..2)];
        let when = When::Primitive { host, primitive, nth: random.random_range(0..4) };
        plan.fault(when, What::SourceChanges { client, step: at, content });
    }
}

/// Where a step can come that is to come behind `from` others, or some more: between those that begin together none does.
pub(super) fn place(plan: &Plan, client: usize, from: usize) -> usize {
    let application = &plan.clients[client];
    match from.min(application.steps.len()) {
        0 => 0,
        from => application.group_of(from - 1).end,
    }
}

/// Those after it move up.
pub(super) fn insert(plan: &mut Plan, client: usize, at: usize, step: Step) {
    plan.clients[client].steps.insert(at, step);
    for fault in &mut plan.faults {
        if let What::SourceChanges { client: of, step, .. } = &mut fault.what
            && *of as usize == client
            && *step >= at
        {
            *step += 1;
        }
    }
}

/// What a client does, and whether it can: with a file that it has put, or that was served, or any other one.
fn draw(plan: &Plan, client: usize, at: usize, random: &mut ChaCha8Rng) -> (Operation, bool) {
    let puts = plan.clients[client].steps[..at].iter().flat_map(|step| {
        let is_sure = step.expect == Expect::Success && step.give_up_ms.is_none();
        step.operation.puts().into_iter().map(move |(path, content)| (path, *content, is_sure))
    });
    let served = plan.served.iter().map(|(path, content)| (path.clone(), *content, true));
    let files: Vec<(String, Content, bool)> = puts.chain(served).collect();
    let nothing = ("nowhere".to_owned(), Content { length: 9, noise: 9 }, false);
    let pick = random.random_range(0..files.len().max(1));
    let (path, content, is_there) = files.into_iter().nth(pick).unwrap_or(nothing);
    let may_go = |step: &Step| {
        let Step { operation, .. } = step;
        matches!(operation, Operation::Remove { .. }) && operation.path() == Some(&path)
    };
    // Who looks behind a link, or at a device, is told.
    let is_blocked = plan.obstacles.iter().any(|(at, _)| at.starts_with(".towline"));
    let is_there = is_there && !plan.steps().any(may_go) && !plan.is_in_the_way(&path) && !is_blocked;
    // What is written anew between two attempts cannot be gone on with.
    let writes = |step: &Step| step.operation.writes() && step.operation.path() == Some(&path);
    let others = plan.clients.iter().enumerate().filter(|(other, _)| *other != client);
    let is_steady = !others.flat_map(|(_, other)| &other.steps).any(writes);
    match random.random_range(0..10) {
        0..4 => {
            let content = match random.random_range(0..4) {
                0 => Content { length: random.random_range(0..=2 * content.length), ..content },
                1 => Content { noise: random.random(), ..content },
                _ => content,
            };
            (Operation::Compare { path, content }, is_there)
        }
        4..7 => {
            let part = part(content.length, random);
            let room = random.random_bool(0.1).then(|| random.random_range(0..=content.length));
            let is_sure = is_there && is_steady && room.is_none() && part == Part::Rest { first: 0 };
            (Operation::Print { path, part, room }, is_sure)
        }
        _ => {
            let is_new = random.random_bool(0.5);
            let path = if is_new { format!("poured-{client}") } else { path };
            let noise = random.random();
            let length = match random.random_range(0..3) {
                0 => random.random_range(0..4_096),
                1 => [0, 1, 65_536, 1 << 20, (1 << 20) + 1][random.random_range(0..3)],
                _ => content.length,
            };
            let fails_at = random.random_bool(0.15).then(|| random.random_range(0..=length));
            let content = Content { length, noise };
            // What is longer than is kept of it has one attempt.
            let can_begin_again = fails_at.is_none() && length <= REPLAY_MAX;
            (Operation::Pour { path, content, fails_at }, is_new && can_begin_again && !is_blocked)
        }
    }
}

fn part(length: u64, random: &mut ChaCha8Rng) -> Part {
    match random.random_range(0..5) {
        0 | 1 => Part::Rest { first: 0 },
        // Beyond the end, at times.
        2 => Part::Rest { first: random.random_range(0..=length + length / 8) },
        3 => {
            let first = random.random_range(0..=length + length / 8);
            Part::Range { first, last: first + random.random_range(0..=length) }
        }
        _ => Part::Last { count: random.random_range(1..=length + 1) },
    }
}

/// The story's put becomes a stream, and what it gets a part, or a comparison.
fn replace(plan: &mut Plan, random: &mut ChaCha8Rng) {
    // What waits for a primitive waits for that of a put.
    let by_byte = plan.faults.first().is_some_and(|fault| matches!(fault.when, When::Byte { .. }));
    let pours = by_byte && random.random_bool(0.6);
    let mut sent = Content { length: 0, noise: 0 };
    for step in &mut plan.clients[0].steps {
        match &mut step.operation {
            Operation::Put { path, content } if path == "file" && content.length <= PUT_MAX => {
                sent = *content;
                if pours {
                    step.operation = Operation::Pour { path: path.clone(), content: sent, fails_at: None };
                }
            }
            Operation::Get { path } if path == "file" && sent.length > 0 => {
                let path = path.clone();
                step.operation = match random.random_range(0..3) {
                    0 => Operation::Compare { path, content: sent },
                    1 => Operation::Print { path, part: Part::Rest { first: 0 }, room: None },
                    _ => {
                        let (first, last) = (random.random_range(0..sent.length), sent.length);
                        Operation::Print { path, part: Part::Range { first, last }, room: None }
                    }
                };
            }
            _ => {}
        }
    }
}

/// A part of several blocks, or a stream that is longer than is kept of it, whose connection breaks.
fn long(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let client = random.random_range(0..plan.clients.len());
    let is_part = random.random_ratio(LONG_PART_PERMILLE, 1_000);
    let is_stream = !is_part && random.random_ratio(LONG_STREAM_PERMILLE, 1_000);
    if !is_part && !is_stream {
        return;
    }
    let lengths = if is_part { PART_LENGTHS } else { STREAM_LENGTHS };
    let content = Content { length: random.random_range(lengths), noise: random.random() };
    plan.shape.write_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.shape.read_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.network.window = plan.network.window.max(WIDTHS[1]);
    plan.network.bytes_per_ms = None;
    let path = format!("long-{client}");
    let (operation, side) = if is_part {
        plan.served.push((path.clone(), content));
        let first = random.random_range(0..content.length / 2);
        let part = match random.random_range(0..3) {
            0 => Part::Rest { first },
            1 => Part::Range { first, last: content.length - 1 },
            _ => Part::Last { count: content.length - first },
        };
        (Operation::Print { path, part, room: None }, Side::Server)
    } else {
        (Operation::Pour { path, content, fails_at: None }, Side::Client)
    };
    insert(plan, client, 0, Step::new(operation, Expect::Any));
    for dial in 0..random.random_range(1..3) {
        let byte = random.random_range(content.length / 8..content.length);
        let when = When::Byte { client: client as u32, dial, side, byte };
        let whom = Whom::Client(client as u32);
        let what = match random.random_range(0..3) {
            0 => What::Damage(side, whom),
            1 => What::End(side, whom),
            _ => What::Reset(whom),
        };
        plan.fault(when, what);
    }
}
