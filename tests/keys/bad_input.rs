//! Keys that are not as they should be, and sides that do not fit: each is told what to do.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use crate::help::*;

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(&served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[test]
fn a_server_that_was_never_met_is_told_from_one_whose_fingerprint_is_accepted() {
    let client = Home::new();
    let served = Served::start(&format!("{} somebody all\n", client.key()));
    let (address, fingerprint) = (served.address.as_str(), served.fingerprint.as_str());
    let next = format!("add --accept {fingerprint}");
    client.fails(&["ls", address, "--tls"], UNTRUSTED, &["was never met", "nobody is there to ask", &next]);
    assert!(!client.keys("known_hosts").exists());
    let wrong = "abcd-efgh-ijkl-mnop-qrst";
    client.fails(
        &["ls", address, "--tls", "--accept", wrong],
        UNTRUSTED,
        &[fingerprint, wrong, "another server's"],
    );
    client.fails(&["ls", address, "--tls", "--accept", "abc"], 2, &["is no fingerprint", "towline key"]);
    client.does(&["ls", address, "--tls", "--accept", fingerprint]);
    // Once is enough.
    client.does(&["ls", address, "--tls"]);
    let known = fs::read_to_string(client.keys("known_hosts")).unwrap();
    assert_eq!(known, format!("{address} {}\n", served.home.key()));
}

#[test]
fn a_changed_key_is_a_hard_error_that_says_what_to_compare_and_to_remove() {
    let (served, client) = acquainted("all", &[]);
    let (old, address) = (served.fingerprint.clone(), served.address.clone());
    let home = served.stop();
    fs::remove_file(home.keys("identity.key")).unwrap();
    let served = Served::at_home(home, &[]);
    let known = fs::read_to_string(client.keys("known_hosts")).unwrap();
    client.write_keys("known_hosts", &known.replace(&address, &served.address));
    let remove = format!("remove line 1 of {}", path_text(&client.keys("known_hosts")));
    let texts = [
        "its key has changed",
        &old,
        &served.fingerprint,
        "answers in its place",
        "nothing was sent",
        &remove,
    ];
    // Whatever is asked of it.
    fs::write(client.path("file"), "content").unwrap();
    let (address, at) = (served.address.as_str(), served.at("file"));
    let all: [&[&str]; 6] = [
        &["ls", address],
        &["echo", address],
        &["put", "file", address],
        &["get", &at, "copy"],
        &["rm", &at],
        &["verify", "file", &at],
    ];
    for command in all {
        client.fails(&[command, &["--tls"]].concat(), UNTRUSTED, &texts);
    }
    // Not even spelling the new one out goes around what is known.
    client.fails(
        &["ls", &served.address, "--tls", "--accept", &served.fingerprint],
        UNTRUSTED,
        &["its key has changed"],
    );
}

#[test]
fn files_of_keys_that_others_have_a_hand_in_are_not_used() {
    let (served, client) = acquainted("all", &[]);
    let ls = ["ls", served.address.as_str(), "--tls"];
    let file = client.keys("identity.key");
    let chmod = format!("chmod 600 {}", path_text(&file));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    client.fails(&ls, UNTRUSTED, &["others may read it (mode 644)", "pass for this machine", &chmod]);
    client.fails(&["key"], UNTRUSTED, &["others may read it (mode 644)"]);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&file, client.path("elsewhere")).unwrap();
    symlink(client.path("elsewhere"), &file).unwrap();
    client.fails(&ls, UNTRUSTED, &["symbolic link"]);
    fs::remove_file(&file).unwrap();
    fs::write(&file, "secret secret-ed25519:AAAA\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    client.fails(&ls, UNTRUSTED, &["line 1, column 23: the key has 4 characters"]);
    client.write_keys("known_hosts", "example.org nonsense\n");
    client.fails(&ls, UNTRUSTED, &["known_hosts", "line 1, column 13: a key is needed here"]);

    let home = Home::new();
    home.write_keys("authorized_keys", "alice all\n");
    home.fails(
        &["serve", "--listen", "127.0.0.1:0", "--tls"],
        UNTRUSTED,
        &["authorized_keys", "line 1, column 1"],
    );
}

#[test]
fn a_plaintext_client_at_a_port_with_tls_is_told_so() {
    let (served, client) = acquainted("all", &[]);
    client.fails(&["ls", &served.address], 5, &["the server speaks TLS here", "with --tls"]);
}

#[test]
fn a_tls_client_at_a_plaintext_port_is_told_so() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let address =
        lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned)).unwrap();
    let told = ["the server speaks towline without TLS", "--insecure-plaintext here"];
    Home::new().fails(&["ls", &address, "--tls"], 3, &told);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn something_else_at_the_port_is_told_from_a_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let web = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut greeting = [0; 64];
        client.read_exact(&mut greeting).unwrap();
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    Home::new().fails(&["ls", &address, "--tls"], 3, &["does not speak TLS", "check the port"]);
    web.join().unwrap();
}

/// A greeting of TLS 1.2: nothing in it says that 1.3 is spoken, too.
fn greeting_of_tls_1_2() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 29, // supported_groups: x25519
        0, 11, 0, 2, 1, 0, // ec_point_formats
        0, 13, 0, 4, 0, 2, 8, 7, // signature_algorithms: ed25519
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session, one suite (ECDHE-ECDSA with AES-128-GCM), no compression.
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.len() as u8]);
    body.extend(extensions);
    let hello = [&[1, 0, 0, body.len() as u8], &body[..]].concat();
    [&[22, 3, 1, 0, hello.len() as u8], &hello[..]].concat()
}

#[test]
fn a_client_of_tls_1_2_is_refused_by_the_alert_for_that() {
    let (mut served, _client) = acquainted("all", &[]);
    let mut stream = connect(&served);
    stream.write_all(&greeting_of_tls_1_2()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    // A fatal alert (2), protocol_version (70).
    assert!(answer.ends_with(&[2, 70]) && answer.starts_with(&[21, 3]), "{answer:?}");
    served.line_with("refused: the other side does not speak TLS 1.3");
}

#[test]
fn a_handshake_that_stalls_is_cut_and_holds_up_nobody() {
    let (mut served, client) = acquainted("all", &["--handshake-timeout", "1"]);
    let begun = Instant::now();
    // At each stage: nothing said, half a greeting said.
    let mut silent = connect(&served);
    let mut halfway = connect(&served);
    halfway.write_all(&greeting_of_tls_1_2()[..20]).unwrap();
    client.does(&["ls", &served.address, "--tls"]);
    for stream in [&mut silent, &mut halfway] {
        let mut answer = Vec::new();
        // A reset says the same.
        let _ended = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{answer:?}");
    }
    assert!(begun.elapsed() >= Duration::from_secs(1), "not before its time");
    served.line_with("dropped: the handshake took too long");
    client.does(&["ls", &served.address, "--tls"]);
}

#[test]
fn one_deadline_holds_from_the_connection_to_the_greeting() {
    let (mut served, _client) = acquainted("all", &["--handshake-timeout", "1"]);
    // Trickles: each byte comes in time, and all of them would not.
    let mut stream = connect(&served);
    let (greeting, begun) = (greeting_of_tls_1_2(), Instant::now());
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for byte in greeting.chunks(1) {
        let mut answer = [0; 16];
        if stream.write_all(byte).is_err() {
            break;
        }
        match stream.read(&mut answer) {
            Ok(_) => break,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    served.line_with("dropped: the handshake took too long");
}

#[test]
fn what_is_not_this_machine_is_spoken_to_over_tls_or_not_at_all() {
    let home = Home::new();
    // An address of this machine that is not loopback, where the system has none there is nothing to see.
    let mut command = home.command(&["serve", "--listen", "0.0.0.0:0", "-v"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let address =
        lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned)).unwrap();
    assert!(lines.any(|line| line.unwrap().starts_with("encrypted; this server's key has the fingerprint ")));
    let port = address.rsplit_once(':').unwrap().1;
    let client = Home::new();
    client.fails(&["ls", &format!("127.0.0.1:{port}")], 5, &["the server speaks TLS here"]);
    // To a client this is no address of its own machine.
    client.fails(&["ls", &format!("0.0.0.0:{port}")], UNTRUSTED, &["was never met"]);
    client.fails(
        &["ls", &format!("0.0.0.0:{port}"), "--insecure-plaintext"],
        5,
        &["the server speaks TLS here"],
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn plaintext_beyond_this_machine_is_said_at_every_start() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "0.0.0.0:0", "--insecure-plaintext"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let line = said.next().unwrap().unwrap();
    assert!(line.starts_with("warning: whoever reaches 0.0.0.0:0 can read, replace and remove"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    home.fails(&["serve", "--tls", "--insecure-plaintext"], 2, &["it cannot go together with"]);
}

#[test]
fn unix_sockets_need_no_keys_and_take_none() {
    let home = Home::new();
    home.fails(&["ls", "unix:/nowhere/towline", "--tls"], 2, &["Unix sockets are spoken to in plaintext"]);
    home.fails(
        &["ls", "127.0.0.1:1", "--accept", "abcd-efgh-ijkl-mnop-qrst"],
        2,
        &["no keys are shown there"],
    );
    assert!(!home.keys("identity.key").exists(), "none was made for that");
}
