//! Faults of the simulator's own world and application are seen, each by the invariant that it breaks. The library's
//! bugs are another build's matter: `cargo planted`.

use towline_sim::invariants;
use towline_sim::plan::Plan;
use towline_sim::plant::Plant;
use towline_sim::tier::Tier;

/// On every tier there is a seed in which `plant` breaks `invariant`; without it that seed holds.
fn caught(plant: Plant, invariant: &str) {
    for tier in Tier::SIMULATED {
        let name = tier.name();
        let is_caught = |seed: &u64| {
            let broken = invariants::check(&tier.run_planted(&Plan::from_seed(*seed), Some(plant)));
            broken.iter().any(|broken| broken.invariant == invariant)
        };
        let seed = (0..400).find(is_caught).unwrap_or_else(|| panic!("{plant:?} MISSED on {name}"));
        let without = invariants::check(&tier.run(&Plan::from_seed(seed)));
        assert_eq!(without, [], "seed {seed} on {name} without {plant:?}");
        println!("{plant:?} caught tier={name} seed={seed} invariant={invariant}");
    }
}

#[test]
fn a_wrong_bit_on_the_disk() {
    caught(Plant::StoreWrongBit, "published");
}

#[test]
fn a_byte_that_an_echo_loses() {
    caught(Plant::DropEchoByte, "echo");
}

/// The checksums see it, every time: the put never gets through, and nothing wrong is published.
#[test]
fn a_byte_that_a_stream_loses() {
    caught(Plant::DropByte, "as-planned");
    for (tier, seed) in Tier::SIMULATED.iter().flat_map(|tier| (0..16).map(move |seed| (tier, seed))) {
        let broken = invariants::check(&tier.run_planted(&Plan::from_seed(seed), Some(Plant::DropByte)));
        assert!(broken.iter().all(|broken| broken.invariant != "published"), "seed {seed}: {broken:?}");
    }
}

#[test]
fn a_job_that_is_answered_twice() {
    caught(Plant::DoubleReply, "replies");
}

#[test]
fn a_network_that_never_heals() {
    caught(Plant::NeverHeal, "liveness");
}

#[test]
fn a_panic_is_a_failure_of_its_seed_and_not_the_end() {
    for tier in Tier::SIMULATED {
        let outcome = tier.run_planted(&Plan::from_seed(0), Some(Plant::Panic));
        let broken = invariants::check(&outcome);
        assert_eq!(broken.first().map(|broken| broken.invariant), Some("liveness"), "{broken:?}");
        assert!(outcome.panic.is_some_and(|text| text.contains("planted")));
    }
}
