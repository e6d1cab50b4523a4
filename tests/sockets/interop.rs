//! Other people's programs play the client against our echo, and the server against our client. What is not installed is skipped,
//! by its name.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use towline::net::{Endpoint, SocketOptions, connect};

use super::help::{Running, Served, Told, bytes};

/// True if it is installed; says so if it is not.
fn has(program: &str) -> bool {
    match Command::new(program).arg("--version").stdin(Stdio::null()).output() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("SKIPPED: {program} is not installed");
            false
        }
        Err(error) => panic!("{program} cannot be started: {error}"),
    }
}

/// An echo on every kind of socket.
fn every_kind() -> Served {
    let mut args = vec!["--no-files", "--echo", "tcp://127.0.0.1:0", "--echo", "udp://127.0.0.1:0"];
    args.extend(["--echo", "unix:stream", "--echo", "unixgram:letters"]);
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        args.extend(["--echo", "tcp://[::1]:0", "--echo", "udp://[::1]:0"]);
    }
    let places = args.iter().filter(|arg| **arg == "--echo").count();
    Served::start(&args, places)
}

fn port(place: &str) -> &str {
    place.rsplit(':').next().expect("a port")
}

fn python(served: &Served, program: &str) {
    if !has("python3") {
        return;
    }
    let mut command = Command::new("python3");
    command
        .args(["-B", "-c", program])
        .args(&served.places)
        .current_dir(served.beside(""))
        .stdin(Stdio::null());
    let told = Told::from(command.output().expect("python3 starts")).well();
    assert_eq!(told.out, "all\n", "{told:?}");
}

/// What each program below begins with: the places as arguments of a socket.
const PLACES: &str = r#"
import errno, os, select, selectors, socket, sys

def parse(place):
    scheme, _, rest = place.rpartition("://") if "://" in place else place.partition(":")
    if scheme in ("unix", "unixgram"):
        return socket.AF_UNIX, socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM, rest
    host, _, port = place.rpartition("//")[2].rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    return family, kind, (host.strip("[]"), int(port))

places = [parse(place) for place in sys.argv[1:]]
assert len({(family, kind) for family, kind, _ in places}) >= 4

def opened(family, kind):
    s = socket.socket(family, kind)
    if family == socket.AF_UNIX and kind == socket.SOCK_DGRAM:
        s.bind("\0towline-test-%d-%d" % (os.getpid(), s.fileno()))
    return s
"#;

/// With a time limit, and without: what is there is read, what is not is waited for that long; the options are those of the notes.
const TIMEOUTS: &str = r#"
for family, kind, address in places:
    with opened(family, kind) as s:
        assert s.gettimeout() is None
        s.settimeout(20)
        assert s.gettimeout() == 20.0
        s.connect(address)
        assert s.getpeername()[:2] == address[:2] if family != socket.AF_UNIX else s.getpeername() == address
        assert s.fileno() >= 0 and s.getsockname() is not None
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 65536
        s.send(b"Hello, world")
        assert s.recv(1024) == b"Hello, world"
        s.settimeout(0.05)
        try:
            s.recv(1)
            assert False, "nothing was sent"
        except socket.timeout:
            pass
        s.settimeout(None)
        s.send(b"again")
        assert s.recv(1024) == b"again"
print("all")
"#;

/// Sockets that do not wait: connect_ex says that the connection is being made, recv that nothing is there.
const NON_BLOCKING: &str = r#"
for family, kind, address in places:
    with opened(family, kind) as s:
        s.setblocking(False)
        code = s.connect_ex(address)
        assert code in (0, errno.EINPROGRESS), code
        assert select.select([], [s], [], 20)[1] == [s]
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        try:
            s.recv(1)
            assert False, "nothing was sent"
        except BlockingIOError as error:
            assert error.errno == errno.EAGAIN
        assert s.send(b"Hello, world") == 12
        assert select.select([s], [], [], 20)[0] == [s]
        assert s.recv(1024) == b"Hello, world"
# Nobody listens here any more.
with socket.socket() as s:
    s.bind(("127.0.0.6", 0))
    free = s.getsockname()
with socket.socket() as s:
    assert s.connect_ex(free) == errno.ECONNREFUSED
with socket.socket(socket.AF_UNIX) as s:
    assert s.connect_ex("missing") == errno.ENOENT
print("all")
"#;

/// The client of many connections from the tutorials, with selectors; and a file made of a socket.
const MANY: &str = r#"
selector = selectors.DefaultSelector()
open_ones = 0
for family, kind, address in places:
    if kind != socket.SOCK_STREAM:
        continue
    for number in range(32):
        s = socket.socket(family, kind)
        s.setblocking(False)
        assert s.connect_ex(address) in (0, errno.EINPROGRESS)
        message = b"message %d " % number * 2000
        selector.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE, [message, b"", message])
        open_ones += 1
while open_ones:
    for key, mask in selector.select(20) or sys.exit("silence"):
        s, state = key.fileobj, key.data
        if mask & selectors.EVENT_WRITE and state[0]:
            state[0] = state[0][s.send(state[0]):]
            if not state[0]:
                selector.modify(s, selectors.EVENT_READ, state)
        if mask & selectors.EVENT_READ:
            state[1] += s.recv(1000)
            if len(state[1]) == len(state[2]):
                assert state[1] == state[2]
                selector.unregister(s)
                s.close()
                open_ones -= 1
family, kind, address = places[0]
with socket.create_connection(address) as s, s.makefile("rw", encoding="utf-8") as f:
    for line in ["first\n", "zweite Zeile, mit ü\n", "\n"]:
        f.write(line)
        f.flush()
        assert f.readline() == line
print("all")
"#;

#[test]
fn python_with_time_limits_on_every_kind_of_socket() {
    python(&every_kind(), &[PLACES, TIMEOUTS].concat());
}

#[test]
fn python_without_waiting_on_every_kind_of_socket() {
    python(&every_kind(), &[PLACES, NON_BLOCKING].concat());
}

#[test]
fn python_with_many_connections_and_a_file() {
    python(&every_kind(), &[PLACES, MANY].concat());
}

/// Runs `program` in the server's folder with `input`; gives what it printed.
fn piped(served: &Served, program: &str, args: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(args).current_dir(served.beside("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Running(command.spawn().expect("it starts"));
    let (mut stdin, mut stdout) =
        (child.0.stdin.take().expect("piped"), child.0.stdout.take().expect("piped"));
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let mut back = Vec::new();
    std::io::copy(&mut stdout, &mut back).expect("a pipe");
    writer.join().expect("it ends").expect("it reads all");
    assert!(child.0.wait().expect("it ends").success());
    back
}

#[test]
fn socat_on_every_kind_of_socket() {
    if !has("socat") {
        return;
    }
    let served = every_kind();
    let tcp = format!("TCP:127.0.0.1:{}", port(&served.places[0]));
    let long = bytes(1_000_000);
    for address in [tcp.as_str(), "UNIX-CONNECT:stream"] {
        assert!(piped(&served, "socat", &["-t", "20", "-", address], long.clone()) == long, "{address}");
    }
    let udp = format!("UDP:127.0.0.1:{}", port(&served.places[1]));
    for address in [udp.as_str(), "UNIX-SENDTO:letters,bind=socat"] {
        talks(&served, "socat", &["-", address]);
    }
}

/// Lines go through `program` and come back, one after another, whether or not its socket has an end.
fn talks(served: &Served, program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    command.args(args).current_dir(served.beside("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Running(command.spawn().expect("it starts"));
    let mut lines = BufReader::new(child.0.stdout.take().expect("piped"));
    for line in ["Hello, world\n", "again\n"] {
        child.0.stdin.as_mut().expect("piped").write_all(line.as_bytes()).expect("it reads");
        let mut back = String::new();
        lines.read_line(&mut back).expect("it answers");
        assert_eq!(back, line, "{program} {args:?}");
    }
}

#[test]
fn ncat_on_every_kind_of_socket() {
    if !has("ncat") {
        return;
    }
    let served = every_kind();
    let (tcp, udp) = (port(&served.places[0]).to_owned(), port(&served.places[1]).to_owned());
    let cases: [&[&str]; 4] =
        [&["127.0.0.1", &tcp], &["-u", "127.0.0.1", &udp], &["-U", "stream"], &["-uU", "letters"]];
    for args in cases {
        talks(&served, "ncat", args);
    }
}

/// The server of the notes: one connection, `recv(1024)` and `sendall` until it ends; once over TCP, once over a Unix socket.
const SERVER: &str = r#"
import socket, sys
family = socket.AF_UNIX if sys.argv[1] == "unix" else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM) as s:
    s.bind("theirs" if family == socket.AF_UNIX else ("127.0.0.1", 0))
    s.listen()
    print("theirs" if family == socket.AF_UNIX else s.getsockname()[1], flush=True)
    conn, addr = s.accept()
    with conn:
        while True:
            data = conn.recv(1024)
            if not data:
                break
            conn.sendall(data)
"#;

#[test]
fn our_connections_reach_the_servers_of_the_notes_and_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let start = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        Running(command.spawn().expect("it starts"))
    };
    let mut servers = Vec::new();
    if has("python3") {
        for kind in ["unix", "tcp"] {
            let mut server = start("python3", &["-B", "-c", SERVER, kind]);
            let mut line = String::new();
            BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let at = match kind {
                "unix" => format!("unix:{}", folder.path().join(line.trim()).display()),
                _ => format!("127.0.0.1:{}", line.trim()),
            };
            servers.push((server, at));
        }
    }
    // As inetd does it: a program that reads and writes, for each connection one.
    if has("socat") {
        let server = start("socat", &["UNIX-LISTEN:cat,fork", "EXEC:cat"]);
        servers.push((server, format!("unix:{}", folder.path().join("cat").display())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (_server, at) in &servers {
        runtime.block_on(echo_with(&at.parse().unwrap()));
    }
}

/// Sends a lot and its end, and has it back with the end behind it.
async fn echo_with(endpoint: &Endpoint) {
    let mut stream = loop {
        match connect(endpoint, &SocketOptions::default()).await {
            Ok(stream) => break stream,
            // It is still starting.
            Err(error)
                if error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::ConnectionRefused =>
            {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{endpoint}: {error}"),
        }
    };
    let sent = bytes(100_000);
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let mut back = Vec::new();
    let write = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let ((), read) = tokio::join!(write, reader.read_to_end(&mut back));
    read.unwrap();
    assert!(back == sent, "{endpoint}");
}
