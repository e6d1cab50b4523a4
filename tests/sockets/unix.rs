//! Transfers over Unix sockets.

use std::os::unix::net::{UnixDatagram, UnixListener};

use super::help::{Served, bytes, towline_in};

#[test]
fn every_command_goes_over_a_unix_socket() {
    let mut served = Served::start(&["--listen", "unix:socket", "--listen", "127.0.0.1:0"], 2);
    assert_eq!(served.places[0], "unix:socket");
    let length = 3_000_000;
    std::fs::write(served.beside("here"), bytes(length)).unwrap();
    let hash = blake3::hash(&bytes(length)).to_hex();

    let put = served.towline(&["put", "here", "unix:socket:/sub/"]).well();
    assert_eq!(put.out, format!("{hash}  here\n"));
    assert!(std::fs::read(served.file("sub/here")).unwrap() == bytes(length));
    let line = served.line_with("put sub/here");
    assert!(line.contains(&format!("of user {}", rustix::process::geteuid().as_raw())), "{line}");

    let get = served.towline(&["get", "unix:./socket:/sub/here", "back"]).well();
    assert_eq!(get.out, format!("{hash}  back\n"));
    assert!(std::fs::read(served.beside("back")).unwrap() == bytes(length));
    served.towline(&["verify", "back", "unix:socket:/sub/here"]).well();
    assert!(served.towline(&["ls", "unix:socket"]).well().out.ends_with("  sub/\n"));
    assert!(served.towline(&["ls", "unix:socket:/sub"]).well().out.ends_with("  here\n"));
    served.towline(&["put", "-r", "files/sub", "unix:socket:/copy/"]).well();
    assert!(std::fs::read(served.file("copy/sub/here")).unwrap() == bytes(length));
    served.towline(&["rm", "unix:socket:/copy/sub/here"]).well();
    assert!(!served.file("copy/sub/here").exists());
    // Both doors lead to the same folder.
    let over_tcp = format!("{}/sub/here", served.places[1]);
    served.towline(&["verify", "back", &over_tcp]).well();

    let (_, folder) = served.stop();
    assert!(!folder.path().join("socket").exists(), "it takes its file away");
}

#[test]
fn one_file_goes_over_several_unix_connections() {
    let served = Served::start(&["--listen", "unix:socket"], 1);
    let length = 20_000_000;
    std::fs::write(served.beside("here"), bytes(length)).unwrap();
    let put = served.towline(&["put", "-j", "4", "--json", "here", "unix:socket:/there"]).well();
    assert!(put.out.contains(r#""connections":4"#), "{put:?}");
    let get = served.towline(&["get", "-j", "4", "--json", "unix:socket:/there", "back"]).well();
    assert!(get.out.contains(r#""connections":4"#), "{get:?}");
    assert!(std::fs::read(served.beside("back")).unwrap() == bytes(length));
}

#[test]
fn a_stale_socket_is_told_and_replaced_and_a_live_one_is_not() {
    let served = Served::start(&["--listen", "unix:socket"], 1);
    served.towline(&["serve", "files", "--listen", "unix:socket"]).fails(10, &["answers at that socket"]);
    served.towline(&["ls", "unix:socket"]).well();
    let folder = served.crash();
    let stale = ["nobody listens at it", "which replaces it"];
    towline_in(folder.path(), &["ls", "unix:socket", "--retries", "0"]).fails(3, &stale);
    let again = std::process::Command::new(env!("CARGO_BIN_EXE_towline"))
        .args(["serve", "files", "--quiet", "--listen", "unix:socket"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::null())
        .spawn();
    let _again = super::help::Running(again.unwrap());
    towline_in(folder.path(), &["ls", "unix:socket", "--wait", "60"]).well();
}

#[test]
fn what_is_wrong_with_a_path_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |args: &[&str]| towline_in(folder.path(), &[&["ls", "--retries", "0"], args].concat());
    at(&["unix:missing"])
        .fails(3, &["cannot connect to unix:missing", "(os error 2)", "--listen unix:missing"]);
    std::fs::write(folder.path().join("notes"), "x").unwrap();
    at(&["unix:notes"]).fails(3, &["(os error 111)", "what stands there is no socket"]);
    let _letters = UnixDatagram::bind(folder.path().join("letters")).unwrap();
    at(&["unix:letters"]).fails(3, &["(os error 91)", "a socket of datagrams is there"]);
    let _live = UnixListener::bind(folder.path().join("live")).unwrap();
    at(&["unix:live/notes"]).fails(3, &["(os error 20)", "live is no folder", "unix:live:/PATH"]);
    at(&["unix:8695"]).fails(2, &["unix:./8695"]);
    at(&["unix:live:notes"]).fails(2, &["unix:SOCKET[:/PATH]"]);
    at(&[&format!("unix:/{}", "x".repeat(107))]).fails(2, &["has 108 bytes", "at most 107"]);
    let serve = |place: &str| towline_in(folder.path(), &["serve", "--listen", place]);
    serve("unix:notes").fails(11, &["something else than a socket", "never removed"]);
    serve("unix:none/socket").fails(11, &["the folder that the socket is to be in is not there"]);
    serve("udp://127.0.0.1").fails(2, &["files go over streams"]);
}
