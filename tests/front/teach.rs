//! Help, completions, manual pages, suggestions, the demo, and what a server says of itself.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::help::{complaint, printed, towline};

#[test]
fn completions_know_the_commands_and_their_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let text = printed(&towline(&["completions", shell]));
        assert!(text.contains("verify") && text.contains("no-resume"), "{shell}");
    }
    // What bash makes of it: it runs, and completes.
    let script = "source /dev/stdin; COMP_WORDS=(towline ver); COMP_CWORD=1; _towline towline ver towline; echo ${COMPREPLY[@]}";
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Ok(mut child) = bash.spawn() {
        let text = printed(&towline(&["completions", "bash"]));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), "verify\n");
    }
    assert!(complaint(&towline(&["completions", "tcl"]), 2).contains("one of bash, "));
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    printed(&towline(&["man", pages.to_str().unwrap()]));
    for name in
        ["towline", "towline-put", "towline-serve", "towline-echo", "towline-echo-diff", "towline-demo"]
    {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).expect(name);
        assert!(
            page.contains(".SH NAME")
                && (page.contains(".SH EXAMPLES\n.nf") || page.contains(".SH BEGIN WITH")),
            "{name}"
        );
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = complaint(&towline(&["man", file.to_str().unwrap()]), 1);
    assert!(said.contains("cannot write the manual to "), "{said}");
}

#[test]
fn what_is_misspelled_is_guessed() {
    for (typed, meant) in
        [("puts", "put"), ("verfy", "verify"), ("server", "serve"), ("complete", "completions")]
    {
        let said = complaint(&towline(&[typed]), 2);
        assert!(
            said.contains(&format!("was it `towline {meant}`?"))
                || said.contains(&format!("`towline {meant}` here")),
            "{said}"
        );
    }
    let said = complaint(&towline(&["put", "a", "b", "--recursiv"]), 2);
    assert!(said.contains("was it --recursive?"), "{said}");
}

#[test]
fn a_server_says_what_to_type_and_what_is_printed_works() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("FILE"), "x").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.arg("serve").arg(folder.path()).args(["--listen", "0.0.0.0:0", "--insecure-plaintext"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        told.push(line.unwrap());
        if told.last().is_some_and(|line| line == "Ctrl-C stops.") {
            break;
        }
    }
    let program = env!("CARGO_BIN_EXE_towline");
    let typed: Vec<&String> = told.iter().filter(|line| line.contains(program)).collect();
    assert_eq!(typed.len(), 4, "{told:?}");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("FILE"), "y").unwrap();
    for line in typed {
        let mut words = line.split_whitespace();
        let mut typed = Command::new(words.next().unwrap());
        let run = typed.args(words).current_dir(elsewhere.path()).stdin(Stdio::null()).output().unwrap();
        assert!(run.status.success(), "{line}: {run:?}");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A demo with a place of its own for what it writes.
fn demo(place: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(["demo", "--size", "8000000"]).env("TMPDIR", place);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_demo_shows_an_upload_that_goes_on_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let output = demo(place.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = printed(&output);
    assert!(
        told.contains("attempt 1 with 127.0.0.1:") && told.contains(" of 7.6 MiB were there already"),
        "{told}"
    );
    assert!(told.contains("received 7.6 MiB") && told.contains("equal: 7.6 MiB"), "{told}");
    let hashes: Vec<&str> =
        shown.lines().filter_map(|line| line.split_once("  ").map(|(hash, _)| hash)).collect();
    let hashes: Vec<&&str> = hashes.iter().filter(|hash| hash.len() == 64).collect();
    assert!(hashes.len() == 3 && hashes.iter().all(|hash| *hash == hashes[0]), "{shown}");
    for name in ["echo", "put", "get", "verify"] {
        assert!(shown.contains(&format!("\n$ towline {name} ")), "{shown}");
    }
    assert!(shown.lines().last().unwrap().starts_with("# done: echo "), "{shown}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut child = demo(place.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address =
        lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned)).unwrap();
    assert!(lines.any(|line| line.unwrap().starts_with("$ towline put ")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    // Its server is gone as well.
    assert_eq!(towline(&["ls", &address, "--retries", "0"]).status.code(), Some(3));
}
