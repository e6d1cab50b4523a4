//! Every step ends as the plan says it must, and the story that the scenario tells took place.

use crate::outcome::{Ended, Job, Outcome};
use crate::plan::{Application, Cut, Expect, Operation, What, When, Whom};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    if !outcome.is_complete() {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for job in outcome.jobs.iter().filter(|job| !job.cut_off) {
        let expect = outcome.plan.clients[job.client as usize].steps[job.step].expect;
        let is_good = match (expect, &job.ended) {
            (Expect::Success, Some(Ended::Done)) | (Expect::Refused, Some(Ended::Refused(_))) => true,
            (Expect::Any, Some(_)) => true,
            // Who is taken for no towline fails for good, and with it what was built on that.
            (Expect::Success, Some(Ended::Failed(_))) => outcome.strange_preambles.contains(&job.client),
            (Expect::Success | Expect::Refused | Expect::Any, _) => false,
        };
        if !is_good {
            let (client, number, ended) = (job.client, job.step, &job.ended);
            broken.push(format!(
                "client {client}'s step {number} must end in {expect:?}, and ended as {ended:?}"
            ));
        }
    }
    broken.extend(
        (0..).zip(&outcome.plan.clients).filter_map(|(client, plan)| unfinished(outcome, client, plan)),
    );
    broken.extend(port(outcome));
    broken.extend(partition(outcome));
    broken
}

/// A client that is not gone for good does all of its steps.
fn unfinished(outcome: &Outcome, client: u32, plan: &Application) -> Option<String> {
    let of_client = |job: &&Job| job.client == client;
    let last = outcome.jobs.iter().filter(of_client).filter(|job| !job.cut_off).map(|job| job.step).max();
    let gone = |what| what == What::KillClient(client) || what == What::PowerLossClient(client);
    let happened = |is_it: &dyn Fn(What) -> bool| {
        let faults = outcome.plan.faults.iter().zip(&outcome.faults_at_ms);
        faults.filter(|(fault, at)| at.is_some() && is_it(fault.what)).count()
    };
    let is_gone = happened(&gone) > happened(&|what| what == What::StartClient(client));
    let is_short = last.map_or(0, |last| last + 1) < plan.steps.len();
    (is_short && !is_gone)
        .then(|| format!("client {client}: the last step that ended is {last:?} of {}", plan.steps.len()))
}

/// The first server has its port; a second one is told that it is taken.
fn port(outcome: &Outcome) -> Vec<String> {
    let is_wrong = |bound: &&crate::outcome::Bound| match &bound.error {
        Some(error) => !bound.second || !error.contains("address in use"),
        None => bound.second,
    };
    let wrong = outcome.bound.iter().filter(is_wrong);
    let mut broken: Vec<String> = wrong.map(|bound| format!("a server took its port as {bound:?}")).collect();
    let faults = outcome.plan.faults.iter().zip(&outcome.faults_at_ms);
    let wanted = faults.filter(|(_, at)| at.is_some()).any(|(fault, _)| fault.what == What::SecondServer);
    let is_told = outcome.bound.iter().any(|bound| bound.second);
    if wanted && !is_told {
        broken.push("no second server wanted the port".to_owned());
    }
    broken
}

/// While nothing passes, and the data has not all passed, nothing is published; and it does not go unnoticed.
fn partition(outcome: &Outcome) -> Vec<String> {
    let plan = &outcome.plan;
    let [first, ..] = plan.faults.as_slice() else { return Vec::new() };
    let (When::Byte { byte, .. }, What::Partition(Cut::Both | Cut::ToServer, Whom::All)) =
        (first.when, first.what)
    else {
        return Vec::new();
    };
    let [Some(cut), Some(healed)] = outcome.faults_at_ms[..] else { return Vec::new() };
    let Some(Operation::Put { content, .. }) = plan.step(0, 0).map(|step| &step.operation) else {
        return Vec::new();
    };
    // A hole is told of in a few bytes.
    if byte >= content.length - content.hole().unwrap_or(0) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    if let Some(early) = outcome.published.iter().find(|published| (cut..healed).contains(&published.at_ms)) {
        broken.push(format!("published within the partition from {cut} to {healed} ms: {early:?}"));
    }
    // A shorter one may pass between two things that are said.
    let is_long = healed - cut > 2 * plan.limits.idle_ms;
    if is_long && outcome.jobs.iter().all(|job| job.retries == 0) {
        broken.push("the put went on as if there had been no partition".to_owned());
    }
    broken
}
