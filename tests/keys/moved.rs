//! What goes over TLS arrives, and what was cut is no whole file.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use crate::help::*;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn files_go_there_and_come_back_over_tls() {
    let (mut served, client) = acquainted("all", &[]);
    for (name, length) in [("small", 5), ("medium", 70_000), ("large", 5_000_000)] {
        fs::write(client.path(name), content(length)).unwrap();
        client.does(&["put", name, &served.at(name), "--tls", "-q"]);
        assert!(fs::read(served.path(name)).unwrap() == content(length));
        client.does(&["get", &served.at(name), "back", "--tls", "-q"]);
        assert!(fs::read(client.path("back")).unwrap() == content(length));
    }
    client.does(&["get", "-j", "3", &served.at("large"), "several", "--tls", "-q"]);
    assert!(fs::read(client.path("several")).unwrap() == content(5_000_000));
    client.does(&["put", "-j", "3", "large", &served.at("again"), "--tls", "-q"]);
    assert!(fs::read(served.path("again")).unwrap() == content(5_000_000));
    assert!(client.does(&["ls", &served.address, "--tls"]).contains("medium"));
    // The log has the name of the key.
    served.line_with("somebody at 127.0.0.1");
}

#[test]
fn a_key_may_do_what_its_line_says_in_its_folder_alone() {
    let (served, client) = acquainted("read,list in/photos", &[]);
    fs::create_dir_all(served.path("in/photos")).unwrap();
    fs::write(served.path("in/photos/cat"), "meow").unwrap();
    fs::write(served.path("secret"), "psst").unwrap();
    assert!(client.does(&["ls", &served.address, "--tls"]).ends_with("  cat\n"));
    assert_eq!(client.does(&["get", &served.at("cat"), "-", "--tls", "-q"]), "meow");
    client.fails(&["get", &served.at("secret"), "-", "--tls"], 6, &["no such file"]);
    fs::write(client.path("dog"), "woof").unwrap();
    client.fails(&["put", "dog", &served.address, "--tls"], 7, &["read-only for you"]);
    client.fails(&["rm", &served.at("cat"), "--tls"], 7, &["read-only for you"]);
}

/// Carries `bytes` of what the server says, and then ends both ways in order, as whoever is between may do at any time.
fn cutting_relay(to: &str, bytes: u64) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, to) = (listener.local_addr().unwrap().to_string(), to.to_owned());
    let relay = std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(to).unwrap();
        let (mut from, mut into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let asking = std::thread::spawn(move || {
            let _ended = std::io::copy(&mut from, &mut into);
            let _gone = into.shutdown(Shutdown::Both);
        });
        std::io::copy(&mut (&server).take(bytes), &mut &client).unwrap();
        (&client).flush().unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let _rest = std::io::copy(&mut &server, &mut std::io::sink());
        let _gone = client.shutdown(Shutdown::Both);
        asking.join().unwrap();
    });
    (address, relay)
}

#[test]
fn a_stream_that_was_cut_is_no_whole_file() {
    let (served, client) = acquainted("all", &[]);
    fs::write(served.path("large"), content(5_000_000)).unwrap();
    let (address, relay) = cutting_relay(&served.address, 2_000_000);
    // To the client the relay is a server of another name, with the key that it knows.
    let known = fs::read_to_string(client.keys("known_hosts")).unwrap();
    client.write_keys("known_hosts", &known.replace(&served.address, &address));
    let from = format!("{address}/large");
    client.fails(&["get", &from, "copy", "--tls", "--retries", "0"], 4, &["the connection broke"]);
    assert!(!client.path("copy").exists());
    relay.join().unwrap();
}
