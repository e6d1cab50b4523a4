//! What the network does to all: partitions, messages held up, bandwidth, small windows, a full accept queue.

use crate::{all_done, at_ms, fault_ms, lines, one_put, run};

#[test]
fn what_is_held_up_waits_and_goes_on_in_order() {
    let outcome = run(&one_put(
        200_000,
        "limits: (idle_ms: 5000), network: (bytes_per_ms: 1000), faults: [
            (when: at(60), what: hold(all)), (when: after(1000), what: release)]",
    ));
    let (held, released) = (fault_ms(&outcome, 0), fault_ms(&outcome, 1));
    let words = |lane: &str| {
        let heard = |line: &&&str| {
            let ms: u64 = line.split_whitespace().next().and_then(|ms| ms.parse().ok()).expect("a time");
            line.contains(lane) && ms > held + 1 && ms < released
        };
        lines(&outcome, "Data").iter().filter(heard).count()
    };
    assert_eq!(words("server f0"), 0, "nothing is heard:\n{}", outcome.trace.text());
    assert_eq!(outcome.jobs[0].retries, 0, "nothing is lost, and nothing out of order");
    assert!(outcome.elapsed_ms > released);
    assert!(all_done(&outcome));
}

#[test]
fn dials_are_held_up_too() {
    let outcome = run(&one_put(
        1_000,
        "retry: (connect_ms: 3000), faults: [(when: at(0), what: hold(client(0))),
            (when: after(900), what: release)]",
    ));
    assert!(at_ms(&outcome, "is connected") >= 900);
    assert_eq!((lines(&outcome, "dials").len(), outcome.jobs[0].retries), (1, 0));
}

#[test]
fn bytes_take_their_time() {
    let took = |rate: &str| {
        run(&one_put(
            500_000,
            &format!("limits: (idle_ms: 30000), network: (window: 32768, bytes_per_ms: {rate})"),
        ))
        .elapsed_ms
    };
    let (slow, fast, free) = (took("100"), took("1000"), took("None"));
    assert!((5_000..5_600).contains(&slow), "500,000 bytes at 100 a millisecond: {slow} ms");
    assert!((500..1_000).contains(&fast), "at 1,000: {fast} ms");
    assert!(free < 300, "{free} ms");
}

#[test]
fn a_path_that_takes_longer_than_the_idle_time_to_carry_what_is_queued_is_not_a_dead_one() {
    // Five seconds of data are queued at once, and what the sender asks waits behind them.
    let outcome = run(&one_put(500_000, "network: (bytes_per_ms: 100)"));
    assert!(outcome.elapsed_ms > 5 * outcome.plan.limits.idle_ms);
    assert_eq!((outcome.jobs[0].retries, lines(&outcome, "dials").len()), (0, 1));
}

#[test]
fn a_tiny_window_carries_everything() {
    let outcome = run(&one_put(100_000, "network: (window: 1024)"));
    assert_eq!(outcome.jobs[0].retries, 0);
    let one_way = outcome.plan.network.latency_ms.min;
    assert!(outcome.elapsed_ms >= 100_000 / 1_024 * one_way, "a window a trip: {} ms", outcome.elapsed_ms);
}

#[test]
fn who_finds_the_accept_queue_full_is_not_answered_and_tries_again() {
    let put = |name| format!("(steps: [(do: put(path: \"{name}\", content: (length: 1000, noise: 1)))])");
    let clients: Vec<String> = ["a", "b", "c"].map(put).into();
    let outcome = run(&format!(
        "(story: \"backlog\", clients: [{}], network: (backlog: 1), limits: (handshake_ms: 3000, idle_ms: 3000),
          faults: [(when: at(0), what: pause(server)), (when: after(1000), what: resume(server))])",
        clients.join(", ")
    ));
    assert!(lines(&outcome, "finds the accept queue full").len() >= 2, "{}", outcome.trace.text());
    let given_up = outcome.jobs.iter().filter(|job| job.retries > 0).count();
    assert_eq!(given_up, 2, "one was in the queue");
    assert!(all_done(&outcome));
}

#[test]
fn a_partition_of_one_client_leaves_the_other_alone() {
    let put = |name| format!("(steps: [(do: put(path: \"{name}\", content: (length: 300000, noise: 1)))])");
    let outcome = run(&format!(
        "(story: \"two\", clients: [{}, {}], network: (bytes_per_ms: 500, resent_percent: 0), faults: [
            (when: at(100), what: partition(both, client(1))), (when: after(2500), what: repair)])",
        put("a"),
        put("b")
    ));
    let of = |client| outcome.jobs.iter().find(|job| job.client == client).expect("a job");
    assert_eq!(of(0).retries, 0);
    assert!(of(1).retries > 0);
    assert!(at_ms(&outcome, "publishes a ") < fault_ms(&outcome, 1));
    assert!(at_ms(&outcome, "publishes b ") > fault_ms(&outcome, 1));
}
