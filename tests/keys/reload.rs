//! `authorized_keys` is read again while the server runs.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use rustix::process::Signal;

use crate::help::*;

/// A put of standard input that goes on until its input ends: a session that stays.
fn staying(client: &Home, to: &str) -> std::process::Child {
    let mut command = client.command(&["put", "-", to, "--tls", "-q", "--retries", "0"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    child.stdin.as_mut().unwrap().write_all(&[7; 1 << 20]).unwrap();
    child
}

#[test]
fn a_removed_key_loses_its_sessions_and_no_other_does() {
    let (kept, removed) = (Home::new(), Home::new());
    let line = |home: &Home, name: &str| format!("{} {name} all\n", home.key());
    let both = line(&kept, "kept") + &line(&removed, "removed");
    let mut served = Served::start(&both);
    let accept = ["--tls", "--accept", &served.fingerprint];
    for home in [&kept, &removed] {
        home.does(&[&["ls", &served.address][..], &accept].concat());
    }
    let (mut staying_on, sent_away) = (staying(&kept, &served.at("a")), staying(&removed, &served.at("b")));
    served.line_with("is removed (");
    served.line_with("is removed (");

    served.home.write_keys("authorized_keys", &line(&kept, "kept"));
    served.signal(Signal::HUP);
    served.line_with("read again: 1 key may come");
    let (code, _, error) = ended(sent_away.wait_with_output().unwrap());
    assert!(code == 7 && error.contains("your key was taken out"), "{code}: {error}");
    removed.fails(&["ls", &served.address, "--tls"], 7, &["does not know your key"]);

    staying_on.stdin.as_mut().unwrap().write_all(b"the end").unwrap();
    let (code, _, error) = ended(staying_on.wait_with_output().unwrap());
    assert_eq!(code, 0, "{error}");
    assert_eq!(fs::metadata(served.path("a")).unwrap().len(), (1 << 20) + 7);
    assert!(!served.path("b").exists());
}

#[test]
fn a_key_that_is_added_may_come_and_one_with_other_rights_comes_again_with_them() {
    let client = Home::new();
    let mut served = Served::start("");
    let ls = ["ls", &served.address.clone(), "--tls", "--accept", &served.fingerprint.clone()];
    client.fails(&ls, 7, &["authorized_keys has no line for ed25519:", "towline key"]);
    let told = served.line_with("such as: ");
    assert_eq!(told, format!("{} NAME read,list", client.key()));
    served.home.write_keys("authorized_keys", &told);
    served.signal(Signal::HUP);
    served.line_with("read again: 1 key may come");
    client.does(&ls);
    fs::write(client.path("new"), "new").unwrap();
    client.fails(&["put", "new", &served.address, "--tls"], 7, &["read-only for you"]);
    served.home.write_keys("authorized_keys", &told.replace("read,list", "all"));
    served.signal(Signal::HUP);
    served.line_with("read again: 1 key may come");
    client.does(&["put", "new", &served.address, "--tls", "-q"]);
}

#[test]
fn a_bad_file_changes_nothing_and_is_told() {
    let (mut served, client) = acquainted("all", &[]);
    let line = fs::read_to_string(served.home.keys("authorized_keys")).unwrap();
    for (text, told) in [
        (format!("{line}nonsense\n"), "line 2, column 1: a key is needed here"),
        (format!("{line}{}", line.replace("all", "read")), "line 2, column 1: the key of line 1 again"),
    ] {
        served.home.write_keys("authorized_keys", &text);
        served.signal(Signal::HUP);
        let said = served.line_with("the keys stay as they were: ");
        assert!(said.contains(told), "{said}");
        client.does(&["ls", &served.address, "--tls"]);
    }
    // What others may write to says nothing, whatever it says.
    served.home.write_keys("authorized_keys", &line);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(served.home.keys("authorized_keys"), mode).unwrap();
    served.signal(Signal::HUP);
    assert!(served.line_with("the keys stay as they were: ").contains("others may write to it (mode 666)"));
    client.does(&["ls", &served.address, "--tls"]);
}
