//! Planted bugs are caught, each by the invariant that it breaks.

use towline_sim::invariants;
use towline_sim::plan::Plan;
use towline_sim::plant::Plant;
use towline_sim::tier::turmoil::run_planted;

/// The first of the seeds in which `plant` breaks `invariant`; without it that seed holds.
fn caught(plant: Plant, invariant: &str) {
    for seed in 0..400 {
        let plan = Plan::from_seed(seed);
        let broken = invariants::check(&run_planted(&plan, Some(plant)));
        if broken.iter().any(|broken| broken.invariant == invariant) {
            assert_eq!(invariants::check(&run_planted(&plan, None)), [], "seed {seed} without {plant:?}");
            println!("{plant:?} caught seed={seed} invariant={invariant}");
            return;
        }
    }
    panic!("{plant:?} MISSED");
}

#[test]
fn an_acknowledgement_before_the_rename() {
    caught(Plant::AcknowledgeBeforeRename, "acknowledged");
}

#[test]
fn a_file_that_is_not_synced() {
    caught(Plant::SkipSync, "acknowledged");
}

#[test]
fn a_folder_that_is_not_synced() {
    caught(Plant::SkipFolderSync, "acknowledged");
}

#[test]
fn a_wrong_bit_on_the_disk() {
    caught(Plant::StoreWrongBit, "published");
}

#[test]
fn partials_that_are_kept() {
    caught(Plant::KeepPartials, "leftovers");
}

#[test]
fn a_byte_that_an_echo_loses() {
    caught(Plant::DropEchoByte, "echo");
}

/// The checksums see it, every time: the put never gets through, and nothing wrong is published.
#[test]
fn a_byte_that_a_stream_loses() {
    caught(Plant::DropByte, "as-planned");
    for seed in 0..16 {
        let broken = invariants::check(&run_planted(&Plan::from_seed(seed), Some(Plant::DropByte)));
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
    let outcome = run_planted(&Plan::from_seed(0), Some(Plant::Panic));
    let broken = invariants::check(&outcome);
    assert_eq!(broken.first().map(|broken| broken.invariant), Some("liveness"), "{broken:?}");
    assert!(outcome.panic.is_some_and(|text| text.contains("planted")));
}
