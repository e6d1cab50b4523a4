//! The second implementation, `tests/interop/`: a client in plain Python that was written from docs/PROTOCOL.md alone.
//! It talks to the real binary over loopback, and misuses it; each case is a line of its output.

#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server of the crate's own binary; it ends with this value.
struct Server {
    child: Child,
    port: u16,
    /// Held, so that what the server prints later has a reader.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn serving(folder: &Path) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_towline"))
            .arg("serve")
            .arg(folder)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the server says where it listens");
        let port = line
            .trim()
            .strip_prefix("listening on 127.0.0.1:")
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("not where the server listens: {line:?}"));
        Server { child, port, _stdout: stdout }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// True if there is a `python3` that starts.
fn has_python() -> bool {
    match Command::new("python3").arg("--version").output() {
        Ok(output) => output.status.success(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => panic!("python3 cannot be started: {error}"),
    }
}

#[test]
fn a_client_written_from_the_document_alone() {
    if !has_python() {
        println!("SKIPPED a_client_written_from_the_document_alone: there is no python3 here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder to serve");
    let server = Server::serving(folder.path());
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/cases.py");
    let output = Command::new("python3")
        .arg("-B") // leaves no bytecode beside the sources
        .arg(cases)
        .arg(server.port.to_string())
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("python3 starts");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "cases failed; see above\n{}", String::from_utf8_lossy(&output.stderr));
}

/// What the machines of a pairing are held to is what the document says: a second implementation computes it anew.
#[test]
fn a_pairing_computed_from_the_document_alone() {
    if !has_python() {
        println!("SKIPPED a_pairing_computed_from_the_document_alone: there is no python3 here");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let program = tests.join("pairing.py");
    let output =
        Command::new("python3").arg("-B").arg(program).stdin(Stdio::null()).output().expect("python3 starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let committed = std::fs::read(tests.join("pairing.txt")).expect("it is there");
    assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&committed));
}
