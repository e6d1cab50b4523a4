//! Many plans, of seeds or of files: one tier runs each, or every tier does; the results come in the plans' order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::difference::unified;
use crate::invariants::{self, Broken};
use crate::ledger::Ledger;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::tier::Tier;

/// The invariant that a comparison of tiers breaks.
pub const SAME_ON_ALL_TIERS: &str = "same-on-all-tiers";

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A seed's plan.
    Seed(u64),
    /// A plan that stands in a file.
    File(PathBuf, Box<Plan>),
}

impl Work {
    /// Its plan.
    pub fn plan(&self) -> Plan {
        match self {
            Work::Seed(seed) => Plan::from_seed(*seed),
            Work::File(_, plan) => (**plan).clone(),
        }
    }

    /// Its file, if it has one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Work::Seed(_) => None,
            Work::File(file, _) => Some(file),
        }
    }
}

/// A plan that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its seed.
    pub seed: u64,
    /// Where it stands, if it was not made from its seed.
    pub file: Option<PathBuf>,
    /// Where it ran.
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
    run_plan(tier, &Plan::from_seed(seed))
}

/// Runs one plan on one tier.
pub fn run_plan(tier: Tier, plan: &Plan) -> Ran {
    let begin = Instant::now();
    let (outcome, broken) = judged(tier, plan);
    Ran { seed: plan.seed, file: None, tier, outcome, broken, wall: begin.elapsed() }
}

/// Runs a plan and judges what was seen.
pub fn judged(tier: Tier, plan: &Plan) -> (Outcome, Vec<Broken>) {
    let outcome = tier.run(plan);
    let broken = invariants::check(&outcome);
    (outcome, broken)
}

/// Runs one seed on each of `tiers`.
pub fn run_on(tiers: &[Tier], seed: u64) -> Vec<Ran> {
    run_plan_on(tiers, &Plan::from_seed(seed))
}

/// Runs a plan on each of `tiers`. Where the plan says so, what the applications see is the same on all that run it.
pub fn run_plan_on(tiers: &[Tier], plan: &Plan) -> Vec<Ran> {
    let mut all: Vec<Ran> = tiers.iter().map(|tier| run_plan(*tier, plan)).collect();
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
            other.broken.push(Broken { invariant: SAME_ON_ALL_TIERS, reason });
        }
    }
}

/// Runs `seeds` on `tiers`, on `jobs` threads, and hands the results to `each`, in order, until it says no.
pub fn run(seeds: Range<u64>, tiers: &[Tier], jobs: usize, each: impl FnMut(Ran) -> bool) -> Ledger {
    run_all(seeds.map(Work::Seed), tiers, jobs, None, each)
}

/// The same for any plans; none begins after `end`, if there is one.
pub fn run_all(
    work: impl Iterator<Item = Work> + Send,
    tiers: &[Tier],
    jobs: usize,
    end: Option<Instant>,
    mut each: impl FnMut(Ran) -> bool,
) -> Ledger {
    let work = Mutex::new(work.enumerate());
    let (results, inbox) = mpsc::sync_channel(2 * jobs.max(1));
    let mut ledger = Ledger::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (results, work) = (results.clone(), &work);
            scope.spawn(move || {
                while end.is_none_or(|end| Instant::now() < end) {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((number, next)) = next else { return };
                    let mut all = run_plan_on(tiers, &next.plan());
                    all.iter_mut().for_each(|ran| ran.file = next.file().cloned());
                    // Nobody listens any more once `each` has said no.
                    if results.send((number, all)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (number, all) in inbox {
            early.insert(number, all);
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
