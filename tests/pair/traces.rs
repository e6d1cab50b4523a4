//! Conversations, as one reads them: one line a frame, in the order in which the client said or heard it.

use std::collections::BTreeSet;

use bytes::Bytes;
use towline::harness::{Fault, Lone, Pair, PairConfig, Side, Trace};
use towline::proto::Limits;
use towline::proto::client::{Command, LinkId};
use towline::proto::session;
use towline::time::Duration;
use towline::wire::{Body, Frame, Hello, PREAMBLE};

use crate::help::*;

/// The same over real sockets: `tests/drive/traced.rs`.
#[test]
fn handshake_echo_and_a_small_put() {
    let mut pair = pair();
    pair.local.put("file", b"a small file");
    pair.carry_out(echo("Hello, world")).expect("an echo");
    pair.carry_out(put("file")).expect("a put");
    pair.close();
    snapshot("conversation_handshake_echo_put", &pair.trace.by_side());
}

#[test]
fn a_put_waits_for_what_the_receiver_has() {
    let mut pair = pair();
    pair.local.put("folder/file", &noise((1 << 20) + 70_000));
    pair.carry_out(put("folder/file")).expect("a put");
    pair.close();
    snapshot("conversation_put", pair.trace.text());
}

#[test]
fn a_get_of_a_small_file_comes_in_one_breath() {
    let mut pair = pair();
    pair.served.put("file", &noise(70_000));
    pair.carry_out(fetch("file")).expect("a get");
    pair.close();
    snapshot("conversation_get", pair.trace.text());
}

#[test]
fn a_folder_is_listed() {
    let mut pair = pair();
    (0..3).for_each(|i| pair.served.put(&format!("{i}"), &noise(i)));
    pair.served.put_folder("folder");
    pair.served.put_link("link", "0");
    pair.carry_out(list("")).expect("a listing");
    pair.close();
    snapshot("conversation_list", pair.trace.text());
}

#[test]
fn nothing_is_found() {
    let mut pair = pair();
    for request in [stat("nothing"), fetch("nothing"), list("nothing"), remove("nothing", 1)] {
        pair.carry_out(request).expect_err("nothing is there");
    }
    pair.close();
    snapshot("conversation_not_found", pair.trace.text());
}

#[test]
fn a_version_is_refused() {
    let said = Frame::connection(Body::Hello(Hello { lowest: 2, highest: 3, ..hello() })).to_bytes();
    let said = [&PREAMBLE[..], &said].concat();
    let mut lone = Lone::server(limits());
    lone.receive(said.clone());
    let mut trace = Trace::new();
    trace.bytes(Side::Client, Bytes::from(said));
    trace.bytes(Side::Server, Bytes::from(lone.sent.clone()));
    if lone.is_finished {
        trace.note("server", "ends its stream");
    }
    lone.run_out();
    snapshot("conversation_version_refused", trace.text());
}

#[test]
fn a_put_is_cancelled() {
    let mut pair = pair();
    pair.local.put("file", &noise(1_200_000));
    let job = pair.start(put("file"));
    pair.run_until(|pair| pair.trace.text().contains("Data"));
    pair.command(Command::Cancel(job));
    pair.run_until(|pair| pair.result(job).is_some());
    pair.close_keeping(1);
    snapshot("conversation_cancel", pair.trace.text());
}

/// Nothing arrives any more behind the first reply: the client asks whether anyone is there, gives up, and dials again.
#[test]
fn a_connection_falls_silent() {
    let limits = Limits { idle: Some(Duration::from_secs(4)), ..Limits::default() };
    let silent_from = {
        let mut pair = pair();
        pair.carry_out(echo("one")).expect("an echo");
        pair.sent(LinkId(0), Side::Server)
    };
    let faults = vec![Fault::Silence(0, Side::Server, silent_from)];
    let mut pair = Pair::new(PairConfig { limits, faults, ..PairConfig::default() });
    pair.carry_out(echo("one")).expect("an echo");
    pair.carry_out(echo("two")).expect("an echo");
    pair.close();
    snapshot("conversation_idle_timeout", pair.trace.text());
}

#[test]
fn a_server_drains() {
    let mut pair = pair();
    pair.local.put("file", &noise(1_200_000));
    let job = pair.start(put("file"));
    pair.run_until(|pair| pair.trace.text().contains("Have"));
    pair.command_server(session::Command::Drain);
    pair.run_until(|pair| pair.result(job).is_some());
    pair.close();
    snapshot("conversation_drain", pair.trace.text());
}

/// `cargo insta` would say which snapshot nobody asserts; so does this.
#[test]
fn there_is_no_snapshot_but_those_that_are_asserted() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name().into_string();
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| name(entry).expect("a plain name"))
        .collect();
    let asserted: BTreeSet<String> = SNAPSHOTS.iter().map(|name| format!("{name}.snap")).collect();
    assert_eq!(there, asserted);
}
