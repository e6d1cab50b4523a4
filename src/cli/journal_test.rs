use bytes::Bytes;

use super::*;
use crate::drive::Door;
use crate::proto::op::{Moved, OpError};
use crate::wire::{Code, Cv, Failure, RelPath};

fn journal(verbose: bool) -> Journal {
    let mut journal = Journal::new(Talk { quiet: false, verbose }, Some(Duration::from_secs(30)));
    let peer = Peer::Ip("192.0.2.7:51234".parse().unwrap());
    journal.on_event(ServerEvent::Accepted { connection: 1, peer, door: Door::Files });
    journal
}

/// The lines of a session's events, without their times.
fn lines(journal: &mut Journal, events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let events = events.into_iter().map(|event| ServerEvent::Session { connection: 1, event });
    events
        .flat_map(|event| journal.on_event(event))
        .map(|line| line["2000-01-01T00:00:00Z  ".len()..].to_owned())
        .collect()
}

#[test]
fn a_finished_put_says_who_what_how_much_and_its_hash() {
    let path = RelPath::new("notes/a\u{1b}[2J.txt").unwrap();
    let done = OpDone::Moved(Moved { length: 2048, root: Cv([0xab; 32]), blocks_refused: 0, skipped: 0 });
    let events = [Event::Began(Tag(1), Began::Offer(path)), Event::Finished(Tag(1), Ok(done))];
    let expected = format!("192.0.2.7:51234  put notes/a\\u{{1b}}[2J.txt: 2.0 KiB, {}", "ab".repeat(32));
    assert_eq!(lines(&mut journal(false), events), [expected]);
}

#[test]
fn a_failure_says_whose_it_is() {
    let get = || Event::Began(Tag(1), Began::Get(RelPath::new("x").unwrap()));
    let failed = |by| {
        let failure = Failure::new(Code::NOT_FOUND, "cannot open\n\"x\"");
        lines(&mut journal(false), [get(), Event::Finished(Tag(1), Err(OpError { by, failure }))])
    };
    let said = "cannot open\\n\"x\"";
    assert_eq!(failed(Party::Us), [format!("192.0.2.7:51234  get x: failed: {said}")]);
    assert_eq!(failed(Party::Peer), [format!("192.0.2.7:51234  get x: given up by the client: {said}")]);
    assert_eq!(failed(Party::Link), ["192.0.2.7:51234  get x: not finished: the connection was lost"]);
}

#[test]
fn echoes_are_told_together() {
    let mut journal = journal(false);
    let events = (0..3).flat_map(|tag| {
        let asked = Began::Question(Question::Echo(Bytes::new()));
        [Event::Began(Tag(tag), asked), Event::Finished(Tag(tag), Ok(OpDone::Echoed))]
    });
    assert_eq!(lines(&mut journal, events), Vec::<String>::new());
    let told = journal.on_event(ServerEvent::Closed { connection: 1, end: SessionEnd::Orderly });
    assert!(told.len() == 1 && told[0].ends_with("192.0.2.7:51234  echo: 3 round trips"), "{told:?}");
    assert!(journal.visitors.is_empty());
}

#[test]
fn a_peer_that_breaks_the_rules_is_told_of_and_a_quiet_end_is_not() {
    let closed = |end, verbose| journal(verbose).on_event(ServerEvent::Closed { connection: 1, end });
    let told = closed(SessionEnd::Broken(Code::NOT_TOWLINE.into()), false);
    assert!(told[0].ends_with("dropped: the peer does not speak towline"), "{told:?}");
    assert!(closed(SessionEnd::Orderly, false).is_empty());
    assert_eq!(closed(SessionEnd::Orderly, true).len(), 1);
}

#[test]
fn a_stopping_server_says_what_it_waits_for_as_that_changes_and_every_ten_seconds() {
    let draining = || ServerEvent::Draining { connections: 0 };
    let mut alone = Journal::new(Talk { quiet: false, verbose: false }, None);
    assert_eq!(alone.on_event(draining()), ["stopping: nothing is under way"]);

    let mut journal = journal(false);
    let peer = Peer::Ip("192.0.2.7:51235".parse().unwrap());
    journal.on_event(ServerEvent::Accepted { connection: 2, peer, door: Door::Files });
    let put = Event::Began(Tag(1), Began::Offer(RelPath::new("film.mkv").unwrap()));
    lines(&mut journal, [put, Event::Began(Tag(2), Began::Get(RelPath::new("notes").unwrap()))]);
    assert_eq!(
        journal.on_event(draining()),
        [
            "stopping: waiting for 2 connections (2 operations) to finish, at most 30.00 s; Ctrl-C again stops at once"
        ]
    );
    let begin = Instant::now();
    let after = |seconds| begin + Duration::from_secs(seconds);
    assert_eq!(journal.still_stopping(after(1)), None);
    journal.on_event(ServerEvent::Closed { connection: 2, end: SessionEnd::Orderly });
    let failure = Failure::from(Code::CANCELLED);
    lines(&mut journal, [Event::Finished(Tag(2), Err(OpError { by: Party::Peer, failure }))]);
    let told = "stopping: still waiting for 1 connection (put film.mkv), ";
    assert_eq!(journal.still_stopping(after(2)), Some(format!("{told}27 s more at most")));
    assert_eq!(journal.still_stopping(after(3)), None);
    assert_eq!(journal.still_stopping(after(12)), Some(format!("{told}17 s more at most")));
    journal.on_event(ServerEvent::Closed { connection: 1, end: SessionEnd::Orderly });
    assert_eq!(journal.still_stopping(after(13)), None, "the server is about to end");
}

#[test]
fn quiet_is_quiet() {
    let mut journal = Journal::new(Talk { quiet: true, verbose: false }, None);
    assert!(journal.on_event(ServerEvent::Draining { connections: 1 }).is_empty());
}
