//! `towline echo` on real sockets: against our own servers, Python's sockets of all four kinds, and whatever else is installed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// A program that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command, folder: &Path) -> (Server, BufReader<ChildStdout>) {
    let child = command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("piped"));
    (Server(child), lines)
}

/// The next line that begins with `prefix`, without it.
fn said(lines: &mut BufReader<ChildStdout>, prefix: &str) -> String {
    let mut all = lines.lines().map_while(Result::ok);
    all.find_map(|line| line.strip_prefix(prefix).map(str::to_owned)).expect("it says where it is")
}

fn towline() -> Command {
    Command::new(env!("CARGO_BIN_EXE_towline"))
}

/// Probes with `args`, which are split at spaces.
fn echo(folder: &Path, args: &str) -> Output {
    let mut command = towline();
    command.arg("echo").args(args.split(' ')).current_dir(folder).env("TMPDIR", folder);
    command.output().expect("it runs")
}

/// The measurement that it prints, and its exit code.
fn measured(folder: &Path, args: &str) -> (Value, Option<i32>) {
    let output = echo(folder, &format!("--json {args}"));
    let first = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let object = serde_json::from_slice(first).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (object, output.status.code())
}

/// What it complains of.
fn complaint(folder: &Path, args: &str, code: i32) -> String {
    let output = echo(folder, args);
    assert_eq!(output.status.code(), Some(code), "{args}: {output:?}");
    String::from_utf8(output.stderr).expect("it is text")
}

/// All that were sent came back, whole.
fn assert_clean(folder: &Path, args: &str, count: u64) {
    // However long this machine stands still.
    let (object, code) = measured(folder, &format!("{args} --timeout 20"));
    assert_eq!(code, Some(0), "{args}: {object}");
    let counts = ["sent", "received"].map(|name| object[name].as_u64());
    assert_eq!(counts, [Some(count); 2], "{args}: {object}");
    for name in ["lost", "late", "duplicated", "reordered", "corrupted", "truncated", "stale", "unsent"] {
        assert_eq!(object[name], 0, "{args}: {name}: {object}");
    }
    let response = &object["response"];
    assert_eq!(response["samples"], count, "{args}");
    assert!(object["seconds_min"].as_f64() <= object["seconds_p50"].as_f64(), "{object}");
    assert!(object["seconds_p50"].as_f64() <= object["seconds_max"].as_f64(), "{object}");
}

#[test]
fn our_own_echo_over_every_kind_of_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = towline();
    serve.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--echo",
        "tcp://127.0.0.1:0",
        "--echo",
        "udp://127.0.0.1:0",
    ]);
    serve.args(["--echo", "unix:stream", "--echo", "unixgram:datagram", "--listen", "unix:files"]);
    let (_server, mut lines) = start(&mut serve, folder.path());
    let host = said(&mut lines, "listening on ");
    let tcp = format!("tcp://{}", said(&mut lines, "echoing on "));
    let udp = said(&mut lines, "echoing on ");
    assert!(udp.starts_with("udp://"), "{udp}");
    for target in [&host, &tcp, &udp, "unix:stream", "unixgram:datagram", "towline:unix:files"] {
        let folder = folder.path();
        assert_clean(folder, &format!("{target} --count 200"), 200);
        assert_clean(folder, &format!("{target} --count 200 --closed --warmup 0 --size 1400"), 200);
        assert_clean(folder, &format!("{target} --count 1000 --flood --connections 3 --warmup 0.01"), 1_000);
    }
    assert_clean(folder.path(), &format!("{tcp} --count 20 --size 200000 --warmup 0"), 20);
    assert_clean(folder.path(), "unix:stream --count 500 --size 1", 500);
    assert_clean(folder.path(), &format!("{udp} --closed --count 20 --size 65507 --warmup 0"), 20);
    // Who answers at a Unix socket is found out.
    for (target, through) in [("unix:files", "protocol"), ("unix:stream", "socket")] {
        let (object, code) = measured(folder.path(), &format!("{target} --count 10 --warmup 0"));
        assert_eq!((code, &object["through"]), (Some(0), &through.into()), "{target}: {object}");
    }
    // What a socket of datagrams was answered at is gone.
    let names = std::fs::read_dir(folder.path()).expect("it is there");
    let names: Vec<_> = names.map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with("towline-")), "{names:?}");
}

/// The textbook server of each kind; that of datagrams also spoils what it echoes, if it is told to.
const SERVERS: &str = r#"
import os, selectors, socket, sys

def spoil(number, data):
    if number % 10 == 0:
        return []
    if number % 7 == 0:
        return [data, data]
    if number % 9 == 0:
        return [data[:-1] + bytes([data[-1] ^ 1])]
    if number % 11 == 0:
        return [data[:20]]
    return [data]

kind, is_spoilt = sys.argv[1], len(sys.argv) > 2
unix = kind.startswith("unix")
family = socket.AF_UNIX if unix else socket.AF_INET
address = kind + ".socket" if unix else ("127.0.0.1", 0)
if kind in ("udp", "unixgram"):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind(address)
    print("at", address if unix else s.getsockname()[1], flush=True)
    number = 0
    while True:
        data, peer = s.recvfrom(65536)
        number += 1
        for reply in spoil(number, data) if is_spoilt else [data]:
            s.sendto(reply, peer)
else:
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind(address)
    s.listen()
    print("at", address if unix else s.getsockname()[1], flush=True)
    select = selectors.DefaultSelector()
    select.register(s, selectors.EVENT_READ)
    while True:
        for key, _ in select.select():
            if key.fileobj is s:
                select.register(s.accept()[0], selectors.EVENT_READ)
            elif is_spoilt:
                key.fileobj.sendall(b"220 this is mail\r\n" * 100)
                select.unregister(key.fileobj)
            elif data := key.fileobj.recv(1024):
                key.fileobj.sendall(data)
            else:
                select.unregister(key.fileobj)
                key.fileobj.close()
"#;

/// A server of Python's, and where it is; `None` where there is no Python.
fn python(folder: &Path, kind: &str, is_spoilt: bool) -> Option<(Server, String)> {
    if Command::new("python3").arg("-V").output().is_err() {
        println!("skipped: python3 is missing");
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", SERVERS, kind]).args(is_spoilt.then_some("spoil"));
    let (server, mut lines) = start(&mut command, folder);
    let at = said(&mut lines, "at ");
    let target =
        if kind.starts_with("unix") { format!("{kind}:{at}") } else { format!("{kind}://127.0.0.1:{at}") };
    Some((server, target))
}

#[test]
fn pythons_echo_over_every_kind_of_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    for kind in ["tcp", "udp", "unix", "unixgram"] {
        let Some((_server, target)) = python(folder.path(), kind, false) else { return };
        assert_clean(folder.path(), &format!("{target} --count 200 --size 1000"), 200);
        assert_clean(folder.path(), &format!("{target} --count 100 --closed --connections 3"), 100);
    }
}

#[test]
fn what_a_server_does_to_datagrams_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_server, target)) = python(folder.path(), "udp", true) else { return };
    let (object, code) = measured(
        folder.path(),
        &format!("{target} --count 100 --rate 500 --warmup 0 --timeout 0.5 --fail-if lost>9,corrupted>9"),
    );
    assert_eq!(code, Some(15), "{object}");
    let expected = [
        ("sent", 100),
        ("received", 81),
        ("lost", 10),
        ("duplicated", 13),
        ("corrupted", 9),
        ("damaged", 9),
        ("truncated", 7),
    ];
    for (name, count) in expected {
        assert_eq!(object[name], count, "{name}: {object}");
    }
}

#[test]
fn a_server_that_is_no_echo_is_told_from_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_server, target)) = python(folder.path(), "tcp", true) else { return };
    let told = complaint(folder.path(), &format!("{target} --closed --count 100 --warmup 0"), 5);
    assert!(
        told.contains("more came than was sent") && told.contains("something else than an echo"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_measured_says_why_and_what_next() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes"), "").expect("it can be written");
    // A port that was free a moment ago.
    let port =
        std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("free").port();
    let long = format!("unix:{}", "x".repeat(108));
    let cases = [
        (format!("udp://127.0.0.1:{port}"), 3, vec!["Connection refused", "ICMP", "--echo udp://ADDRESS:"]),
        (
            format!("tcp://127.0.0.1:{port}"),
            3,
            vec!["Connection refused", "nothing listens", "--echo tcp://ADDRESS:"],
        ),
        ("unix:nobody".into(), 3, vec!["No such file", "--echo unix:nobody"]),
        ("unixgram:nobody".into(), 3, vec!["No such file", "--echo unixgram:nobody"]),
        ("unix:notes".into(), 3, vec!["is no socket"]),
        ("udp://127.0.0.1:0".into(), 2, vec!["port 0"]),
        ("udp://::1".into(), 2, vec!["brackets", "[::1]"]),
        ("gopher://example.org".into(), 2, vec!["gopher://", "udp://HOST"]),
        (long, 2, vec!["at most 107"]),
        ("udp://127.0.0.1 --size 65508".into(), 2, vec!["65507", "--size 65507"]),
        ("udp://127.0.0.1 --size 8".into(), 2, vec!["at least 16 bytes", "number"]),
        ("tcp://127.0.0.1 --closed --flood".into(), 2, vec!["cannot go together with --flood"]),
        ("tcp://127.0.0.1 --fail-if p99>2ms,lag>1".into(), 2, vec!["before \"lag>1\", behind \"p99>2ms,\""]),
        ("diff notes notes".into(), 2, vec!["no measurement", "echo --json"]),
        ("diff nothing nothing".into(), 6, vec!["No such file"]),
    ];
    for (args, code, parts) in cases {
        let told = complaint(folder.path(), &args, code);
        for part in parts {
            assert!(told.contains(part), "{args}: {part:?} is not in {told}");
        }
    }
}

#[test]
fn silence_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let deaf = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let target = format!("udp://{}", deaf.local_addr().expect("it has one"));
    let told = complaint(folder.path(), &format!("{target} --count 10 --timeout 0.1 --warmup 0"), 3);
    assert!(
        told.contains("none of 10 probes was answered within 100.0 ms") && told.contains("firewall"),
        "{told}"
    );
}

#[test]
fn measurements_are_kept_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = towline();
    serve.args(["serve", "--no-files", "--echo", "unix:stream"]);
    let (_server, mut lines) = start(&mut serve, folder.path());
    said(&mut lines, "echoing on ");
    for name in ["a.json", "b.json"] {
        let output = echo(folder.path(), "--json unix:stream --count 100 --hdr times.hlog");
        assert!(output.status.success(), "{output:?}");
        std::fs::write(folder.path().join(name), output.stdout).expect("it can be written");
    }
    let output = echo(folder.path(), "diff a.json b.json");
    let told = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success() && told.contains("target: unix:stream"), "{told}");
    assert!(told.lines().any(|line| line.trim_start().starts_with("response p99 ")), "{told}");

    let log = std::fs::read(folder.path().join("times.hlog")).expect("it was written");
    let lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    for tag in ["Tag=response,", "Tag=service,"] {
        assert!(
            lines.iter().any(|line| line.starts_with(tag.as_bytes())),
            "{}",
            String::from_utf8_lossy(&log)
        );
    }
}

/// `cat` behind a program that listens, as inetd does it.
#[test]
fn anybodys_echo_behind_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers: [(&str, &[&str]); 2] = [
        ("socat", &["UNIX-LISTEN:socat,fork", "EXEC:cat"]),
        ("ncat", &["--listen", "--keep-open", "--exec", "/bin/cat", "--unixsock", "ncat"]),
    ];
    for (program, args) in servers {
        if Command::new(program).arg("--version").output().is_err() {
            println!("skipped: {program} is missing");
            continue;
        }
        let (_server, _lines) = start(Command::new(program).args(args), folder.path());
        assert_clean(folder.path(), &format!("unix:{program} --wait 10 --count 100 --size 3000"), 100);
    }
}

/// Both ends poll instead of sleeping, in a process of one thread each: the same comes of it.
#[test]
fn both_ends_poll() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serve = towline();
    serve.args(["serve", "--busy-poll", "2ms", "--listen", "127.0.0.1:0", "--echo", "tcp://127.0.0.1:0"]);
    serve.args(["--echo", "udp://127.0.0.1:0", "--echo", "unix:stream", "--echo", "unixgram:datagram"]);
    let (_server, mut lines) = start(&mut serve, folder.path());
    let host = said(&mut lines, "listening on ");
    let tcp = format!("tcp://{}", said(&mut lines, "echoing on "));
    let udp = said(&mut lines, "echoing on ");
    for target in [&host, &tcp, &udp, "unix:stream", "unixgram:datagram"] {
        for busy in ["", " --busy-poll 2ms"] {
            assert_clean(folder.path(), &format!("{target} --count 100 --closed --warmup 0{busy}"), 100);
        }
    }
}
