//! Connections that stall, at a real server: they hold up nobody, and are told.

use std::io::Read;
use std::net::TcpStream;

use towline::wire::{Code, Decoder};

use super::help::Served;

/// What a server says to whoever says nothing.
fn last_words(mut stream: TcpStream) -> Option<Code> {
    let mut heard = Vec::new();
    let _broken_off = stream.read_to_end(&mut heard);
    let mut decoder = Decoder::new();
    decoder.push(heard.into());
    match decoder.next() {
        Ok(Some(towline::wire::Frame { body: towline::wire::Body::Refused(refused), .. })) => {
            Some(refused.code)
        }
        _ => None,
    }
}

#[test]
fn connections_that_never_greet_give_way_to_those_that_do() {
    let served = Served::start(&["--listen", "127.0.0.1:0", "--max-greeting", "8", "--quiet"], 1);
    let at = served.places[0].clone();
    let stalled: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&at).expect("it listens")).collect();
    std::fs::write(served.file("file"), "content").expect("it is written");
    let got = served.towline(&["get", "--retries", "0", &format!("{at}/file"), "-"]).well();
    assert_eq!(got.out, "content");
    // All but the last eight were dropped, without a word.
    let words: Vec<Option<Code>> = stalled.into_iter().take(192).map(last_words).collect();
    assert_eq!(words, vec![None; 192]);
    served.stop();
}

#[test]
fn who_takes_too_long_to_greet_is_told() {
    let served = Served::start(&["--listen", "127.0.0.1:0", "--handshake-timeout", "0.1", "--quiet"], 1);
    let silent = TcpStream::connect(&served.places[0]).expect("it listens");
    assert_eq!(last_words(silent), Some(Code::HANDSHAKE_TIMEOUT));
    served.stop();
}
