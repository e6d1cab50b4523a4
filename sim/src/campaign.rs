//! Many seeds: each makes a plan, which runs on a thread of its own; the results come in the seeds' order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::invariants::{self, Broken};
use crate::ledger::Ledger;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::tier::turmoil;

/// A seed that was run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Which.
    pub seed: u64,
    /// What was seen.
    pub outcome: Outcome,
    /// What does not hold.
    pub broken: Vec<Broken>,
    /// How long it took, on the real clock: for people, never for a digest.
    pub wall: Duration,
}

/// Runs one seed.
pub fn run_seed(seed: u64) -> Ran {
    let begin = Instant::now();
    let outcome = turmoil::run(&Plan::from_seed(seed));
    let broken = invariants::check(&outcome);
    Ran { seed, outcome, broken, wall: begin.elapsed() }
}

/// Runs `seeds` on `jobs` threads and hands the results to `each`, in order, until it says no.
pub fn run(seeds: Range<u64>, jobs: usize, mut each: impl FnMut(Ran) -> bool) -> Ledger {
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
                    if seed >= seeds.end || results.send(run_seed(seed)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        for ran in inbox {
            early.insert(ran.seed, ran);
            while let Some(ran) = early.remove(&due) {
                due += 1;
                ran.outcome.reached.iter().for_each(|rare| ledger.note(*rare));
                if !each(ran) {
                    return;
                }
            }
        }
    });
    ledger
}
