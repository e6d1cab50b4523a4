//! A failing seed shrinks to a handful of lines that break the same invariant.

use towline_sim::invariants::{self, Broken};
use towline_sim::plan::Plan;
use towline_sim::plant::Plant;
use towline_sim::shrink::{Shrunk, shrink};
use towline_sim::tier::Tier;

/// A bit on the disk is wrong: what is published is not what was sent.
fn judge(plan: &Plan) -> Vec<Broken> {
    invariants::check(&Tier::Fast.run_planted(plan, Some(Plant::StoreWrongBit)))
}

#[test]
fn a_failing_seed_shrinks_to_a_handful_of_lines() {
    let breaks =
        |seed: &u64| judge(&Plan::from_seed(*seed)).iter().any(|broken| broken.invariant == "published");
    // One of which there is something to leave out.
    let is_large = |seed: &u64| Plan::from_seed(*seed).steps().count() > 3;
    let seed = (0..100).filter(is_large).find(breaks).expect("a put");
    let plan = Plan::from_seed(seed);
    let once = || shrink(&plan, "published", 2_000, judge, |_| ()).expect("it breaks");
    let Shrunk { plan: least, runs, is_least } = once();
    let text = least.text();
    println!("{runs} runs, of\n{}\n{text}", plan.text());
    assert!(is_least, "{runs} runs were not enough");
    assert!(least.steps().count() <= 2 && least.faults.len() <= 2 && least.bytes() <= 2, "{text}");
    assert_eq!(Plan::parse(&text), Ok(least.clone()));
    assert!(judge(&least).iter().any(|broken| broken.invariant == "published"));
    assert_eq!(once().plan.text(), text, "the same each time");
}
