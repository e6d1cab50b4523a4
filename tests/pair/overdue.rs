//! Operations that take longer than the application gives them.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::{JobError, JobId, RetryPolicy};
use towline::proto::op::OpDone;
use towline::time::{Duration, Time};

use crate::help::*;

const LIMIT: Duration = Duration::from_secs(5);
/// What a server has to answer in that an operation is called off, and the time that a word takes.
const GRACE: Duration = Duration::from_millis(2_100);

fn limited(config: PairConfig) -> Pair {
    let policy = RetryPolicy { operation: Some(LIMIT), ..config.policy };
    Pair::new(PairConfig { policy, ..config })
}

/// Fails unless the job is over in time for want of it.
fn is_overdue(pair: &mut Pair, job: JobId, from: Time, disk: Duration) {
    pair.run_until(|pair| pair.result(job).is_some());
    assert_eq!(pair.result(job), Some(Err(JobError::Overdue)), "{}", pair.trace.text());
    let took = pair.now().since(from);
    assert!(LIMIT <= took && took <= LIMIT + GRACE + disk, "{took:?}");
}

#[test]
fn what_ends_in_time_is_not_held_to_it() {
    let mut pair = limited(PairConfig::default());
    let content = noise(3_000_000);
    pair.local.put("file", &content);
    assert_eq!(pair.carry_out(put("file")), Ok(moved(&content, 0)));
    // The limit is each one's own.
    for _ in 0..3 {
        let begin = pair.now();
        pair.run_until(|pair| pair.now().since(begin) > LIMIT);
        assert_eq!(pair.carry_out(echo("again")), Ok(OpDone::Echoed));
    }
    pair.close();
}

#[test]
fn a_server_that_is_awaited_longer() {
    let policy = RetryPolicy { wait: Some(Duration::from_secs(60)), ..RetryPolicy::default() };
    let faults = (0..100).map(Fault::Refuse).collect();
    let mut pair = limited(PairConfig { policy, faults, ..PairConfig::default() });
    let job = pair.start(echo("anyone?"));
    is_overdue(&mut pair, job, Time::ZERO, Duration::ZERO);
    pair.close();
}

/// A disk at either side takes longer than that; what the own disk has begun is waited for, and put away. Other operations go on.
#[test]
fn a_disk_that_is_slow() {
    let disk = Duration::from_secs(4);
    for is_put in [true, false] {
        let mut pair = limited(PairConfig { store: disk, ..PairConfig::default() });
        pair.carry_out(echo("connect")).expect("an echo");
        let from = pair.now();
        for files in [&pair.local, &pair.served] {
            files.put("file", &noise(2_000_000));
        }
        let job = pair.start(if is_put { put("file") } else { fetch("file") });
        is_overdue(&mut pair, job, from, 2 * disk);
        assert_eq!(pair.carry_out(echo("it goes on")), Ok(OpDone::Echoed));
        pair.close();
    }
}

/// Nothing arrives any more: the connection is dropped, and the next one is a new one.
#[test]
fn a_server_that_has_fallen_silent() {
    let mut pair =
        limited(PairConfig { faults: vec![Fault::Silence(0, Side::Client, 200)], ..PairConfig::default() });
    pair.carry_out(echo("connect")).expect("an echo");
    let from = pair.now();
    let job = pair.start(echo(vec![7; 1000]));
    is_overdue(&mut pair, job, from, Duration::ZERO);
    assert_eq!(pair.carry_out(echo("over a new one")), Ok(OpDone::Echoed));
    pair.close();
}
