//! Plans that showed a bug of the library once, as small as they could be made: they hold.

use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

/// Runs a plan on the fast tier; it must hold.
fn held(plan: &str) -> Outcome {
    let outcome = Tier::Fast.run(&Plan::parse(plan).expect("a plan"));
    assert_eq!(invariants::check(&outcome), []);
    outcome
}

#[test]
fn a_slow_upload_is_not_taken_for_dead() {
    let outcome = held(include_str!("../plans/slow-upload.ron"));
    assert_eq!((outcome.jobs[0].retries, outcome.jobs[0].ended.clone()), (0, Some(Ended::Done)));
    let took_ms = outcome.published[0].at_ms;
    assert!(took_ms > 2 * outcome.plan.limits.idle_ms, "{took_ms} ms is not slow");
}

/// The files have one length and, made at one time, one time.
#[test]
fn two_clients_that_put_files_that_look_alike_both_succeed() {
    let outcome = held(include_str!("../plans/look-alikes.ron"));
    assert!(outcome.jobs.iter().all(|job| job.ended == Some(Ended::Done)), "{:?}", outcome.jobs);
    assert_eq!(outcome.published.len(), 2);
}
