//! Echoes of datagrams, and what their probe tells.

use towline::proto::prober::Counts;

use super::broken;
use crate::outcome::{Counted, Outcome};

/// What the probe tells of the good outcome's datagrams: both came back, the second one first.
pub(super) const COUNTED: Counted = Counted {
    counts: Counts {
        sent: 2,
        received: 2,
        reordered: 1,
        lost: 0,
        late: 0,
        duplicated: 0,
        corrupted: 0,
        damaged: 0,
        truncated: 0,
        stale: 0,
        refused: 0,
        abandoned: 0,
        unsent: 0,
    },
    heard: 2,
};

#[test]
fn echoes_of_datagrams() {
    let reply = |text: &[u8]| text.to_vec();
    assert_eq!(broken(|outcome| outcome.datagrams[0].replies[0] = reply(b"number 2")), ["echo"]);
    assert_eq!(broken(|outcome| outcome.datagrams[0].replies[0] = reply(b"numb")), ["echo"]);
    assert_eq!(broken(|outcome| outcome.datagrams[0].replies.truncate(1)), ["echo"]);
    let again = |outcome: &mut Outcome, times: usize| {
        outcome.datagrams[0].replies.extend(vec![reply(b"number 0"); times]);
    };
    assert_eq!(broken(|outcome| again(outcome, 1)), ["echo"]);
    let doubled = |outcome: &mut Outcome| outcome.plan.datagrams.doubled_percent = 5;
    assert!(broken(|outcome| (doubled(outcome), again(outcome, 3)).1).is_empty());
    assert_eq!(broken(|outcome| (doubled(outcome), again(outcome, 4)).1), ["echo"]);
    // What is lost on the way does not come back.
    let lossy = |outcome: &mut Outcome| {
        outcome.plan.datagrams.lost_percent = 5;
        outcome.datagrams[0].replies.clear();
        outcome.datagrams[0].counted = None;
    };
    assert!(broken(lossy).is_empty());
}

#[test]
fn what_a_probe_tells() {
    let told = |change: fn(&mut Counts)| {
        broken(|outcome| {
            let mut counted = COUNTED;
            change(&mut counted.counts);
            outcome.datagrams[0].counted = Some(counted);
        })
    };
    assert!(told(|_| {}).is_empty());
    let wrong: [fn(&mut Counts); 8] = [
        |counts| counts.sent = 1,
        |counts| counts.received = 1,
        |counts| counts.late = 1,
        |counts| counts.duplicated = 1,
        |counts| (counts.received, counts.duplicated) = (1, 1),
        |counts| counts.reordered = 0,
        |counts| counts.corrupted = 1,
        |counts| counts.truncated = 1,
    ];
    for change in wrong {
        assert_eq!(told(change), ["echo"]);
    }
    // What came so late that it is forgotten is neither.
    assert!(told(|counts| (counts.received, counts.stale, counts.reordered) = (1, 1, 0)).is_empty());
}
