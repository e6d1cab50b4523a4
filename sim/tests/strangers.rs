//! Peers that do not keep the rules, on every tier: what the server makes of each, and that nobody else notices.

use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::{Host, Impostor, Plan, Stranger, Trick};
use towline_sim::tier::Tier;

/// A client that does a bit of everything.
fn plan(expect: &str) -> Plan {
    let text = format!(
        r#"(
            story: "strangers",
            clients: [(steps: [
                (do: put(path: "a", content: (length: 200000, noise: 1)), expect: {expect}),
                (do: get(path: "a"), expect: {expect}),
                (do: put(path: "b", content: (length: 10, noise: 2))),
                (do: get(path: "b")),
                (do: echo((length: 1000, noise: 3))),
                (do: list),
            ])],
        )"#
    );
    Plan::parse(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a plan; everything holds.
fn run(tier: Tier, plan: &Plan) -> Outcome {
    let outcome = tier.run(plan);
    let broken = invariants::check(&outcome);
    assert_eq!(broken, [], "{}\n{}\n{}", tier.name(), plan.text(), outcome.trace.text());
    outcome
}

/// How the server's session with each of some strangers of this trick ended.
fn ends(tier: Tier, trick: Trick) -> Vec<String> {
    let end = |noise| {
        let mut plan = plan("success");
        plan.strangers = vec![Stranger { begins_ms: noise, trick, noise }];
        let outcome = run(tier, &plan);
        let [visit] = outcome.visits.as_slice() else { panic!("{trick:?}: {:?}", outcome.visits) };
        assert!(outcome.jobs.iter().all(|job| job.retries == 0 && job.ended == Some(Ended::Done)));
        visit.end.clone().unwrap_or_else(|| panic!("{trick:?}, noise {noise}: it has no end"))
    };
    (0..12).map(end).collect()
}

#[test]
fn the_server_is_rid_of_each_and_says_why() {
    for &tier in Tier::SIMULATED {
        for (trick, words) in [
            (Trick::Garbage, "NOT_TOWLINE"),
            (Trick::Truncate, "Lost"),
            (Trick::Replay, "UNEXPECTED"),
            (Trick::HugeLength, "TOO_LONG"),
            (Trick::WrongOrder, "UNEXPECTED"),
            (Trick::WrongState, "UNEXPECTED"),
            (Trick::Stall, "HANDSHAKE_TIMEOUT"),
            (Trick::Flood, "IDLE_TIMEOUT"),
        ] {
            let ends = ends(tier, trick);
            let told = ends.iter().any(|end| end.contains(words));
            assert!(told, "{} {trick:?}: {words} is not among {ends:#?}", tier.name());
        }
    }
}

#[test]
fn all_at_once_are_no_harm_either() {
    for &tier in Tier::SIMULATED {
        for noise in 0..4 {
            let mut plan = plan("success");
            plan.clients.push(plan.clients[0].clone());
            plan.clients[1].steps.truncate(2);
            plan.clients[1].begins_ms = 20;
            let stranger = |(place, trick): (u64, Trick)| Stranger { begins_ms: 3 * place, trick, noise };
            plan.strangers = (0..).zip(Trick::ALL).map(stranger).collect();
            let outcome = run(tier, &plan);
            assert_eq!(outcome.visits.len(), Trick::ALL.len());
        }
    }
}

/// Where there is no place for all, clients are told to wait, and come in.
#[test]
fn strangers_that_fill_the_house_are_thrown_out() {
    for &tier in Tier::SIMULATED {
        let mut plan = plan("success");
        plan.limits.connections = 2;
        plan.clients[0].begins_ms = 100;
        let stranger = |noise| Stranger { begins_ms: noise, trick: Trick::Stall, noise };
        plan.strangers = (0..4).map(stranger).collect();
        let outcome = run(tier, &plan);
        assert!(outcome.jobs[0].retries > 0, "it had to wait\n{}", outcome.trace.text());
    }
}

#[test]
fn an_impostor_harms_no_more_than_the_job_that_it_meets() {
    for &tier in Tier::SIMULATED {
        for trick in Trick::ALL {
            let mut finds_the_right_one = 0;
            for noise in 0..8 {
                let mut plan = plan("any");
                plan.impostors = vec![Impostor { client: 0, dial: 0, trick, noise }];
                let outcome = run(tier, &plan);
                assert!(outcome.trace.text().contains("impostor0"), "it was met");
                finds_the_right_one += usize::from(outcome.jobs[0].ended == Some(Ended::Done));
            }
            // What looks like silence, or like damage on the way, is tried again.
            let again = matches!(trick, Trick::Stall | Trick::Truncate | Trick::HugeLength | Trick::Flood);
            assert!(!again || finds_the_right_one > 0, "{} {trick:?}", tier.name());
        }
    }
}

#[test]
fn what_machines_hold_is_seen() {
    let mut plan = plan("success");
    plan.strangers = (0..3).map(|noise| Stranger { begins_ms: 0, trick: Trick::Flood, noise }).collect();
    let outcome = run(Tier::Fast, &plan);
    let peak = outcome.peaks[&Host::Server];
    assert!(peak.bytes > 100_000 && peak.bytes <= peak.most && peak.machines > 1, "{peak}");
    assert!(outcome.peaks.contains_key(&Host::Client(0)));
}
