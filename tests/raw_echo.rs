//! Anybody's echo client can use the raw echo of `towline serve --echo`: Python's `socket` module plays the client.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The textbook client, and the same with more bytes than fit in one `recv`.
const CLIENT: &str = r#"
import socket, sys

port = int(sys.argv[1])
with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
    s.connect(("127.0.0.1", port))
    s.sendall(b"Hello, world")
    print("Received", repr(s.recv(1024)))

sent = bytes(range(256)) * 1024
with socket.create_connection(("127.0.0.1", port)) as s:
    s.sendall(sent)
    s.shutdown(socket.SHUT_WR)
    received = b""
    while chunk := s.recv(1024):
        received += chunk
    print("Received all" if received == sent else "Received something else")
"#;

/// The server, which ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server; gives the port of its raw echo, and what it prints later, which must have somewhere to go.
fn serve(folder: &std::path::Path) -> (Server, u16, std::io::Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_towline"))
        .args(["serve", "--listen", "127.0.0.1:0", "--echo", "127.0.0.1:0"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let address = line.strip_prefix("echoing on ")?.to_owned();
        address.rsplit(':').next()?.parse().ok()
    });
    (Server(child), port.expect("the server says where it echoes"), lines)
}

#[test]
fn python_sockets_play_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, port, _lines) = serve(folder.path());
    let output = Command::new("python3").args(["-c", CLIENT, &port.to_string()]).output();
    let Ok(output) = output else {
        println!("skipped python_sockets_play_the_client: python3 is missing");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said,
        "Received b'Hello, world'\nReceived all\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
