//! What goes in order, and what is only compared. Whoever reads gets bytes of one version that stood there: all of them if it
//! succeeds, else the first ones and nothing else. A stream that fails in the middle is no success. A comparison says of what
//! was here at some time just what differs from what the server named. When that stood there is the matter of `linearizable`,
//! and so is a stream that was sent.

use crate::outcome::{ContentId, Ended, Job, Outcome};
use crate::plan::{Content, Operation, Part};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let meets_impostor =
        |job: &Job| outcome.plan.impostors.iter().any(|impostor| impostor.client == job.client);
    let mut broken = Vec::new();
    for job in &outcome.jobs {
        let is_done = job.ended == Some(Ended::Done);
        match outcome.operation(job) {
            Operation::Print { path, .. } if outcome.plan.is_in_the_way(path) => {}
            // What a server that keeps no rules sends is as it hashed it, and nobody can check more.
            Operation::Print { .. } if meets_impostor(job) => {}
            Operation::Print { path, part, room } => {
                broken.extend(wrong_bytes(outcome, job, path, *part, *room));
            }
            Operation::Pour { path, fails_at: Some(at), .. } if is_done => {
                broken.push(format!("a stream to {path:?} that failed after {at} bytes was a success"));
            }
            Operation::Compare { path, content } if is_done => {
                broken.extend(wrong_comparison(outcome, job, path, content));
            }
            Operation::Compare { .. } | Operation::Pour { .. } => {}
            Operation::Put { .. } | Operation::Get { .. } | Operation::Remove { .. } => {}
            Operation::PutTree { .. } | Operation::GetTree { .. } => {}
            Operation::List | Operation::Stat { .. } => {}
            Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => {}
        }
    }
    broken
}

fn wrong_bytes(outcome: &Outcome, job: &Job, path: &str, part: Part, room: Option<u64>) -> Option<String> {
    let is_done = job.ended == Some(Ended::Done);
    let Some(output) = &job.printed else {
        return is_done.then(|| format!("{part:?} of {path:?} was read, and nobody knows what"));
    };
    if room.is_some_and(|room| output.0.len() as u64 > room) {
        return Some(format!("{output:?} of {path:?} were written where there was room for {room:?}"));
    }
    let is_it = |bytes: &[u8]| {
        part.of(bytes)
            .is_some_and(|part| if is_done { part == output.0 } else { part.starts_with(&output.0) })
    };
    let is_none = output.0.is_empty() && !is_done;
    let versions = outcome.versions_at(path);
    if is_none || versions.iter().any(|(_, bytes)| is_it(bytes)) {
        return None;
    }
    let versions: Vec<ContentId> = versions.iter().map(|(id, _)| *id).collect();
    let ended = &job.ended;
    Some(format!("{part:?} of {path:?} ended as {ended:?} with {output:?}, which is of none of {versions:?}"))
}

fn wrong_comparison(outcome: &Outcome, job: &Job, path: &str, content: &Content) -> Option<String> {
    let Some(compared) = &job.compared else {
        return Some(format!("a comparison with {path:?} succeeded, and told nothing"));
    };
    let here: Vec<ContentId> = outcome.sent_by(job);
    let (is_equal, there) = (compared.is_equal(), job.named_by_server());
    if is_equal && !here.iter().any(|id| Some(*id) == there) {
        return Some(format!("{path:?} is said to be equal to {here:?}, and is {there:?}"));
    }
    // What stands there is known byte by byte, but for what a link leads to.
    let versions = outcome.versions_at(path);
    let (_, there) = versions.iter().find(|(id, _)| Some(*id) == there)?;
    let contents = std::iter::once(content).chain(outcome.plan.source_changes(job.client, job.step));
    let contents: Vec<Vec<u8>> = contents
        .filter(|content| here.contains(&outcome.id(content)))
        .map(|content| content.bytes())
        .collect();
    let told: Vec<(u64, u64)> =
        compared.differing.iter().map(|range| (range.first.into(), range.count.into())).collect();
    let is_right =
        |here: &Vec<u8>| here.len() as u64 == compared.here && differing(here, there, compared.block) == told;
    if contents.iter().any(is_right) {
        return None;
    }
    Some(format!(
        "of {here:?} and {path:?} these blocks are said to differ, and do not, or others do: {compared:?}"
    ))
}

/// The blocks of `there` that are not the same here, each with those that follow it.
fn differing(here: &[u8], there: &[u8], block: u64) -> Vec<(u64, u64)> {
    let block = usize::try_from(block).unwrap_or(usize::MAX).max(1);
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (number, (start, theirs)) in (0..).zip((0..).step_by(block).zip(there.chunks(block))) {
        if here.get(start..start + theirs.len()) == Some(theirs) {
            continue;
        }
        match ranges.last_mut() {
            Some((first, count)) if *first + *count == number => *count += 1,
            Some(_) | None => ranges.push((number, 1)),
        }
    }
    ranges
}
