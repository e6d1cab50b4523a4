//! What a peer may ask for, and no client of ours does; a file that is longer than anybody waits for. Drawn from a stream of
//! its own, so that the rest of a seed's plan is what it was.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use towline::harness::Side;

use crate::plan::{
    Expect, Impostor, Obstacle, Operation, Plan, Span, Step, Stranger, Trick, What, When, Whom,
};

/// Of a hundred plans that may have it.
const HOLLOW_PERCENT: u32 = 2;
const STRANGER_PERCENT: u32 = 8;
const IMPOSTOR_PERCENT: u32 = 2;

/// Where the long file stands.
pub(crate) const HOLLOW: &str = "hollow";
/// From here on blocks are longer than what is read at once.
const LENGTH_MIN: u64 = (64 << 30) + 1;

pub(super) fn oddities(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let stranger = |plan: &mut Plan, random: &mut ChaCha8Rng| {
        let (begins_ms, noise) = (random.random_range(0..400), random.random());
        plan.strangers.push(Stranger { begins_ms, trick: Trick::Oddity, noise });
    };
    if random.random_ratio(HOLLOW_PERCENT, 100) {
        let length = LENGTH_MIN + random.random_range(0..LENGTH_MIN);
        plan.obstacles.push((HOLLOW.to_owned(), Obstacle::Hollow(length)));
        let client = random.random_range(0..plan.clients.len());
        let get = Step::new(Operation::Get { path: HOLLOW.to_owned() }, Expect::Any);
        let give_up_ms = Some(random.random_range(20..120));
        plan.clients[client].steps.push(Step { give_up_ms, ..get });
        plan.network.bytes_per_ms = None;
        plan.shape.write_max = plan.shape.write_max.max(9_000);
        plan.shape.read_max = plan.shape.read_max.max(9_000);
        stranger(plan, random);
    }
    if random.random_ratio(STRANGER_PERCENT, 100) {
        stranger(plan, random);
    }
    if random.random_ratio(IMPOSTOR_PERCENT, 100) {
        let client = random.random_range(0..plan.clients.len() as u32);
        let (dial, noise) = (random.random_range(0..2), random.random());
        plan.impostors.push(Impostor { client, dial, trick: Trick::Oddity, noise });
        // What it is asked for is not done.
        let steps = plan.clients.iter_mut().flat_map(|client| &mut client.steps);
        steps.for_each(|step| step.expect = Expect::Any);
    }
    liars(plan, random);
    if plan.obstacles.iter().any(|(at, _)| at == HOLLOW) && random.random_bool(0.4) {
        apart(plan, random);
    }
}

/// Some of those who ask oddly know more of what they talk about.
fn liars(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let tricks = plan.strangers.iter_mut().map(|stranger| &mut stranger.trick);
    for trick in tricks.chain(plan.impostors.iter_mut().map(|impostor| &mut impostor.trick)) {
        if *trick == Trick::Oddity && random.random_bool(0.5) {
            *trick = Trick::Lies;
        }
    }
    if plan.impostors.iter().any(|impostor| impostor.trick == Trick::Lies) {
        plan.limits.listing_max = 100;
    }
}

/// The long file comes over several connections, of which one is lost in the middle of a block.
fn apart(plan: &mut Plan, random: &mut ChaCha8Rng) {
    let is_it = |step: &Step| step.operation.path() == Some(HOLLOW);
    let Some(client) = plan.clients.iter().position(|client| client.steps.iter().any(is_it)) else { return };
    let client = client as u32;
    plan.limits.parallel = 2;
    (plan.shape.write_max, plan.shape.read_max, plan.network.window) = (65_536, 65_536, 4 << 20);
    plan.disks.latency_us = Span { min: 1_000, max: 9_000 };
    let steps = plan.clients[client as usize].steps.iter_mut();
    steps.filter(|step| is_it(step)).for_each(|step| step.give_up_ms = Some(400));
    // Half of a block, and a bit.
    let dial = random.random_range(0..3);
    let byte = (1 << 20) + random.random_range(0..20_000);
    let when = When::Byte { client, dial, side: Side::Server, byte };
    plan.fault(when, What::Reset(Whom::Dial(client, dial)));
}
