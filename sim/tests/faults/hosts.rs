//! Processes that stand still or do not read, and clocks that leap.

use towline_sim::invariants;
use towline_sim::plan::{Plan, What};
use towline_sim::tier::Tier;

use crate::{all_done, at_ms, fault_ms, lines, one_put, run};

#[test]
fn a_short_pause_of_either_is_ridden_out() {
    for host in ["server", "client(0)"] {
        let faults = format!(
            "network: (bytes_per_ms: 1000), faults: [(when: at(80), what: pause({host})),
              (when: after(500), what: resume({host}))]"
        );
        let outcome = run(&one_put(300_000, &faults));
        let (stopped, went_on) = (fault_ms(&outcome, 0), fault_ms(&outcome, 1));
        let lane = if host == "server" { "server" } else { "client" };
        let meanwhile = outcome.trace.text().lines().filter(|line| {
            let mut words = line.split_whitespace();
            let ms: u64 = words.next().and_then(|ms| ms.parse().ok()).expect("a time");
            (stopped + 1..went_on).contains(&ms)
                && words.nth(1) == Some(lane)
                && !line.contains("Data")
                && !line.contains("said")
        });
        assert_eq!(meanwhile.collect::<Vec<_>>(), Vec::<&str>::new(), "{host} stands still");
        assert_eq!(outcome.jobs[0].retries, 0, "{host}\n{}", outcome.trace.text());
        assert!(outcome.elapsed_ms > went_on && all_done(&outcome));
    }
}

#[test]
fn a_long_pause_of_the_server_is_noticed_and_the_put_is_retried() {
    let outcome = run(&one_put(
        300_000,
        "network: (bytes_per_ms: 1000), faults: [(when: at(80), what: pause(server)),
          (when: after(3000), what: resume(server))]",
    ));
    assert!(outcome.jobs[0].retries > 0);
    assert!(at_ms(&outcome, "publishes") > fault_ms(&outcome, 1));
    // Its system makes connections that it hears of later.
    let connected = lines(&outcome, "is connected");
    assert!(connected.len() > 1, "{connected:?}");
    assert!(all_done(&outcome));
}

#[test]
fn a_paused_process_can_be_killed_and_the_next_one_runs() {
    let outcome = run(&one_put(
        300_000,
        "network: (bytes_per_ms: 1000), faults: [(when: at(80), what: pause(server)),
          (when: after(100), what: kill_server), (when: after(100), what: start_server),
          (when: after(1), what: resume(server))]",
    ));
    assert!(all_done(&outcome) && outcome.jobs[0].retries > 0);
}

#[test]
fn who_does_not_read_is_waited_for_within_the_window_and_the_deadline() {
    for (host, wait, is_retried) in
        [("server", 400, false), ("client(0)", 400, false), ("server", 2_500, true)]
    {
        let faults = format!(
            "network: (window: 65536), faults: [(when: at(30), what: stop_reading({host})),
              (when: after({wait}), what: start_reading({host}))]"
        );
        let outcome = run(&one_put(1_000_000, &faults));
        assert_eq!(outcome.jobs[0].retries > 0, is_retried, "{host} {wait}\n{}", outcome.trace.text());
        assert!(outcome.elapsed_ms > fault_ms(&outcome, 1) && all_done(&outcome));
    }
}

#[test]
fn a_clock_that_leaps_makes_its_own_deadlines_due_and_no_others() {
    for host in ["server", "client(0)"] {
        let faults = format!(
            "network: (bytes_per_ms: 1000), faults: [(when: at(100), what: clock_jump({host}, 60000))]"
        );
        let outcome = run(&one_put(300_000, &faults));
        assert!(outcome.elapsed_ms < 10_000, "the world's time does not leap: {} ms", outcome.elapsed_ms);
        assert_eq!(outcome.jobs[0].retries, 1, "{host}\n{}", outcome.trace.text());
        assert!(all_done(&outcome));
    }
}

#[test]
fn clocks_that_differ_disturb_nobody() {
    let outcome = run(&one_put(
        300_000,
        "faults: [(when: at(0), what: clock_jump(server, 86400000)), (when: at(0), what: clock_jump(client(0), 5))]",
    ));
    assert_eq!(outcome.jobs[0].retries, 0);
}

#[test]
fn what_is_never_put_right_ends_at_the_bound_and_is_named() {
    let faults = "faults: [(when: at(20), what: pause(server)), (when: after(9), what: resume(server))]";
    let mut plan = Plan::parse(&one_put(1_000, faults)).expect("a plan");
    // No file says this: `Plan::check` does not take it.
    plan.faults.truncate(1);
    assert!(plan.check().is_err());
    let outcome = Tier::Fast.run(&plan);
    let broken = invariants::check(&outcome);
    assert_eq!(broken[0].invariant, "liveness");
    let named = format!("{:?} was not put right", What::Pause(towline_sim::plan::Host::Server));
    assert!(broken[0].reason.contains(&named), "{broken:?}");
}
