//! The two sides of a comparison.

use towline::proto::Limits;
use towline::proto::machine::Input;
use towline::proto::op::{Comparison, Summary};
use towline::wire::{Body, Cv, HavePage, UploadId};

use super::operations::{ROOT, common, failed, hears, offer, show, zeros};
use super::{Bench, assert_table};
use crate::help::{path, root};

fn have(cvs: Vec<Option<Cv>>, last: bool) -> Body {
    Body::Have(HavePage { upload: UploadId(0), first: 0, cvs, last })
}

#[test]
fn comparison() {
    let limits = Limits::default();
    let new = || Bench::new(Comparison::new(ROOT, path("small"), path("file"), &limits));
    let opening = || new().after(Input::Command(towline::proto::op::Order::Begin));
    let heard = |bench: Bench<Comparison>, body| bench.after(Input::Received((), body));
    let comparing = || heard(opening().stored(), Body::Offer(offer()));
    let told = || heard(comparing(), have(vec![Some(root(&zeros()))], true));
    let ended = || heard(told(), Body::Committed(root(&zeros())));
    let states = vec![
        ("to ask", new()),
        ("the file here is being opened", opening()),
        ("asked", opening().stored()),
        ("the block is being hashed", comparing()),
        ("the block is hashed", comparing().stored()),
        ("told; the block is being hashed", told()),
        ("the server has said all; the block is being hashed", ended()),
        ("all is compared", ended().stored()),
        (
            "cancelled while the file was opened",
            opening().after(Input::Command(towline::proto::op::Order::Cancel)),
        ),
        ("equal; the file is closed", ended().stored().stored()),
        ("over", ended().stored().stored().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Offer", Body::Offer(offer())),
        hears("Have, as here", have(vec![Some(root(&zeros()))], true)),
        hears("Have, other", have(vec![Some(root(b"other"))], true)),
        hears("Have, none of it", have(vec![None], true)),
        hears("Committed", Body::Committed(root(&zeros()))),
        hears("Committed, other root", Body::Committed(root(b"other"))),
        hears("Failed", failed()),
        hears("Done", Body::Done),
    ]);
    let show = show(|comparison: &Comparison| comparison.state_name().into(), Comparison::STATES);
    assert_table("states_comparison", states, rows, &show);
}

#[test]
fn summary() {
    let limits = Limits::default();
    let new = |name: &str| Bench::new(Summary::new(ROOT, path(name), &limits));
    let opening = |name: &str| new(name).after(Input::Command(towline::proto::op::Order::Begin));
    let known = || opening("small").stored().stored();
    let told = || known().after(Input::Room((), 1000));
    let cancel = || Input::Received((), Body::Cancel);
    let states = vec![
        ("100 bytes", new("small")),
        ("100 bytes: the file is being opened", opening("small")),
        ("3 MiB: being hashed", opening("large").stored()),
        ("100 bytes: the block is being hashed", opening("small").stored()),
        ("100 bytes: the block is hashed; the page waits for room", known()),
        ("100 bytes: all is told", told()),
        ("cancelled while the file was opened", opening("small").after(cancel())),
        ("told; the file is closed", told().stored()),
        ("over", told().stored().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([hears("Cancel", Body::Cancel), hears("Next", Body::Next), hears("Failed", failed())]);
    let show = show(|summary: &Summary| summary.state_name().into(), Summary::STATES);
    assert_table("states_summary", states, rows, &show);
}
