//! Each scenario by a fixed seed, on every tier: that what makes it interesting took place.

use towline_sim::campaign::run_seed;
use towline_sim::ledger::Rare;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::{Expect, Scenario, What};
use towline_sim::tier::Tier;

/// The first seed from 0 that tells `scenario` and reached all of `reached`; it must hold.
fn seed_that(tier: Tier, scenario: Scenario, reached: &[Rare]) -> Outcome {
    let seeds = (0..2_000).filter(|seed| Scenario::of(*seed) == scenario);
    for seed in seeds {
        let ran = run_seed(tier, seed);
        assert_eq!(ran.broken, [], "seed {seed}");
        if reached.iter().all(|rare| ran.outcome.reached.contains(rare)) {
            return ran.outcome;
        }
    }
    panic!("no seed of {scenario:?} reached {reached:?}");
}

/// The lines of the trace that contain `words`.
fn lines<'a>(outcome: &'a Outcome, words: &str) -> Vec<&'a str> {
    outcome.trace.text().lines().filter(|line| line.contains(words)).collect()
}

#[test]
fn clean() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::Clean, &[]);
        for job in &outcome.jobs {
            let step = outcome.plan.step(job.client, job.step).expect("it is in the plan");
            assert_eq!(job.retries, 0);
            assert!(job.ended == Some(Ended::Done) || step.expect == Expect::Any, "{step:?}");
        }
        assert_eq!(lines(&outcome, "dials").len(), 1, "one connection for all");
        for said in ["Offer", "Get", "EchoReply", "Page", "Bye"] {
            assert!(!lines(&outcome, said).is_empty(), "{said}");
        }
        assert_eq!(outcome.echoes.len(), 2, "within the protocol, and raw");
    }
}

#[test]
fn a_partition_in_a_put_is_noticed_by_deadline_publishes_nothing_and_is_retried() {
    for &tier in Tier::SIMULATED {
        let outcome =
            seed_that(tier, Scenario::Partition, &[Rare::PartitionInPut, Rare::Silence, Rare::RetriedPut]);
        let [Some(cut), Some(healed)] = outcome.faults_at_ms[..] else {
            panic!("two faults: {:?}", outcome.faults_at_ms)
        };
        assert!(outcome.published.iter().all(|published| !(cut..healed).contains(&published.at_ms)));
        assert!(outcome.published.iter().any(|published| published.at_ms >= healed), "published after all");
        assert!(outcome.jobs[0].retries > 0);
    }
}

#[test]
fn a_second_server_is_told_that_the_port_is_taken_and_the_first_goes_on() {
    for &tier in Tier::SIMULATED {
        let goes_on = |seed: u64| {
            let ran = run_seed(tier, seed);
            assert_eq!(ran.broken, [], "seed {seed}");
            let [first, second] = ran.outcome.bound.as_slice() else { panic!("{:?}", ran.outcome.bound) };
            assert_eq!(first.error, None);
            let error = second.error.as_deref().filter(|_| second.second);
            assert!(error.is_some_and(|error| error.contains("address in use")));
            let text = ran.outcome.trace.text();
            let told = text.find("address in use").expect("it is told");
            text[told..].contains("is over: Done")
        };
        // It may come when all is done.
        let mut seeds = (0..80).filter(|seed| Scenario::of(*seed) == Scenario::PortTaken);
        assert!(seeds.any(goes_on), "the first server goes on");
    }
}

#[test]
fn nobody_listens() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::Refused, &[Rare::Refused]);
        assert!(outcome.jobs.iter().all(|job| matches!(job.ended, Some(Ended::Refused(_)))));
        assert!(outcome.served.is_empty() && outcome.bound.is_empty());
    }
}

#[test]
fn a_client_that_waits_finds_the_server_that_comes_later() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::LateServer, &[Rare::Waited]);
        assert!(outcome.jobs[0].retries > 0);
        assert!(outcome.jobs.iter().all(|job| job.ended == Some(Ended::Done)));
    }
}

#[test]
fn a_server_that_dies_in_a_put_sweeps_its_partial_and_the_retry_succeeds() {
    for &tier in Tier::SIMULATED {
        let reached = [Rare::ServerDiedInPut, Rare::Swept, Rare::RetriedPut];
        let outcome = seed_that(tier, Scenario::ServerCrash, &reached);
        assert_eq!(outcome.bound.len(), 2, "it came back");
    }
}

#[test]
fn a_server_that_dies_between_sync_and_rename_leaves_the_old_file() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::ServerCrash, &[Rare::DiedBeforeRename, Rare::RetriedPut]);
        let crash = outcome.faults_at_ms[0].expect("the crash happened");
        assert!(outcome.published.iter().all(|published| published.at_ms != crash));
    }
}

#[test]
fn a_server_that_dies_after_the_rename_leaves_the_new_file_and_the_retry_is_answered() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::ServerCrash, &[Rare::DiedAfterRename, Rare::RetriedPut]);
        let crash = outcome.faults_at_ms[0].expect("the crash happened");
        assert!(outcome.published.iter().any(|published| published.at_ms == crash));
    }
}

#[test]
fn a_client_that_dies_in_a_put_leaves_nothing() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::ClientCrash, &[Rare::ClientDiedInPut]);
        assert!(outcome.jobs[0].cut_off);
        assert_eq!(outcome.leftovers, Default::default());
        let silent = seed_that(tier, Scenario::ClientCrash, &[Rare::ClientDiedInPut, Rare::Silence]);
        assert!(silent.plan.faults.iter().any(|fault| fault.what == What::PowerLossClient(0)));
    }
}

#[test]
fn a_drain_finishes_what_runs() {
    for &tier in Tier::SIMULATED {
        let outcome = seed_that(tier, Scenario::Drain, &[Rare::DrainInPut]);
        assert!(!lines(&outcome, "GoAway").is_empty());
        let cut_off =
            seed_that(tier, Scenario::Drain, &[Rare::DrainInPut, Rare::DrainCutOff, Rare::RetriedPut]);
        assert!(cut_off.jobs[0].retries > 0, "what was cut off is done after all");
    }
}
