//! Long files that break off, or that stand in an older version where they go: what resumes and deltas are for. Drawn
//! from a stream of its own; few, since they cost as much as all the rest.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use towline::harness::Side;

use crate::plan::{Content, Operation, Plan, What, When, Whom};

/// Of a thousand plans.
const PERMILLE: u32 = 40;
/// Streams that carry a long file in a run of ordinary length.
const WIDTHS: [usize; 3] = [9_000, 30_000, 65_536];
/// A file that comes in one breath is not kept: these are longer.
const LENGTHS: std::ops::Range<u64> = (1 << 20) + 1..5 << 19;

/// Makes one put of the plan long, lets it break off, and lets an older version of it stand where it goes.
pub(super) fn resumes(plan: &mut Plan, random: &mut ChaCha8Rng) {
    if !random.random_ratio(PERMILLE, 1_000) {
        return;
    }
    let client = random.random_range(0..plan.clients.len());
    let puts = plan.clients[client].steps.iter_mut().filter_map(|step| match &mut step.operation {
        Operation::Put { path, content } => Some((path.clone(), content)),
        _ => None,
    });
    let mut puts: Vec<_> = puts.collect();
    if puts.is_empty() {
        return;
    }
    let at = random.random_range(0..puts.len());
    let (path, content) = puts.swap_remove(at);
    content.length = random.random_range(LENGTHS);
    let Content { length, noise } = *content;

    plan.shape.write_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.shape.read_max = WIDTHS[random.random_range(0..WIDTHS.len())];
    plan.network.window = plan.network.window.max(WIDTHS[2]);
    plan.limits.note_every = [64 * 1024, 1 << 20, 64 << 20][random.random_range(0..3)];
    if random.random_bool(0.4) && !plan.served.iter().any(|(served, _)| *served == path) {
        let length = [length, length - 70_000, length + 70_000, 100_000][random.random_range(0..4)];
        let noise = if random.random_bool(0.8) { noise } else { random.random() };
        plan.served.push((path, Content { length, noise }));
    }
    if plan.story == "clean" {
        return;
    }
    for dial in 0..random.random_range(0..3) {
        let side = if random.random_bool(0.7) { Side::Client } else { Side::Server };
        let when = When::Byte { client: client as u32, dial, side, byte: random.random_range(0..length) };
        let host = Whom::Client(client as u32);
        let what = match random.random_range(0..3) {
            0 => What::Mute(side, host),
            1 => What::End(side, host),
            _ => What::Reset(host),
        };
        plan.fault(when, what);
    }
    // What was not synced is lost, journals among it, or torn.
    if random.random_bool(0.3) {
        let side = Side::Client;
        let byte = random.random_range(0..length);
        plan.fault(When::Byte { client: client as u32, dial: 0, side, byte }, What::PowerLossServer);
        plan.fault(When::After(random.random_range(1..600)), What::StartServer);
    }
}
