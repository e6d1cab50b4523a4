//! What is tried again, when, and what is not.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::Limits;
use towline::proto::client::{Client, Command, Event, JobError, JobId, LinkId, RetryPolicy};
use towline::proto::machine::{DialError, DialErrorKind, Effect, Input, Machine, Out};
use towline::proto::op::OpDone;
use towline::time::{Duration, Time};

use crate::help::*;

#[test]
fn a_server_that_was_never_reached_is_given_up_at_once() {
    let mut pair = pair_with(vec![Fault::Refuse(0)]);
    assert!(matches!(pair.carry_out(echo("anyone?")), Err(JobError::Dial(_))));
    assert_eq!(retries(&pair), 0);
    pair.close();
}

#[test]
fn a_server_that_is_awaited_is_dialled_again() {
    let policy = RetryPolicy { wait: Some(Duration::from_secs(60)), ..RetryPolicy::default() };
    let faults = (0..8).map(Fault::Refuse).collect();
    let mut pair = Pair::new(PairConfig { policy, faults, ..PairConfig::default() });
    assert_eq!(pair.carry_out(echo("anyone?")), Ok(OpDone::Echoed));
    assert_eq!(retries(&pair), 8);
    pair.close();
}

/// However long ago the client was made: what waits is its first operation.
#[test]
fn a_server_is_awaited_from_the_first_dial_on() {
    let policy = RetryPolicy { wait: Some(Duration::from_secs(60)), ..RetryPolicy::default() };
    let mut client = Client::new(Limits::default(), policy, 7);
    let mut tell = |at: u64, input| {
        let mut out = Out::new();
        client.step(Time::from_millis(at), input, &mut out);
        out.drain().collect::<Vec<_>>()
    };
    tell(94_000, Input::Command(Command::Start(JobId(0), echo("anyone?"))));
    let refused = || DialError { kind: DialErrorKind::Refused, os: None };
    let effects = tell(94_001, Input::DialFailed(LinkId(0), refused()));
    assert!(matches!(effects[..], [Effect::Event(Event::Retrying { .. })]), "{effects:?}");
    tell(100_000, Input::Elapsed);
    let effects = tell(154_001, Input::DialFailed(LinkId(1), refused()));
    assert!(matches!(effects[..], [Effect::Event(Event::Finished(..))]), "{effects:?}");
}

#[test]
fn a_busy_server_is_asked_again_after_the_delay_that_it_named() {
    let mut pair = pair_with(vec![Fault::Busy(0, 7000)]);
    assert_eq!(pair.carry_out(echo("now?")), Ok(OpDone::Echoed));
    assert_eq!(retries(&pair), 1);
    assert!(pair.now() >= Time::from_millis(7000), "{:?}", pair.now());
    pair.close();
}

#[test]
fn attempts_are_counted() {
    let faults = (0..9).map(|dial| Fault::Reset(dial, Side::Server, 100)).collect();
    let mut pair = pair_with(faults);
    pair.local.put("file", &noise(1000));
    assert!(matches!(pair.carry_out(put("file")), Err(JobError::Session(_))));
    assert_eq!(retries(&pair), 4, "five attempts in all");
    pair.close();
}

#[test]
fn whoever_tries_once_tries_once() {
    let mut pair = pair_once(vec![Fault::Reset(0, Side::Server, 100)]);
    pair.local.put("file", &noise(1000));
    assert!(pair.carry_out(put("file")).is_err());
    assert_eq!(retries(&pair), 0);
    pair.close();
}

/// Many jobs on one connection that breaks: all return soon, not each after twice the delay of the one before.
#[test]
fn jobs_that_were_lost_together_return_together() {
    let mut pair = pair_with(vec![Fault::Reset(0, Side::Server, 1_000_000)]);
    let jobs: Vec<_> = (0..40)
        .map(|i| {
            pair.served.put(&format!("f{i}"), &noise(200_000 + i));
            pair.start(fetch(&format!("f{i}")))
        })
        .collect();
    pair.run_until(|pair| jobs.iter().all(|job| pair.result(*job).is_some()));
    assert!(jobs.iter().all(|job| matches!(pair.result(*job), Some(Ok(_)))));
    let delays = pair.events.iter().filter_map(|event| match event {
        Event::Retrying { delay, .. } => Some(*delay),
        _ => None,
    });
    let longest = delays.max().expect("some were lost");
    assert!(longest <= RetryPolicy::default().base, "{longest:?}");
    pair.close();
}
