//! Errors that explain, as they happen, and by name.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use towline::net::diagnose::ENTRIES;

use super::help::{Served, Told, towline_in};

fn towline(args: &[&str]) -> Told {
    towline_in(&std::env::temp_dir(), args)
}

/// All the texts, as they happen and for `towline explain`.
#[test]
fn each_error_is_explained() {
    // These are known whatever the machine.
    let facts = [("listen", ""), ("letters", "ltu")];
    let texts: Vec<String> = ENTRIES.iter().map(|entry| entry.text(&facts)).collect();
    insta::assert_snapshot!("explained", texts.join("\n\n\n"));
}

#[test]
fn an_error_is_explained_by_its_name_and_by_its_number() {
    let by_name = towline(&["explain", "eaddrinuse"]).well();
    assert!(
        by_name.out.starts_with("EADDRINUSE (98): Address already in use\n\nwhen listening on a port"),
        "{by_name:?}"
    );
    assert!(
        by_name.out.contains("TIME_WAIT") && by_name.out.contains("port PORT is held by HOLDERS"),
        "{by_name:?}"
    );
    assert_eq!(towline(&["explain", "98"]).well().out, by_name.out);
    // What holds of this machine stands in it.
    let limit = towline(&["explain", "EMFILE"]).well().out;
    let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    assert!(
        limit.contains(&format!(
            "may have {} files",
            soft.map_or("unlimited".into(), |soft| soft.to_string())
        )),
        "{limit}"
    );
    assert!(towline(&["explain", "EADDRNOTAVAIL"]).well().out.contains("127.0.0.1"));
    let all = towline(&["explain"]).well().out;
    assert!(
        all.contains("ECONNREFUSED (111)     Connection refused\n") && all.contains("EAI_NONAME"),
        "{all}"
    );
}

#[test]
fn what_is_no_error_leads_to_the_nearest() {
    towline(&["explain", "EADRINUSE"]).fails(2, &["no error of that name", "was it EADDRINUSE (98)?"]);
    towline(&["explain", "71"]).fails(2, &["Protocol error", "man 3 errno"]);
    towline(&["explain", "-1"]).fails(2, &["no error has that number"]);
    towline(&["explain", "a\u{1b}[2J"]).fails(2, &["cannot explain \"a\\u{1b}[2J\""]);
}

/// Who has a port, by name, number, user and command; of UDP and of Unix sockets as well.
#[test]
fn whoever_holds_a_place_is_named() {
    let args = ["--listen", "127.0.0.1:0", "--echo", "udp://127.0.0.1:0", "--echo", "unix:echo"];
    let served = Served::start(&args, 3);
    let user = rustix::process::geteuid().as_raw();
    let holder =
        ["is held by towline, pid ", &format!("({user}), `"), "towline serve files --listen 127.0.0.1:0"];
    served.towline(&["serve", "files", "--listen", &served.places[0]]).fails(10, &holder);
    served.towline(&["serve", "--no-files", "--echo", &served.places[1]]).fails(10, &holder);
    served
        .towline(&["serve", "--no-files", "--echo", "unix:echo"])
        .fails(10, &["towline, pid ", "answers at that socket"]);
}

#[test]
fn a_port_in_time_wait_is_told_from_one_that_is_held() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    // Whoever ends a connection first is the one that waits.
    drop(listener.accept().unwrap());
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop((client, listener));
    let place = address.to_string();
    let folder = tempfile::tempdir().unwrap();
    let args = ["serve", "--listen", &place, "--socket", "reuse-address=off"];
    towline_in(folder.path(), &args).fails(10, &["are still in TIME_WAIT there", "wait a minute"]);
}

#[test]
fn an_address_of_another_machine_and_a_name_of_none() {
    let args = ["serve", "--insecure-plaintext", "--listen", "192.0.2.7:0"];
    towline(&args).fails(11, &["192.0.2.7 is no address of this machine", "127.0.0.1"]);
    let host = format!("{}.invalid", "x".repeat(64));
    towline(&["ls", &host, "--retries", "0"]).fails(3, &["it is misspelt", "getent hosts"]);
}

#[test]
fn a_process_that_may_open_nothing_more_is_told_its_limit() {
    // How many are open already is not ours to say: at some limit the first that it opens is too many, at some the last.
    let told = |limit: u32| {
        let run = format!("ulimit -n {limit}; exec {} ls 127.0.0.1:1", env!("CARGO_BIN_EXE_towline"));
        let told: Told = Command::new("sh").args(["-c", &run]).output().unwrap().into();
        assert!(!told.error.contains("panicked") && told.code != Some(0), "{limit}: {told:?}");
        told.error.contains(&format!("may have {limit} files and sockets open at once"))
    };
    assert!((4..24).filter(|limit| told(*limit)).count() > 2);
}

/// A bound UDP socket that is somebody else's: the port is not taken over, and the first goes on.
#[test]
fn a_udp_port_is_not_taken_over() {
    let first = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = format!("udp://{}", first.local_addr().unwrap());
    towline(&["serve", "--no-files", "--echo", &place]).fails(10, &["pid ", "which listens on"]);
}
