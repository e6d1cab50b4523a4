//! The two sides of a push: one more connection for an upload.

use towline::proto::Limits;
use towline::proto::machine::Input;
use towline::proto::op::{Order, Pushed, Pusher, ShareOrder, Taker};
use towline::wire::{Body, Cv, HavePage, Hole, Push, Range, UploadId};

use super::operations::{ROOT, common, data, failed, hears, show, zeros};
use super::{Bench, LENGTH, assert_table, row};
use crate::help::{path, root};

fn push() -> Push {
    Push { upload: UploadId(1), length: LENGTH, path: path("file") }
}

fn share(order: ShareOrder) -> Input<Pusher> {
    Input::Command(Order::Share(order))
}

fn given() -> Input<Pusher> {
    share(ShareOrder::Want(vec![Range { first: 0, count: 1 }]))
}

fn have(cv: Option<Cv>) -> Body {
    Body::Have(HavePage { upload: UploadId(1), first: 0, cvs: vec![cv], last: false })
}

#[test]
fn pusher() {
    let what = || Pushed { root: ROOT, source: path("small"), version: 7, push: push() };
    let new = || Bench::new(Pusher::new(what(), &Limits::default()));
    let heard = |bench: Bench<Pusher>, body| bench.after(Input::Received((), body));
    let opening = || new().after(Input::Command(Order::Begin));
    let pushing = || opening().stored();
    let reading = || pushing().after(given());
    let ready = || reading().stored();
    let sent = || ready().after(Input::Room((), 1000));
    let landed = || heard(sent(), have(Some(root(&zeros()))));
    let ending = || landed().after(share(ShareOrder::Finish));
    let states = vec![
        ("to begin", new()),
        ("the file is being opened", opening()),
        ("nothing is given", pushing()),
        ("a block is being read", reading()),
        ("a block waits for room", ready()),
        ("a block is sent, and has not landed", sent()),
        ("all has landed", landed()),
        ("the server is told that this is all", ending()),
        ("the file is closed", heard(ending(), Body::Done)),
        ("cancelled while a block was read", reading().after(Input::Command(Order::Cancel))),
        ("over", heard(ending(), Body::Done).stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        row("Want", given()),
        row("Finish", share(ShareOrder::Finish)),
        hears("Have, as it was sent", have(Some(root(&zeros())))),
        hears("Have, damaged", have(None)),
        hears("Have, another value", have(Some(root(b"other")))),
        hears("Done", Body::Done),
        hears("Failed", failed()),
        hears("Data", data()),
        hears("Next", Body::Next),
    ]);
    let show = show(|pusher: &Pusher| pusher.state_name().into(), Pusher::STATES);
    assert_table("states_pusher", states, rows, &show);
}

#[test]
fn taker() {
    let new = || Bench::new(Taker::new(ROOT, push(), &Limits::default()));
    let heard = |bench: Bench<Taker>, body| bench.after(Input::Received((), body));
    let joining = || new().after(Input::Command(Order::Begin));
    let early = || heard(joining(), data());
    let taking = || joining().stored();
    let writing = || heard(taking(), data());
    let landing = || writing().stored();
    let landed = || landing().stored();
    let told = || landed().after(Input::Room((), 1000));
    let leaving = || heard(told(), Body::Done);
    let states = vec![
        ("asked", new()),
        ("the upload is being looked for", joining()),
        ("a block has come early", early()),
        ("nothing has come", taking()),
        ("a block is being written", writing()),
        ("the store is told of it", landing()),
        ("the client is to be told", landed()),
        ("the client is told", told()),
        ("all has come while a block was written", heard(writing(), Body::Done)),
        ("the upload is left", leaving()),
        ("cancelled while a block was written", heard(writing(), Body::Cancel)),
        ("over", leaving().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Data", data()),
        hears("Hole", Body::Hole(Hole { offset: 0, length: LENGTH })),
        hears("Hole, part of a block", Body::Hole(Hole { offset: 0, length: LENGTH - 1 })),
        hears("Next", Body::Next),
        hears("Done", Body::Done),
        hears("Cancel", Body::Cancel),
        hears("Failed", failed()),
        hears("Want", Body::Want(vec![Range { first: 0, count: 1 }])),
    ]);
    let show = show(|taker: &Taker| taker.state_name().into(), Taker::STATES);
    assert_table("states_taker", states, rows, &show);
}
