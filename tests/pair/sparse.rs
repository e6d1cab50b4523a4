//! Files with holes: they are sent as holes, whichever way, and stay holes where they arrive.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::LinkId;
use towline::store::memory::MemoryFiles;
use towline::wire::{Body, Capabilities, Data, Hello, OperationId};

use crate::help::*;

const MIB: u64 = 1024 * 1024;
/// 12 MiB and a bit, in blocks of 64 KiB.
const LENGTH: u64 = 12 * MIB + 1_000;

/// Data in the second MiB, at the end of the seventh, and in what is behind the last whole one.
fn put_sparse(files: &MemoryFiles) -> Vec<u8> {
    let pieces: [(u64, Vec<u8>); 3] =
        [(MIB + 5_000, noise(300_000)), (7 * MIB - 4_096, noise(4_096)), (12 * MIB + 900, noise(100))];
    let borrowed: Vec<(u64, &[u8])> = pieces.iter().map(|(offset, bytes)| (*offset, &bytes[..])).collect();
    files.put_sparse("file", LENGTH, &borrowed);
    files.get("file").expect("it was put there")
}

fn ends(pair: &Pair, is_put: bool) -> (MemoryFiles, MemoryFiles, Side) {
    let (local, served) = (pair.local.clone(), pair.served.clone());
    if is_put { (local, served, Side::Client) } else { (served, local, Side::Server) }
}

fn request(is_put: bool) -> towline::proto::session::Request {
    if is_put { put("file") } else { fetch("file") }
}

/// What is read at once, 1 MiB, is the least hole that is found.
#[test]
fn holes_are_sent_as_holes_and_arrive_as_holes() {
    for is_put in [true, false] {
        let mut pair = pair();
        let (source, target, sender) = ends(&pair, is_put);
        let content = put_sparse(&source);
        assert_eq!(
            pair.carry_out(request(is_put)),
            Ok(moved(&content, 0)),
            "the root of all, zeros included"
        );
        assert!(target.get("file").as_deref() == Some(&content[..]));
        let sent = pair.sent(LinkId(0), sender);
        assert!((2 * MIB..2 * MIB + 5_000).contains(&sent), "two MiB and the end are no holes: {sent}");
        let allocated = target.allocated("file").expect("it is there");
        assert!(allocated <= 2 * MIB + 4_096, "{allocated}");
        pair.close();
    }
}

#[test]
fn a_file_that_is_all_hole_sends_no_data() {
    for length in [65_537, MIB, MIB + 1, 40 * MIB] {
        for is_put in [true, false] {
            let mut pair = pair();
            let (source, target, sender) = ends(&pair, is_put);
            source.put_hollow("file", length);
            let content = vec![0; length as usize];
            assert_eq!(pair.carry_out(request(is_put)), Ok(moved(&content, 0)), "{length}");
            assert!(pair.sent(LinkId(0), sender) < 3_000, "{length}");
            assert!(target.get("file").as_deref() == Some(&content[..]));
            assert_eq!(target.allocated("file"), Some(0), "{length}");
            pair.close();
        }
    }
}

/// Wherever the connection breaks, what goes on from there ends with the same file, and with the same holes.
#[test]
fn a_sparse_file_that_broke_off_is_gone_on_with() {
    for is_put in [true, false] {
        let side = if is_put { Side::Client } else { Side::Server };
        for cut in [400, 100_000, MIB + 70_000, 2 * MIB + 300] {
            let faults = vec![Fault::Reset(0, side, cut)];
            let mut pair = Pair::new(PairConfig { faults, ..PairConfig::default() });
            let (source, target, _) = ends(&pair, is_put);
            let content = put_sparse(&source);
            pair.carry_out(request(is_put)).expect("the second attempt");
            assert_eq!(retries(&pair), 1, "{cut}");
            assert!(target.get("file").as_deref() == Some(&content[..]), "{cut}");
            let allocated = target.allocated("file").expect("it is there");
            assert!(allocated <= 2 * MIB + 4_096, "{cut}: {allocated}");
            pair.close();
        }
    }
}

/// What is copied from an old version is a hole where that has one; where data was and a hole is now, a hole is made.
#[test]
fn a_new_version_takes_the_holes_of_the_old_one_and_makes_its_own() {
    for is_put in [true, false] {
        let mut pair = pair();
        let (source, target, sender) = ends(&pair, is_put);
        let content = put_sparse(&source);
        target.put_sparse("file", LENGTH, &[(MIB + 5_000, &noise(300_000)), (4 * MIB, &noise(MIB as usize))]);
        pair.carry_out(request(is_put)).expect("the new version");
        assert!(target.get("file").as_deref() == Some(&content[..]));
        let sent = pair.sent(LinkId(0), sender);
        assert!(sent < 200_000, "blocks at the end of the seventh MiB and at the end of the file: {sent}");
        let allocated = target.allocated("file").expect("it is there");
        assert!(allocated <= 2 * MIB, "{allocated}");
        pair.close();
    }
}

/// A peer without the capability gets zeros.
#[test]
fn to_a_peer_that_takes_no_holes_zeros_are_sent() {
    let mut lone = towline::harness::Lone::server(limits());
    lone.files.put_hollow("file", 100_000);
    lone.preamble();
    lone.hear(0, Body::Hello(Hello { capabilities: Capabilities::default(), ..hello() }));
    lone.hear(1, Body::Get(towline::wire::Get { version: 0, path: path("file") }));
    lone.settle();
    let data: usize = lone
        .heard()
        .into_iter()
        .filter(|frame| frame.operation == OperationId(1))
        .map(|frame| match frame.body {
            Body::Data(Data { payload, .. }) => payload.len(),
            Body::Hole(hole) => panic!("{hole:?}"),
            _ => 0,
        })
        .sum();
    assert_eq!(data, 100_000);
}
