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
    check("dir = \"files\"\nread-only = true\ndrop-box = true\n", &[]).fails(2, &["cannot be used with"]);
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
    check("dir = \"files\"\n", &["--listen", "0.0.0.0:1"]).fails(2, &["--insecure-plaintext"]);
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
