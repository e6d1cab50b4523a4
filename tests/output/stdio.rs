//! `get` to standard output, whole and in ranges, and `put` from standard input.

use std::io::Read;
use std::process::{Command, Stdio};

use super::help::{Served, bytes, complaint, printed, towline, towline_with};

#[test]
fn a_file_goes_to_standard_output_and_nothing_else_does() {
    let served = Served::start();
    for length in [0, 100, 5_000_000] {
        std::fs::write(served.path("file"), bytes(length)).unwrap();
        let output = towline(&["get", &served.at("/file"), "-"]);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == bytes(length), "{length}");
    }
}

#[test]
fn ranges_are_those_of_http() {
    let served = Served::start();
    let content = bytes(3_000_000);
    std::fs::write(served.path("file"), &content).unwrap();
    let cases = [
        ("0-0", 0..1),
        ("1048570-1048580", 1_048_570..1_048_581),
        ("2999999-", 2_999_999..3_000_000),
        ("-5", 2_999_995..3_000_000),
    ];
    for (range, expected) in cases {
        let output = towline(&["get", "--range", range, &served.at("/file"), "-"]);
        assert!(output.status.success() && output.stdout == content[expected], "{range}: {output:?}");
    }
    let said = complaint(&towline(&["get", "--range", "3000000-", &served.at("/file"), "-"]), 7);
    assert!(said.contains("the range begins beyond the file's end: the file has 3000000 bytes"), "{said}");
    let said = complaint(&towline(&["get", "--range", "5-1", &served.at("/file"), "-"]), 2);
    assert!(said.contains("the last byte stands before the first"), "{said}");
    let said = complaint(&towline(&["get", "--range", "0-1", &served.at("/file"), "here"]), 2);
    assert!(said.contains("a range goes to standard output"), "{said}");
}

#[test]
fn whoever_reads_no_more_ends_it_in_silence() {
    let served = Served::start();
    std::fs::write(served.path("file"), bytes(20_000_000)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(["get", &served.at("/file"), "-"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut some = [0; 1000];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(141), Vec::new()));
    assert_eq!(some, bytes(1000)[..]);
}

#[test]
fn standard_input_becomes_a_file() {
    let served = Served::start();
    for length in [0, 100, 1 << 20, 5_000_000] {
        let output = towline_with(&["put", "-", &served.at("/folder/file")], &bytes(length));
        assert_eq!(printed(&output), format!("{}  -\n", blake3::hash(&bytes(length)).to_hex()));
        assert!(std::fs::read(served.path("folder/file")).unwrap() == bytes(length), "{length}");
    }
    let said = complaint(&towline_with(&["put", "-", &served.at("/folder/")], b"x"), 2);
    assert!(said.contains("standard input has no name of its own"), "{said}");
}

/// The server says no while the input stands still: that is told at once, and the process ends.
#[test]
fn an_input_that_stands_still_holds_up_nothing() {
    let served = Served::start();
    std::fs::create_dir(served.path("file")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(["put", "-", &served.at("/file")]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let open = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(open);
    assert!(complaint(&output, 7).contains("a folder stands there"), "{output:?}");
}
