//! What goes wrong beneath a store and a driver behind their backs: what each fault does, and that all invariants hold.

use towline::probe::Mark;
use towline_sim::invariants;
use towline_sim::ledger::Rare;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

fn plan(text: &str) -> Plan {
    Plan::parse(&format!("(story: \"meddlers\", {text})")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs a plan; everything holds.
fn run(tier: Tier, text: &str) -> Outcome {
    let outcome = tier.run(&plan(text));
    let broken = invariants::check(&outcome);
    assert_eq!(broken, [], "{}\n{}\n{}", tier.name(), outcome.plan.text(), outcome.trace.text());
    outcome
}

/// Whoever takes names away may spoil what is under way, and nothing that comes after.
#[test]
fn what_is_taken_away_is_missed_once() {
    for meddling in ["folder", "partials", "journals", "lock", "log", "empty_log"] {
        for primitive in ["Rename", "SyncFolder", "OpenOwn", "FileStatus"] {
            for &tier in Tier::SIMULATED {
                let outcome = run(
                    tier,
                    &format!(
                        r#"clients: [(steps: [
                            (do: put(path: "a", content: (length: 1500000, noise: 1)), expect: any),
                            (do: put(path: "b", content: (length: 10, noise: 2)), expect: any),
                            (do: put(path: "a", content: (length: 1200000, noise: 3))),
                            (do: get(path: "a")),
                        ])],
                        limits: (note_every: 65536),
                        faults: [(when: primitive(primitive: "{primitive}", nth: 1), what: meddle(server, {meddling}))]"#
                    ),
                );
                assert!(outcome.faults_at_ms[0].is_some(), "{primitive} {meddling}");
            }
        }
    }
}

#[test]
fn what_a_rename_was_to_publish_was_removed_by_somebody_else() {
    for &tier in Tier::SIMULATED {
        let outcome = run(
            tier,
            r#"clients: [(steps: [(do: put(path: "a", content: (length: 100000, noise: 1)), expect: any)])],
            faults: [(when: primitive(primitive: "Rename", nth: 0), what: meddle(server, partials))]"#,
        );
        assert!(outcome.reached.contains(&Rare::Meddled));
        let ended = &outcome.jobs[0].ended;
        assert!(
            matches!(ended, Some(Ended::Failed(why)) if why.contains("removed by somebody else")),
            "{ended:?}"
        );
    }
}

/// A note is a hint: without it all comes again.
#[test]
fn a_note_that_rots_costs_a_transfer_and_no_file() {
    let outcome = run(
        Tier::Fast,
        r#"clients: [(steps: [(do: put(path: "a", content: (length: 3000000, noise: 1)))])],
        limits: (note_every: 65536),
        faults: [
            (when: byte(dial: 0, side: client, byte: 2000000), what: reset(all)),
            (when: after(1), what: note_rots(server, 0)),
        ]"#,
    );
    assert!(outcome.reached.contains(&Rare::NoteRotted), "{}", outcome.trace.text());
    assert!(outcome.marks.contains(&Mark::JournalDamaged), "{}", outcome.trace.text());
    assert_eq!(outcome.published.len(), 1);
}

/// The peer hears nothing more, and gives the connection up.
#[test]
fn a_broken_pipe_is_given_up_and_tried_again() {
    for side in ["client", "server"] {
        for &tier in Tier::SIMULATED {
            let outcome = run(
                tier,
                &format!(
                    r#"clients: [(steps: [(do: put(path: "a", content: (length: 300000, noise: 1)))])],
                    network: (window: 4096),
                    faults: [(when: byte(dial: 0, side: client, byte: 1000), what: break_writes({side}, all))]"#
                ),
            );
            assert!(outcome.jobs[0].retries > 0, "{side} {}", tier.name());
        }
    }
}

#[test]
fn a_client_that_is_dropped_gives_all_back() {
    for &tier in Tier::SIMULATED {
        let outcome = run(
            tier,
            r#"clients: [(leaves: true, steps: [
                (do: get(path: "long"), expect: any, give_up_ms: 60),
            ])],
            served: [("long", (length: 3000000, noise: 1))],
            faults: [(when: at(0), what: slow_disk(client(0), 20)), (when: after(900), what: slow_disk(client(0), 0))]"#,
        );
        assert!(outcome.reached.contains(&Rare::LeftAbruptly), "{}\n{}", tier.name(), outcome.trace.text());
    }
}

/// Publications that wait for one sync of everything fail together, and the next ones do not.
#[test]
fn a_barrier_that_fails_fails_all_that_waited_for_it() {
    let put = |path: &str, rest: &str| {
        format!("(do: put(path: \"{path}\", content: (length: 10, noise: 7)), {rest})")
    };
    let together: Vec<String> =
        (1..8).map(|number| put(&format!("{number}"), "expect: any, together: true")).collect();
    let outcome = run(
        Tier::Fast,
        &format!(
            r#"clients: [(steps: [{}, {}, {}])], disks: (latency_us: (min: 3000, max: 3000)),
            faults: [(when: primitive(primitive: "SyncFileSystem", nth: 0),
                what: disk_error(host: server, primitive: "SyncFileSystem", times: 1))]"#,
            put("0", "expect: any"),
            together.join(", "),
            put("after", "expect: success"),
        ),
    );
    assert!(outcome.marks.contains(&Mark::BarrierFailed), "{}", outcome.trace.text());
    let failed = outcome.jobs.iter().filter(|job| matches!(job.ended, Some(Ended::Failed(_)))).count();
    assert!((2..=8).contains(&failed), "{failed} failed\n{}", outcome.trace.text());
}
