//! What a plan asks for, it can have: a step that must succeed has a way, and its client the patience. Done last, without a
//! draw.

use crate::plan::{Expect, Numbers, Operation, Plan, Step, Trick, What, When};

/// Who is refused in favour of those who came before is told to come again after so long, at least.
const REFUSED_MS: u64 = 1_000;

pub(super) fn fair(plan: &mut Plan) {
    where_files_stand(plan);
    who_meets_a_liar(plan);
    patience(plan);
}

/// Whoever lies may be on the connection of any step, if others were lost.
fn who_meets_a_liar(plan: &mut Plan) {
    if plan.impostors.iter().any(|impostor| impostor.trick == Trick::Lies) {
        let steps = plan.clients.iter_mut().flat_map(|client| &mut client.steps);
        steps.for_each(|step| step.expect = Expect::Any);
    }
}

/// What is beneath a path at which a file may stand may fail, and so may the file that would stand there.
fn where_files_stand(plan: &mut Plan) {
    let is_beneath =
        |path: &str, file: &str| path.strip_prefix(file).is_some_and(|rest| rest.starts_with('/'));
    let served = plan.served.iter().map(|(path, _)| path.clone());
    let mut files: Vec<String> = served.collect();
    for client in &plan.clients {
        for (at, step) in client.steps.iter().enumerate() {
            let Operation::Put { path: file, .. } = &step.operation else { continue };
            // Where a folder was made before, no file comes.
            let before = &client.steps[..client.group_of(at).start];
            let makes_folder = |step: &Step| {
                step.expect == Expect::Success
                    && matches!(step.operation, Operation::Put { .. })
                    && step.operation.path().is_some_and(|path| is_beneath(path, file))
            };
            if !before.iter().any(makes_folder) {
                files.push(file.clone());
            }
        }
    }
    for step in plan.clients.iter_mut().flat_map(|client| &mut client.steps) {
        let path = step.operation.path().unwrap_or_default();
        if step.expect == Expect::Success && files.iter().any(|file| is_beneath(path, file)) {
            step.expect = Expect::Any;
        }
    }
}

/// Who waits for others to be done, which may take long, tries as often as that takes.
fn patience(plan: &mut Plan) {
    let drains = plan.faults.iter().any(|fault| fault.what == What::DrainServer);
    let gone = plan.faults.iter().filter_map(|fault| match (fault.what, fault.when) {
        (What::StartServer, When::After(ms)) => Some(ms),
        _ => None,
    });
    let mut attempts = 0;
    if drains {
        // A server that finishes what runs is not there for others, and then not there at all.
        let least_delay_ms = (plan.retry.cap_ms / 2).max(1);
        attempts += (plan.limits.drain_ms + gone.sum::<u64>()) / least_delay_ms;
    }
    let usual = Numbers::default();
    let Numbers { per_source, connections, greeting, .. } = plan.limits;
    if per_source < usual.per_source || connections < usual.connections || greeting < usual.greeting {
        // What a connection that its client has given up still carries is carried first.
        attempts += 2 * plan.moving_ms() / REFUSED_MS;
    }
    plan.retry.attempts = plan.retry.attempts.max(u32::try_from(attempts).unwrap_or(u32::MAX));
}
