//! The two sides of a pull: one more connection for a file.

use towline::proto::Limits;
use towline::proto::machine::Input;
use towline::proto::op::{Order, Puller, ShareOrder, Supplier};
use towline::wire::{Body, Get, Hole, Offer, Range};

use super::operations::{ROOT, common, data, failed, hears, offer, show};
use super::{Bench, LENGTH, assert_table, row};
use crate::help::path;

fn wanted() -> Vec<Range> {
    vec![Range { first: 0, count: 1 }]
}

fn share(order: ShareOrder) -> Input<Puller> {
    Input::Command(Order::Share(order))
}

#[test]
fn puller() {
    let get = || Get { path: path("file"), version: 7 };
    let new = || Bench::new(Puller::new(get(), LENGTH));
    let asked = || new().after(Input::Command(Order::Begin));
    let heard = |bench: Bench<Puller>, body| bench.after(Input::Received((), body));
    let there = || Offer { version: 7, ..offer() };
    let pulling = || heard(asked(), Body::Offer(there()));
    let wants = || pulling().after(share(ShareOrder::Want(wanted())));
    let whole = || heard(wants(), data());
    let over = || whole().after(share(ShareOrder::Finish));
    let states = vec![
        ("to ask", new()),
        ("asked", asked()),
        ("nothing is wanted", pulling()),
        ("a block is wanted", wants()),
        ("a block has come, and is not stored", whole()),
        ("over", over()),
    ];
    let mut rows = common(1000);
    rows.extend([
        row("Want", share(ShareOrder::Want(wanted()))),
        row("Stored", share(ShareOrder::Stored(LENGTH))),
        row("Finish", share(ShareOrder::Finish)),
        hears("Offer, that version", Body::Offer(there())),
        hears("Offer, other version", Body::Offer(offer())),
        hears("Data", data()),
        hears("Hole", Body::Hole(Hole { offset: 0, length: LENGTH })),
        hears("Hole, part of a block", Body::Hole(Hole { offset: 0, length: LENGTH - 1 })),
        hears("Hole, beyond the end", Body::Hole(Hole { offset: 0, length: u64::MAX })),
        hears("Done", Body::Done),
        hears("Failed", failed()),
        hears("Next", Body::Next),
    ]);
    let show = show(|puller: &Puller| puller.state_name().into(), Puller::STATES);
    assert_table("states_puller", states, rows, &show);
}

#[test]
fn supplier() {
    let limits = Limits::default();
    let get = || Get { path: path("small"), version: 7 };
    let new = || Bench::new(Supplier::new(ROOT, get(), &limits));
    let heard = |bench: Bench<Supplier>, body| bench.after(Input::Received((), body));
    let opening = || new().after(Input::Command(Order::Begin));
    let supplying = || opening().stored();
    let reading = || heard(supplying(), Body::Want(wanted()));
    let ready = || reading().stored();
    let sent = || ready().after(Input::Room((), 1000));
    let rechecking = || heard(sent(), Body::Done);
    let states = vec![
        ("asked", new()),
        ("the file is being opened", opening()),
        ("nothing is wanted", supplying()),
        ("a block is being read", reading()),
        ("a block waits for room", ready()),
        ("all is sent", sent()),
        ("the client has all", rechecking()),
        ("the file is closed", rechecking().stored()),
        ("cancelled while a block was read", heard(reading(), Body::Cancel)),
        ("over", rechecking().stored().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Want", Body::Want(wanted())),
        hears("Want, a block beyond", Body::Want(vec![Range { first: 0, count: 2 }])),
        hears("Done", Body::Done),
        hears("Cancel", Body::Cancel),
        hears("Failed", failed()),
        hears("Data", data()),
    ]);
    let show = show(|supplier: &Supplier| supplier.state_name().into(), Supplier::STATES);
    assert_table("states_supplier", states, rows, &show);
}
