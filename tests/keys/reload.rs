//! `authorized_keys` is read again while the server runs.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
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
    let mode = Permissions::from_mode(0o666);
    fs::set_permissions(served.home.keys("authorized_keys"), mode).unwrap();
    served.signal(Signal::HUP);
    assert!(served.line_with("the keys stay as they were: ").contains("others may write to it (mode 666)"));
    client.does(&["ls", &served.address, "--tls"]);
}

/// Owned by root, as the file is that a package installs; those who may read it are others.
fn with_modes(served: &Served, folder: u32, file: u32) {
    let set = |path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    set(served.home.path("config/towline"), folder);
    set(served.home.keys("authorized_keys"), file);
}

/// Privileges were dropped, and the kernel holds the process to what it serves and to the folder of its keys.
#[test]
fn keys_are_read_again_by_whom_the_server_has_become() {
    if !rustix::process::geteuid().is_root() {
        println!(
            "keys_are_read_again_by_whom_the_server_has_become was left out: only root can become somebody else"
        );
        return;
    }
    let client = Home::new();
    let line = format!("{} somebody all\n", client.key());
    let home = Home::new();
    home.write_keys("authorized_keys", "");
    fs::create_dir(home.path("served")).unwrap();
    for (path, mode) in [("", 0o755), ("config", 0o755), ("config/towline", 0o755), ("served", 0o777)] {
        fs::set_permissions(home.path(path), Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(home.keys("authorized_keys"), Permissions::from_mode(0o644)).unwrap();
    let mut served = Served::at_home(home, &["--user", "nobody"]);
    let ls = ["ls", &served.address.clone(), "--tls", "--accept", &served.fingerprint.clone()];
    client.fails(&ls, 7, &["authorized_keys has no line for ed25519:"]);

    // Written in place.
    served.home.write_keys("authorized_keys", &line);
    with_modes(&served, 0o755, 0o644);
    served.signal(Signal::HUP);
    served.line_with("read again: 1 key may come");
    client.does(&ls);
    // Replaced, as editors do: another file of that name.
    served.home.write_keys("new", "");
    fs::set_permissions(served.home.keys("new"), Permissions::from_mode(0o644)).unwrap();
    fs::rename(served.home.keys("new"), served.home.keys("authorized_keys")).unwrap();
    served.signal(Signal::HUP);
    served.line_with("read again: nobody may come yet");
    client.fails(&ls, 7, &["authorized_keys has no line for ed25519:"]);
    served.home.write_keys("authorized_keys", &line);
    with_modes(&served, 0o755, 0o644);
    served.signal(Signal::HUP);
    served.line_with("read again: 1 key may come");
    // By nobody but root: the keys stay, and it is said why.
    served.home.write_keys("authorized_keys", "");
    with_modes(&served, 0o755, 0o600);
    served.signal(Signal::HUP);
    let said = served.line_with("the keys stay as they were: ");
    assert!(said.contains("cannot open it: ") && said.contains("authorized_keys"), "{said}");
    client.does(&ls);
}

/// What root alone may read is read while the server is root, and cannot be read again: that is said as it starts.
#[test]
fn keys_that_cannot_be_read_again_are_told_of_at_the_start() {
    if !rustix::process::geteuid().is_root() {
        println!(
            "keys_that_cannot_be_read_again_are_told_of_at_the_start was left out: only root can become somebody else"
        );
        return;
    }
    let client = Home::new();
    let served = Served::start(&format!("{} somebody all\n", client.key()));
    let home = served.stop();
    for (path, mode) in [("", 0o755), ("config", 0o755), ("served", 0o777)] {
        fs::set_permissions(home.path(path), Permissions::from_mode(mode)).unwrap();
    }
    let mut served = Served::at_home(home, &["--user", "nobody"]);
    let said = served.line_with("authorized_keys cannot be read again on SIGHUP: ");
    assert!(said.contains("ermission denied") && said.contains("this runs as user "), "{said}");
    client.does(&["ls", &served.address, "--tls", "--accept", &served.fingerprint]);
}
