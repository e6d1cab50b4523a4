//! The same plans on every tier: what the applications see is the same where nothing goes wrong, and where what goes wrong
//! is addressed by connection, direction and byte.
#![cfg(feature = "turmoil")]

use towline_sim::campaign;
use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

/// A client that puts, gets and lists; `faults` break it. The put's content begins at about byte 120 of what the client says.
fn plan(faults: &str) -> Plan {
    let text = format!(
        r#"(
            story: "a scripted fault",
            network: (latency_ms: (min: 1, max: 3)),
            shape: (write_max: 1460, read_max: 900, pending_percent: 10, nap_permille: 3, nap_ms_max: 3),
            limits: (idle_ms: 2000, handshake_ms: 2000),
            retry: (base_ms: 20, cap_ms: 60),
            served: [("old", (length: 70000, noise: 3))],
            clients: [(steps: [
                (do: put(path: "folder/new", content: (length: 40000, noise: 1))),
                (do: get(path: "folder/new")),
                (do: get(path: "old")),
                (do: echo((length: 300, noise: 2))),
                (do: remove(path: "old")),
                (do: list),
                (do: raw_echo((length: 3000, noise: 5))),
            ])],
            faults: [{faults}],
        )"#
    );
    Plan::parse(&text).expect("a plan")
}

/// Runs a plan on all tiers: all must hold, and be the same for the applications, for whom all went well.
fn same(plan: &Plan) -> Vec<Outcome> {
    assert!(plan.is_comparable(), "{}", plan.text());
    let outcomes: Vec<Outcome> = Tier::ALL.iter().map(|tier| tier.run(plan)).collect();
    for (tier, outcome) in Tier::ALL.iter().zip(&outcomes) {
        let name = tier.name();
        assert_eq!(outcome.skipped, Vec::<&str>::new(), "on {name}");
        assert_eq!(invariants::check(outcome), [], "on {name}: {}\n{}", plan.text(), outcome.trace.text());
        assert!(outcome.jobs.iter().all(|job| job.ended == Some(Ended::Done)), "on {name}");
        assert_eq!(outcome.seen_by_applications(), outcomes[0].seen_by_applications(), "on {name}");
    }
    outcomes
}

/// That it happened on each tier, once exactly so many bytes were heard, and the first step was tried again if it `retries`.
fn happened(outcomes: &[Outcome], retries: bool) {
    for outcome in outcomes {
        assert!(outcome.faults_at_ms.iter().all(Option::is_some), "{}", outcome.trace.text());
        assert_eq!(outcome.jobs.iter().any(|job| job.retries > 0), retries, "{}", outcome.trace.text());
    }
}

#[test]
fn seeds_in_which_nothing_breaks() {
    let mut compared = 0;
    for seed in (0..24).filter(|seed| Plan::from_seed(*seed).is_comparable()) {
        for ran in campaign::run_on(Tier::ALL, seed) {
            assert_eq!(ran.broken, [], "seed {seed} on {}", ran.tier.name());
            compared += usize::from(ran.outcome.skipped.is_empty());
        }
    }
    assert!(compared >= 3 * Tier::ALL.len(), "{compared}");
}

/// Among the hello, in a frame's header, in the content, and at its end.
#[test]
fn a_reset_at_a_byte() {
    for byte in [0, 3, 50, 5_000, 39_999] {
        let fault = format!("(when: byte(dial: 0, side: client, byte: {byte}), what: reset(all))");
        happened(&same(&plan(&fault)), true);
    }
    let answer = "(when: byte(dial: 0, side: server, byte: 40), what: reset(client(0)))";
    happened(&same(&plan(answer)), true);
}

#[test]
fn two_resets_one_after_the_other() {
    let at = |dial, byte| format!("(when: byte(dial: {dial}, side: client, byte: {byte}), what: reset(all))");
    let outcomes = same(&plan(&format!("{}, {}", at(0, 20_000), at(1, 9_000))));
    happened(&outcomes, true);
    assert!(outcomes.iter().all(|outcome| outcome.jobs[0].retries == 2));
}

#[test]
fn an_end_at_a_byte_of_either_side() {
    for (side, byte) in [("client", 20), ("client", 20_000), ("server", 10), ("server", 20_000)] {
        let when = format!("byte(dial: 0, side: {side}, byte: {byte})");
        let fault = format!("(when: {when}, what: end({side}, all))");
        happened(&same(&plan(&fault)), true);
    }
}

#[test]
fn a_server_that_is_killed_at_a_byte_and_begins_again() {
    for byte in [70, 20_000] {
        let when = format!("byte(dial: 0, side: client, byte: {byte})");
        let faults = format!("(when: {when}, what: kill_server), (when: after(30), what: start_server)");
        let outcomes = same(&plan(&faults));
        happened(&outcomes, true);
        assert!(outcomes.iter().all(|outcome| outcome.bound.len() == 2), "it came back");
    }
}

#[test]
fn a_server_that_is_told_to_stop_at_a_byte_finishes_what_runs() {
    let when = "byte(dial: 0, side: client, byte: 20000)";
    let faults = format!("(when: {when}, what: drain_server), (when: after(30), what: start_server)");
    for outcome in same(&plan(&faults)) {
        assert_eq!(outcome.jobs[0].retries, 0, "the put went on: {}", outcome.trace.text());
        assert_eq!(outcome.bound.len(), 2, "another one came");
    }
}

#[test]
fn several_clients_on_paths_of_their_own() {
    let client = |number: u32| {
        format!(
            r#"(begins_ms: {}, steps: [
                (do: put(path: "{number}/a", content: (length: {}, noise: {number}))),
                (do: get(path: "{number}/a")),
                (do: echo((length: 90, noise: {number}))),
                (do: remove(path: "{number}/a")),
                (do: get(path: "{number}/a"), expect: any),
            ])"#,
            number * 7,
            10_000 * number
        )
    };
    let clients: Vec<String> = (1..4).map(client).collect();
    let plan =
        Plan::parse(&format!("(story: \"three\", clients: [{}])", clients.join(", "))).expect("a plan");
    assert!(plan.is_comparable());
    let outcomes: Vec<Outcome> = Tier::ALL.iter().map(|tier| tier.run(&plan)).collect();
    for outcome in &outcomes {
        assert_eq!(invariants::check(outcome), []);
        assert_eq!(outcome.seen_by_applications(), outcomes[0].seen_by_applications());
        let missing = outcome.jobs.iter().filter(|job| matches!(job.ended, Some(Ended::Failed(_)))).count();
        assert_eq!(missing, 3, "what was removed is gone");
    }
}

/// A difference fails, and is printed as one.
#[test]
fn a_tier_that_differs_is_told() {
    use towline_sim::plant::Plant;
    let plan = plan("");
    let seen = |plant| Tier::Real.run_planted(&plan, plant).seen_by_applications();
    assert_eq!(seen(None), Tier::Fast.run(&plan).seen_by_applications());
    assert_ne!(seen(Some(Plant::DoubleReply)), seen(None));
}

#[test]
fn what_a_tier_cannot_do_is_skipped_and_judged_by_nobody() {
    let plan = plan("(when: at(5), what: clock_jump(server, 100))");
    for tier in [Tier::Turmoil, Tier::Real] {
        let outcome = tier.run(&plan);
        assert!(!outcome.skipped.is_empty() && outcome.jobs.is_empty());
        assert_eq!(invariants::check(&outcome), []);
    }
    assert!(Tier::Fast.run(&plan).skipped.is_empty());
}

/// Each of these breaks the link for a while, by turmoil or by the shim; all that can succeed then does.
#[test]
fn turmoil_breaks_what_a_plan_names() {
    let byte = "when: byte(dial: 0, side: client, byte: 20000)";
    for (what, heals, retries) in [
        ("hold(all)", "release", false),
        ("hold(client(0))", "release", false),
        ("stop_reading(server)", "start_reading(server)", false),
        ("stop_reading(client(0))", "start_reading(client(0))", false),
    ] {
        let faults = format!("({byte}, what: {what}), (when: after(400), what: {heals})");
        let outcome = Tier::Turmoil.run(&plan(&faults));
        assert_eq!(invariants::check(&outcome), [], "{what}");
        assert_eq!(outcome.jobs[0].retries > 0, retries, "{what}");
        let [Some(broken), Some(healed)] = outcome.faults_at_ms[..] else { panic!("{what} took no place") };
        let early = outcome.published.iter().any(|published| (broken..healed).contains(&published.at_ms));
        assert!(!early || what.contains("client(0))"), "{what}: published meanwhile");
    }
    for what in ["mute(client, all)", "mute(server, client(0))"] {
        let outcome = Tier::Turmoil.run(&plan(&format!("({byte}, what: {what})")));
        assert_eq!(invariants::check(&outcome), [], "{what}");
        assert!(outcome.jobs[0].retries > 0, "{what} is noticed by deadline");
    }
}

/// Narrow networks take longer, and lose nothing.
#[test]
fn a_narrow_network_is_slow() {
    let wide = Tier::Turmoil.run(&plan(""));
    let (mut paced, mut windowed) = (plan(""), plan(""));
    paced.network.bytes_per_ms = Some(100);
    windowed.network.window = 1_000;
    // The put and the gets at the pace; a round trip for each window of them.
    for (narrow, least_ms) in [(paced, 1_500), (windowed, 300)] {
        let outcome = Tier::Turmoil.run(&narrow);
        assert_eq!(invariants::check(&outcome), []);
        assert!(outcome.elapsed_ms > wide.elapsed_ms.max(least_ms), "{} ms", outcome.elapsed_ms);
        assert_eq!(outcome.seen_by_applications(), wide.seen_by_applications());
    }
}
