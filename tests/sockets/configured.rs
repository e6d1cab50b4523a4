//! A server from a file, and what `--check` says of it.

use std::os::unix::fs::PermissionsExt;

use super::help::{Served, Told, towline_in};

fn check(text: &str, args: &[&str]) -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("files")).expect("a new folder");
    std::fs::write(folder.path().join("serve.toml"), text).expect("it is written");
    let mode = PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("serve.toml"), mode).expect("it is ours");
    towline_in(folder.path(), &[&["serve", "--config", "serve.toml", "--check"], args].concat())
}

#[test]
fn a_server_is_what_its_file_says_and_flags_win() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("serve.toml");
    std::fs::write(
        &file,
        "listen = [\"127.0.0.1:0\", \"unix:socket\"]\nread-only = true\nmax-greeting = 3\n",
    )
    .expect("it is written");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("it is ours");
    let file = file.to_str().expect("text");
    let served = Served::start(&["--config", file], 2);
    std::fs::write(served.file("file"), "content").expect("it is written");
    std::fs::write(served.beside("new"), "new").expect("it is written");
    for at in &served.places {
        let at = if at.starts_with("unix:") { "unix:./socket:".to_owned() } else { at.clone() };
        assert_eq!(served.towline(&["get", &format!("{at}/file"), "-"]).well().out, "content");
        served.towline(&["put", "new", &format!("{at}/new")]).fails(7, &["this server is read-only for you"]);
    }
    served.stop();
    let served = Served::start(&["--config", file, "--listen", "127.0.0.1:0"], 1);
    assert!(!served.beside("socket").exists(), "a flag's list takes the place of the file's");
    served.stop();
}

#[test]
fn a_check_says_what_would_be_or_what_is_wrong_first() {
    let told = check("dir = \"files\"\nlisten = [\"127.0.0.1:1\"]\ndrop-box = true\n", &[]).well();
    let expected = "serves files, as a box for new files: they can be sent, and not seen\nlistens on 127.0.0.1:1\nall is right\n";
    assert_eq!(told.out, expected);
    check("dir = \"files\"\nread-only = true\ndrop-box = true\n", &[])
        .fails(2, &["--read-only", "--drop-box"]);
    check("dir = \"files\"\nmax-connections = 5\nmax-greeting = 9\n", &[])
        .fails(2, &["max-greeting is 9, and there may be 5 connections in all"]);
    check("dir = \"files\"\n\nmax-conections = 5\n", &[])
        .fails(2, &["line 3", "perhaps max-connections was meant"]);
    check("dir = \"missing\"\n", &[]).fails(6, &["cannot serve \"missing\""]);
    check("dir = \"serve.toml\"\n", &[]).fails(7, &["cannot serve \"serve.toml\""]);
    check("dir = \"files\"\nlisten = [\"unix:missing/socket\"]\n", &[])
        .fails(6, &["cannot listen on unix:missing/socket"]);
    check("dir = \"files\"\nuser = \"nobody-of-that-name\"\n", &[])
        .fails(2, &["there is no user of that name"]);
    check("dir = \"files\"\n", &["--echo", "0.0.0.0:1"]).fails(2, &["--insecure-plaintext"]);
}

/// Only root can become somebody else; the kernel shows whom every thread has become.
#[test]
fn a_server_started_by_root_becomes_whom_it_is_to_be() {
    if !rustix::process::geteuid().is_root() {
        let mine = Served::start(&["--listen", "127.0.0.1:0"], 1);
        return drop(mine.stop());
    }
    let served = Served::start(&["--no-files", "--echo", "127.0.0.1:0", "--user", "nobody"], 1);
    let process = served.id();
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    for task in tasks {
        let status = std::fs::read_to_string(task.expect("it runs").path().join("status")).expect("it runs");
        let of =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect("a line").to_owned();
        for name in ["Uid:", "Gid:"] {
            assert!(of(name).split_whitespace().all(|id| id != "0"), "{status}");
        }
        assert!(!of("Groups:").split_whitespace().any(|id| id == "0"), "{status}");
        assert_eq!(of("CapEff:").trim().trim_start_matches('0'), "", "{status}");
    }
    served.stop();
}

/// As systemd would hear of it (`sd_notify(3)`).
#[test]
fn whoever_started_it_hears_that_it_is_ready_lives_and_stops() {
    use std::os::unix::net::UnixDatagram;
    let folder = tempfile::tempdir().expect("a folder");
    let heard = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
    let name = folder.path().join("notify");
    let environment = [("NOTIFY_SOCKET", name.to_str().expect("text")), ("WATCHDOG_USEC", "60000")];
    let served = Served::start_in(&["--listen", "127.0.0.1:0"], 1, &environment);
    let next = || {
        let mut words = [0; 200];
        let length = heard.recv(&mut words).expect("it tells");
        String::from_utf8(words[..length].to_vec()).expect("text")
    };
    let ready = next();
    assert!(ready.starts_with("READY=1\nSTATUS=listening on 127.0.0.1:"), "{ready}");
    assert_eq!((next(), next()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
    served.stop();
    let last = std::iter::repeat_with(next).find(|words| words != "WATCHDOG=1").expect("it says so");
    assert!(last.starts_with("STOPPING=1"), "{last}");
}

fn asked(at: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(at).expect("it listens");
    // Whoever asks for too much is cut off in the middle of it.
    let mut answer = String::new();
    let _cut_off = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    answer
}

#[test]
fn what_happens_is_told_in_numbers_and_nothing_else_can_be_asked_for() {
    let mut served =
        Served::start(&["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--read-only"], 1);
    let at = served.line_with("metrics at http://").split('/').nth(2).expect("an address").to_owned();
    std::fs::write(served.file("file"), "content").expect("it is written");
    let place = served.places[0].clone();
    served.towline(&["get", &format!("{place}/file"), "copy"]).well();
    served.towline(&["rm", &format!("{place}/file")]).fails(7, &[]);
    // One that says nothing holds up nobody for long.
    let _silent = std::net::TcpStream::connect(&at).expect("it listens");
    let page = asked(&at, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{page}");
    for line in [
        "towline_operations_total{operation=\"get\",code=\"\"} 1",
        "towline_operations_total{operation=\"remove\",code=\"NOT_ALLOWED\"} 1",
        "towline_file_bytes_total{operation=\"get\"} 7",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(asked(&at, "GET /other HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(asked(&at, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    assert_eq!(asked(&at, &"x".repeat(20_000)), "");
    served.stop();
}
