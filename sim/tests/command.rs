//! The binary.

use std::io::Read;
use std::path::{Path, PathBuf};
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

/// A folder that is gone at the test's end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder for tests can be written");
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).expect("it can be written");
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn told(arguments: &[&str]) -> (Option<i32>, String) {
    let output = command().args(arguments).output().expect("it runs");
    (output.status.code(), String::from_utf8(output.stdout).expect("it prints text"))
}

/// A get of what nobody put there fails, and must not.
const FAILING: &str = r#"(
    story: "a get of nothing",
    clients: [(steps: [
        (do: put(path: "other", content: (length: 5000, noise: 7))),
        (do: get(path: "nothing")),
        (do: list),
    ])],
    faults: [(when: at(3), what: partition(both, all)), (when: after(40), what: repair)],
)"#;

#[test]
fn a_failure_leaves_what_it_takes_to_see_it_again() {
    let folder = Folder::new("bundle");
    let plan = folder.file("bad.ron", FAILING);
    let (code, text) = told(&["run", "--plan", &plan, "--json", "--bundles", &folder.path("left")]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("\"outcome\":\"failed\"") && text.contains("\"invariant\":\"as-planned\""),
        "{text}"
    );
    let bundle = folder.path("left/bad-fast-as-planned");
    assert!(text.contains(&format!("\"bundle\":\"{bundle}\"")), "{text}");
    for file in
        ["plan.ron", "shrunk.ron", "trace.txt", "digest.txt", "versions.txt", "broken.txt", "replay.txt"]
    {
        assert!(Path::new(&bundle).join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
    }
    let shrunk = std::fs::read_to_string(Path::new(&bundle).join("shrunk.ron")).expect("text");
    assert!(shrunk.contains("get(") && !shrunk.contains("put(") && !shrunk.contains("repair"), "{shrunk}");

    let (code, text) = told(&["replay", &bundle]);
    assert_eq!(code, Some(1), "it still fails");
    assert!(text.contains("as-planned") && text.contains("the digest is as it was"), "{text}");

    // Another run's digests.
    let digests = std::fs::read_to_string(Path::new(&bundle).join("digest.txt")).expect("text");
    let other = digests.lines().map(|line| match line.split_once(' ') {
        Some((key, digest)) if digest.len() == 64 => format!("{key} {}\n", "0".repeat(64)),
        _ => format!("{line}\n"),
    });
    folder.file("left/bad-fast-as-planned/digest.txt", &other.collect::<String>());
    let (code, text) = told(&["replay", &bundle]);
    assert_eq!(code, Some(1));
    assert!(text.contains("differs") && text.contains("events 1 to 16"), "{text}");
}

#[test]
fn what_held_is_replayed_and_its_digest_compared() {
    let (code, text) = told(&["replay", "5"]);
    assert_eq!(code, Some(0), "{text}");
    let digest = text.lines().last().and_then(|line| line.rsplit(' ').next()).expect("a digest").to_owned();
    assert_eq!(told(&["replay", "5", "--digest", &digest]).0, Some(0));
    let (code, text) = told(&["replay", "6", "--digest", &digest]);
    assert_eq!(code, Some(1));
    assert!(text.contains("differs"), "{text}");
}

#[test]
fn shrinking_writes_a_plan_that_still_breaks() {
    let folder = Folder::new("shrink");
    let (plan, least) = (folder.file("bad.ron", FAILING), folder.path("least.ron"));
    assert_eq!(told(&["shrink", &plan, "--out", &least]).0, Some(0));
    let text = std::fs::read_to_string(&least).expect("a plan");
    assert!(text.contains("seed 0: as-planned"), "{text}");
    assert_eq!(told(&["run", "--plan", &least, "--bundles", &folder.path("left")]).0, Some(1));
    assert_eq!(told(&["shrink", "5"]).0, Some(1), "nothing breaks");
}

#[test]
fn shards_are_all_seeds_once() {
    let seeds = |shard: &str| -> Vec<String> {
        let (code, text) = told(&["run", "--seeds", "0..7", "--shard", shard, "--json"]);
        assert_eq!(code, Some(0), "{text}");
        text.lines().filter_map(|line| Some(line.split_once(',')?.0.to_owned())).collect()
    };
    let all: Vec<String> = ["1/3", "2/3", "3/3"].into_iter().flat_map(seeds).collect();
    assert_eq!(all, (0..7).map(|seed| format!("{{\"seed\":{seed}")).collect::<Vec<_>>());
}

#[test]
fn a_time_ends_it() {
    let (code, text) = told(&["run", "--seeds", "0..1000000000", "--time", "300ms", "--json", "--jobs", "1"]);
    assert_eq!(code, Some(0));
    assert!((1..100_000).contains(&text.lines().count()), "{}", text.lines().count());
}

#[test]
fn plans_and_states_are_listed() {
    let plans = concat!(env!("CARGO_MANIFEST_DIR"), "/plans");
    let (code, text) = told(&["plans", "--folder", plans]);
    assert_eq!(code, Some(0));
    assert!(text.contains("two-writers.ron") && text.contains("two writers of one path"), "{text}");
    let (code, text) = told(&["ledger"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("a partial write"), "{text}");
    let (code, text) = told(&["ledger", "--seeds", "0..2"]);
    assert_eq!(code, Some(1), "two seeds do not reach everything");
    assert!(text.contains("states never reached"), "{text}");
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
