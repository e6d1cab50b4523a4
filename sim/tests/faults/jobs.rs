//! Jobs that run at the same time, jobs that are given up, and sources that change.

use towline_sim::outcome::{ContentId, Ended, Outcome};
use towline_sim::plan::Content;

use crate::{all_done, lines, run};

fn plan(steps: &str, more: &str) -> String {
    format!("(story: \"jobs\", seed: 5, clients: [(steps: [{steps}])], {more})")
}

fn put(path: &str, length: u64, noise: u64, more: &str) -> String {
    format!("(do: put(path: \"{path}\", content: (length: {length}, noise: {noise})), {more})")
}

/// The steps' ends, in the order in which they came.
fn ends(outcome: &Outcome) -> Vec<usize> {
    let mut jobs: Vec<_> = outcome.jobs.iter().collect();
    jobs.sort_by_key(|job| job.ended_at);
    jobs.into_iter().map(|job| job.step).collect()
}

#[test]
fn what_begins_together_shares_a_connection_and_ends_by_itself() {
    let steps = [put("long", 200_000, 1, ""), put("short", 10, 2, "together: true"), "(do: list)".to_owned()];
    let outcome = run(&plan(&steps.join(","), "network: (bytes_per_ms: 400)"));
    assert!(all_done(&outcome));
    assert_eq!(lines(&outcome, "dials").len(), 1);
    assert_eq!(ends(&outcome), [1, 0, 2], "the short one first, and the list when both are over");
    assert_eq!(outcome.jobs[2].names, ["long", "short"]);
}

#[test]
fn a_client_that_comes_back_goes_on_with_what_had_not_ended() {
    let steps = [put("short", 10, 2, ""), put("long", 200_000, 1, "together: true"), "(do: list)".to_owned()];
    let more = "network: (bytes_per_ms: 400), faults: [
        (when: byte(dial: 0, side: client, byte: 150000), what: kill_client(0)),
        (when: after(20), what: start_client(0))]";
    let outcome = run(&plan(&steps.join(","), more));
    let begun: Vec<(usize, u32)> = outcome.jobs.iter().map(|job| (job.step, job.life)).collect();
    assert_eq!(begun, [(0, 0), (1, 0), (1, 1), (2, 1)], "{}", outcome.trace.text());
    assert!(outcome.jobs[1].cut_off && outcome.jobs[3].ended == Some(Ended::Done));
}

#[test]
fn what_is_given_up_leaves_nothing_and_disturbs_nobody() {
    let other = put("other", 900_000, 2, "together: true");
    // More than its system takes at once: its last word is not on the way yet.
    for ms in [0, 1, 15, 60, 150] {
        let given_up = put("dropped", 4_000_000, 1, &format!("expect: any, give_up_ms: {ms}"));
        let outcome = run(&plan(&format!("{given_up}, {other}"), "network: (bytes_per_ms: 4000)"));
        assert_eq!(outcome.jobs[0].ended, Some(Ended::GivenUp), "after {ms} ms");
        assert_eq!((outcome.jobs[0].replies, outcome.jobs[1].retries), (1, 0), "after {ms} ms");
        assert_eq!(outcome.jobs[1].ended, Some(Ended::Done), "after {ms} ms");
        let published: Vec<&str> = outcome.published.iter().map(|published| &*published.path).collect();
        assert_eq!(published, ["other"], "after {ms} ms");
    }
}

#[test]
fn an_end_that_comes_before_it_is_given_up_counts() {
    let outcome = run(&plan(&put("file", 10, 1, "expect: any, give_up_ms: 5000"), ""));
    assert!(all_done(&outcome) && outcome.elapsed_ms < 5_000);
}

#[test]
fn a_look_tells_how_long_a_file_is() {
    let outcome = run(&plan("(do: stat(path: \"old\"))", "served: [(\"old\", (length: 77, noise: 1))]"));
    assert!(all_done(&outcome));
    assert_eq!(outcome.jobs[0].described, Some(77));
}

#[test]
fn a_source_that_changes_is_sent_anew_and_whole() {
    let changes = |length: u64, noise: u64, primitive: &str| {
        format!(
            "faults: [(when: primitive(host: client(0), primitive: \"{primitive}\", nth: 1), what: source_changes(
                client: 0, step: 0, content: (length: {length}, noise: {noise})))]"
        )
    };
    // Other bytes, fewer, more, and only another time; while it is read, and when it is looked at again.
    for (length, noise) in [(300_000, 2), (10, 2), (400_000, 2), (300_000, 1)] {
        for primitive in ["ReadAt", "FileStatus"] {
            let outcome = run(&plan(&put("file", 300_000, 1, ""), &changes(length, noise, primitive)));
            assert!(all_done(&outcome), "{}", outcome.trace.text());
            assert!(lines(&outcome, "attempt 1 failed")[0].contains("the file changed while it was read"));
            assert_eq!(outcome.jobs[0].retries, 1, "{length} {noise} {primitive}");
            let is = ContentId::of(&Content { length, noise }.bytes());
            let published: Vec<ContentId> = outcome.published.iter().map(|it| it.content).collect();
            assert_eq!(published, [is]);
        }
    }
}

#[test]
fn a_source_that_changes_all_the_time_is_given_up() {
    let change = |nth: u64| {
        format!(
            "(when: primitive(host: client(0), primitive: \"ReadAt\", nth: {nth}),
              what: source_changes(client: 0, step: 0, content: (length: 9, noise: {nth})))"
        )
    };
    let faults: Vec<String> = (0..20).map(change).collect();
    let more = format!("retry: (attempts: 3), faults: [{}]", faults.join(","));
    let outcome = run(&plan(&put("file", 9, 1, "expect: any"), &more));
    let ended = &outcome.jobs[0].ended;
    assert!(
        matches!(ended, Some(Ended::Failed(why)) if why.contains("changed while it was read")),
        "{ended:?}"
    );
    assert_eq!((outcome.jobs[0].retries, outcome.published.len()), (2, 0));
}
