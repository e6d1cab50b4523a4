//! The machines of what goes in order.

use bytes::Bytes;
use towline::proto::Limits;
use towline::proto::machine::Input;
use towline::proto::op::{Intake, Order, Pourer, Printed, Printer, Reader};
use towline::proto::storage::StreamId;
use towline::wire::{Body, Cv, Data, Modified, Offer, Read, RequestId, Rope, Span, Stream, StreamEnd};

use super::operations::{ROOT, common, data, failed, hears, offer, show, zeros};
use super::{Bench, LENGTH, assert_table};
use crate::help::{path, root};

const BEGIN: Order = Order::Begin;
const STREAM: StreamId = StreamId(3);
const WHOLE: Span = Span::Rest { first: 0 };

/// What the zeros are as part of a stream.
fn cv() -> Cv {
    Cv(blake3::hazmat::HasherExt::finalize_non_root(blake3::Hasher::new().update(&zeros())))
}

fn segment(cv: Option<Cv>) -> Body {
    Body::Data(Data { offset: 0, cv, payload: Rope::from(Bytes::from(zeros())) })
}

fn end(root: Cv) -> Body {
    Body::End(StreamEnd { length: LENGTH, root })
}

fn stream() -> Stream {
    let modified = Modified::default();
    Stream { path: path("file"), mode: 0o644, modified, request: RequestId(1), attempt: 1 }
}

#[test]
fn reader() {
    let limits = Limits::default();
    let new = |name: &str, span| {
        Bench::new(Reader::new(ROOT, Read { path: path(name), version: 0, span }, &limits))
    };
    let opening = |name: &str, span| new(name, span).after(Input::Command(BEGIN));
    let ready = || opening("small", WHOLE).stored().stored();
    let sent = |span| opening("small", span).stored().stored().after(Input::Room((), 1000));
    let cancel = || Input::Received((), Body::Cancel);
    let states = vec![
        ("all of 100 bytes", new("small", WHOLE)),
        ("all of 100 bytes: the file is being opened", opening("small", WHOLE)),
        ("byte 100 of 100", opening("small", Span::Range { first: 100, last: 100 })),
        ("the rest of 3 MiB from 2 MiB on", opening("large", Span::Rest { first: 2 << 20 }).stored()),
        ("all of 100 bytes: the block is read", ready()),
        ("all of 100 bytes: it is sent", sent(WHOLE)),
        ("the last of 100 bytes: it is sent", sent(Span::Last { count: 1 })),
        ("cancelled while the file was opened", opening("small", WHOLE).after(cancel())),
        ("sent; the file is closed", sent(WHOLE).stored()),
        ("over", sent(WHOLE).stored().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([hears("Cancel", Body::Cancel), hears("Next", Body::Next), hears("Failed", failed())]);
    assert_table(
        "states_reader",
        states,
        rows,
        &show(|reader: &Reader| reader.state_name().into(), Reader::STATES),
    );
}

#[test]
fn printer() {
    let limits = Limits::default();
    let new = |span| Bench::new(Printer::new(STREAM, path("file"), span, Printed::default(), &limits));
    let heard = |bench: Bench<Printer>, body| bench.after(Input::Received((), body));
    let asked = |span| new(span).after(Input::Command(BEGIN));
    let offered = || Body::Offer(Offer { version: 7, ..offer() });
    let printing = |span| heard(asked(span), offered());
    let come = || heard(printing(WHOLE), data());
    let told = || heard(come(), Body::Committed(root(&zeros())));
    let last = Span::Last { count: 1 };
    let states = vec![
        ("to ask for all", new(WHOLE)),
        ("asked for all", asked(WHOLE)),
        ("all of 100 bytes", printing(WHOLE)),
        ("the block is being printed", come()),
        ("the block is printed", come().stored()),
        ("all is said; the block is being printed", told()),
        ("the last byte is being printed", heard(printing(last), data())),
        ("the last byte is printed", heard(printing(last), data()).stored()),
        ("failed while the block was printed", heard(come(), failed())),
        ("cancelled while the block was printed", come().after(Input::Command(Order::Cancel))),
        ("over", told().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Offer", offered()),
        hears("Offer without a version", Body::Offer(offer())),
        hears("Data", data()),
        hears("Data without its value", segment(None)),
        hears("Committed", Body::Committed(root(&zeros()))),
        hears("Committed, other root", Body::Committed(root(b"other"))),
        hears("Done", Body::Done),
        hears("Failed", failed()),
        hears("Next", Body::Next),
    ]);
    let show = show(|printer: &Printer| printer.state_name().into(), Printer::STATES);
    assert_table("states_printer", states, rows, &show);
}

#[test]
fn pourer() {
    let limits = Limits::default();
    let new = || Bench::new(Pourer::new(STREAM, stream(), &limits));
    let pouring = || new().after(Input::Command(BEGIN));
    let ending = || pouring().stored().after(Input::Room((), 1000));
    let heard = |bench: Bench<Pourer>, body| bench.after(Input::Received((), body));
    let states = vec![
        ("100 bytes", new()),
        ("the block is being read", pouring()),
        ("the block is read", pouring().stored()),
        ("all is sent", ending()),
        ("failed while the block was read", heard(pouring(), failed())),
        ("over", heard(ending(), Body::Committed(root(&zeros())))),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Committed", Body::Committed(root(&zeros()))),
        hears("Committed, other root", Body::Committed(root(b"other"))),
        hears("Failed", failed()),
        hears("Data", data()),
        hears("Done", Body::Done),
    ]);
    assert_table(
        "states_pourer",
        states,
        rows,
        &show(|pourer: &Pourer| pourer.state_name().into(), Pourer::STATES),
    );
}

#[test]
fn intake() {
    let limits = Limits::default();
    let new = || Bench::new(Intake::new(ROOT, stream(), &limits));
    let opening = || new().after(Input::Command(BEGIN));
    let filling = || opening().stored();
    let heard = |bench: Bench<Intake>, body| bench.after(Input::Received((), body));
    let come = |bench| heard(bench, segment(Some(cv())));
    let closing = || heard(come(filling()), end(root(&zeros()))).stored();
    let states = vec![
        ("begun", new()),
        ("the partial is being opened", opening()),
        ("the partial is being opened; all has come", heard(come(opening()), end(root(&zeros())))),
        ("nothing has come", filling()),
        ("the block is being written", come(filling())),
        ("all has come; the block is being written", heard(come(filling()), end(root(&zeros())))),
        ("all is written, in one block", closing()),
        ("all is verified", closing().stored()),
        ("cancelled while the partial was opened", heard(opening(), Body::Cancel)),
        ("cancelled; the partial is dropped", heard(filling(), Body::Cancel)),
        ("over", closing().stored().stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Data, a whole block", segment(Some(cv()))),
        hears("Data, damaged", segment(Some(root(b"other")))),
        hears("Data, part of a block", segment(None)),
        hears("End", end(root(&zeros()))),
        hears("End of nothing", Body::End(StreamEnd { length: 0, root: root(b"") })),
        hears("Cancel", Body::Cancel),
        hears("Failed", failed()),
        hears("Next", Body::Next),
    ]);
    assert_table(
        "states_intake",
        states,
        rows,
        &show(|intake: &Intake| intake.state_name().into(), Intake::STATES),
    );
}
