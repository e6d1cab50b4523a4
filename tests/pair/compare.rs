//! Files are compared where they stand: what is equal, which blocks differ, and sides that do not keep their word.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::machine::{End, Input};
use towline::proto::op::{Compared, OpDone};
use towline::proto::session::{Command, Event, Request, Tag};
use towline::proto::storage::{NameOp, StoreOp};
use towline::store::FileErrorKind;
use towline::store::memory::Primitive;
use towline::time::Duration;
use towline::wire::{Body, Code, Cv, HavePage, Offer, Range, UploadId};

use crate::help::*;

const BLOCK: usize = 65_536;

fn compare(name: &str) -> Request {
    Request::Compare { root: Pair::ROOT, source: path(name), path: path(name) }
}

fn compared(here: &[u8], there: &[u8]) -> Compared {
    let mut pair = pair();
    pair.local.put("file", here);
    pair.served.put("file", there);
    let Ok(OpDone::Compared(compared)) = pair.carry_out(compare("file")) else { panic!("not compared") };
    pair.close();
    compared
}

#[test]
fn equal_files_are_equal_whatever_their_length() {
    for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 << 20, (3 << 20) + 1, 70 * BLOCK] {
        let content = noise(length);
        let found = compared(&content, &content);
        assert!(found.is_equal(), "{length}: {found:?}");
        assert_eq!((found.root, found.there), (root(&content), length as u64));
    }
}

#[test]
fn the_blocks_that_differ_are_told() {
    let there = noise(40 * BLOCK + 5);
    let mut here = there.clone();
    for at in [0, 7 * BLOCK + 3, 8 * BLOCK - 1, 8 * BLOCK, 40 * BLOCK + 4] {
        here[at] ^= 1;
    }
    let found = compared(&here, &there);
    assert!(!found.is_equal());
    let range = |first, count| Range { first, count };
    assert_eq!(found.differing, [range(0, 1), range(7, 2), range(40, 1)]);
    assert_eq!(found.root, root(&there));
}

/// A file of one block is hashed as a whole, which must not make a longer one differ in what both have.
#[test]
fn files_of_different_lengths_are_compared_as_far_as_both_go() {
    let content = noise(5 * BLOCK + 9);
    let cases = [
        (BLOCK, 2 * BLOCK, vec![Range { first: 1, count: 1 }]),
        (2 * BLOCK, BLOCK, vec![]),
        (2 * BLOCK, 100, vec![]),
        (100, 2 * BLOCK, vec![Range { first: 0, count: 2 }]),
        (0, 2 * BLOCK, vec![Range { first: 0, count: 2 }]),
        (2 * BLOCK, 0, vec![]),
        (5 * BLOCK + 9, 3 * BLOCK, vec![]),
        (3 * BLOCK + 1, 5 * BLOCK + 9, vec![Range { first: 3, count: 3 }]),
    ];
    for (here, there, differing) in cases {
        let found = compared(&content[..here], &content[..there]);
        assert!(!found.is_equal());
        assert_eq!(found.differing, differing, "{here} here, {there} there");
        assert_eq!((found.here, found.there), (here as u64, there as u64));
    }
}

#[test]
fn blocks_larger_than_an_extent_are_compared_too() {
    const LENGTH: usize = 3 << 20;
    let mut lone = client();
    lone.files.put("file", &noise(LENGTH));
    let request = Request::Compare { root: Pair::ROOT, source: path("file"), path: path("file") };
    lone.step(Input::Command(Command::Start(Tag(1), request)));
    lone.settle();
    // So long that its blocks are of 2 MiB: one of them is whole here.
    let length = 65_536 * (2 << 20);
    lone.hear(1, Body::Offer(offer("file", length)));
    let mut cvs = vec![root(b"other"); 65_536];
    let mut first = blake3::Hasher::new();
    blake3::hazmat::HasherExt::set_input_offset(&mut first, 0).update(&noise(LENGTH)[..2 << 20]);
    cvs[0] = Cv(blake3::hazmat::HasherExt::finalize_non_root(&first));
    for (number, cvs) in (0..).zip(cvs.chunks(1024)) {
        let last = number == 63;
        lone.hear(1, page(number * 1024, cvs.iter().copied().map(Some).collect(), last));
    }
    lone.hear(1, Body::Committed(towline::proto::tree::merge_root(&cvs)));
    lone.settle();
    let done = lone.events.iter().find_map(|event| match event {
        Event::Finished(_, Ok(OpDone::Compared(compared))) => Some(compared.clone()),
        _ => None,
    });
    assert_eq!(done.expect("compared").differing, [Range { first: 1, count: 65_535 }]);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

#[test]
fn what_is_missing_on_either_side_is_told() {
    let mut pair = pair();
    pair.local.put("here", b"content");
    pair.served.put("there", b"content");
    assert_eq!(code(pair.carry_out(compare("here"))), Code::NOT_FOUND);
    assert_eq!(code(pair.carry_out(compare("there"))), Code::NOT_FOUND);
    pair.served.put_folder("here");
    assert_eq!(code(pair.carry_out(compare("here"))), Code::NOT_A_FILE);
    pair.close();
}

#[test]
fn a_file_that_changes_meanwhile_is_told_on_either_side() {
    for is_here in [true, false] {
        let mut pair = Pair::new(PairConfig {
            store: Duration::from_millis(100),
            policy: towline::proto::client::RetryPolicy { attempts: 1, ..Default::default() },
            ..PairConfig::default()
        });
        let content = noise(10 << 20);
        pair.local.put("file", &content);
        pair.served.put("file", &content);
        let job = pair.start(compare("file"));
        pair.run_until(|pair| pair.trace.text().contains("Have"));
        let files = if is_here { &pair.local } else { &pair.served };
        files.put("file", b"another content");
        pair.run_until(|pair| pair.result(job).is_some());
        assert_eq!(code(pair.result(job).expect("over")), Code::CHANGED, "here: {is_here}");
        pair.close();
    }
}

#[test]
fn a_disk_that_fails_is_told() {
    let mut pair = pair();
    pair.local.put("file", &noise(5 << 20));
    pair.served.put("file", &noise(5 << 20));
    pair.served.fail(Primitive::ReadAt, 2, FileErrorKind::Other.into());
    assert_eq!(code(pair.carry_out(compare("file"))), Code::IO);
    pair.local.fail(Primitive::ReadAt, 2, FileErrorKind::Other.into());
    assert_eq!(code(pair.carry_out(compare("file"))), Code::IO);
    pair.close();
}

/// Wherever the connection breaks, the next attempt finds the same.
#[test]
fn a_lost_connection_begins_it_again() {
    let (here, mut there) = (noise(200 * BLOCK), noise(200 * BLOCK));
    there[150 * BLOCK] ^= 1;
    for after in (0..8000).step_by(577) {
        let mut pair = pair_with(vec![Fault::Reset(0, Side::Server, after)]);
        pair.local.put("file", &here);
        pair.served.put("file", &there);
        let Ok(OpDone::Compared(found)) = pair.carry_out(compare("file")) else { panic!("at {after}") };
        assert_eq!(found.differing, [Range { first: 150, count: 1 }]);
        pair.close();
    }
}

#[test]
fn a_comparison_is_cancelled_at_every_moment() {
    let mut won = 0;
    for moment in 0.. {
        let mut pair = pair();
        pair.local.put("file", &noise(300_000));
        pair.served.put("file", &noise(300_000));
        let job = pair.start(compare("file"));
        let moments = (0..moment).take_while(|_| pair.result(job).is_none() && pair.advance()).count();
        if moments < moment {
            assert!(moment > 2 * won, "{won} of {moment} were too late");
            break;
        }
        pair.command(towline::proto::client::Command::Cancel(job));
        pair.run_until(|pair| pair.result(job).is_some());
        match pair.result(job).expect("over") {
            Ok(_) => won += 1,
            result => assert_eq!(code(result), Code::CANCELLED),
        }
        assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
        pair.close();
    }
}

/// The server's pages wait for room, and its memory for them is that of the file's blocks.
#[test]
fn pages_wait_for_room() {
    let mut lone = served();
    lone.files.put("file", &noise(200 * BLOCK));
    lone.step(Input::Room((), 0));
    lone.hear(1, Body::Sum(path("file")));
    lone.settle();
    assert!(matches!(&bodies(&mut lone)[..], [Body::Offer(_)]), "what it is goes out as control");
    lone.step(Input::Room((), 1 << 20));
    lone.settle();
    let said = bodies(&mut lone);
    assert!(matches!(said.last(), Some(Body::Committed(of)) if *of == root(&noise(200 * BLOCK))));
    let blocks: usize =
        said.iter().map(|body| if let Body::Have(page) = body { page.cvs.len() } else { 0 }).sum();
    assert_eq!(blocks, 200);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// A client that asks for a comparison of `file`, 100 bytes here, and has heard what the server has.
fn asked(length: u64) -> towline::harness::Lone {
    let mut lone = client();
    lone.files.put("file", &noise(100));
    lone.step(Input::Command(Command::Start(Tag(1), compare("file"))));
    lone.settle();
    lone.hear(1, Body::Offer(offer("file", length)));
    lone.settle();
    lone
}

fn page(first: u32, cvs: Vec<Option<Cv>>, last: bool) -> Body {
    Body::Have(HavePage { upload: UploadId(0), first, cvs, last })
}

#[test]
fn a_server_that_breaks_a_rule_of_it_is_in_breach() {
    let one = || vec![Some(root(b"a"))];
    let breaches: Vec<(&str, Vec<Body>)> = vec![
        ("a page that begins elsewhere", vec![page(1, one(), true)]),
        ("a page that leaves a block out", vec![page(0, vec![None], true)]),
        ("too few blocks", vec![page(0, vec![], true)]),
        ("too many blocks", vec![page(0, vec![Some(root(b"a")); 2], true)]),
        ("a page after the last", vec![page(0, one(), true), page(1, vec![], true)]),
        ("an end before the last page", vec![Body::Committed(root(b"a"))]),
        ("a root that is not that of the blocks", vec![page(0, one(), true), Body::Committed(root(b"b"))]),
        ("a second offer", vec![Body::Offer(offer("file", 100))]),
        ("another answer", vec![Body::Done]),
    ];
    for (what, frames) in breaches {
        let mut lone = asked(100);
        frames.into_iter().for_each(|body| lone.hear(1, body));
        lone.settle();
        assert_eq!(broken(&mut lone), Code::UNEXPECTED, "{what}");
    }
    let mut lone = client();
    lone.files.put("file", b"content");
    lone.step(Input::Command(Command::Start(Tag(1), compare("file"))));
    lone.settle();
    lone.hear(1, Body::Offer(Offer { path: path("other"), ..offer("file", 100) }));
    assert_eq!(broken(&mut lone), Code::UNEXPECTED, "another file");
}

#[test]
fn a_client_that_goes_on_talking_is_in_breach_and_nothing_is_left_open() {
    for body in [Body::Next, Body::Committed(root(b"a")), Body::Sum(path("file"))] {
        let mut lone = served();
        lone.files.put("file", &noise(5 << 20));
        lone.hear(1, Body::Sum(path("file")));
        lone.complete(0);
        lone.hear(1, body);
        assert_eq!(broken(&mut lone), Code::UNEXPECTED);
    }
}

#[test]
fn a_cancelled_server_closes_its_file() {
    let mut lone = served();
    lone.files.put("file", &noise(5 << 20));
    lone.hear(1, Body::Sum(path("file")));
    lone.complete(0);
    lone.hear(1, Body::Cancel);
    assert!(lone.asked.iter().all(|(_, op)| matches!(op, StoreOp::Block(_))));
    while lone.asked.len() > 1 {
        lone.complete(0);
    }
    assert!(!lone.asked.iter().any(|(_, op)| matches!(op, StoreOp::Name(NameOp::Release { .. }))));
    lone.settle();
    assert!(matches!(bodies(&mut lone).last(), Some(Body::Failed(why)) if why.code == Code::CANCELLED));
    lone.peer_ends(End::Reset);
    lone.run_out();
}
