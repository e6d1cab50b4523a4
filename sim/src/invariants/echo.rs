//! What comes back is what was sent: all of it where the application was told so, and otherwise a part from the start;
//! nothing twice, nothing invented. A datagram comes back whole or not, and no oftener than the network doubles it; one
//! that is forged is not answered.

use std::collections::{BTreeMap, BTreeSet};

use towline::proto::prober::Counts;

use crate::outcome::{DatagramsEchoed, Outcome};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut broken = Vec::new();
    for echo in &outcome.echoes {
        let (place, sent) = (&echo.place, echo.request.len());
        match echo.replies.as_slice() {
            [] if echo.done && sent > 0 => broken.push(format!("{place}: nothing of {sent} bytes came back")),
            [] => {}
            [reply] => {
                let is_good =
                    if echo.done { *reply == echo.request } else { echo.request.starts_with(reply) };
                if !is_good {
                    broken.push(format!("{place}: {sent} bytes came back as {} others", reply.len()));
                }
            }
            more => broken.push(format!("{place}: {} replies to one request", more.len())),
        }
    }
    broken.extend(outcome.forged_answers.iter().cloned());
    broken.extend(outcome.datagrams.iter().flat_map(|echoed| datagrams(outcome, echoed)));
    broken
}

fn datagrams(outcome: &Outcome, echoed: &DatagramsEchoed) -> Vec<String> {
    let DatagramsEchoed { client, step, requests, replies, done, counted } = echoed;
    let place = format!("client {client}'s step {step}");
    // Both the request and each answer to it may be doubled.
    let most = if outcome.plan.datagrams.doubled_percent == 0 { 1 } else { 4 };
    let mut times: BTreeMap<&[u8], u32> = requests.iter().map(|sent| (sent.as_slice(), 0)).collect();
    let mut broken = Vec::new();
    for reply in replies {
        match times.get_mut(reply.as_slice()) {
            Some(times) => *times += 1,
            None => broken.push(format!("{place}: a datagram of {} bytes that was not sent", reply.len())),
        }
    }
    let often = times.values().filter(|times| **times > most).count();
    if often > 0 {
        broken.push(format!("{place}: {often} datagrams came back more than {most} times"));
    }
    let missing = times.values().filter(|times| **times == 0).count();
    if *done && missing > 0 && outcome.plan.keeps_datagrams() {
        broken.push(format!("{place}: {missing} of {} datagrams did not come back", requests.len()));
    }
    if let Some(counted) = counted
        && !is_told_as_it_was(requests, &replies[..counted.heard.min(replies.len())], &counted.counts)
    {
        broken.push(format!("{place}: its probe tells of {} replies: {counted:?}", replies.len()));
    }
    broken
}

/// What a probe tells is what came: each reply is the first, one more, or one of which it has forgotten whether it is the first.
fn is_told_as_it_was(requests: &[Vec<u8>], heard: &[Vec<u8>], counts: &Counts) -> bool {
    let mut known = BTreeSet::new();
    let (mut highest, mut overtaken) = (None, 0);
    for reply in heard {
        let number = requests.iter().position(|request| request == reply);
        let is_first = known.insert(reply);
        overtaken += u64::from(is_first && number < highest);
        highest = highest.max(number);
    }
    let (first, all) = (known.len() as u64, heard.len() as u64);
    let answered = counts.received + counts.late;
    let has_late = counts.late + counts.stale > 0;
    counts.sent == requests.len() as u64
        && counts.corrupted + counts.damaged + counts.truncated == 0
        && answered + counts.duplicated + counts.stale == all
        && (answered == first || (counts.stale > 0 && answered < first))
        && (counts.reordered == overtaken || (has_late && counts.reordered < overtaken))
}
