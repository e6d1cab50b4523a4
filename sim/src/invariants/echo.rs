//! What comes back is what was sent: all of it where the application was told so, and otherwise a part from the start;
//! nothing twice, nothing invented. A datagram comes back whole or not, and no oftener than the network doubles it; one
//! that is forged is not answered.

use std::collections::BTreeMap;

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
    let DatagramsEchoed { client, step, requests, replies, done } = echoed;
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
    broken
}
