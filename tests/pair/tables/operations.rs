//! The operations.

use bytes::Bytes;
use towline::proto::Limits;
use towline::proto::machine::{End, Input, Machine};
use towline::proto::op::{Answer, Ask, Order, Question, Receiver, Sender};
use towline::proto::storage::{Extent, RootId};
use towline::wire::{
    Attempt, Body, Code, Commit, Cv, Data, Entry, Failure, FileKind, Get, HavePage, Hole, Metadata, Modified,
    Offer, Page, Range, Remove, RequestId, Rope, Start, UploadId,
};

use super::{Bench, LARGE, LENGTH, Row, Show, assert_table, of_body, row, waits};
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

/// The blocks of the large file, from the first of these on.
fn large(blocks: std::ops::Range<u64>) -> Vec<Body> {
    let offsets = blocks.map(|block| block * 65_536);
    let block = |offset: u64| {
        let length = 65_536.min(LARGE - offset);
        let extent = Extent { offset, length: u32::try_from(length).unwrap(), unit: 65_536, whole: false };
        let payload = Bytes::from(vec![0; extent.length as usize]);
        let cv = towline::store::blocks::cvs(extent, std::slice::from_ref(&payload))[0];
        Body::Data(Data { offset, cv: Some(cv), payload: Rope::from(payload) })
    };
    offsets.map(block).collect()
}

fn root_of_large() -> Cv {
    root(&vec![0; LARGE as usize])
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
    let nothing = || Input::Received((), have(vec![], true));
    let loaded = || opening("small").stored();
    let committing = || loaded().after(Input::Room((), 1 << 20));
    let again = || committing().after(Input::Received((), Body::Want(vec![Range { first: 0, count: 1 }])));
    let opened = || opening("large").stored();
    let sending = || opened().after(nothing());
    let rechecking = || sending().stored().after(Input::Room((), 1 << 20));
    let states = vec![
        ("small", new("small")),
        ("small", opening("small")),
        ("small: all of it is read", loaded()),
        ("small", committing()),
        ("small: asked for again, and loaded again", again()),
        ("large: what the receiver has is awaited", opened()),
        ("large: the blocks are being read", sending()),
        ("large: the blocks are read", sending().stored()),
        ("large", rechecking()),
        ("large", rechecking().stored()),
        ("cancelled while the source was opened", opening("large").after(Input::Received((), Body::Cancel))),
        ("failed; the source is closed", rechecking().after(Input::Received((), failed()))),
        ("over", committing().after(Input::Received((), failed()))),
    ];
    let mut rows = common(1 << 20);
    rows.extend([
        hears("Have nothing", have(vec![], true)),
        hears("Have, more follows", have(vec![None], false)),
        hears("Have, of another file", have(vec![None; 1000], true)),
        hears("Want the block", Body::Want(vec![Range { first: 0, count: 1 }])),
        hears("Want another", Body::Want(vec![Range { first: 999, count: 1 }])),
        hears("Committed, small", Body::Committed(root(&zeros()))),
        hears("Committed, large", Body::Committed(root_of_large())),
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
    let small = || Bench::new(Receiver::offered(ROOT, offer(), &limits));
    let offered = || Bench::new(Receiver::offered(ROOT, crate::help::offer("file", LARGE), &limits));
    let get = Get { path: path("file"), version: 0 };
    let asking = || Bench::new(Receiver::asking(ROOT, path("here"), get.clone(), Start::Resume, &limits));
    let begin = || Input::Command(Order::Begin);
    let heard = |bench: Bench<Receiver>, body| bench.after(Input::Received((), body));
    let gathering = || small().after(begin());
    let staging = || heard(heard(gathering(), data()), commit(root(&zeros())));
    let opening = || offered().after(begin());
    let receiving = || opening().stored();
    let all = |bench: Bench<Receiver>| large(0..3).into_iter().fold(bench, heard);
    let written = || heard(all(receiving()), commit(root_of_large()));
    let states = vec![
        ("to ask", asking()),
        ("asked", asking().after(begin())),
        ("small: offered", small()),
        ("small: nothing has come", gathering()),
        ("small: all has come but the commit", heard(gathering(), data())),
        ("small: it is being written", staging()),
        ("small: all is verified", staging().stored()),
        ("small: cancelled while it was written", heard(staging(), Body::Cancel)),
        ("large: the partial is being opened", opening()),
        ("large: the partial is being opened; all has come", heard(all(opening()), commit(root_of_large()))),
        ("large: nothing has come", receiving()),
        ("large: a block has come", heard(receiving(), large(0..1).remove(0))),
        ("large: committed; the blocks are being written", written()),
        ("large: all is verified", written().stored()),
        ("cancelled while the partial was opened", heard(opening(), Body::Cancel)),
        ("cancelled; the partial is dropped", heard(receiving(), Body::Cancel)),
        ("over", staging().stored().stored()),
    ];
    let bad = Data { offset: 0, cv: Some(root(b"other")), payload: Rope::from(Bytes::from(zeros())) };
    let beyond = Data { offset: 1 << 20, cv: None, payload: Rope::from(Bytes::from(zeros())) };
    let mut rows = common(1 << 20);
    rows.extend([
        hears("Offer", Body::Offer(offer())),
        hears("Offer, other path", Body::Offer(crate::help::offer("other", LENGTH))),
        hears("Data, small", data()),
        hears("Data, large, first block", large(0..1).remove(0)),
        hears("Data, large, last block", large(2..3).remove(0)),
        hears("Data, damaged", Body::Data(bad)),
        hears("Data beyond the end", Body::Data(beyond)),
        hears("Hole", Body::Hole(Hole { offset: 0, length: LENGTH })),
        hears("Commit, small", commit(root(&zeros()))),
        hears("Commit, large", commit(root_of_large())),
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
