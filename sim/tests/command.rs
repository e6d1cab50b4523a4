//! The binary.

use std::io::Read;
use std::process::{Command, Stdio};

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_towline-sim"))
}

#[test]
fn a_table_and_a_summary_and_exit_code_0() {
    let output = command().args(["run", "--seeds", "0..8", "--jobs", "2"]).output().expect("it runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("it prints text");
    for words in ["seed", "story", "partition", "8 seeds, 0 failed", "seeds a second", "digest"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let seeds: Vec<u64> = text
        .lines()
        .skip(1)
        .take(8)
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    assert_eq!(seeds, (0..8).collect::<Vec<_>>(), "in order, however many at once");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let mut child = command()
        .args(["run", "--seeds", "0..1000000", "--trace"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut start = [0; 100];
    child.stdout.take().expect("piped").read_exact(&mut start).expect("it prints");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "no panic about a broken pipe");
}

#[test]
fn a_run_is_shown() {
    let output = command().args(["show", "1", "--format", "json"]).output().expect("it runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(text.starts_with("{\"n\":0,") && text.contains("\"text\":\"Partition("), "{text}");
    let output = command().args(["show", "/no/such/plan.ron"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/plan.ron"), "it says which");
}

#[test]
fn a_bad_range_is_explained() {
    let output = command().args(["run", "--seeds", "9..3"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no seed in it"));
}

#[test]
fn json_is_an_object_a_seed() {
    let output =
        command().args(["run", "--tier", "fast", "--seeds", "0..4", "--json"]).output().expect("it runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (seed, line) in lines.iter().enumerate() {
        let start = format!("{{\"seed\":{seed},\"tier\":\"fast\",");
        assert!(line.starts_with(&start) && line.ends_with("\"}"), "{line}");
        assert!(line.contains("\"outcome\":\"ok\",\"digest\":\""), "{line}");
    }
}

/// Seed 1 is a partition, which the loopback interface cannot have.
#[cfg(feature = "turmoil")]
#[test]
fn what_a_tier_cannot_do_is_told_and_a_campaign_of_it_fails() {
    let run = |arguments: &[&str]| {
        let output = command().args(["run", "--tier", "real"]).args(arguments).output().expect("it runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("it prints text"))
    };
    let (code, text) = run(&["--seeds", "1..4"]);
    assert_eq!(code, Some(0), "{text}");
    for words in ["skipped", "the loopback interface cannot be cut", "2 seeds, 0 failed, 1 skipped"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let (code, text) = run(&["--seeds", "1"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nothing was run on real"), "{text}");
    let (_, json) = run(&["--seeds", "1", "--json"]);
    let object = "{\"seed\":1,\"tier\":\"real\",\"story\":\"partition\",\"outcome\":\"skipped\",\"reasons\":";
    assert_eq!(json, format!("{object}[\"the loopback interface cannot be cut\"]}}\n"));
}

#[test]
fn a_bench_has_a_row_for_each_world() {
    let bench = |more: &[&str]| {
        let output = command().args(["bench", "--seeds", "0..2"]).args(more).output().expect("it runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("it prints text")
    };
    let (text, json) = (bench(&[]), bench(&["--json", "--length-max", "10"]));
    assert!(text.starts_with("2 plans, contents of at most 1024 bytes"), "{text}");
    let worlds = if cfg!(feature = "turmoil") { &["fast", "turmoil", "bare turmoil"][..] } else { &["fast"] };
    for world in worlds {
        let row = text.lines().find(|line| line.starts_with(&format!("{world} "))).expect("a row");
        assert_eq!(row.trim_start_matches(world).split_whitespace().count(), 7, "{row}");
        assert!(json.contains(&format!("{{\"name\":\"{world}\",\"writes\":")), "{json}");
    }
    assert!(json.starts_with("{\"plans\":2,\"length_max\":10,\"rounds\":3,\"rows\":["), "{json}");
    assert_eq!(text.contains("turmoil costs"), worlds.len() > 1, "{text}");
}
