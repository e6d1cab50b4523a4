//! A fixed range of seeds: all hold, and together they reach every rare state. And those that once failed.

use std::collections::BTreeSet;
use std::path::Path;

use towline_sim::campaign::{self, run_plan, run_seed};
use towline_sim::ledger::Ledger;
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

/// Runs `seeds` on one tier: all must hold.
fn hold(tier: Tier, seeds: std::ops::Range<u64>) {
    let (mut failed, mut scenarios) = (Vec::new(), BTreeSet::new());
    let ledger = campaign::run(seeds, &[tier], 2, |ran| {
        scenarios.insert(ran.outcome.plan.story.clone());
        let (name, seed) = (tier.name(), ran.seed);
        failed.extend(ran.broken.iter().map(|broken| {
            let replay = format!("cargo run -p towline-sim -- run --tier {name} --seeds {seed} --trace");
            format!("{}: {}\n  replay: {replay}", broken.invariant, broken.reason)
        }));
        true
    });
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
    assert_eq!(scenarios.len(), towline_sim::plan::Scenario::ALL.len());
    assert_eq!(ledger.missing(&[tier], Ledger::SEEDS), [], "never reached");
}

#[test]
fn a_range_of_seeds_holds_on_the_fast_tier_and_reaches_every_rare_state() {
    hold(Tier::Fast, 0..800);
}

#[cfg(feature = "turmoil")]
#[test]
fn a_range_of_seeds_holds_on_turmoil_and_reaches_every_rare_state() {
    hold(Tier::Turmoil, 0..800);
}

/// Where a plan says so, what the applications see does not depend on the tier; `tiers.rs` looks at real sockets too.
#[cfg(feature = "turmoil")]
#[test]
fn applications_see_the_same_on_all_tiers() {
    let mut compared = 0;
    for seed in (0..120).filter(|seed| Plan::from_seed(*seed).is_comparable()) {
        for ran in campaign::run_on(Tier::SIMULATED, seed) {
            assert_eq!(ran.broken, [], "seed {seed} on {}", ran.tier.name());
            compared += usize::from(ran.outcome.skipped.is_empty());
        }
    }
    assert!(compared >= 16 * Tier::SIMULATED.len(), "{compared}");
}

/// `regressions.txt` holds a tier, a seed or a plan, and a reason a line.
#[test]
fn seeds_that_failed_once_hold() {
    for line in include_str!("../regressions.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(seed), Some(why)) = (words.next(), words.next(), words.next()) else {
            panic!("a tier, a seed and a reason: {line:?}");
        };
        // A build without a tier leaves its seeds out.
        let Some(tier) = Tier::ALL.iter().find(|tier| tier.name() == name) else { continue };
        let ran = match seed.strip_suffix(".ron") {
            // The plan that the seed had before seeds drew more.
            Some(_) => {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(seed);
                run_plan(*tier, &Plan::read(&path).unwrap_or_else(|error| panic!("{line:?}: {error}")))
            }
            None => run_seed(*tier, seed.parse().unwrap_or_else(|error| panic!("{line:?}: {error}"))),
        };
        assert_eq!(ran.broken, [], "seed {seed} on {name} ({why})");
    }
}
