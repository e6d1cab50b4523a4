//! What goes wrong with disks, on every tier: what each fault does, and that all invariants hold nevertheless.

use towline::store::memory::Primitive;
use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::{DiskFailure, Expect, Fault, Host, Plan, What, When};
use towline_sim::tier::Tier;

/// Two puts, a get of each, and a list, by a client; whatever becomes of them.
const WORK: &str = r#"
    clients: [(steps: [
        (do: put(path: "a", content: (length: 200000, noise: 1)), expect: any),
        (do: put(path: "new/b", content: (length: 70000, noise: 2)), expect: any),
        (do: get(path: "old"), expect: any),
        (do: get(path: "a"), expect: any),
        (do: list, expect: any),
        (do: remove(path: "a"), expect: any),
        (do: put(path: "c", content: (length: 10, noise: 4)), expect: any),
    ])],
    served: [("old", (length: 150000, noise: 3))],
"#;

fn plan(text: &str) -> Plan {
    Plan::parse(&format!("(story: \"disks\", {text})")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs a plan; everything holds.
fn run(tier: Tier, plan: &Plan) -> Outcome {
    let outcome = tier.run(plan);
    let broken = invariants::check(&outcome);
    assert_eq!(broken, [], "{}\n{}\n{}", tier.name(), plan.text(), outcome.trace.text());
    outcome
}

fn failed(outcome: &Outcome, job: usize) -> &str {
    match &outcome.jobs[job].ended {
        Some(Ended::Failed(text)) => text,
        other => panic!("job {job} ended as {other:?}\n{}", outcome.trace.text()),
    }
}

fn is_done(outcome: &Outcome, job: usize) -> bool {
    outcome.jobs[job].ended == Some(Ended::Done)
}

#[test]
fn a_full_disk_is_told_and_works_again_when_it_has_room() {
    for &tier in Tier::SIMULATED {
        let outcome = run(
            tier,
            &plan(
                r#"clients: [
                    (steps: [(do: put(path: "a", content: (length: 300000, noise: 1)), expect: any)]),
                    (begins_ms: 3000, steps: [(do: put(path: "a", content: (length: 300000, noise: 2)))]),
                ],
                faults: [
                    (when: primitive(primitive: "WriteAt", nth: 1), what: disk_full(server)),
                    (when: after(1000), what: disk_free(server)),
                ]"#,
            ),
        );
        assert!(failed(&outcome, 0).contains("no space"), "{:?}", outcome.jobs[0].ended);
        assert_eq!(outcome.published.len(), 1, "of the second put alone");
    }
}

#[test]
fn what_does_not_fit_is_refused_at_either_end() {
    for &tier in Tier::SIMULATED {
        let outcome = run(
            tier,
            &plan(
                r#"clients: [(steps: [
                    (do: put(path: "a", content: (length: 300000, noise: 1)), expect: any),
                    (do: get(path: "old"), expect: any),
                    (do: put(path: "b", content: (length: 3, noise: 2))),
                ])],
                served: [("old", (length: 500000, noise: 3))],
                disks: (server_capacity: 700000, client_capacity: 700000)"#,
            ),
        );
        assert!(failed(&outcome, 0).contains("no space"), "at the server");
        assert!(failed(&outcome, 1).contains("no space"), "at the client");
    }
}

#[test]
fn a_failed_sync_is_lost_data_and_nothing_is_acknowledged_on_a_second_one() {
    for &tier in Tier::SIMULATED {
        let outcome = run(
            tier,
            &plan(
                r#"clients: [
                    (steps: [
                        (do: put(path: "a", content: (length: 100000, noise: 1)), expect: any),
                        (do: put(path: "a", content: (length: 100000, noise: 1))),
                    ]),
                    (begins_ms: 4000, steps: [(do: get(path: "a"))]),
                ],
                faults: [
                    (when: at(0), what: disk_error(host: server, primitive: "Sync", times: 1)),
                    (when: at(3000), what: power_loss_server),
                    (when: after(100), what: start_server),
                ]"#,
            ),
        );
        assert!(failed(&outcome, 0).contains("storage"), "{:?}", outcome.jobs[0].ended);
        assert_eq!(outcome.published.len(), 1, "what was not synced is not published");
        assert!(is_done(&outcome, 2), "what was acknowledged is there after the power loss");
    }
}

#[test]
fn a_failed_sync_of_a_folder_is_no_acknowledgement() {
    for &tier in Tier::SIMULATED {
        for seed in 0..8 {
            let mut plan = plan(
                r#"clients: [
                    (steps: [
                        (do: put(path: "a", content: (length: 1000, noise: 1)), expect: any),
                        (do: get(path: "a"), expect: any),
                    ]),
                    (begins_ms: 4000, steps: [(do: get(path: "a"), expect: any)]),
                ],
                faults: [
                    (when: primitive(host: server, primitive: "SyncFolder", nth: 2), what: disk_error(host: server, primitive: "SyncFolder", times: 1)),
                    (when: at(3000), what: power_loss_server),
                    (when: after(100), what: start_server),
                ]"#,
            );
            plan.seed = seed;
            let outcome = run(tier, &plan);
            assert!(failed(&outcome, 0).contains("storage"), "{:?}", outcome.jobs[0].ended);
            assert!(is_done(&outcome, 1), "it can be seen");
        }
    }
}

#[test]
fn a_slow_disk_takes_its_time_and_nobody_is_taken_for_dead() {
    for &tier in Tier::SIMULATED {
        let work = r#"clients: [(steps: [(do: put(path: "a", content: (length: 100000, noise: 1)))])],"#;
        let quick = run(tier, &plan(work));
        let slow = run(tier, &plan(&format!("{work} faults: [(when: at(0), what: slow_disk(server, 500))]")));
        // Opening, writing, and publishing, which is slower by far.
        assert!(slow.elapsed_ms >= 6 * 500, "{} ms", slow.elapsed_ms);
        assert_eq!(slow.jobs[0].retries, 0);
        let latency = run(tier, &plan(&format!("{work} disks: (latency_us: (min: 50000, max: 90000))")));
        assert!(latency.elapsed_ms >= quick.elapsed_ms + 3 * 50, "{} ms", latency.elapsed_ms);
    }
}

#[test]
fn a_file_that_rots_is_given_as_it_is_now() {
    for &tier in Tier::SIMULATED {
        let outcome = run(
            tier,
            &plan(
                r#"clients: [(begins_ms: 500, steps: [(do: get(path: "old"))])],
                served: [("old", (length: 150000, noise: 3))],
                faults: [(when: at(10), what: bit_rot(server, 0))]"#,
            ),
        );
        let [rotten] = outcome.rotten.as_slice() else { panic!("{:?}", outcome.rotten) };
        assert_eq!(outcome.jobs[0].got, Some(rotten.is));
        assert_eq!(outcome.served.get("old"), Some(&rotten.is));
    }
}

/// The store hashes what it writes, and does not read it again: what rots before it has its name is published so, and
/// the invariants know the very bit.
#[test]
fn a_partial_that_rots_is_known_to_have() {
    for &tier in Tier::SIMULATED {
        let put = r#"clients: [(steps: [(do: put(path: "a", content: (length: 100000, noise: 1)))])],
            faults: [(when: primitive(primitive: "Sync", nth: 0), what: bit_rot(server, 0))]"#;
        let outcome = run(tier, &plan(put));
        let [rotten] = outcome.rotten.as_slice() else { panic!("{:?}", outcome.rotten) };
        assert_eq!((rotten.path.as_str(), rotten.at), ("a", None));
        assert_eq!(outcome.published[0].content, rotten.is);
        let get = r#"clients: [(steps: [(do: get(path: "old"))])],
            served: [("old", (length: 100000, noise: 1))],
            faults: [(when: primitive(host: client(0), primitive: "Sync", nth: 0), what: bit_rot(client(0), 0))]"#;
        let outcome = run(tier, &plan(get));
        assert_eq!(outcome.jobs[0].got, Some(outcome.rotten[0].is));
        // Nobody is blind for it: an outcome that does not know of it does not hold.
        let mut blind = outcome;
        blind.rotten.clear();
        assert!(!invariants::check(&blind).is_empty());
    }
}

#[test]
fn what_a_client_has_got_survives_its_power_loss() {
    for &tier in Tier::SIMULATED {
        for seed in 0..8 {
            let mut plan = plan(
                r#"clients: [(steps: [
                    (do: get(path: "old")),
                    (do: get(path: "old")),
                    (do: get(path: "old")),
                    (do: get(path: "old")),
                ])],
                served: [("old", (length: 150000, noise: 3))],
                faults: [
                    (when: primitive(host: client(0), primitive: "SyncFolder", nth: 2), what: power_loss_client(0)),
                    (when: after(50), what: start_client(0)),
                ]"#,
            );
            plan.seed = seed;
            let outcome = run(tier, &plan);
            assert_eq!(outcome.jobs.len(), 5, "the third is done again");
            assert!(outcome.trace.text().contains("changes that were not synced"));
        }
    }
}

/// Each primitive fails, each time that it runs; and the disk is full from there on. Whatever fails, nothing is left,
/// nothing is lost, and everybody is told.
#[test]
fn each_primitive_fails_each_time_that_it_runs() {
    let mut struck = 0;
    for &primitive in Primitive::ALL {
        for host in [Host::Server, Host::Client(0)] {
            for nth in 0..12 {
                let mut plan = plan(WORK);
                let when = When::Primitive { host, primitive, nth };
                let what = match nth % 4 {
                    3 => What::DiskFull(host),
                    times => What::DiskError { host, primitive, times: times + 1, how: DiskFailure::Io },
                };
                plan.seed = u64::from(nth);
                plan.faults = vec![Fault { when, what }];
                if nth % 2 == 1 {
                    plan.faults.extend([
                        Fault { when: When::At(20_000), what: What::PowerLossServer },
                        Fault { when: When::After(10), what: What::StartServer },
                    ]);
                }
                let outcome = run(Tier::Fast, &plan);
                struck += usize::from(outcome.faults_at_ms[0].is_some());
            }
        }
    }
    assert!(struck > 120, "{struck}");
}

#[test]
fn the_same_failures_on_every_tier() {
    for &tier in Tier::SIMULATED {
        for primitive in [Primitive::CreateFile, Primitive::WriteAt, Primitive::Sync, Primitive::ReadAt] {
            for host in [Host::Server, Host::Client(0)] {
                let mut plan = plan(WORK);
                let what = What::DiskError { host, primitive, times: 1, how: DiskFailure::Io };
                plan.faults = vec![Fault { when: When::Primitive { host, primitive, nth: 1 }, what }];
                let outcome = run(tier, &plan);
                let told = outcome.jobs.iter().filter(|job| matches!(job.ended, Some(Ended::Failed(_))));
                assert!(told.count() <= 3, "{:?}", outcome.jobs);
                assert!(plan.steps().all(|step| step.expect == Expect::Any));
            }
        }
    }
}
