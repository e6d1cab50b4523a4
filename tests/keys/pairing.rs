//! Pairing with the real binary at both sides.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;
use towline::proto::pairing::PairCode;

use crate::help::*;
use crate::waiting::Waiting;

/// `towline pair ADDRESS`, with the code from standard input.
fn pair_with(home: &Home, address: &str, code: &str) -> (i32, String, String) {
    let mut command = home.command(&["pair", address]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{code}\n").as_bytes()).unwrap();
    ended(child.wait_with_output().unwrap())
}

/// A code that is well formed, and not `code`.
fn another(code: &str) -> String {
    let others = (0..2).map(|number| PairCode::drawn([number; 5]).shown());
    others.into_iter().find(|other| other != code).unwrap()
}

fn fails_with((code, out, error): (i32, String, String), expected: i32, texts: &[&str]) {
    assert_eq!(code, expected, "{out}{error}");
    for text in texts {
        assert!(error.contains(text), "\"{text}\" is not in:\n{error}");
    }
}

#[test]
fn two_machines_pair_and_a_put_needs_no_question_after_it() {
    let (mut served, client) = (Served::start(""), Home::new());
    let port = served.address.rsplit(':').next().unwrap().to_owned();
    let mut waiting = Waiting::start(&served.home, &["--serve-port", &port]);
    // As people type.
    let typed = waiting.code.to_uppercase().replace('-', " ");
    let (code, out, error) = pair_with(&client, &waiting.address, &typed);
    assert_eq!(code, 0, "{out}{error}");
    assert!(error.contains("made a key for this machine"), "{error}");
    assert!(
        out.contains(&format!("paired with {}", served.address)) && out.contains(&served.fingerprint),
        "{out}"
    );
    let put = format!("put FILE {} --tls", served.address);
    assert!(out.contains(&put), "{out}");

    let who = waiting.line_with("paired with ");
    assert!(who.starts_with("somebody@") && who.contains("fingerprint"), "{who}");
    let hangup = waiting.line_with("kill -HUP ");
    assert_eq!(hangup, served.pid().to_string(), "the server that runs is named");
    assert_eq!(waiting.ended().0, 0);
    served.signal(Signal::HUP);
    served.line_with("read again");

    fs::write(client.path("notes"), "moved").unwrap();
    client.does(&["put", "notes", &served.at("notes"), "--tls", "-q"]);
    assert_eq!(fs::read_to_string(served.path("notes")).unwrap(), "moved");
    for home in [&served.home, &client] {
        let mode = fs::metadata(home.keys("identity.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_wrong_code_is_told_at_both_sides_and_the_third_kills_it() {
    let (server, client) = (Home::new(), Home::new());
    let waiting = Waiting::start(&server, &[]);
    let (address, right) = (waiting.address.clone(), waiting.code.clone());
    // A mistake in typing is told before anything is sent, and costs nothing.
    for typed in ["", &right[..7], &format!("u{}", &right[1..])] {
        let (code, _, error) = pair_with(&client, &address, typed);
        assert!(code == 2 && error.contains("cannot pair with"), "{typed}: {error}");
        assert!(!error.contains(&right), "{error}");
    }
    let wrong = another(&right);
    fails_with(
        pair_with(&client, &address, &wrong),
        UNTRUSTED,
        &["it has another code", "2 guesses are left"],
    );
    fails_with(pair_with(&client, &address, &wrong), UNTRUSTED, &["1 guess is left"]);
    fails_with(pair_with(&client, &address, &wrong), UNTRUSTED, &["this one is dead"]);
    let (code, out, error) = waiting.ended();
    assert_eq!(code, UNTRUSTED, "{out}{error}");
    assert!(
        error.contains("a wrong code from 127.0.0.1:") && error.contains("guessed wrong 3 times"),
        "{error}"
    );
    // Neither side's errors have anybody's code in them.
    assert!(!error.contains(&right) && !error.contains(&wrong), "{error}");
    assert!(!server.keys("authorized_keys").exists() && !client.keys("known_hosts").exists());
    let gone = pair_with(&client, &address, &right);
    fails_with(gone, 3, &["refused", "run `towline pair` there"]);
}

#[test]
fn ports_that_pair_and_ports_that_serve_say_which_they_are() {
    let (served, client) = (Served::start(""), Home::new());
    let waiting = Waiting::start(&served.home, &[]);
    let serving = pair_with(&client, &served.address, &waiting.code);
    fails_with(serving, 5, &["does not pair", "towline serve", "run `towline pair` there"]);
    let nobody = served.fingerprint.clone();
    client.fails(
        &["ls", &waiting.address, "--tls", "--accept", &nobody],
        3,
        &["`towline pair` waits on port"],
    );
    let plain = ["ls", &waiting.address, "--retries", "0"];
    client.fails(&plain, 5, &["this port, which is for pairing alone"]);
    // None of it was a guess.
    let (code, out, error) = pair_with(&client, &waiting.address, &waiting.code);
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(waiting.ended().0, 0);
}

#[test]
fn what_a_key_may_do_is_chosen_once_and_stays() {
    let (server, client) = (Home::new(), Home::new());
    let first = ["--rights", "read,list", "--folder", "in/anna's", "--name", "anna"];
    let waiting = Waiting::start(&server, &first);
    let (code, out, error) = pair_with(&client, &waiting.address, &waiting.code);
    assert!(code == 0 && out.contains("may read and list, in a folder of what is served"), "{out}{error}");
    assert!(!out.contains("put FILE"), "{out}");
    assert_eq!(waiting.ended().0, 0);
    let line = format!("{} anna read,list in/anna's\n", client.key());
    assert_eq!(fs::read_to_string(server.keys("authorized_keys")).unwrap(), line);
    let known = fs::read_to_string(client.keys("known_hosts")).unwrap();
    assert_eq!(known, format!("127.0.0.1:8695 {}\n", server.key()));

    // Once more, with more rights: nothing changes behind anybody's back.
    let waiting = Waiting::start(&server, &[]);
    let (code, out, error) = pair_with(&client, &waiting.address, &waiting.code);
    assert!(code == 0 && out.contains("may read and list"), "{out}{error}");
    let (_, out, _) = waiting.ended();
    assert!(out.contains("paired with anna,") && out.contains("stays as it is there"), "{out}");
    assert_eq!(fs::read_to_string(server.keys("authorized_keys")).unwrap(), line);
    assert_eq!(fs::read_to_string(client.keys("known_hosts")).unwrap(), known);
}

#[test]
fn files_that_cannot_be_used_are_told_before_a_try_or_a_code() {
    let (server, client) = (Home::new(), Home::new());
    server.write_keys("authorized_keys", "nonsense\n");
    server.fails(&["pair", "--listen", "127.0.0.1:0"], UNTRUSTED, &["authorized_keys", "line 1"]);
    server.write_keys("authorized_keys", "");
    fs::set_permissions(server.keys("authorized_keys"), Permissions::from_mode(0o666)).unwrap();
    server.fails(&["pair", "--listen", "127.0.0.1:0"], UNTRUSTED, &["others may write to it", "chmod go-w"]);
    server.write_keys("authorized_keys", "");

    let waiting = Waiting::start(&server, &[]);
    client.write_keys("known_hosts", "nonsense\n");
    fails_with(pair_with(&client, &waiting.address, &waiting.code), UNTRUSTED, &["known_hosts", "line 1"]);
    // Another key of that server is not replaced: the one that was met first is what counts until somebody says otherwise.
    let other = format!("127.0.0.1:8695 {}\n", client.key());
    client.write_keys("known_hosts", &other);
    let changed = pair_with(&client, &waiting.address, &waiting.code);
    fails_with(changed, UNTRUSTED, &["line 1 has another key for this server", "pair again"]);
    assert_eq!(fs::read_to_string(client.keys("known_hosts")).unwrap(), other);
    let (code, _, error) = waiting.ended();
    assert!(code == 0 && error.contains("not heard that the other machine has kept"), "{error}");
}

#[test]
fn a_code_that_nobody_types_dies() {
    let (server, client) = (Home::new(), Home::new());
    let waiting = Waiting::start(&server, &["--for", "50ms"]);
    let (address, typed) = (waiting.address.clone(), waiting.code.clone());
    fails_with(waiting.ended(), 8, &["within 50.0 ms", "run `towline pair` again"]);
    fails_with(pair_with(&client, &address, &typed), 3, &["run `towline pair` there"]);
}
