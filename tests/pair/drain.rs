//! The orderly end, from either side, with work under way.

use towline::harness::Lone;
use towline::proto::client::{Command, LinkId};
use towline::proto::machine::{End, Input, Machine};
use towline::proto::op::OpDone;
use towline::proto::session::{self, SessionEnd};
use towline::wire::{Body, Code, OperationId};

use crate::help::*;

#[test]
fn a_client_that_closes_finishes_what_runs() {
    let mut pair = pair();
    let content = noise(3_000_000);
    pair.local.put("up", &content);
    pair.served.put("down", &content);
    let jobs = [pair.start(put("up")), pair.start(fetch("down")), pair.start(echo("last"))];
    pair.run_until(|pair| pair.trace.text().contains("Data"));
    pair.close();
    assert!(jobs.iter().all(|job| matches!(pair.result(*job), Some(Ok(_)))));
    assert_eq!(pair.ends, [SessionEnd::Orderly]);
    assert_eq!(retries(&pair), 0);
}

#[test]
fn a_closing_client_begins_nothing_more() {
    let mut pair = pair();
    pair.command(Command::Close);
    let job = pair.start(echo("too late"));
    assert!(pair.result(job).is_none_or(|result| result.is_err()));
    pair.close();
}

/// The server says that it goes away; what runs ends well, and a new job dials again.
#[test]
fn a_server_that_drains_finishes_what_runs_and_new_jobs_dial_again() {
    let mut pair = pair();
    let content = noise(3_000_000);
    pair.local.put("up", &content);
    let first = pair.start(put("up"));
    pair.run_until(|pair| pair.trace.text().contains("Data"));
    pair.command_server(session::Command::Drain);
    pair.run_until(|pair| pair.trace.text().contains("GoAway"));
    let second = pair.start(echo("anew"));
    pair.run_until(|pair| pair.result(first).is_some() && pair.result(second).is_some());
    assert_eq!(pair.result(first), Some(Ok(moved(&content, 0))));
    assert_eq!(pair.result(second), Some(Ok(OpDone::Echoed)));
    assert!(pair.sent(LinkId(1), towline::harness::Side::Client) > 0, "it dialled again");
    pair.close();
    assert_eq!(pair.ends, [SessionEnd::Orderly, SessionEnd::Orderly]);
}

/// At every moment: nothing is lost but time.
#[test]
fn a_server_drains_at_every_moment_of_a_put() {
    let content = noise(3000);
    for moment in 0.. {
        let mut pair = pair();
        pair.local.put("up", &content);
        let job = pair.start(put("up"));
        let moments = (0..moment).take_while(|_| pair.result(job).is_none() && pair.advance()).count();
        if moments < moment {
            return;
        }
        pair.command_server(session::Command::Drain);
        pair.run_until(|pair| pair.result(job).is_some());
        assert_eq!(pair.result(job), Some(Ok(moved(&content, 0))), "moment {moment}");
        pair.close();
    }
}

#[test]
fn a_server_that_has_said_goodbye_says_nothing_more() {
    let mut lone = served();
    lone.step(Input::Command(session::Command::Drain));
    assert_eq!(bodies(&mut lone), [Body::GoAway(OperationId(0)), Body::Bye]);
    assert!(lone.is_finished);
    // What the client sent before it knew. The harness fails on a transmission after the end of the stream.
    lone.hear(0, Body::Ping(7));
    lone.hear(1, Body::Offer(offer("file", 10)));
    lone.hear(2, Body::Echo(noise(10).into()));
    lone.hear(0, Body::Bye);
    lone.peer_ends(End::Orderly);
    assert_eq!(lone.end, Some(SessionEnd::Orderly));
}

#[test]
fn a_new_operation_of_a_draining_server_is_refused_and_the_others_go_on() {
    let mut lone = served();
    lone.files.put("file", b"content");
    lone.hear(1, Body::Stat(path("file")));
    lone.step(Input::Command(session::Command::Drain));
    lone.hear(2, Body::Stat(path("file")));
    lone.settle();
    let said = bodies(&mut lone);
    let [Body::GoAway(OperationId(1)), Body::Failed(no), Body::Metadata(_), Body::Bye] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(no.code, Code::DRAINING);
    lone.peer_ends(End::Reset);
    lone.run_out();
}

/// The peer has said goodbye and ended its stream while the store still works: nothing is left to wait for.
#[test]
fn a_goodbye_with_completions_pending_does_not_linger() {
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", 100_000)));
    lone.hear(0, Body::Bye);
    lone.peer_ends(End::Orderly);
    assert_eq!(lone.end, None, "the partial is still being opened");
    lone.settle();
    assert_eq!(lone.end, Some(SessionEnd::Orderly));
    assert_eq!(bodies(&mut lone), [Body::Bye]);
}

#[test]
fn a_server_that_drains_in_the_handshake_says_so() {
    let mut lone = Lone::server(limits());
    lone.step(Input::Command(session::Command::Drain));
    assert!(matches!(&bodies(&mut lone)[..], [Body::Refused(no)] if no.code == Code::DRAINING));
    assert_eq!(broken(&mut lone), Code::DRAINING);
}

/// Last words wait for room: the stream ends behind them, or not at all.
#[test]
fn a_stream_is_ended_behind_the_last_words() {
    let mut lone = served();
    lone.step(Input::Room((), 0));
    (0..400).for_each(|i| lone.hear(0, Body::Ping(i)));
    lone.step(Input::Command(session::Command::Drain));
    assert!(!lone.is_finished, "8 KiB of reserve are used up");
    lone.step(Input::Room((), 1 << 20));
    assert!(lone.is_finished);
    let said = bodies(&mut lone);
    assert_eq!(said.len(), 402);
    assert_eq!(said.last(), Some(&Body::Bye));
    assert!(lone.session().wants_read(()));
    lone.hear(0, Body::Bye);
    lone.peer_ends(End::Orderly);
    lone.run_out();
}
