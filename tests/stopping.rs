//! The real binary's server: what it does when it is told to stop, and when the system has no more files for it.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server of a folder of its own; killed when the test is over, however it ends.
struct Served {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
    _folder: TempDir,
}

impl Served {
    /// With at most `files` open files, and more flags.
    fn start(files: u32, flags: &[&str]) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {files}; exec \"$@\"");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_towline"), "serve"]).arg(folder.path());
        command.args(["--listen", "127.0.0.1:0"]).args(flags).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut served = Served { child, lines, address: String::new(), _folder: folder };
        served.address = served.line_with("listening on ").split_once("on ").unwrap().1.to_owned();
        served
    }

    /// Reads to the next line that has `text` in it.
    fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "ended without \"{text}\"");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        rest
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// A put that has begun, and will not go on: its client reads from a pipe.
    fn held_put(&mut self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
        command.args(["put", "-", &format!("{}/stream", self.address), "--retries", "0"]);
        let mut client = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        client.stdin.as_mut().unwrap().write_all(b"the first words").unwrap();
        self.line_with("speaks protocol version");
        client
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_that_is_told_to_stop_waits_for_what_runs_and_takes_nothing_more() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut served = Served::start(256, &["-v"]);
        let mut client = served.held_put();
        served.signal(signal);
        let line = served.line_with("stopping: ");
        assert!(
            line.contains("waiting for 1 connection (put stream (a stream)) to finish, at most 30.00 s"),
            "{line}"
        );
        let refused = TcpStream::connect(&served.address).expect_err("it does not listen any more");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        client.stdin.as_mut().unwrap().write_all(b", and the last").unwrap();
        drop(client.stdin.take());
        assert!(client.wait().unwrap().success(), "what ran was not finished");
        assert!(served.line_with("put stream").contains("29 bytes"), "of all that it sent");
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn the_second_signal_ends_what_runs_and_so_does_the_end_of_the_time() {
    for (flags, signals) in [(["-v", "--drain", "1h"], 2), (["-v", "--drain-timeout", "100ms"], 1)] {
        let mut served = Served::start(256, &flags);
        let mut client = served.held_put();
        let begin = Instant::now();
        served.signal(Signal::INT);
        served.line_with("stopping: waiting for 1 connection");
        if signals == 2 {
            served.signal(Signal::TERM);
        }
        assert_eq!(served.child.wait().unwrap().code(), Some(12));
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        assert!(!client.wait().unwrap().success());
        let mut said = String::new();
        client.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("the server"), "{said}");
    }
}

/// Once a second it is told what is being waited for, as that changes.
#[test]
fn what_is_being_waited_for_is_told_as_it_changes() {
    let mut served = Served::start(256, &["-v"]);
    let (mut one, mut other) = (served.held_put(), served.held_put());
    served.signal(Signal::INT);
    served.line_with("stopping: waiting for 2 connections (2 operations)");
    drop(one.stdin.take());
    assert!(one.wait().unwrap().success());
    served.line_with("stopping: still waiting for 1 connection (put stream (a stream)), ");
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

/// Out of files it neither spins nor ends nor talks on and on, and goes on when there are some again.
#[test]
fn a_server_without_files_for_connections_says_so_once_and_goes_on() {
    let mut served = Served::start(40, &[]);
    let crowd: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(&served.address).expect("the system queues it")).collect();
    let line = served.line_with("cannot accept connections for now");
    assert!(line.contains("Too many open files"), "{line}");
    // Its clients' time to greet goes by meanwhile, and with it many pauses.
    drop(crowd);
    served.line_with("accepting connections again");
    let client = Command::new(env!("CARGO_BIN_EXE_towline")).args(["ls", &served.address]).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    let _still_free = TcpListener::bind("127.0.0.1:0").unwrap();
    served.signal(Signal::TERM);
    let rest = served.rest();
    assert!(!rest.contains("cannot accept"), "{rest}");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}
