//! Cancellation: before anything was said, in the middle, too late, and when the connection is lost meanwhile.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::{Command, JobId, LinkId};
use towline::proto::op::OpDone;
use towline::time::Duration;
use towline::wire::Code;

use crate::help::*;

const OLD: &[u8] = b"the old file";

fn until_over(pair: &mut Pair, job: JobId) {
    pair.run_until(|pair| pair.result(job).is_some());
}

#[test]
fn before_there_is_a_connection() {
    let mut pair = pair();
    let job = pair.start(echo("never mind"));
    pair.command(Command::Cancel(job));
    assert_eq!(code(pair.result(job).expect("over")), Code::CANCELLED);
    pair.close();
}

/// The offer waits for its source: the server has heard of nothing, and other jobs go on.
#[test]
fn before_the_server_has_heard_of_it() {
    let mut pair = Pair::new(PairConfig { store: Duration::from_secs(1), ..PairConfig::default() });
    pair.local.put("file", &noise(100));
    pair.carry_out(echo("connect")).expect("an echo");
    let job = pair.start(put("file"));
    pair.command(Command::Cancel(job));
    until_over(&mut pair, job);
    assert_eq!(code(pair.result(job).expect("over")), Code::CANCELLED);
    assert!(!pair.trace.text().contains("Cancel"), "{}", pair.trace.text());
    assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
    assert_eq!(retries(&pair), 0);
    pair.close();
}

/// At every moment of a put: it is cancelled and the old file stands, or it has won and the new one does.
#[test]
fn at_every_moment_of_a_transfer() {
    let new = noise(200_000);
    let (mut cancelled, mut won) = (0, 0);
    for is_put in [true, false] {
        for moment in 0.. {
            let mut pair = pair();
            let (from, to) = if is_put { (&pair.local, &pair.served) } else { (&pair.served, &pair.local) };
            let to = to.clone();
            from.put("file", &new);
            to.put("file", OLD);
            let job = pair.start(if is_put { put("file") } else { fetch("file") });
            let moments = (0..moment).take_while(|_| pair.result(job).is_none() && pair.advance()).count();
            if moments < moment {
                break;
            }
            pair.command(Command::Cancel(job));
            until_over(&mut pair, job);
            let there = to.get("file").expect("a file");
            match pair.result(job).expect("over") {
                Ok(done) => {
                    assert_eq!(done, moved(&new, 0));
                    assert!(there == new, "moment {moment}");
                    won += 1;
                }
                error @ Err(_) => {
                    assert_eq!(code(error), Code::CANCELLED, "moment {moment}");
                    assert!(
                        there == OLD,
                        "moment {moment}: cancelled, and published:\n{}",
                        pair.trace.text()
                    );
                    cancelled += 1;
                }
            }
            pair.close();
        }
    }
    assert!(cancelled > 10 && won > 4, "{cancelled} cancelled, {won} won");
}

#[test]
fn a_cancelled_job_is_not_tried_again_when_its_connection_is_lost() {
    let answer = {
        let mut pair = pair();
        pair.served.put("file", &noise(100_000));
        pair.carry_out(fetch("file")).expect("a get");
        pair.sent(LinkId(0), Side::Server)
    };
    let mut pair = pair_with(vec![Fault::Reset(0, Side::Server, answer / 2)]);
    pair.served.put("file", &noise(100_000));
    let job = pair.start(fetch("file"));
    pair.run_until(|pair| pair.trace.text().contains("Offer"));
    pair.command(Command::Cancel(job));
    until_over(&mut pair, job);
    assert_eq!(code(pair.result(job).expect("over")), Code::CANCELLED);
    assert_eq!(retries(&pair), 0);
    pair.close();
}

#[test]
fn what_is_over_or_was_never_begun_is_cancelled_without_effect() {
    let mut pair = pair();
    let job = pair.start(echo("done"));
    until_over(&mut pair, job);
    pair.command(Command::Cancel(job));
    pair.command(Command::Cancel(JobId(77)));
    assert_eq!(pair.carry_out(echo("the connection goes on")), Ok(OpDone::Echoed));
    pair.close();
}
