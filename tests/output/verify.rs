//! `towline verify`.

use super::help::{Served, bytes, complaint, printed, towline};

#[test]
fn equal_files_are_told_by_their_hash() {
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    for length in [0, 100, 3_000_000] {
        std::fs::write(served.path("there"), bytes(length)).unwrap();
        std::fs::write(&here, bytes(length)).unwrap();
        let output = towline(&["verify", here.to_str().unwrap(), &served.at("/there")]);
        let hash = blake3::hash(&bytes(length)).to_hex();
        assert_eq!(printed(&output), format!("{hash}  {}\n", here.display()));
    }
    assert!(!served.path(".towline").exists(), "nothing is written");
}

#[test]
fn what_differs_is_told_in_bytes_with_an_exit_code_of_its_own() {
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    let mut content = bytes(1_000_000);
    std::fs::write(served.path("there"), &content).unwrap();
    content[70_000] ^= 1;
    content.extend_from_slice(b"more");
    std::fs::write(&here, &content).unwrap();
    let output = towline(&["verify", here.to_str().unwrap(), &served.at("/there")]);
    let said = complaint(&output, 14);
    assert!(said.contains("differ: 1 of 16 blocks of 64.0 KiB; 1000004 bytes here, 1000000 there"), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines, "65536-131071  differs\n1000000-1000003  only here\n");
}

#[test]
fn what_is_not_there_is_not_found() {
    let served = Served::start();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    let verify = || towline(&["verify", here.to_str().unwrap(), &served.at("/there")]);
    assert!(complaint(&verify(), 6).contains("cannot compare"));
    std::fs::write(&here, "content").unwrap();
    assert!(complaint(&verify(), 6).contains("the server says"));
    // As for `put`: under its own name.
    std::fs::write(served.path("here"), "content").unwrap();
    assert!(towline(&["verify", here.to_str().unwrap(), &served.at("")]).status.success());
}
