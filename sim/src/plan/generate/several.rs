//! Long files that go over several connections, some of which break. Drawn from streams of their own, so that the rest of a
//! seed's plan is what it was; few, since they cost as much as all the rest.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use towline::harness::Side;

use crate::plan::{Content, Expect, Impostor, Operation, Plan, Step, Trick, What, When, Whom};

/// Of a thousand plans.
const PERMILLE: u32 = 60;
/// Streams that carry a long file in a run of ordinary length.
const WIDTHS: [usize; 3] = [9_000, 30_000, 65_536];
/// What comes in one breath is not shared out: these are longer.
const LENGTHS: std::ops::Range<u64> = (1 << 20) + 1..5 << 20;
/// It still comes when the connections are there.
const BESIDE: std::ops::Range<u64> = 500_000..2_500_000;

/// One more get, of a file that stands there and is long.
pub(super) fn gets(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if plan.clients.is_empty() || !random.random_ratio(PERMILLE, 1_000) {
        return;
    }
    let content = Content { length: random.random_range(LENGTHS), noise: random.random() };
    let path = "several".to_owned();
    plan.served.push((path.clone(), content));
    several(plan, random, Operation::Get { path }, content.length, Side::Server);
}

/// One more put, of a long file, over nothing or over one that is like it in part.
pub(super) fn puts(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if plan.clients.is_empty() || !random.random_ratio(PERMILLE, 1_000) {
        return;
    }
    let content = Content { length: random.random_range(LENGTHS), noise: random.random() };
    let path = "pushed".to_owned();
    if random.random_bool(0.2) {
        let length = random.random_range(1..content.length);
        plan.served.push((path.clone(), Content { length, ..content }));
    }
    several(plan, random, Operation::Put { path, content }, content.length, Side::Client);
}

/// The bytes of the file go from `from`.
fn several(plan: &mut Plan, random: &mut ChaCha8Rng, operation: Operation, length: u64, from: Side) {
    plan.limits.parallel = random.random_range(2..6);
    plan.shape.write_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.shape.read_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.network.window = plan.network.window.max(WIDTHS[2]);
    let client = random.random_range(0..plan.clients.len());
    let expect = if plan.story == "clean" { Expect::Success } else { Expect::Any };
    plan.clients[client].steps.push(Step::new(operation, expect));
    if plan.story != "clean" || !random.random_bool(0.3) {
        break_some(plan, client as u32, (length, from), random);
    }
    match (random.random_range(0..9), from) {
        (0..3, _) => adapt(plan, random),
        (3..6, _) => beside(plan, client, expect, random),
        (6..9, Side::Server) => lies(plan, client as u32, random),
        _ => {}
    }
}

/// Some of the connections break off, or fall silent.
fn break_some(plan: &mut Plan, client: u32, (length, from): (u64, Side), random: &mut ChaCha8Rng) {
    let to = if from == Side::Server { Side::Client } else { Side::Server };
    // Most of what a connection of several brings is a part of the file.
    let most = length / u64::from(plan.limits.parallel);
    for _ in 0..random.random_range(1..4) {
        let dial = random.random_range(0..6);
        let host = if random.random_bool(0.8) { Whom::Dial(client, dial) } else { Whom::Client(client) };
        let side = if random.random_bool(0.8) { from } else { to };
        let byte = if side == from { random.random_range(0..most) } else { random.random_range(0..400) };
        let what = match random.random_range(0..3) {
            0 => What::Mute(side, host),
            1 => What::End(side, host),
            _ => What::Reset(host),
        };
        plan.fault(When::Byte { client, dial, side, byte }, what);
    }
}

/// As many connections as are of use, which takes a while to find out.
fn adapt(plan: &mut Plan, random: &mut ChaCha8Rng) {
    (plan.limits.parallel, plan.limits.adaptive_min) = (0, 1 << random.random_range(16..20));
    plan.network.bytes_per_ms = Some(random.random_range(1_000..6_000));
}

/// Another file comes at the same time, over the connection that the job of the long one has.
fn beside(plan: &mut Plan, client: usize, expect: Expect, random: &mut ChaCha8Rng) {
    let content = Content { length: random.random_range(BESIDE), noise: random.random() };
    let path = format!("beside-{}", plan.served.len());
    plan.served.push((path.clone(), content));
    let get = Step::new(Operation::Get { path }, expect);
    plan.clients[client].steps.push(Step { together: true, ..get });
}

/// Some of the connections lead to somebody else, who knows what is asked, and brings what is not so.
fn lies(plan: &mut Plan, client: u32, random: &mut ChaCha8Rng) {
    for dial in 1..4 {
        if random.random_bool(0.6) {
            plan.impostors.push(Impostor { client, dial, trick: Trick::Lies, noise: random.random() });
        }
    }
}
