//! Many seeds: each makes a plan, which one tier runs, or each; the results come in the seeds' order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::invariants::{self, Broken};
use crate::ledger::Ledger;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::tier::Tier;
use crate::trace;

/// A seed that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Which.
    pub seed: u64,
    /// Where.
    pub tier: Tier,
    /// What was seen.
    pub outcome: Outcome,
    /// What does not hold.
    pub broken: Vec<Broken>,
    /// How long it took, on the real clock: for people, never for a digest.
    pub wall: Duration,
}

/// Runs one seed on one tier.
pub fn run_seed(tier: Tier, seed: u64) -> Ran {
    let begin = Instant::now();
    let outcome = tier.run(&Plan::from_seed(seed));
    let broken = invariants::check(&outcome);
    Ran { seed, tier, outcome, broken, wall: begin.elapsed() }
}

/// Runs one seed on each of `tiers`. Where nothing goes wrong on the way, what the applications see is the same on all.
pub fn run_on(tiers: &[Tier], seed: u64) -> Vec<Ran> {
    let mut all: Vec<Ran> = tiers.iter().map(|tier| run_seed(*tier, seed)).collect();
    if let Some((first, others)) = all.split_first_mut()
        && first.outcome.plan.is_fault_free()
    {
        let seen = first.outcome.seen_by_applications();
        for other in others {
            if let Some(difference) = trace::difference(&seen, &other.outcome.seen_by_applications()) {
                let reason = format!("{} and {}: {difference}", first.tier.name(), other.tier.name());
                other.broken.push(Broken { invariant: "same-on-all-tiers", reason });
            }
        }
    }
    all
}

/// Runs `seeds` on `tiers`, on `jobs` threads, and hands the results to `each`, in order, until it says no.
pub fn run(seeds: Range<u64>, tiers: &[Tier], jobs: usize, mut each: impl FnMut(Ran) -> bool) -> Ledger {
    let (next, mut due) = (AtomicU64::new(seeds.start), seeds.start);
    let (results, inbox) = mpsc::sync_channel(2 * jobs.max(1));
    let mut ledger = Ledger::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (results, next) = (results.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody listens any more once `each` has said no.
                    if seed >= seeds.end || results.send((seed, run_on(tiers, seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        for (seed, all) in inbox {
            early.insert(seed, all);
            while let Some(all) = early.remove(&due) {
                due += 1;
                for ran in all {
                    ledger.note(&ran.outcome);
                    if !each(ran) {
                        return;
                    }
                }
            }
        }
    });
    ledger
}
