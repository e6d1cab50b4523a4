//! Anybody's echo client can use the raw echo of `towline serve --echo`, on every kind of socket: Python's `socket` module plays
//! the client.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
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

/// A server of what `args` say, in `folder`; gives where it echoes, in order.
fn serve(
    folder: &Path,
    args: &[&str],
    echoes: usize,
) -> (Server, Vec<String>, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_towline"))
        .arg("serve")
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let said = lines.by_ref().map_while(Result::ok);
    let places = said.filter_map(|line| Some(line.strip_prefix("echoing on ")?.to_owned())).take(echoes);
    let places: Vec<String> = places.collect();
    assert_eq!(places.len(), echoes, "the server says where it echoes");
    (Server(child), places, lines)
}

fn port(place: &str) -> &str {
    place.rsplit(':').next().expect("a port")
}

/// What Python says; `None` where there is none.
fn python(folder: &Path, program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new("python3").arg("-c").arg(program).args(args).current_dir(folder).output();
    let Ok(output) = output else {
        println!("skipped: python3 is missing");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn python_sockets_play_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, places, _lines) =
        serve(folder.path(), &["--listen", "127.0.0.1:0", "--echo", "127.0.0.1:0"], 1);
    if let Some(said) = python(folder.path(), CLIENT, &[port(&places[0])]) {
        assert_eq!(said, "Received b'Hello, world'\nReceived all\n");
    }
}

/// Every kind of socket, over both versions of IP; a reader that reads with `makefile`, and one that connects a datagram socket.
const ALL_KINDS: &str = r#"
import os, socket, sys

def datagrams(family, address, name):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        if name is not None:
            s.bind(name)
        for length in [0, 1, 64, 1472, 9000, 60000]:
            sent = bytes(at % 251 for at in range(length))
            s.sendto(sent, address)
            assert s.recvfrom(65536)[0] == sent, length
        s.connect(address)
        for number in range(200):
            s.send(str(number).encode() * 10)
        heard = {s.recv(65536) for _ in range(200)}
        assert heard == {str(number).encode() * 10 for number in range(200)}

def stream(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(20)
        assert s.connect_ex(address) == 0
        with s.makefile("rwb") as f:
            for line in [b"one\n", b"x" * 100000 + b"\n"]:
                f.write(line)
                f.flush()
                assert f.readline() == line
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b""

for place in sys.argv[1:]:
    scheme, _, rest = place.rpartition("://") if "://" in place else place.partition(":")
    if scheme == "unix":
        stream(socket.AF_UNIX, rest)
    elif scheme == "unixgram":
        # A buffer of a Unix socket holds few datagrams, and who does not read gets no more.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            for name in ["client", "\0towline-test-%d" % os.getpid()]:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                    s.settimeout(20)
                    s.bind(name)
                    for length in [0, 1, 64, 9000, 60000]:
                        sent = bytes(at % 251 for at in range(length))
                        s.sendto(sent, rest)
                        assert s.recv(65536) == sent, length
    else:
        place = place.rpartition("//")[2]
        host, _, port = place.rpartition(":")
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        address = (host.strip("[]"), int(port))
        if scheme == "udp":
            datagrams(family, address, None)
        else:
            stream(family, address)
print("all")
"#;

#[test]
fn every_kind_of_socket_echoes_for_python() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut args = vec!["--no-files", "--echo", "tcp://127.0.0.1:0", "--echo", "udp://127.0.0.1:0"];
    args.extend(["--echo", "unix:stream", "--echo", "unixgram:datagram"]);
    let mut count = 4;
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        args.extend(["--echo", "[::1]:0", "--echo", "udp://[::1]:0"]);
        count += 2;
    }
    let (mut server, places, lines) = serve(folder.path(), &args, count);
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let Some(said) = python(folder.path(), ALL_KINDS, &places) else { return };
    assert_eq!(said, "all\n");

    // It tells what came, and takes its files away.
    rustix::process::kill_process(rustix::process::Pid::from_child(&server.0), rustix::process::Signal::INT)
        .expect("it runs");
    let told: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(server.0.wait().expect("it ends").success());
    // Behind what it says to type.
    let of = |place: &str| told.iter().rfind(|line| line.contains(place)).cloned().unwrap_or_default();
    assert!(of("udp://127.0.0.1").ends_with("206 datagrams came, 206 answered"), "{told:?}");
    assert!(of("unixgram:datagram").ends_with("10 datagrams came, 10 answered"), "{told:?}");
    for name in ["stream", "datagram"] {
        assert!(!folder.path().join(name).exists(), "{name} is left");
    }
}

/// A datagram that claims to come from another echo is not answered, nor is one without a name to answer to.
#[test]
fn what_could_loop_is_counted_and_not_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = ["--no-files", "--echo", "udp://127.0.0.1:0", "--echo", "unixgram:datagram"];
    let (mut server, places, lines) = serve(folder.path(), &args, 2);
    let other = std::net::UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
    let port: u16 = port(&places[0]).parse().expect("a port");
    // Of the same port at another address of this machine, as a second echo on that port would be.
    let twin = std::net::UdpSocket::bind(("127.0.0.2", port)).expect("it is free there");
    twin.send_to(b"loop", ("127.0.0.1", port)).expect("it goes");
    let nameless = std::os::unix::net::UnixDatagram::unbound().expect("a socket");
    nameless.send_to(b"whose?", folder.path().join("datagram")).expect("it goes");
    other.send_to(b"answered", ("127.0.0.1", port)).expect("it goes");
    let mut heard = [0; 16];
    let count = other.recv(&mut heard).expect("an answer");
    assert_eq!(&heard[..count], b"answered");
    twin.set_nonblocking(true).expect("it can be set");
    assert!(twin.recv(&mut heard).is_err(), "it answers its like");

    rustix::process::kill_process(rustix::process::Pid::from_child(&server.0), rustix::process::Signal::INT)
        .expect("it runs");
    let told: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(server.0.wait().expect("it ends").success());
    let says = |words: &str| told.iter().any(|line| line.contains(words));
    assert!(
        says("2 datagrams came, 1 answered; 1 not: from this port, as another echo's would be"),
        "{told:?}"
    );
    assert!(says("1 datagrams came, 0 answered; 1 not: from no single address"), "{told:?}");
}
