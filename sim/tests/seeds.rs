//! A fixed range of seeds: all hold, and together they reach every rare state. And those that once failed.

use std::collections::BTreeSet;

use towline_sim::campaign::{self, run_seed};

const SEEDS: std::ops::Range<u64> = 0..160;

#[test]
fn a_range_of_seeds_holds_and_reaches_every_rare_state() {
    let (mut failed, mut scenarios) = (Vec::new(), BTreeSet::new());
    let ledger = campaign::run(SEEDS, 2, |ran| {
        scenarios.insert(ran.outcome.plan.scenario);
        failed.extend(ran.broken.iter().map(|broken| {
            format!(
                "{}: {}\n  replay: cargo run -p towline-sim -- run --seeds {}..{} --trace",
                broken.invariant,
                broken.reason,
                ran.seed,
                ran.seed + 1
            )
        }));
        true
    });
    assert!(failed.is_empty(), "\n{}\n", failed.join("\n"));
    assert_eq!(scenarios.len(), towline_sim::plan::Scenario::ALL.len());
    assert_eq!(ledger.missing(), [], "never reached");
}

/// `regressions.txt` holds a seed and a reason a line.
#[test]
fn seeds_that_failed_once_hold() {
    for line in include_str!("../regressions.txt").lines().filter(|line| !line.starts_with('#')) {
        let (seed, why) = line.split_once(' ').unwrap_or_else(|| panic!("a seed and a reason: {line:?}"));
        let ran = run_seed(seed.parse().unwrap_or_else(|error| panic!("{line:?}: {error}")));
        assert_eq!(ran.broken, [], "seed {seed} ({why})");
    }
}
