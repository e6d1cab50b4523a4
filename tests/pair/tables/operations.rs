//! The operations.

use bytes::Bytes;
use towline::proto::Limits;
use towline::proto::machine::{End, Input, Machine};
use towline::proto::op::{Answer, Ask, Order, Question, Receiver, Sender};
use towline::proto::storage::RootId;
use towline::wire::{
    Attempt, Body, Code, Commit, Cv, Data, Entry, Failure, FileKind, Get, HavePage, Hole, Metadata, Modified,
    Offer, Page, Range, Remove, RequestId, Rope, Start, UploadId,
};

use super::{Bench, LENGTH, Row, Show, assert_table, of_body, row, waits};
use crate::help::{path, root};

pub(super) const ROOT: RootId = RootId(0);

pub(super) fn show<M: Machine<Tx = Body>>(state: fn(&M) -> String, all: &'static [&'static str]) -> Show<M> {
    Show { state, sent: |bodies| bodies.iter().map(of_body).collect::<Vec<_>>().join(", "), all }
}

/// The inputs that every operation gets.
pub(super) fn common<M: Machine<Link = (), Rx = Body, Command = Order> + 'static>(
    room: usize,
) -> Vec<Row<M>> {
    let mut rows = vec![
        row("Begin", Input::Command(Order::Begin)),
        row("Flush", Input::Command(Order::Flush)),
        row("Cancel, from here", Input::Command(Order::Cancel)),
        row("Room 0", Input::Room((), 0)),
        row("Room", Input::Room((), room)),
        row("Ended", Input::Ended((), End::Reset)),
    ];
    rows.extend(waits());
    rows
}

pub(super) fn hears<M: Machine<Link = (), Rx = Body> + 'static>(label: &str, body: Body) -> Row<M> {
    row(label, Input::Received((), body))
}

pub(super) fn failed() -> Body {
    Body::Failed(Failure::from(Code::NOT_FOUND))
}

pub(super) fn zeros() -> Vec<u8> {
    vec![0; LENGTH as usize]
}

pub(super) fn data() -> Body {
    let payload = Rope::from(Bytes::from(zeros()));
    Body::Data(Data { offset: 0, cv: Some(root(&zeros())), payload })
}

fn commit(root: Cv) -> Body {
    Body::Commit(Commit { root })
}

fn metadata() -> Metadata {
    Metadata { kind: FileKind::File, length: 1, mode: 0o644, modified: Modified::default() }
}

fn page(last: bool) -> Body {
    Body::Page(Page { entries: vec![Entry { name: b"file".to_vec(), metadata: metadata() }], last })
}

pub(super) fn offer() -> Offer {
    crate::help::offer("file", LENGTH)
}

#[test]
fn ask() {
    let new = |question| Bench::new(Ask::new(question));
    let echo = || new(Question::Echo(Bytes::from_static(b"echo")));
    let begun = |question| new(question).after(Input::Command(Order::Begin));
    let ready = || echo().after(Input::Command(Order::Begin));
    let asked = || ready().after(Input::Room((), 100));
    let remove = Question::Remove(Remove { request: RequestId(1), path: path("file") });
    let states = vec![
        ("an echo", echo()),
        ("an echo", ready()),
        ("an echo", asked()),
        ("stat", begun(Question::Stat(path("file")))),
        ("list", begun(Question::List(path("")))),
        ("remove", begun(remove)),
        ("over", asked().after(Input::Ended((), End::Reset))),
    ];
    let mut rows = common(100);
    rows.extend([
        hears("EchoReply, as sent", Body::EchoReply(Bytes::from_static(b"echo"))),
        hears("EchoReply, other", Body::EchoReply(Bytes::from_static(b"other"))),
        hears("Metadata", Body::Metadata(metadata())),
        hears("Page", page(false)),
        hears("Page, last", page(true)),
        hears("Done", Body::Done),
        hears("Failed", failed()),
        hears("Data", data()),
    ]);
    assert_table("states_ask", states, rows, &show(|ask: &Ask| ask.state_name().into(), Ask::STATES));
}

#[test]
fn answer() {
    let new = |question| Bench::new(Answer::new(ROOT, question));
    let begun = |question| new(question).after(Input::Command(Order::Begin));
    let list = || begun(Question::List(path("folder")));
    let paused = || list().stored().stored().after(Input::Room((), 1000));
    let cancel = Input::Received((), Body::Cancel);
    let remove = Question::Remove(Remove { request: RequestId(1), path: path("file") });
    let states = vec![
        ("list", new(Question::List(path("folder")))),
        ("list", list()),
        ("stat", begun(Question::Stat(path("file")))),
        ("remove", begun(remove)),
        ("list", list().stored()),
        ("list", list().stored().stored()),
        ("an echo", begun(Question::Echo(Bytes::from_static(b"echo")))),
        ("list", paused()),
        ("list, cancelled while the folder was opened", list().after(cancel.clone())),
        ("list, cancelled; the folder is closed", paused().after(cancel.clone())),
        ("over", paused().after(cancel).stored()),
    ];
    let mut rows = common(1000);
    rows.extend([
        hears("Next", Body::Next),
        hears("Cancel", Body::Cancel),
        hears("Stat", Body::Stat(path("other"))),
    ]);
    assert_table(
        "states_answer",
        states,
        rows,
        &show(|answer: &Answer| answer.state_name().into(), Answer::STATES),
    );
}

fn have(cvs: Vec<Option<Cv>>, last: bool) -> Body {
    Body::Have(HavePage { upload: UploadId(1), first: 0, cvs, last })
}

#[test]
fn sender() {
    let limits = Limits::default();
    let new =
        |name: &str| Bench::new(Sender::upload(ROOT, path(name), path("file"), Attempt::default(), &limits));
    let opening = |name: &str| new(name).after(Input::Command(Order::Begin));
    let sending = || opening("small").stored();
    let rechecking = || sending().stored().after(Input::Room((), 1 << 20));
    let committing = || rechecking().stored();
    let states = vec![
        ("100 bytes", new("small")),
        ("100 bytes", opening("small")),
        ("3 MiB: what the receiver has is awaited", opening("large").stored()),
        ("100 bytes: the block is being read", sending()),
        ("100 bytes: the block is read", sending().stored()),
        ("100 bytes", rechecking()),
        ("100 bytes", committing()),
        ("cancelled while the source was opened", opening("small").after(Input::Received((), Body::Cancel))),
        ("failed; the source is closed", committing().after(Input::Received((), failed()))),
        ("over", committing().after(Input::Received((), failed())).stored()),
    ];
    let mut rows = common(1 << 20);
    rows.extend([
        hears("Have nothing", have(vec![], true)),
        hears("Have, more follows", have(vec![None], false)),
        hears("Have, of another file", have(vec![None; 1000], true)),
        hears("Want the block", Body::Want(vec![Range { first: 0, count: 1 }])),
        hears("Want another", Body::Want(vec![Range { first: 999, count: 1 }])),
        hears("Committed", Body::Committed(root(&zeros()))),
        hears("Committed, other root", Body::Committed(root(b"other"))),
        hears("Cancel", Body::Cancel),
        hears("Failed", failed()),
        hears("Data", data()),
    ]);
    assert_table(
        "states_sender",
        states,
        rows,
        &show(|sender: &Sender| sender.state_name().into(), Sender::STATES),
    );
}

#[test]
fn receiver() {
    let limits = Limits::default();
    let offered = || Bench::new(Receiver::offered(ROOT, offer(), &limits));
    let get = Get { path: path("file"), version: 0 };
    let asking = || Bench::new(Receiver::asking(ROOT, path("here"), get.clone(), Start::Resume, &limits));
    let begin = || Input::Command(Order::Begin);
    let opening = || offered().after(begin());
    let receiving = || opening().stored();
    let heard = |bench: Bench<Receiver>, body| bench.after(Input::Received((), body));
    let publishing = || heard(heard(receiving(), data()), commit(root(&zeros()))).stored();
    let states = vec![
        ("offered", offered()),
        ("to ask", asking()),
        ("asked", asking().after(begin())),
        ("the partial is being opened", opening()),
        (
            "the partial is being opened; all has come",
            heard(heard(opening(), data()), commit(root(&zeros()))),
        ),
        ("nothing has come", receiving()),
        ("the block is being written", heard(receiving(), data())),
        ("committed; the block is being written", heard(heard(receiving(), data()), commit(root(&zeros())))),
        ("all is verified", publishing()),
        ("cancelled while the partial was opened", heard(opening(), Body::Cancel)),
        ("cancelled; the partial is dropped", heard(receiving(), Body::Cancel)),
        ("over", publishing().stored()),
    ];
    let bad = Data { offset: 0, cv: Some(root(b"other")), payload: Rope::from(Bytes::from(zeros())) };
    let beyond = Data { offset: 1000, cv: None, payload: Rope::from(Bytes::from(zeros())) };
    let mut rows = common(1 << 20);
    rows.extend([
        hears("Offer", Body::Offer(offer())),
        hears("Offer, other path", Body::Offer(crate::help::offer("other", LENGTH))),
        hears("Data", data()),
        hears("Data, damaged", Body::Data(bad)),
        hears("Data beyond the end", Body::Data(beyond)),
        hears("Hole", Body::Hole(Hole { offset: 0, length: LENGTH })),
        hears("Commit", commit(root(&zeros()))),
        hears("Commit, other root", commit(root(b"other"))),
        hears("Cancel", Body::Cancel),
        hears("Failed", failed()),
        hears("Next", Body::Next),
    ]);
    assert_table(
        "states_receiver",
        states,
        rows,
        &show(|receiver: &Receiver| receiver.state_name().into(), Receiver::STATES),
    );
}
