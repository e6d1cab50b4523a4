//! `--socket` and the timeouts, as the command line shows them.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;

use super::help::{Served, bytes, towline_in};

#[test]
fn a_server_says_what_holds_of_its_sockets() {
    let args = ["--listen", "127.0.0.1:0", "--listen", "unix:socket", "--echo", "udp://127.0.0.1:0"];
    let options = ["--socket", "reuse-port,keepalive=60s/10s/5,receive-buffer=64K,backlog=7,nodelay=off"];
    let mut served = Served::start(&[&args[..], &options].concat(), 3);
    let tcp = served.line_with("socket options on 127.0.0.1");
    let held = "reuse-address=on,reuse-port=on,nodelay=off,keepalive=60s/10s/5,receive-buffer=131072,";
    assert!(tcp.contains(held) && tcp.contains("backlog=7"), "{tcp}");
    assert!(tcp.ends_with("; receive-buffer is 131072 where 65536 was asked for"), "{tcp}");
    let unix = served.line_with("socket options on unix:socket");
    assert!(unix.contains(": receive-buffer=131072,") && unix.contains("backlog=7"), "{unix}");
    let udp = served.line_with("socket options on udp://");
    assert!(udp.contains("reuse-port=on,receive-buffer=131072"), "{udp}");
}

/// What `--socket reuse-port` is for: the next server listens before the one before it stops.
#[test]
fn one_server_takes_over_from_another_without_a_gap() {
    let first = Served::start(&["--listen", "127.0.0.1:0", "--socket", "reuse-port"], 1);
    let at = first.places[0].clone();
    let second = Served::start(&["--listen", &at, "--socket", "reuse-port"], 1);
    std::fs::write(second.file("only-there"), "x").unwrap();
    first.stop();
    assert!(second.towline(&["ls", &at]).well().out.contains("only-there"));
    second.towline(&["serve", "files", "--listen", &at]).fails(10, &["is held by towline"]);
}

#[test]
fn a_client_says_where_it_went_and_what_holds_there() {
    let served = Served::start(&["--listen", "127.0.0.1:0", "--listen", "unix:socket"], 2);
    let at = served.places[0].clone();
    let told = served.towline(&["ls", "-v", "--socket", "user-timeout=30s,keepalive=60s/10s/5", &at]).well();
    assert!(told.error.contains("connected from 127.0.0.1:"), "{told:?}");
    let held = format!(" to {at}: nodelay=on,keepalive=60s/10s/5,");
    assert!(told.error.contains(&held) && told.error.contains("user-timeout=30s"), "{told:?}");
    let told = served.towline(&["ls", "-v", "unix:socket"]).well();
    assert!(told.error.contains("connected to unix:socket: receive-buffer="), "{told:?}");
    let told = served.towline(&["ls", "-v", "--json", &at]).well();
    let line = told.out.lines().find(|line| line.contains(r#""type":"connection""#)).unwrap();
    let object: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&object["peer"], &object["options"]["nodelay"]), (&at.into(), &"on".into()));
    assert!(object["local"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
}

#[test]
fn options_that_cannot_be_are_refused_before_anything_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let ls = |options: &str, at: &str| towline_in(folder.path(), &["ls", "--socket", options, at]);
    ls("nodelay", "unix:socket").fails(2, &["nodelay is no option of a Unix socket that connects"]);
    ls("backlog=5", "127.0.0.1:1").fails(2, &["backlog is no option of a TCP socket that connects"]);
    ls("no-delay", "127.0.0.1:1")
        .fails(2, &["\"no-delay\" is no option of sockets: there are reuse-address"]);
    ls("ttl=0", "127.0.0.1:1").fails(2, &["write ttl=N"]);
    ls("congestion=nothing", "127.0.0.1:1").fails(2, &["the system refuses congestion=nothing", "(it has "]);
    let serve =
        |options: &str| towline_in(folder.path(), &["serve", "--listen", "unix:socket", "--socket", options]);
    serve("ttl=5").fails(2, &["ttl is no option of a Unix socket that listens: only a TCP socket"]);
    assert!(!folder.path().join("socket").exists());
}

#[test]
fn a_server_that_never_greets_is_given_up_when_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let silent = UnixListener::bind(folder.path().join("silent")).unwrap();
    let ls = |flags: &[&str]| {
        towline_in(folder.path(), &[&["ls", "unix:silent", "--retries", "0"], flags].concat())
    };
    ls(&["--handshake-timeout", "200ms"]).fails(4, &["handshake"]);
    ls(&["--operation-timeout", "200ms"])
        .fails(8, &["it took longer than it was given", "--operation-timeout"]);
    ls(&["--idle-timeout", "0"]).fails(2, &["no time at all is too little"]);
    ls(&["--timeout", "soon"]).fails(2, &["such as 2.5, 500ms, 30s"]);
    drop(silent);
}

/// A server forgets who says nothing, and a raw echo that is silent.
#[test]
fn a_server_waits_no_longer_than_it_is_told() {
    let times = ["--handshake-timeout", "200ms", "--echo-idle-timeout", "200ms"];
    let places = ["--listen", "127.0.0.1:0", "--echo", "127.0.0.1:0"];
    let mut served = Served::start(&[&times[..], &places].concat(), 2);
    let mut client = TcpStream::connect(&served.places[0]).unwrap();
    client.write_all(&towline::wire::PREAMBLE).unwrap();
    served.line_with("dropped: the handshake");
    let echo = TcpStream::connect(&served.places[1]).unwrap();
    served.line_with("raw echo ended (idle)");
    drop((client, echo));
    // Who speaks is served as ever.
    std::fs::write(served.beside("here"), bytes(3_000_000)).unwrap();
    let at = served.places[0].clone();
    served.towline(&["put", "here", &at]).well();
}

/// What `--socket reuse-port` is for with datagrams: each socket has a task, and the system gives each source to one of them.
#[test]
fn several_sockets_of_one_port_echo_beside_each_other() {
    // No other test uses this address, so that the port stays free.
    let port = std::net::UdpSocket::bind("127.0.0.4:0").unwrap().local_addr().unwrap().port();
    let place = format!("udp://127.0.0.4:{port}");
    let args = ["--no-files", "--socket", "reuse-port", "--echo", &place, "--echo", &place];
    let served = Served::start(&args, 2);
    for _ in 0..64 {
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(("127.0.0.4", port)).unwrap();
        client.send(b"anyone").unwrap();
        assert_eq!(client.recv(&mut [0; 16]).unwrap(), 6);
    }
    let (told, _) = served.stop();
    let counted = |line: &String| line.split("  ").last()?.split(' ').next()?.parse::<u32>().ok();
    let came: Vec<u32> = told.iter().filter(|line| line.contains(&place)).filter_map(counted).collect();
    assert_eq!((came.len(), came.iter().sum::<u32>()), (2, 64), "{told:?}");
    assert!(came.iter().all(|count| *count > 0), "{told:?}");
}
