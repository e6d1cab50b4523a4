//! What stands in the served folder and is no file; servers that are told to stop at once.

use towline_sim::outcome::{Ended, Outcome};

use crate::{all_done, lines, one_put, run};

fn failure(outcome: &Outcome, job: usize) -> &str {
    match &outcome.jobs[job].ended {
        Some(Ended::Failed(text)) => text,
        other => panic!("job {job} ended as {other:?}\n{}", outcome.trace.text()),
    }
}

/// One client, that does these; "file" is served, and beside it a link to it, one out, a device and a mount.
fn among_obstacles(steps: &str) -> Outcome {
    run(&format!(
        r#"(story: "in the way", clients: [(steps: [{steps}])], served: [("file", (length: 900, noise: 1))],
            obstacles: [("link", link("file")), ("out", link("../file")), ("device", device), ("mount", mount)])"#
    ))
}

#[test]
fn a_link_is_read_beneath_the_folder_and_never_written_through() {
    let outcome = among_obstacles(
        r#"(do: get(path: "link")), (do: get(path: "out"), expect: any),
           (do: put(path: "link", content: (length: 5, noise: 2)), expect: any), (do: get(path: "file"))"#,
    );
    assert_eq!(outcome.jobs[0].got, outcome.jobs[3].got);
    assert!(failure(&outcome, 1).contains("out of the served folder"), "{}", failure(&outcome, 1));
    assert!(failure(&outcome, 2).contains("links are not written through"), "{}", failure(&outcome, 2));
    assert!(outcome.published.is_empty());
}

#[test]
fn a_device_and_another_file_system_are_neither_read_nor_written() {
    let outcome = among_obstacles(
        r#"(do: get(path: "device"), expect: any),
           (do: put(path: "device", content: (length: 5, noise: 2)), expect: any),
           (do: put(path: "mount/own", content: (length: 5, noise: 2)), expect: any)"#,
    );
    for (job, words) in [(0, "file"), (1, "a device, socket or pipe stands there"), (2, "a mount")] {
        assert!(failure(&outcome, job).contains(words), "{job}: {}", failure(&outcome, job));
    }
    assert!(outcome.published.is_empty());
}

#[test]
fn a_server_that_cannot_have_its_folder_for_partial_files_serves_all_the_same() {
    for (path, what) in [(".towline", "link(\"file\")"), (".towline", "device"), (".towline/lock", "device")]
    {
        let outcome = run(&format!(
            r#"(story: "reserved", served: [("file", (length: 900, noise: 1))], obstacles: [("{path}", {what})],
                clients: [(steps: [(do: get(path: "file")), (do: list),
                    (do: put(path: "new", content: (length: 5, noise: 2)), expect: any)])])"#
        ));
        assert_eq!(outcome.jobs[1].names, ["file"], "{path} {what}");
        assert!(failure(&outcome, 2).contains("cannot use the folder for partial files"), "{path} {what}");
    }
}

#[test]
fn a_server_that_is_told_to_stop_at_once_waits_for_nothing() {
    let told = "(when: at(60), what: abort_server), (when: after(100), what: start_server)";
    for faults in [told, &format!("(when: at(50), what: drain_server), {told}")] {
        let more = format!("network: (bytes_per_ms: 1000), faults: [{faults}]");
        let outcome = run(&one_put(300_000, &more));
        assert!(all_done(&outcome) && outcome.jobs[0].retries > 0, "{}", outcome.trace.text());
        assert_eq!(lines(&outcome, "has stopped: Aborted").len(), 1, "{}", outcome.trace.text());
    }
}
