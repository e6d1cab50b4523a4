use super::*;

const HEADING: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const LISTENER: &str = "   1: 0100007F:21F7 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0";
const WAITING: &str =
    "   2: 0100007F:21F7 0100007F:C350 06 00000000:00000000 03:000003E8 00000000     0        0 0 3 0";
const CONNECTED: &str = "   3: 0100007F:21F7 0100007F:0050 01 00000000:00000000 00:00000000 00000000  1000        0 99 1 0 20 4 30 10 -1";
const ANY_V6: &str = "   0: 00000000000000000000000000000000:21F7 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0        0 4712 1 0 100 0 0 10 0";

/// A `/proc` with these lines in `net/tcp`, and a process 4242 "python3" that has the sockets `held` open.
fn proc(lines: &[&str], held: &[u64]) -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    let at = |name: &str| proc.path().join(name);
    std::fs::create_dir_all(at("net")).unwrap();
    std::fs::create_dir_all(at("4242/fd")).unwrap();
    std::fs::write(at("net/tcp"), [&[HEADING], lines].concat().join("\n")).unwrap();
    std::fs::write(at("4242/comm"), "python3\n").unwrap();
    std::fs::write(at("4242/cmdline"), "python3\0-m\0http.server\0").unwrap();
    for (number, inode) in held.iter().enumerate() {
        std::os::unix::fs::symlink(format!("socket:[{inode}]"), at(&format!("4242/fd/{number}"))).unwrap();
    }
    proc
}

/// The process of [`proc`], which belongs to whoever runs the test.
fn python(proc: &Path) -> Holder {
    let user = Some(local::user_name(std::fs::metadata(proc).unwrap().uid()));
    Holder { pid: 4242, name: "python3".into(), user, command: "python3 -m http.server".into() }
}

fn on(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn lines_of_the_kernel_are_read() {
    let row = Row { local: on("127.0.0.1:8695"), state: LISTEN, uid: 1000, inode: 4711 };
    assert_eq!(parse(LISTENER), Some(row));
    assert_eq!(parse(ANY_V6).map(|row| row.local), Some(on("[::]:8695")));
    for nonsense in [HEADING, "", "1: 0100007F", "1: zz:1 a 0A 0 0 0 0 0 0", "1: 01:21F7 0:0 0A 0 0 0 0 0 0"]
    {
        assert_eq!(parse(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_live_holder_is_named() {
    let proc = proc(&[WAITING, CONNECTED, LISTENER], &[1, 4711]);
    let holders = vec![python(proc.path())];
    let expected = PortUse::Listening { on: on("127.0.0.1:8695"), holders };
    assert_eq!(port_use_in(proc.path(), on("127.0.0.1:8695"), Transport::Tcp), expected);
    assert_eq!(
        port_use_in(proc.path(), on("0.0.0.0:8695"), Transport::Tcp),
        expected,
        "the wildcard meets it too"
    );
    assert_eq!(port_use_in(proc.path(), on("127.0.0.2:8695"), Transport::Tcp), PortUse::Unseen);
}

#[test]
fn a_wildcard_listener_of_the_other_family_holds_the_port() {
    let proc = proc(&[ANY_V6], &[4712]);
    assert!(
        matches!(port_use_in(proc.path(), on("127.0.0.1:8695"), Transport::Tcp), PortUse::Listening { on, .. } if on.is_ipv6())
    );
}

#[test]
fn a_holder_that_may_not_be_seen_is_told_by_its_user() {
    let proc = proc(&[LISTENER], &[]);
    let expected = PortUse::Hidden { on: on("127.0.0.1:8695"), uid: 1000 };
    assert_eq!(port_use_in(proc.path(), on("127.0.0.1:8695"), Transport::Tcp), expected);
}

#[test]
fn time_wait_is_told_from_a_connection_and_from_nothing() {
    let address = on("127.0.0.1:8695");
    assert_eq!(port_use_in(proc(&[WAITING], &[]).path(), address, Transport::Tcp), PortUse::TimeWait);
    assert_eq!(
        port_use_in(proc(&[WAITING, CONNECTED], &[]).path(), address, Transport::Tcp),
        PortUse::Connected { on: address }
    );
    assert_eq!(port_use_in(proc(&[], &[]).path(), address, Transport::Tcp), PortUse::Unseen);
    assert_eq!(port_use_in(Path::new("/nonexistent"), address, Transport::Tcp), PortUse::Unknown);
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let proc = proc(&[LISTENER], &[4711]);
    std::fs::write(proc.path().join("4242/comm"), "a\u{1b}[2Jb\n").unwrap();
    let found = port_use_in(proc.path(), on("127.0.0.1:8695"), Transport::Tcp);
    assert!(
        matches!(&found, PortUse::Listening { holders, .. } if holders[0].name == "a\\u{1b}[2Jb"),
        "{found:?}"
    );
}

#[test]
fn a_holder_is_told_with_its_user_and_its_command() {
    let holder =
        Holder { pid: 7, name: "nc".into(), user: Some("me (1000)".into()), command: "nc -l 1".into() };
    assert_eq!(holder.to_string(), "nc, pid 7 (user me (1000), `nc -l 1`)");
    let bare = Holder { user: None, command: String::new(), ..holder };
    assert_eq!(bare.to_string(), "nc, pid 7");
    let proc = proc(&[LISTENER], &[4711]);
    std::fs::write(proc.path().join("4242/cmdline"), format!("a\u{1b}[2J\0{}", "x".repeat(200))).unwrap();
    let command = command_of(&proc.path().join("4242"));
    assert!(
        command.starts_with("a\\u{1b}[2J xxx") && command.ends_with("x...") && command.len() < 100,
        "{command}"
    );
}

#[test]
fn a_udp_socket_holds_its_port_without_listening() {
    let proc = proc(&[], &[4711]);
    let line = LISTENER.replace(" 0A ", " 07 ");
    std::fs::write(proc.path().join("net/udp"), format!("{HEADING}\n{line}\n")).unwrap();
    let found = port_use_in(proc.path(), on("127.0.0.1:8695"), Transport::Udp);
    assert_eq!(found, PortUse::Listening { on: on("127.0.0.1:8695"), holders: vec![python(proc.path())] });
}

#[test]
fn the_holder_of_a_unix_socket_is_found_by_whatever_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with space");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
    for name in ["with space", "link"] {
        let holders = socket_holders(&folder.path().join(name));
        assert_eq!(
            holders.iter().map(|holder| holder.pid).collect::<Vec<_>>(),
            [std::process::id()],
            "{name}"
        );
    }
    assert_eq!(socket_holders(&folder.path().join("none")), []);
    assert_eq!(parse_unix("Num       RefCount Protocol Flags    Type St Inode Path"), None);
    assert_eq!(parse_unix("ffff: 00000002 00000000 00010000 0001 01 123 /a b"), Some((123, "/a b")));
    assert_eq!(parse_unix("ffff: 00000002 00000000 00010000 0001 01 123"), None);
}
