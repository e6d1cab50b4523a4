//! Trees of folders on every tier, with connections that break, servers that are killed and clients that begin again: each
//! file that is published is one that was sent, what was acknowledged is there, and all tiers see the same.
#![cfg(feature = "turmoil")]

use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

/// Thirteen files of two sources: the second one has other times.
const PUBLISHED: usize = 26;

/// A client that sends a tree of small files and one that is not, receives it, and sends it again; `faults` break it.
fn plan(faults: &str) -> Plan {
    let files: Vec<String> =
        (0..12).map(|at| format!("(length: {}, noise: {at})", [0, 10, 4000, 70_000][at % 4])).collect();
    let text = format!(
        r#"(
            story: "a tree",
            network: (latency_ms: (min: 1, max: 3)),
            limits: (idle_ms: 2000, handshake_ms: 2000),
            retry: (base_ms: 20, cap_ms: 60, attempts: 20),
            served: [("tree/old", (length: 7000, noise: 99))],
            clients: [(steps: [
                (do: put_tree(path: "tree", contents: [{}, (length: 1500000, noise: 50)])),
                (do: get_tree(path: "tree")),
                (do: put_tree(path: "tree", contents: [{}, (length: 1500000, noise: 50)])),
                (do: get(path: "tree/3")),
            ])],
            faults: [{faults}],
        )"#,
        files.join(", "),
        files.join(", ")
    );
    Plan::parse(&text).expect("a plan")
}

fn holds(tiers: &[Tier], plan: &Plan) -> Vec<Outcome> {
    let run = |tier: &Tier| {
        let (name, outcome) = (tier.name(), tier.run(plan));
        assert_eq!(outcome.skipped, Vec::<&str>::new(), "on {name}");
        assert_eq!(invariants::check(&outcome), [], "on {name}: {}\n{}", plan.text(), outcome.trace.text());
        let ended = outcome.jobs.iter().filter(|job| !job.cut_off);
        assert!(ended.clone().all(|job| job.ended == Some(Ended::Done)), "on {name}: {:?}", outcome.jobs);
        let trees: Vec<usize> =
            outcome.jobs.iter().filter(|job| job.step == 1).map(|job| job.names.len()).collect();
        assert_eq!(trees.last(), Some(&14), "on {name}");
        outcome
    };
    tiers.iter().map(run).collect()
}

#[test]
fn a_tree_goes_there_and_comes_back_on_every_tier() {
    let outcomes = holds(Tier::ALL, &plan(""));
    for outcome in &outcomes {
        assert_eq!(outcome.published.len(), PUBLISHED, "each file is published once for each source");
        assert_eq!(outcome.jobs[1].names, outcomes[0].jobs[1].names);
    }
}

#[test]
fn a_connection_that_breaks_in_a_tree_costs_what_was_under_way() {
    for byte in [50, 400, 3_000, 60_000, 900_000] {
        let fault = format!("(when: byte(dial: 0, side: client, byte: {byte}), what: reset(all))");
        for outcome in holds(Tier::ALL, &plan(&fault)) {
            assert!(outcome.jobs[0].retries > 0, "{byte}");
            assert_eq!(outcome.published.len(), PUBLISHED, "each file is published once for each source");
        }
    }
    let in_get = "(when: byte(dial: 0, side: server, byte: 700000), what: reset(all))";
    holds(Tier::ALL, &plan(in_get));
}

#[test]
fn a_server_that_is_killed_in_a_tree_and_begins_again() {
    for byte in [500, 100_000, 1_000_000] {
        let when = format!("byte(dial: 0, side: client, byte: {byte})");
        let faults = format!("(when: {when}, what: kill_server), (when: after(30), what: start_server)");
        holds(Tier::ALL, &plan(&faults));
    }
}

#[test]
fn a_server_that_loses_its_power_in_a_tree_and_begins_again() {
    for byte in [500, 100_000, 1_000_000] {
        let when = format!("byte(dial: 0, side: client, byte: {byte})");
        let faults =
            format!("(when: {when}, what: power_loss_server), (when: after(30), what: start_server)");
        holds(Tier::SIMULATED, &plan(&faults));
    }
}

#[test]
fn a_client_that_is_killed_in_a_tree_goes_on_where_it_was() {
    for byte in [500, 100_000, 1_000_000] {
        let when = format!("byte(dial: 0, side: client, byte: {byte})");
        let faults =
            format!("(when: {when}, what: kill_client(0)), (when: after(30), what: start_client(0))");
        for outcome in holds(Tier::SIMULATED, &plan(&faults)) {
            assert!(outcome.jobs[0].cut_off, "{byte}");
            assert_eq!(outcome.published.len(), PUBLISHED, "what stands there already is not sent again");
        }
    }
}
