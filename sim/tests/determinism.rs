//! The same seed gives the same trace: twice in a process, first or after others, alone or beside others, and in a
//! second process.

use std::process::Command;

use towline_sim::campaign::{self, run_seed};
use towline_sim::invariants;
use towline_sim::plan::Plan;
use towline_sim::plant::Plant;
use towline_sim::tier::Tier;

/// Each scenario, from the middle of the range.
const SEEDS: std::ops::Range<u64> = 40..56;

#[test]
fn twice_in_a_process_and_after_others() {
    for tier in Tier::SIMULATED {
        twice_on(tier);
    }
}

fn twice_on(tier: &Tier) {
    let first: Vec<_> = SEEDS.map(|seed| run_seed(*tier, seed).outcome.trace).collect();
    // Backwards, so that each comes after others than before.
    for (before, seed) in first.iter().rev().zip(SEEDS.rev()) {
        let again = run_seed(*tier, seed).outcome.trace;
        if let Some(difference) = before.difference(&again) {
            panic!("seed {seed}: {difference}");
        }
        assert_eq!(before.digest(), again.digest());
    }
}

#[test]
fn beside_others_on_other_threads() {
    let mut beside = Vec::new();
    campaign::run(SEEDS, Tier::SIMULATED, 4, |ran| {
        beside.push(ran);
        true
    });
    assert_eq!(beside.len(), SEEDS.count() * Tier::SIMULATED.len());
    for one in beside {
        if let Some(difference) = run_seed(one.tier, one.seed).outcome.trace.difference(&one.outcome.trace) {
            panic!("seed {} on {}: {difference}", one.seed, one.tier.name());
        }
    }
}

/// Another process, another environment; its trace ends in its table, which tells the digest.
#[test]
fn in_a_second_process() {
    for (tier, seed) in Tier::SIMULATED.iter().flat_map(|tier| SEEDS.map(move |seed| (tier, seed))) {
        if !tier.cannot(&Plan::from_seed(seed)).is_empty() {
            continue;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_towline-sim"));
        command.args(["run", "--trace", "--tier", tier.name(), "--seeds", &seed.to_string()]);
        let output = command.env_clear().env("TZ", "Asia/Tokyo").current_dir("/").output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("it prints text");
        let here = run_seed(*tier, seed).outcome.trace;
        let there: String = text
            .lines()
            .filter(|line| here_is_event(line))
            .fold(String::new(), |all, line| all + line + "\n");
        if let Some(difference) = towline_sim::trace::difference(here.text(), &there) {
            panic!("seed {seed}: {difference}");
        }
        assert!(text.contains(&here.digest().prefix()), "seed {seed}: the digest in {text}");
    }
}

/// Events begin with their time; nothing else that is printed does.
fn here_is_event(line: &str) -> bool {
    let Some((time, _)) = line.split_once(" ms  ") else { return false };
    line.get(..6).is_some() && time.trim().parse::<u64>().is_ok()
}

/// That the comparison would see a difference.
#[test]
fn other_seeds_have_other_digests() {
    let digests: std::collections::BTreeSet<_> =
        SEEDS.map(|seed| run_seed(Tier::Fast, seed).outcome.trace.digest()).collect();
    assert_eq!(digests.len(), SEEDS.count());
}

/// That a run does not ask the real clock: one that does is caught, with the place in which it did.
#[test]
fn a_call_to_the_real_clock_is_caught() {
    if !towline_tripwire::WORKS {
        return;
    }
    for tier in Tier::SIMULATED {
        let outcome = tier.run_planted(&Plan::from_seed(0), Some(Plant::RealClock));
        let broken = invariants::check(&outcome);
        let first = broken.first().expect("it is caught");
        assert_eq!(first.invariant, "deterministic", "{}: {broken:?}", tier.name());
        assert!(first.reason.contains("clock_gettime") && first.reason.contains("steps"), "{}", first.reason);
    }
}
