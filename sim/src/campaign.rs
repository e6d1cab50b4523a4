//! Many seeds: each makes a plan, which one tier runs, or each; the results come in the seeds' order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::difference::unified;
use crate::invariants::{self, Broken};
use crate::ledger::Ledger;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::tier::Tier;

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

/// How much of a campaign was run, and how much was not because its world cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    ran: BTreeMap<Tier, u64>,
    /// Plans that were not run.
    pub skipped: u64,
}

impl Tally {
    /// Counts a seed on a tier.
    pub fn note(&mut self, ran: &Ran) {
        let count = self.ran.entry(ran.tier).or_default();
        if ran.outcome.skipped.is_empty() {
            *count += 1;
        } else {
            self.skipped += 1;
        }
    }

    /// Plans that were run, on all tiers.
    pub fn ran(&self) -> u64 {
        self.ran.values().sum()
    }

    /// Tiers that were asked for, and on which nothing was run.
    pub fn idle(&self) -> Vec<Tier> {
        self.ran.iter().filter(|(_, count)| **count == 0).map(|(tier, _)| *tier).collect()
    }
}

/// Runs one seed on one tier.
pub fn run_seed(tier: Tier, seed: u64) -> Ran {
    let begin = Instant::now();
    let (outcome, broken) = judged(tier, &Plan::from_seed(seed));
    Ran { seed, tier, outcome, broken, wall: begin.elapsed() }
}

/// Runs a plan and judges what was seen.
pub fn judged(tier: Tier, plan: &Plan) -> (Outcome, Vec<Broken>) {
    let outcome = tier.run(plan);
    let broken = invariants::check(&outcome);
    (outcome, broken)
}

/// Runs one seed on each of `tiers`. Where the plan says so, what the applications see is the same on all that run it.
pub fn run_on(tiers: &[Tier], seed: u64) -> Vec<Ran> {
    let mut all: Vec<Ran> = tiers.iter().map(|tier| run_seed(*tier, seed)).collect();
    compare(&mut all);
    all
}

/// A difference fails the later of the two tiers.
fn compare(all: &mut [Ran]) {
    let mut ran = all.iter_mut().filter(|ran| ran.outcome.skipped.is_empty());
    let Some(first) = ran.next().filter(|first| first.outcome.plan.is_comparable()) else { return };
    let seen = first.outcome.seen_by_applications();
    for other in ran {
        let (one, two) = (first.tier.name(), other.tier.name());
        if let Some(reason) = unified((one, &seen), (two, &other.outcome.seen_by_applications())) {
            other.broken.push(Broken { invariant: "same-on-all-tiers", reason });
        }
    }
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
