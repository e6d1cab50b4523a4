//! Damage: a flipped bit at every bit of a small put, and blocks that arrive damaged.

use towline::harness::{Fault, Lone, Side};
use towline::proto::client::LinkId;
use towline::proto::op::OpError;
use towline::proto::session::Event;
use towline::proto::storage::Extent;
use towline::wire::{Body, Code, Commit, Cv, Data, Range, Rope};

use crate::help::*;

const OLD: &[u8] = b"the old file";

fn flip_every_bit(side: Side) {
    let new = noise(60);
    let mut clean = pair();
    clean.local.put("file", &new);
    clean.carry_out(put("file")).expect("a put");
    clean.close();
    for bit in 0..8 * clean.sent(LinkId(0), side) {
        let mut pair = pair_with(vec![Fault::Flip(0, side, bit)]);
        pair.served.put("file", OLD);
        pair.local.put("file", &new);
        let result = pair.carry_out(put("file"));
        pair.close();
        let there = pair.served.get("file").expect("a file, old or new");
        match result {
            Ok(done) => {
                assert!(done == moved(&new, 0) || done == moved(&new, 1), "bit {bit}: {done:?}");
                assert_eq!(there, new, "bit {bit}");
            }
            Err(_) => assert!(there == OLD || there == new, "bit {bit}: a mixture"),
        }
    }
}

#[test]
fn a_flipped_bit_of_the_client_never_publishes_a_wrong_file() {
    flip_every_bit(Side::Client);
}

#[test]
fn a_flipped_bit_of_the_server_never_publishes_a_wrong_file() {
    flip_every_bit(Side::Server);
}

/// The bits of a large put's third block, one in each of its parts: header, offset, chaining value, payload.
#[test]
fn a_damaged_block_is_asked_for_again_and_counted() {
    let content = noise(300_000);
    let clean = |fault: Vec<Fault>| {
        let mut pair = pair_with(fault);
        pair.local.put("file", &content);
        let done = pair.carry_out(put("file"));
        pair.close();
        assert!(pair.served.get("file").as_deref() == Some(&content[..]));
        (done, pair.trace.text().to_owned())
    };
    let (done, _) = clean(vec![]);
    assert_eq!(done, Ok(moved(&content, 0)));
    // 8 of preamble, 52 of Hello, then the offer, and 65,536 + 56 a block: byte 150,000 is within the third.
    let (done, text) = clean(vec![Fault::Flip(0, Side::Client, 8 * 150_000)]);
    assert_eq!(done, Ok(moved(&content, 1)), "{text}");
    assert!(text.contains("Want([Range { first: 2, count: 1 }])"), "{text}");
}

/// A server that was offered a file of one block.
fn offered(content: &[u8]) -> Lone {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", content.len() as u64)));
    lone
}

fn send(lone: &mut Lone, content: &[u8], cv: Cv, root: Cv) {
    let payload = Rope::from(bytes::Bytes::copy_from_slice(content));
    lone.hear(1, Body::Data(Data { offset: 0, cv: Some(cv), payload }));
    lone.hear(1, Body::Commit(Commit { root }));
    lone.settle();
}

#[test]
fn a_block_that_is_damaged_three_times_fails() {
    let content = noise(1000);
    let mut lone = offered(&content);
    let wanted = Body::Want(vec![Range { first: 0, count: 1 }]);
    for attempt in 1..=3 {
        send(&mut lone, &content, root(b"something else"), root(&content));
        let said = bodies(&mut lone);
        if attempt < 3 {
            assert_eq!(said.last(), Some(&wanted), "attempt {attempt}");
        } else {
            assert!(
                matches!(said.last(), Some(Body::Failed(no)) if no.code == Code::BLOCK_DAMAGED),
                "{said:?}"
            );
        }
    }
    lone.hear(2, Body::Stat(path("file")));
    lone.settle();
    assert!(matches!(&bodies(&mut lone)[..], [Body::Failed(no)] if no.code == Code::NOT_FOUND));
    lone.hear(0, Body::Bye);
    lone.peer_ends(towline::proto::machine::End::Orderly);
    lone.run_out();
}

#[test]
fn a_root_that_differs_fails() {
    let content = noise(1000);
    let mut lone = offered(&content);
    send(&mut lone, &content, root(&content), root(b"something else"));
    let failed = |event: &Event| matches!(event, Event::Finished(_, Err(OpError { failure, .. })) if failure.code == Code::ROOT_MISMATCH);
    assert!(lone.events.iter().any(failed), "{:?}", lone.events);
    assert_eq!(lone.files.get("file"), None);
    lone.peer_ends(towline::proto::machine::End::Orderly);
    lone.run_out();
}

/// Block 0 is written and verified before its second copy comes, which must not be written over it.
#[test]
fn a_verified_block_is_not_written_over_by_a_late_copy() {
    let content = noise(4 * 65_536);
    let mut lone = offered(&content);
    lone.settle();
    let segment = |index: usize, bytes: &[u8], cv: Cv| {
        let payload = Rope::from(bytes::Bytes::copy_from_slice(bytes));
        Body::Data(Data { offset: index as u64 * 65_536, cv: Some(cv), payload })
    };
    let extent = Extent { offset: 0, length: 4 * 65_536, unit: 65_536, whole: false };
    let cvs = towline::store::blocks::cvs(extent, &[bytes::Bytes::copy_from_slice(&content)]);
    lone.hear(1, segment(0, &content[..65_536], cvs[0]));
    // Data of another transfer lets the first one store what it has.
    lone.hear(2, Body::Offer(offer("other", 1)));
    lone.hear(
        2,
        Body::Data(Data { offset: 0, cv: Some(root(b"x")), payload: Rope::from(bytes::Bytes::from("x")) }),
    );
    lone.settle();
    lone.hear(1, segment(0, &[0; 65_536], Cv([0; 32])));
    assert_eq!(broken(&mut lone), Code::UNEXPECTED);
    assert_eq!(lone.files.get("file"), None);
}
