//! Datagrams: lost, doubled, late, out of order, cut off, held up, and left unread.

use towline_sim::outcome::{DatagramsEchoed, Outcome};

use crate::{all_done, lines, run};

/// Client 0 sends `count` datagrams of 100 bytes, 3 ms apart.
fn plan(count: u32, more: &str) -> String {
    format!(
        "(story: \"datagrams\", seed: 5, {more}
          clients: [(steps: [(do: datagram_echo(count: {count}, length: 100, gap_ms: 3))])])"
    )
}

fn echoed(outcome: &Outcome) -> &DatagramsEchoed {
    assert!(all_done(outcome), "whatever is lost");
    assert!(outcome.datagrams[0].done);
    &outcome.datagrams[0]
}

/// The number that a datagram begins with.
fn number(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().expect("a number"))
}

fn numbers(outcome: &Outcome) -> Vec<u64> {
    echoed(outcome).replies.iter().map(|reply| number(reply)).collect()
}

#[test]
fn all_come_back_and_some_overtake_others() {
    let outcome = run(&plan(100, "network: (latency_ms: (min: 1, max: 20)),"));
    let mut back = numbers(&outcome);
    assert!(!back.is_sorted(), "their latencies differ by more than what lies between them");
    back.sort_unstable();
    assert_eq!(back, (0..100).collect::<Vec<_>>());
    let steady = run(&plan(100, "network: (latency_ms: (min: 20, max: 20)),"));
    assert!(numbers(&steady).is_sorted());
}

#[test]
fn what_is_lost_either_way_does_not_come_back() {
    let outcome = run(&plan(400, "datagrams: (lost_percent: 30),"));
    let (sent, back) = (echoed(&outcome).requests.len(), echoed(&outcome).replies.len());
    assert_eq!(sent, 400);
    assert!((140..250).contains(&back), "about 49 in a hundred come through twice: {back}");
    assert_eq!(lines(&outcome, "is lost").len(), sent - back);
}

#[test]
fn what_is_doubled_comes_back_up_to_four_times() {
    let outcome = run(&plan(200, "datagrams: (doubled_percent: 40),"));
    let back = numbers(&outcome);
    let times: Vec<usize> = (0..200).map(|sent| back.iter().filter(|at| **at == sent).count()).collect();
    assert_eq!((times.iter().min(), times.iter().max()), (Some(&1), Some(&4)), "{times:?}");
    // One more for a request, and one more for each of its answers.
    assert_eq!(back.len(), 200 + lines(&outcome, "is doubled").len());
}

#[test]
fn what_is_late_comes_back_late() {
    let outcome = run(&plan(100, "datagrams: (late_percent: 20),"));
    let back = numbers(&outcome);
    let is_late = |at: &&usize| back[**at] + 20 < **at as u64;
    assert!((0..back.len()).collect::<Vec<_>>().iter().filter(is_late).count() > 5, "{back:?}");
    assert!(back.len() > 90);
}

#[test]
fn a_partition_one_way_swallows_what_is_sent_that_way() {
    for (cut, from) in [("to_server", "from port 49152"), ("to_client", "from port 8697")] {
        let faults = format!(
            "faults: [(when: at(100), what: partition({cut}, all)), (when: after(100), what: repair)],"
        );
        let outcome = run(&plan(100, &faults));
        let lost = lines(&outcome, "is lost");
        assert!((25..50).contains(&lost.len()), "{} of 3 in 10 ms", lost.len());
        assert!(lost.iter().all(|line| line.contains(from)), "{lost:?}");
        // Those that are on their way when it begins are lost, too, and nobody says so.
        let missing = 100 - echoed(&outcome).replies.len();
        assert!((lost.len()..lost.len() + 10).contains(&missing), "{missing}");
    }
}

#[test]
fn a_pause_and_a_hold_lose_nothing_that_a_system_can_keep() {
    for (begins, ends) in [
        ("pause(server)", "resume(server)"),
        ("pause(client(0))", "resume(client(0))"),
        ("stop_reading(server)", "start_reading(server)"),
        ("stop_reading(client(0))", "start_reading(client(0))"),
        ("hold(all)", "release"),
    ] {
        let faults = format!("faults: [(when: at(50), what: {begins}), (when: after(200), what: {ends})],");
        let outcome = run(&plan(100, &faults));
        assert_eq!(echoed(&outcome).replies.len(), 100, "{begins}");
    }
}

/// The schedule of a probe does not wait for its process: what has not left long after all were due never does.
#[test]
fn a_client_that_stands_still_for_long_sends_the_rest_no_more() {
    let faults =
        "faults: [(when: at(50), what: pause(client(0))), (when: after(3000), what: resume(client(0)))],";
    let outcome = run(&plan(100, faults));
    let (sent, back) = (echoed(&outcome).requests.len(), echoed(&outcome).replies.len());
    assert!(sent < 20 && back == sent, "{sent} left, {back} came back");
}

#[test]
fn a_system_keeps_only_so_many_for_a_process_that_does_not_read() {
    let outcome = run("(story: \"too many\", clients: [(steps: [
            (do: datagram_echo(count: 300, length: 1400, gap_ms: 1))])],
        faults: [(when: at(50), what: stop_reading(server)), (when: after(400), what: start_reading(server))])");
    let overflown = lines(&outcome, "finds no room").len();
    assert!((50..150).contains(&overflown), "{overflown}");
    assert_eq!(echoed(&outcome).replies.len(), 300 - overflown);
}

#[test]
fn a_server_that_is_gone_answers_nothing_and_the_next_one_does() {
    for dies in ["kill_server", "power_loss_server", "drain_server"] {
        let faults =
            format!("faults: [(when: at(60), what: {dies}), (when: after(90), what: start_server)],");
        let outcome = run(&plan(100, &faults));
        let back = numbers(&outcome);
        let missing = 100 - back.len();
        assert!((25..45).contains(&missing), "{dies}: {missing}");
        assert!(back.contains(&0) && back.contains(&99), "{dies}");
    }
}

#[test]
fn a_client_that_begins_again_sends_again() {
    let faults = "faults: [(when: at(60), what: kill_client(0)), (when: after(50), what: start_client(0))],";
    let outcome = run(&plan(50, faults));
    assert_eq!(outcome.datagrams.len(), 2, "{:?}", outcome.datagrams);
    assert!(!outcome.datagrams[0].done && outcome.datagrams[1].done);
    assert_eq!(outcome.datagrams[1].replies.len(), 50);
}

#[test]
fn what_is_forged_is_not_answered() {
    for (forged, why) in [
        ("reserved", "ReservedPort"),
        ("service", "ReservedPort"),
        ("own_port", "OwnPort"),
        ("nobody", "NoSource"),
        ("nothing", "NoSource"),
        ("group", "NoSource"),
        ("groups", "NoSource"),
        ("to_many", "ToMany"),
    ] {
        let outcome = run(&plan(20, &format!("faults: [(when: at(10), what: forged({forged}))],")));
        assert_eq!(lines(&outcome, &format!("does not answer a datagram: {why}")).len(), 1, "{forged}");
        assert_eq!(echoed(&outcome).replies.len(), 20, "{forged}");
    }
}

#[cfg(feature = "turmoil")]
mod driven {
    //! The same on the real server's sockets: turmoil's, UDP's and Unix ones.

    use towline_sim::invariants;
    use towline_sim::outcome::Outcome;
    use towline_sim::plan::Plan;
    use towline_sim::tier::Tier;

    use super::{echoed, lines, numbers, plan};

    fn run_on(tier: Tier, text: &str) -> Outcome {
        let plan = Plan::parse(text).expect("a plan");
        assert_eq!(tier.cannot(&plan), Vec::<&str>::new(), "{text}");
        let outcome = tier.run(&plan);
        assert_eq!(invariants::check(&outcome), [], "{}", outcome.trace.text());
        outcome
    }

    /// Over UDP where the seed is even, over Unix sockets where it is not.
    fn of_seed(seed: u64, more: &str) -> String {
        plan(40, more).replace("seed: 5", &format!("seed: {seed}"))
    }

    #[test]
    fn all_come_back_from_every_kind_of_socket() {
        for (tier, seed) in [(Tier::Turmoil, 5), (Tier::Real, 6), (Tier::Real, 7)] {
            let outcome = run_on(tier, &of_seed(seed, ""));
            let mut back = numbers(&outcome);
            back.sort_unstable();
            assert_eq!(back, (0..40).collect::<Vec<_>>(), "on {}, seed {seed}", tier.name());
            assert_eq!(lines(&outcome, "40 datagrams came, 40 were answered, 0 not").len(), 1);
        }
    }

    #[test]
    fn what_goes_wrong_goes_wrong_there_too() {
        for (tier, seed) in [(Tier::Turmoil, 5), (Tier::Real, 6), (Tier::Real, 7)] {
            let lossy = "datagrams: (lost_percent: 20, doubled_percent: 20, late_percent: 20),";
            let outcome = run_on(tier, &of_seed(seed, lossy));
            for words in ["is lost", "is doubled"] {
                assert!(lines(&outcome, words).len() > 2, "on {}: {words}", tier.name());
            }
            let back = numbers(&outcome);
            assert!(!back.is_sorted(), "late ones were overtaken: {back:?}");
            assert_eq!(outcome.datagrams[0].requests.len(), 40);
        }
    }

    #[test]
    fn what_is_forged_is_not_answered() {
        for forged in ["reserved", "service", "own_port", "nobody", "nothing", "group", "groups", "to_many"] {
            let faults = format!("faults: [(when: at(10), what: forged({forged}))],");
            let outcome = run_on(Tier::Turmoil, &of_seed(5, &faults));
            assert_eq!(lines(&outcome, "41 datagrams came, 40 were answered, 1 not").len(), 1, "{forged}");
            assert_eq!(echoed(&outcome).replies.len(), 40, "{forged}");
        }
    }

    #[test]
    fn a_partition_a_hold_and_a_server_that_begins_again() {
        for (begins, ends, kept) in [
            ("partition(both, all)", "repair", 15..35),
            ("hold(all)", "release", 40..41),
            ("stop_reading(server)", "start_reading(server)", 40..41),
            ("stop_reading(client(0))", "start_reading(client(0))", 40..41),
            ("kill_server", "start_server", 15..35),
            ("drain_server", "start_server", 15..35),
        ] {
            let faults =
                format!("faults: [(when: at(40), what: {begins}), (when: after(50), what: {ends})],");
            let outcome = run_on(Tier::Turmoil, &of_seed(5, &faults));
            let back = echoed(&outcome).replies.len();
            assert!(kept.contains(&back), "{begins}: {back}");
        }
    }
}
