//! A client that is interrupted.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::help::{bytes, towline};
use super::relay::Relay;

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The server of a folder, and its lines.
fn serve(folder: &std::path::Path) -> (Child, impl Iterator<Item = String>) {
    let mut child = start(&["serve", folder.to_str().unwrap(), "--listen", "127.0.0.1:0", "-v"]);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

#[test]
fn the_server_is_told_and_the_same_command_goes_on() {
    let (folder, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut server, mut lines) = serve(folder.path());
    let listening = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).unwrap();
    let file = here.path().join("a film");
    std::fs::write(&file, bytes(20_000_000)).unwrap();
    // The pipe is never full, and what it brings is not all.
    let mut client = start(&["put", "-v", "-", &format!("{listening}/piped")]);
    std::io::Write::write_all(client.stdin.as_mut().unwrap(), &bytes(3_000_000)).unwrap();
    assert!(lines.any(|line| line.contains("speaks protocol version")));
    signal(&client, Signal::INT);
    let output = client.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(
        told.contains("interrupted (SIGINT)") && told.contains("begin the whole pipeline again"),
        "{told}"
    );
    let next =
        lines.find(|line| line.contains("said goodbye") || line.contains("without a goodbye")).unwrap();
    assert!(next.contains("said goodbye"), "{next}");

    let relay = Relay::start(&listening, 9_000_000);
    let (from, to) = (file.to_str().unwrap(), format!("{}/film", relay.address));
    let mut client = start(&["put", from, &to, "-v"]);
    let mut said = BufReader::new(client.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("connected to") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0);
    }
    signal(&client, Signal::TERM);
    let mut told = String::new();
    said.read_to_string(&mut told).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(143), "{told}");
    assert!(
        told.contains(&format!("again to go on: {} put '{from}' {to} -v", env!("CARGO_BIN_EXE_towline"))),
        "{told}"
    );
    drop(relay);
    assert!(towline(&["put", from, &format!("{listening}/film")]).status.success());
    signal(&server, Signal::TERM);
    server.wait().unwrap();
}

#[test]
fn the_second_signal_ends_at_once() {
    // Takes connections, and never says anything.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = start(&["ls", &silent.local_addr().unwrap().to_string()]);
    let mut open = silent.accept().unwrap().0;
    // It has begun to talk: there is a goodbye to wait for.
    open.read_exact(&mut [0; 8]).unwrap();
    signal(&client, Signal::INT);
    let mut said = BufReader::new(client.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "waiting for the server to say goodbye; Ctrl-C ends at once\n");
    let begin = std::time::Instant::now();
    signal(&client, Signal::INT);
    assert_eq!(client.wait().unwrap().code(), Some(130));
    // A goodbye may take three seconds.
    assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
}
