//! Each invariant is fed an outcome that breaks it, and one that does not.

mod datagrams;
mod moved;

use towline::harness::Side;
use towline::wire;

use super::{ALL, check};
use crate::outcome::{
    Bound, ContentId, DatagramsEchoed, Drain, Echoed, Ended, Job, Outcome, Peak, PowerLoss, Published,
    Rotten, SourceChange, Visit,
};
use crate::plan::{
    Application, Content, Expect, Fault, Host, Operation, Plan, Step, Stranger, Trick, What, When,
};
use crate::trace::{Event, Frame, Kind, Lane, Passed};

const SENT: Content = Content { length: 1_000, noise: 1 };
const OTHER: Content = Content { length: 1_000, noise: 2 };

/// One put that was carried out, and whose file stands there; got back, listed, and echoed.
fn good() -> Outcome {
    let mut plan = Plan::from_seed(0);
    let step = |operation| Step::new(operation, Expect::Success);
    plan.served = vec![("old".to_owned(), OTHER)];
    plan.clients[0].steps = vec![
        step(Operation::Put { path: "new".to_owned(), content: SENT }),
        step(Operation::Get { path: "new".to_owned() }),
        step(Operation::List),
    ];
    let mut outcome = Outcome::of(plan);
    outcome.served = [("old".to_owned(), OTHER.id()), ("new".to_owned(), SENT.id())].into();
    outcome.published = vec![Published { at_ms: 9, path: "new".to_owned(), content: SENT.id() }];
    outcome.jobs = vec![done(0, 0, 1), done(0, 1, 3), done(0, 2, 5)];
    outcome.jobs[0].stood = Some(true);
    outcome.jobs[1].got = Some(SENT.id());
    outcome.jobs[2].names = vec!["new".to_owned(), "old".to_owned()];
    outcome.echoes = vec![Echoed {
        place: "e0".to_owned(),
        request: b"abc".to_vec(),
        replies: vec![b"abc".to_vec()],
        done: true,
    }];
    outcome.datagrams = vec![DatagramsEchoed {
        client: 0,
        step: 0,
        requests: vec![b"number 0".to_vec(), b"number 1".to_vec()],
        replies: vec![b"number 1".to_vec(), b"number 0".to_vec()],
        done: true,
        counted: Some(datagrams::COUNTED),
    }];
    outcome.bound = vec![Bound { second: false, error: None }];
    outcome
}

/// A step of a client that succeeded, from `begun_at` on.
fn done(client: u32, step: usize, begun_at: u64) -> Job {
    let ended_at = Some(begun_at + 1);
    Job { ended: Some(Ended::Done), ended_at, replies: 1, ..Job::begun(client, 0, step, begun_at) }
}

/// What breaks, once `spoil` was at a good outcome.
fn broken(spoil: impl FnOnce(&mut Outcome)) -> Vec<&'static str> {
    let mut outcome = good();
    spoil(&mut outcome);
    let mut names: Vec<_> = check(&outcome).into_iter().map(|broken| broken.invariant).collect();
    names.dedup();
    names
}

#[test]
fn a_good_outcome_breaks_nothing() {
    assert_eq!(check(&good()), []);
}

#[test]
fn published() {
    let stranger = Published { at_ms: 5, path: "new".to_owned(), content: OTHER.id() };
    assert_eq!(broken(|outcome| outcome.published.push(stranger)), ["published"]);
    let torn = |outcome: &mut Outcome| {
        outcome.served.insert("new".to_owned(), OTHER.id());
    };
    assert!(broken(torn).contains(&"published"));
    // A put repairs it later: it was there to be seen all the same.
    let (path, was) = ("new".to_owned(), Some(SENT.id()));
    let loss = PowerLoss { host: Host::Server, path, was, is: Some(OTHER.id()), at: 2 };
    assert!(broken(|outcome| outcome.power_losses.push(loss)).contains(&"published"));
    let again = |outcome: &mut Outcome, losses: usize| {
        let twice = outcome.published[0].clone();
        outcome.published.push(twice);
        let (host, path, sent) = (Host::Server, "new".to_owned(), Some(SENT.id()));
        let loss = PowerLoss { host, path, was: sent, is: sent, at: 2 };
        outcome.power_losses.extend(vec![loss; losses]);
    };
    assert_eq!(broken(|outcome| again(outcome, 0)), ["published"]);
    assert!(broken(|outcome| again(outcome, 1)).is_empty(), "a loss took it back, for one like it");
}

#[test]
fn acknowledged() {
    assert_eq!(broken(|outcome| outcome.jobs[0].stood = Some(false)), ["acknowledged"]);
    // Where another client writes too, it may have been first.
    let shared = |outcome: &mut Outcome| {
        outcome.plan.clients.push(outcome.plan.clients[0].clone());
        outcome.jobs.extend([done(1, 0, 7), done(1, 1, 9), done(1, 2, 11)]);
        outcome.jobs[4].got = Some(SENT.id());
        outcome.jobs[5].names = vec!["new".to_owned(), "old".to_owned()];
        outcome.jobs[0].stood = Some(false);
    };
    assert!(broken(shared).is_empty(), "{:?}", broken(shared));
}

#[test]
fn linearizable() {
    let lost = |outcome: &mut Outcome| {
        outcome.served.remove("new");
    };
    assert_eq!(broken(lost), ["linearizable"]);
    assert_eq!(broken(|outcome| outcome.jobs[1].got = Some(OTHER.id())), ["linearizable"]);
    // A put that failed may have taken effect, now or later, or not.
    let failed = |outcome: &mut Outcome| {
        outcome.jobs[0].ended = Some(Ended::Failed("cut".to_owned()));
        outcome.plan.clients[0].steps[0].expect = Expect::Any;
    };
    assert!(broken(failed).is_empty());
    let never = |outcome: &mut Outcome| {
        failed(outcome);
        outcome.served.remove("new");
        outcome.jobs.truncate(1);
        outcome.plan.clients[0].steps.truncate(1);
    };
    assert!(broken(never).is_empty());
    // Two puts at once may come in either order, but what was seen does not come back.
    let both = |outcome: &mut Outcome, seen: [Content; 2]| {
        let put = |content| Operation::Put { path: "new".to_owned(), content };
        let get = Operation::Get { path: "new".to_owned() };
        let step = |operation| Step::new(operation, Expect::Success);
        outcome.plan.clients[0].steps = vec![step(put(SENT)), step(get.clone()), step(get)];
        outcome.plan.clients.push(Application { begins_ms: 0, steps: vec![step(put(OTHER))], leaves: false });
        outcome.jobs[2].got = Some(seen[1].id());
        outcome.jobs[1].got = Some(seen[0].id());
        outcome.jobs.push(Job { ended_at: Some(9), ..done(1, 0, 0) });
        outcome.served.insert("new".to_owned(), seen[1].id());
    };
    assert!(broken(|outcome| both(outcome, [SENT, OTHER])).is_empty());
    assert!(broken(|outcome| both(outcome, [OTHER, OTHER])).is_empty());
    assert_eq!(broken(|outcome| both(outcome, [OTHER, SENT])), ["linearizable"]);
}

/// A file rots, and is got so; or a power loss takes back what nobody was told of, and had seen.
#[test]
fn what_a_disk_did_is_known_and_nothing_else() {
    let rots = |outcome: &mut Outcome| {
        outcome.served.insert("new".to_owned(), OTHER.id());
        let (was, is) = (SENT.id(), OTHER.id());
        let rotten =
            Rotten { host: Host::Server, path: "new".to_owned(), was, is, at: Some(7), bits: vec![(0, 1)] };
        outcome.rotten.push(rotten);
    };
    assert!(broken(rots).is_empty(), "{:?}", broken(rots));
    let before = |outcome: &mut Outcome| {
        rots(outcome);
        outcome.rotten[0].at = Some(2);
    };
    assert_eq!(broken(before), ["linearizable"], "a get after it must not see what was");
    let received = |outcome: &mut Outcome| {
        rots(outcome);
        outcome.rotten[0].at = None;
        outcome.jobs[1].got = Some(OTHER.id());
    };
    assert!(broken(received).is_empty(), "{:?}", broken(received));
    let loses = |outcome: &mut Outcome, is: Option<ContentId>| {
        let (host, path) = (Host::Server, "new".to_owned());
        outcome.power_losses.push(PowerLoss { host, path, was: Some(SENT.id()), is, at: 7 });
        outcome.served.remove("new");
    };
    assert_eq!(broken(|outcome| loses(outcome, None)), ["linearizable"], "it was acknowledged");
    let unacknowledged = |outcome: &mut Outcome, is| {
        outcome.jobs[0].ended = Some(Ended::Failed("no sync".to_owned()));
        outcome.plan.clients[0].steps[0].expect = Expect::Any;
        loses(outcome, is);
        outcome.jobs[2].names.truncate(2);
    };
    let taken_back = |outcome: &mut Outcome| unacknowledged(outcome, None);
    assert!(broken(taken_back).is_empty(), "{:?}", broken(taken_back));
}

#[test]
fn harmless() {
    let visited = |outcome: &mut Outcome, end: Option<&str>| {
        let trick = Trick::Garbage;
        outcome.plan.strangers = vec![Stranger { begins_ms: 1, trick, noise: 1 }];
        outcome.visits = vec![Visit { stranger: 0, end: end.map(str::to_owned) }];
    };
    assert!(broken(|outcome| visited(outcome, Some("told"))).is_empty());
    assert_eq!(broken(|outcome| visited(outcome, None)), ["harmless"]);
    let noticed = |outcome: &mut Outcome| {
        visited(outcome, Some("told"));
        outcome.jobs[1].retries = 1;
    };
    assert_eq!(broken(noticed), ["harmless"]);
    let failed = |outcome: &mut Outcome| {
        visited(outcome, Some("told"));
        outcome.jobs[2].ended = Some(Ended::Failed("no".to_owned()));
    };
    assert_eq!(broken(failed), ["harmless", "as-planned"]);
}

#[test]
fn memory() {
    let held = |bytes| {
        move |outcome: &mut Outcome| {
            outcome.peaks = [(Host::Server, Peak { machines: 2, bytes, most: 200 })].into();
        }
    };
    assert!(broken(held(200)).is_empty());
    assert_eq!(broken(held(201)), ["memory"]);
}

#[test]
fn kept() {
    let lost = |outcome: &mut Outcome| {
        let (host, path) = (Host::Client(0), "down-1".to_owned());
        outcome.power_losses.push(PowerLoss { host, path, was: Some(SENT.id()), is: None, at: 9 });
    };
    assert_eq!(broken(lost), ["kept"]);
}

#[test]
fn reads() {
    assert_eq!(broken(|outcome| outcome.jobs[1].got = None), ["linearizable", "reads"]);
    assert_eq!(broken(|outcome| outcome.jobs[2].names.truncate(1)), ["reads"]);
    assert_eq!(broken(|outcome| outcome.jobs[2].names.push("new".to_owned())), ["reads"]);
    assert_eq!(broken(|outcome| outcome.jobs[2].names.push("stranger".to_owned())), ["reads"]);
}

#[test]
fn echo() {
    assert_eq!(broken(|outcome| outcome.echoes[0].replies[0][1] = b'x'), ["echo"]);
    assert_eq!(broken(|outcome| outcome.echoes[0].replies.push(b"abc".to_vec())), ["echo"]);
    assert_eq!(broken(|outcome| outcome.echoes[0].replies.clear()), ["echo"]);
    assert_eq!(broken(|outcome| outcome.echoes[0].replies[0].truncate(2)), ["echo"]);
    assert_eq!(broken(|outcome| outcome.forged_answers.push("to a group".to_owned())), ["echo"]);
}

#[test]
fn replies() {
    assert_eq!(broken(|outcome| outcome.jobs[2].replies = 2), ["replies"]);
    assert_eq!(broken(|outcome| outcome.jobs[2].replies = 0), ["replies"]);
}

#[test]
fn drains() {
    let drain = |stopped, in_flight| Drain { told_ms: 100, stopped, in_flight };
    let with = |drain: Drain| broken(|outcome| outcome.drains.push(drain));
    let most = good().plan.limits.drain_ms;
    assert_eq!(with(drain(Some((100 + most, true)), vec![(0, 0)])), [""; 0]);
    assert_eq!(with(drain(Some((200 + most, true)), Vec::new())), ["drains"]);
    assert_eq!(with(drain(Some((200 + most, false)), Vec::new())), [""; 0]);
    let begun_anew = |outcome: &mut Outcome| {
        outcome.jobs[0].retries = 1;
        outcome.drains.push(drain(Some((200, true)), vec![(0, 0)]));
    };
    assert_eq!(broken(begun_anew), ["drains"]);
}

#[test]
fn counted() {
    assert_eq!(broken(|outcome| outcome.miscounted.push((0, (9, 8), (9, 7)))), ["counted"]);
}

#[test]
fn thrift() {
    let want = |outcome: &mut Outcome| {
        let frame = wire::Frame::of(wire::OperationId(1), wire::Body::Want(Vec::new()));
        let passed = Passed::Frame(frame.into());
        let frame = Frame { by: Side::Server, is_heard: true, start: 0, end: 16, passed };
        let (lane, kind) = (Lane::Client(0), Kind::Frame(frame));
        outcome.trace.record(Event { at_nanos: 9, lane, connection: None, kind });
    };
    assert_eq!(broken(want), ["thrift"]);
    let rots = Fault { when: When::At(1), what: What::BitRot(Host::Server, 0) };
    let damaged = |outcome: &mut Outcome| {
        want(outcome);
        outcome.plan.faults.push(rots);
        outcome.faults_at_ms.push(Some(1));
    };
    assert_eq!(broken(damaged), [""; 0]);
}

#[test]
fn liveness() {
    assert_eq!(broken(|outcome| outcome.waiting.push("the client: step 2".to_owned())), ["liveness"]);
    assert_eq!(broken(|outcome| outcome.panic = Some("index out of bounds".to_owned())), ["liveness"]);
}

#[test]
fn leftovers() {
    assert_eq!(broken(|outcome| outcome.leftovers.partials.push("x.partial".to_owned())), ["leftovers"]);
    let kept = (Host::Server, "never sent".to_owned());
    assert_eq!(broken(|outcome| outcome.leftovers.kept.push(kept)), ["leftovers"]);
    assert_eq!(broken(|outcome| outcome.leftovers.leases = 1), ["leftovers"]);
    assert_eq!(broken(|outcome| outcome.leftovers.connections = 1), ["leftovers"]);
}

#[test]
fn as_planned() {
    let failed = Some(Ended::Failed("no".to_owned()));
    assert_eq!(broken(|outcome| outcome.jobs[2].ended = failed), ["as-planned"]);
    assert_eq!(broken(|outcome| outcome.jobs.truncate(2)), ["as-planned"]);
    assert_eq!(broken(|outcome| outcome.bound.push(Bound { second: true, error: None })), ["as-planned"]);
}

#[test]
fn every_invariant_is_shown_to_fail() {
    let tests = concat!(include_str!("shown_to_fail.rs"), include_str!("shown_to_fail/moved.rs"));
    for (name, _) in ALL {
        assert!(tests.contains(&format!("fn {}()", name.replace('-', "_"))), "{name} has no test here");
    }
}

#[test]
fn deterministic() {
    let caught =
        towline_tripwire::Caught { call: "clock_gettime", frames: vec!["towline::somewhere".to_owned()] };
    assert_eq!(broken(|outcome| outcome.impure.push(caught)), ["deterministic"]);
}

#[test]
fn a_look() {
    let looks = |outcome: &mut Outcome, length| {
        outcome.plan.clients[0].steps[1].operation = Operation::Stat { path: "new".to_owned() };
        (outcome.jobs[1].got, outcome.jobs[1].described) = (None, length);
    };
    assert!(broken(|outcome| looks(outcome, Some(SENT.length))).is_empty());
    assert_eq!(broken(|outcome| looks(outcome, Some(SENT.length + 1))), ["linearizable"]);
    assert_eq!(broken(|outcome| looks(outcome, None))[..1], ["linearizable"]);
}

#[test]
fn a_job_that_was_given_up() {
    let given_up = |outcome: &mut Outcome, replies| {
        (outcome.jobs[0].ended, outcome.jobs[0].replies) = (Some(Ended::GivenUp), replies);
        let step = &mut outcome.plan.clients[0].steps[0];
        (step.expect, step.give_up_ms) = (Expect::Any, Some(5));
    };
    assert!(broken(|outcome| given_up(outcome, 1)).is_empty());
    assert_eq!(broken(|outcome| given_up(outcome, 0)), ["replies"], "nobody ever answers");
    let died = |outcome: &mut Outcome| {
        given_up(outcome, 0);
        outcome.jobs[0].died_unanswered = true;
    };
    assert!(broken(died).is_empty());
}

#[test]
fn a_source_that_changes() {
    const MIXED: Content = Content { length: 1_000, noise: 3 };
    let becomes = |outcome: &mut Outcome, at, is: Content| {
        outcome.source_changes.push(SourceChange { client: 0, step: 0, content: OTHER.id(), at });
        outcome.served.insert("new".to_owned(), is.id());
        outcome.published[0].content = is.id();
        outcome.jobs[1].got = Some(is.id());
    };
    assert!(broken(|outcome| becomes(outcome, 1, OTHER)).is_empty());
    assert!(broken(|outcome| becomes(outcome, 1, SENT)).is_empty(), "too late for this one");
    assert_eq!(broken(|outcome| becomes(outcome, 1, MIXED)), ["published", "linearizable"]);
    assert_eq!(broken(|outcome| becomes(outcome, 2, OTHER)), ["published", "linearizable"], "it was over");
    assert_eq!(broken(|outcome| becomes(outcome, 0, SENT)), ["published", "linearizable"], "it was gone");
}
