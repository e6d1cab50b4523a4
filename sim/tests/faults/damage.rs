//! Bits that are inverted on the way: what is checked notices, and what was damaged is sent again.

use towline_sim::invariants;
use towline_sim::outcome::{Ended, Outcome};
use towline_sim::plan::Plan;
use towline_sim::tier::Tier;

use crate::{all_done, lines, one_put, run};

/// A put of 100,000 bytes in which the bit of a byte of this side is inverted, on both tiers.
fn damaged(side: &str, byte: u64) -> [Outcome; 2] {
    let faults = format!(
        "faults: [(when: byte(dial: 0, side: {side}, byte: {byte}), what: damage({side}, client(0)))]"
    );
    let text = one_put(100_000, &faults);
    let outcome = Tier::Turmoil.run(&Plan::parse(&text).expect("a plan"));
    assert_eq!(invariants::check(&outcome), [], "{}", outcome.trace.text());
    let both = [run(&text), outcome];
    for outcome in &both {
        let words = format!("a bit of byte {byte} is inverted");
        assert_eq!(lines(outcome, &words).len(), 1, "{}", outcome.trace.text());
    }
    both
}

#[test]
fn a_block_that_was_damaged_is_asked_for_again_and_the_file_is_right() {
    for outcome in damaged("client", 60_000) {
        assert!(!lines(&outcome, "Want").is_empty(), "{}", outcome.trace.text());
        assert_eq!((outcome.jobs[0].retries, lines(&outcome, "dials").len()), (0, 1));
        // That the file is the one that was sent is an invariant.
        assert!(all_done(&outcome) && outcome.published.len() == 1);
    }
}

#[test]
fn a_header_that_was_damaged_ends_the_connection_and_the_put_is_retried() {
    // The checksum of the client's hello, a byte of the hello itself, and the operation in the server's.
    for (side, byte) in [("client", 8 + 12), ("client", 8 + 18), ("server", 8 + 8)] {
        for outcome in damaged(side, byte) {
            assert!(lines(&outcome, "Want").is_empty());
            assert_eq!(outcome.jobs[0].retries, 1, "{side}, byte {byte}\n{}", outcome.trace.text());
            assert_eq!(lines(&outcome, "dials").len(), 2);
            assert!(all_done(&outcome) && outcome.published.len() == 1);
        }
    }
}

#[test]
fn a_damaged_preamble_is_another_protocol_and_fails_for_good() {
    for outcome in damaged("client", 3) {
        let ended = &outcome.jobs[0].ended;
        assert!(
            matches!(ended, Some(Ended::Failed(why)) if why.contains("does not speak towline")),
            "{ended:?}"
        );
        assert!(outcome.strange_preambles.contains(&0) && outcome.published.is_empty());
    }
}

#[test]
fn raw_echo_has_no_checksum_and_is_spared() {
    let outcome = run("(story: \"echo\", clients: [(steps: [(do: raw_echo((length: 50000, noise: 1)))])],
          network: (bytes_per_ms: 1000), faults: [(when: at(20), what: damage(server, all))])");
    assert!(all_done(&outcome) && lines(&outcome, "is inverted").is_empty());
}
