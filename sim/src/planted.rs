//! Shows that the simulator finds bugs: each that can be planted in the library must break an invariant within a number
//! of seeds. Only a build with `--cfg towline_planted` has any to plant.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use towline::probe::{Bug, Layer};

use crate::invariants;
use crate::plan::Plan;
use crate::tier::Tier;

/// Seeds within which every bug is to be caught.
pub const SEEDS: u64 = 2_000;

/// What became of a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunted {
    /// Which.
    pub bug: Bug,
    /// The seed that showed it and the invariant that broke; `None` if none of them did.
    pub caught: Option<(u64, &'static str)>,
    /// Seeds that were run.
    pub seeds: u64,
}

impl fmt::Display for Hunted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.bug.name();
        match self.caught {
            Some((seed, invariant)) => write!(f, "{name} caught seed={seed} invariant={invariant}"),
            None => write!(f, "{name} MISSED"),
        }
    }
}

/// The world in which a bug can show itself: the machines' on the tier that is quick, the driver's where it runs.
pub fn tier_of(bug: Bug) -> Option<Tier> {
    match bug.layer() {
        #[cfg(feature = "turmoil")]
        Layer::Drive => Some(Tier::Turmoil),
        #[cfg(not(feature = "turmoil"))]
        Layer::Drive => None,
        Layer::Wire | Layer::Echo | Layer::Prober | Layer::Session | Layer::Sender | Layer::Receiver => {
            Some(Tier::Fast)
        }
        Layer::Ordered | Layer::Tree => Some(Tier::Fast),
        Layer::Answer | Layer::Ask | Layer::Client | Layer::Listener | Layer::Store => Some(Tier::Fast),
    }
}

/// Runs the seeds from 0 up to `within` with `bug` until one breaks an invariant that it does not break without it.
pub fn hunt(bug: Bug, within: u64) -> Hunted {
    let missed = |seeds| Hunted { bug, caught: None, seeds };
    let Some(tier) = tier_of(bug) else { return missed(0) };
    for seed in 0..within {
        let without = Plan::from_seed(seed);
        let with = Plan { plant: Some(bug.name().to_owned()), ..without.clone() };
        if let Some(broken) = invariants::check(&tier.run(&with)).first()
            && invariants::check(&tier.run(&without)).is_empty()
        {
            return Hunted { bug, caught: Some((seed, broken.invariant)), seeds: seed + 1 };
        }
    }
    missed(within)
}

/// Hunts `bugs` on `jobs` threads, and hands what became of each to `each`, in their order, until it says no.
pub fn hunt_all(bugs: &[Bug], within: u64, jobs: usize, mut each: impl FnMut(Hunted) -> bool) {
    let next = AtomicUsize::new(0);
    let (results, inbox) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, bugs.len().max(1)) {
            let (results, next) = (results.clone(), &next);
            scope.spawn(move || {
                // Nobody listens any more once `each` has said no.
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(bug) = bugs.get(at) else { return };
                    if results.send((at, hunt(*bug, within))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (at, hunted) in inbox {
            early.insert(at, hunted);
            while let Some(hunted) = early.remove(&due) {
                due += 1;
                if !each(hunted) {
                    return;
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Bug, Hunted, Layer, tier_of};
    use crate::tier::Tier;

    #[test]
    fn lines_are_what_scripts_read() {
        let hunted = |caught| Hunted { bug: Bug::SkipFolderSync, caught, seeds: 5 };
        let caught = hunted(Some((4, "acknowledged")));
        assert_eq!(caught.to_string(), "skip-folder-sync caught seed=4 invariant=acknowledged");
        assert_eq!(hunted(None).to_string(), "skip-folder-sync MISSED");
    }

    #[test]
    fn the_driver_is_hunted_where_it_runs() {
        for bug in Bug::ALL {
            let is_fast = tier_of(*bug) == Some(Tier::Fast);
            assert_eq!(is_fast, bug.layer() != Layer::Drive, "{}", bug.name());
        }
    }
}
