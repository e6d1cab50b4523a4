//! What a server and a client tell through `tracing`, as a subscriber of one's own hears it, and as `--log` prints it.
#![cfg(feature = "cli")]

use std::io;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::Value;
use towline::client::{Client, ClientConfig};
use towline::net::Place;
use towline::server::{Doors, Server, ServerConfig, stopper};
use towline::wire::RelPath;
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Kept;

    fn make_writer(&'a self) -> Kept {
        self.clone()
    }
}

/// The lines of `message`, as objects.
fn lines_of(text: &str, message: &str) -> Vec<Value> {
    let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects.filter(|object| object["message"] == message).collect()
}

/// A server and a client on one thread, for whom a subscriber listens; everything that it hears.
fn heard(level: tracing::Level) -> String {
    let kept = Kept::default();
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(kept.clone());
    let _listens =
        tracing::subscriber::set_default(lines.json().flatten_event(true).with_span_list(true).finish());
    let (served, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = here.path().join("notes");
    std::fs::write(&file, "for later").unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let server = Server::new(served.path(), 0, ServerConfig::default()).await.unwrap();
        let doors = Doors::at(&Place::Tcp("127.0.0.1:0".parse().unwrap())).unwrap();
        let endpoint = doors.endpoint().unwrap();
        let (stopper, stop) = stopper();
        let work = async {
            let client = Client::connect(endpoint, ClientConfig::default()).await.unwrap();
            client.echo(Bytes::from_static(b"a secret")).await.unwrap();
            client.put(&file, RelPath::new("no\x1b[2Jtes").unwrap()).await.unwrap();
            client.stat(RelPath::new("missing").unwrap()).await.unwrap_err();
            client.close().await;
            stopper.drain();
        };
        tokio::join!(server.run(doors, stop), work)
    });
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn each_end_of_a_connection_and_of_an_operation_is_a_line_with_who_what_how_much_and_how() {
    let text = heard(tracing::Level::INFO);
    let over = lines_of(&text, "a connection is over");
    assert_eq!(over.len(), 1, "{text}");
    let over = &over[0];
    assert_eq!(
        (&over["outcome"], &over["operations"], &over["failed"]),
        (&"orderly".into(), &4.into(), &1.into())
    );
    assert!(over["received"].as_u64() > Some(100) && over["sent"].as_u64() > Some(100), "{over}");
    assert_eq!(over["span"]["connection"], 0);
    assert!(over["span"]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{over}");

    let operations = lines_of(&text, "an operation is over");
    let of_server: Vec<&Value> = operations.iter().filter(|line| line["span"]["connection"] == 0).collect();
    let told = |line: &&Value| {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        (word(&line["span"]["what"]), word(&line["outcome"]), word(&line["span"]["path"]))
    };
    let expected = [
        ("echo", "done", "/"),
        ("echo", "done", "/"),
        ("put", "done", "no\\u{1b}[2Jtes"),
        ("stat", "failed", "missing"),
    ];
    let expected =
        expected.map(|(what, outcome, path)| (what.to_owned(), outcome.to_owned(), path.to_owned()));
    assert_eq!(of_server.iter().map(told).collect::<Vec<_>>(), expected, "{text}");
    assert_eq!(of_server[2]["bytes"], 9);
    assert!(of_server[3]["error"].as_str().unwrap().contains("no such file"), "{text}");
    // Those of the client, which knows no number of a connection.
    assert_eq!(operations.len(), 8, "{text}");
    assert_eq!(lines_of(&text, "the client is over").len(), 1, "{text}");
}

#[test]
fn what_is_moved_and_who_may_steer_a_terminal_is_in_no_line() {
    let text = heard(tracing::Level::TRACE);
    assert!(text.contains("the handshake is done") && text.contains("progress"), "{text}");
    assert!(!text.contains("a secret") && !text.contains("for later"), "{text}");
    assert!(!text.contains('\x1b') && !text.contains("\\u001b"), "{text}");
}

/// The binary's own, as text and as JSON, on standard error; nothing without being asked.
#[test]
fn the_command_line_logs_as_it_is_asked_to() {
    let run = |log: &[&str]| {
        let free = std::net::TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_towline"));
        command.args(["ls", &free, "--retries", "0"]).args(log).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!run(&[]).contains("an operation is over"));
    let text = run(&["--log", "info"]);
    let line = text.lines().find(|line| line.contains("an operation is over")).unwrap();
    assert!(line.contains("WARN operation{operation=0 what=\"list\"}"), "{text}");
    assert!(line.contains("outcome=\"failed\""), "{text}");
    let json = run(&["--log-format", "json"]);
    let objects: Vec<Value> = json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(
        objects.iter().any(|object| object["span"]["what"] == "list" && object["outcome"] == "failed"),
        "{json}"
    );
    assert!(!run(&["--log", "error"]).contains("an operation is over"));
}
