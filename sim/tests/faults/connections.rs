//! Resets, early ends, half-open streams, refused and full accept queues.

use towline_sim::ledger::Rare;
use towline_sim::outcome::Ended;

use crate::{all_done, fault_ms, lines, one_put, run};

#[test]
fn a_reset_at_a_byte_breaks_both_ends_there_and_the_put_is_retried() {
    for byte in [0, 1, 8, 25, 30_000, 60_001] {
        let faults = format!("faults: [(when: byte(dial: 0, side: client, byte: {byte}), what: reset(all))]");
        let outcome = run(&one_put(100_000, &faults));
        let broken = lines(&outcome, "the connection is broken");
        assert_eq!(broken.len(), 2, "both ends: {broken:?}");
        assert!(broken[0].contains(&format!("server f0  the connection is broken, {byte} bytes were heard")));
        assert_eq!(lines(&outcome, "dials").len(), 2, "byte {byte}");
        assert_eq!(outcome.jobs[0].retries, 1, "byte {byte}");
        assert!(all_done(&outcome));
    }
}

#[test]
fn a_reset_of_one_client_leaves_the_other_alone() {
    let put = |name| format!("(steps: [(do: put(path: \"{name}\", content: (length: 300000, noise: 1)))])");
    let outcome = run(&format!(
        "(story: \"two\", clients: [{}, {}], network: (bytes_per_ms: 1000), faults: [
            (when: byte(client: 1, dial: 0, side: client, byte: 100000), what: reset(client(1)))])",
        put("a"),
        put("b")
    ));
    let retries: Vec<(u32, u32)> = outcome.jobs.iter().map(|job| (job.client, job.retries)).collect();
    assert!(retries.contains(&(0, 0)) && retries.contains(&(1, 1)), "{retries:?}");
}

#[test]
fn a_stream_that_ends_early_is_not_taken_for_all() {
    for side in ["client", "server"] {
        for byte in [0, 20, 90] {
            let faults = format!(
                "faults: [(when: byte(dial: 0, side: {side}, byte: {byte}), what: end({side}, all))]"
            );
            let outcome = run(&one_put(100_000, &faults));
            assert_eq!(outcome.jobs[0].retries, 1, "{side}, byte {byte}\n{}", outcome.trace.text());
            let ended = lines(&outcome, "the stream ends early");
            assert!(ended.len() == 1 && ended[0].contains(&format!(" {byte} bytes were heard")), "{ended:?}");
            assert!(all_done(&outcome));
        }
    }
}

#[test]
fn a_half_open_connection_is_noticed_by_deadline_at_whoever_hears_nothing() {
    for side in ["client", "server"] {
        let faults =
            format!("faults: [(when: byte(dial: 0, side: client, byte: 40000), what: mute({side}, all))]");
        let outcome = run(&one_put(100_000, &faults));
        assert!(outcome.reached.contains(&Rare::Silence), "{}", outcome.trace.text());
        assert_eq!(outcome.jobs[0].retries, 1, "{side}");
        let idle = outcome.plan.limits.idle_ms;
        assert!(outcome.elapsed_ms >= fault_ms(&outcome, 0) + idle, "it takes the deadline");
        assert!(all_done(&outcome));
    }
}

#[test]
fn a_raw_echo_on_a_half_open_connection_is_given_up() {
    let outcome =
        run("(story: \"echo\", clients: [(steps: [(do: raw_echo((length: 50000, noise: 1)), expect: any)])],
          network: (bytes_per_ms: 1000), faults: [(when: at(20), what: mute(server, all))])");
    assert!(matches!(&outcome.jobs[0].ended, Some(Ended::Failed(why)) if why.contains("nothing moves")));
}
