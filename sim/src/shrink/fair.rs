//! What must stay, so that the failure does not become another one of the same name: a network that is never repaired does not
//! end either, and a get of a file that nobody sent fails as well.

use std::collections::BTreeSet;

use crate::plan::{Expect, Host, Operation, Plan, Step, What};

/// True if `candidate` asks nothing of its world that `original` did not: no wrong that is never put right, and nothing to be
/// read that is not there.
pub(super) fn is_fair(original: &Plan, candidate: &Plan) -> bool {
    wounds(candidate).is_subset(&wounds(original))
        && missing(candidate) <= missing(original)
        && endless(candidate) <= endless(original)
}

/// Steps that read what is too long to be read to the end, and are not given up.
fn endless(plan: &Plan) -> usize {
    let is_endless = |step: &&Step| {
        let path = step.operation.path().unwrap_or_default();
        plan.is_hollow(path) && step.give_up_ms.is_none()
    };
    plan.steps().filter(is_endless).count()
}

/// What can go wrong and be put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wound {
    Parted,
    Held,
    Down(Host),
    Paused(Host),
    Deaf(Host),
    Full(Host),
    Slow(Host),
}

/// What the plan does not put right.
fn wounds(plan: &Plan) -> BTreeSet<Wound> {
    let mut open = BTreeSet::new();
    if !plan.server_at_start {
        open.insert(Wound::Down(Host::Server));
    }
    let mut healed = BTreeSet::new();
    for fault in &plan.faults {
        match fault.what {
            What::Partition(..) => open.insert(Wound::Parted),
            What::Repair => healed.insert(Wound::Parted),
            What::Hold(_) => open.insert(Wound::Held),
            What::Release => healed.insert(Wound::Held),
            What::KillServer | What::PowerLossServer | What::DrainServer | What::AbortServer => {
                open.insert(Wound::Down(Host::Server))
            }
            What::StartServer => healed.insert(Wound::Down(Host::Server)),
            What::KillClient(client) | What::PowerLossClient(client) => {
                open.insert(Wound::Down(Host::Client(client)))
            }
            What::StartClient(client) => healed.insert(Wound::Down(Host::Client(client))),
            What::Pause(host) => open.insert(Wound::Paused(host)),
            What::Resume(host) => healed.insert(Wound::Paused(host)),
            What::StopReading(host) => open.insert(Wound::Deaf(host)),
            What::StartReading(host) => healed.insert(Wound::Deaf(host)),
            What::DiskFull(host) => open.insert(Wound::Full(host)),
            What::DiskFree(host) => healed.insert(Wound::Full(host)),
            What::SlowDisk(host, 0) => healed.insert(Wound::Slow(host)),
            What::SlowDisk(host, _) => open.insert(Wound::Slow(host)),
            What::SecondServer | What::Reset(_) | What::End(..) | What::Mute(..) => continue,
            What::Damage(..) | What::SourceChanges { .. } | What::AcceptFails(_) => continue,
            What::Forged(_) | What::BreakWrites(..) => continue,
            What::Meddle(..) | What::NoteRots(..) => continue,
            What::ClockJump(..) | What::DiskError { .. } | What::BitRot(..) => continue,
        };
    }
    open.difference(&healed).copied().collect()
}

/// Steps that read or remove a file and must succeed, although it was not served and their client has not put it there
/// before: whether another client has, or a put that runs at the same time, is a matter of luck.
fn missing(plan: &Plan) -> usize {
    let mut missing = 0;
    for client in &plan.clients {
        let mut there: BTreeSet<&str> = plan.served.iter().map(|(path, _)| path.as_str()).collect();
        for (at, step) in client.steps.iter().enumerate() {
            let is_wanted = step.expect == Expect::Success;
            let Some(path) = step.operation.path() else { continue };
            let is_put = |step: &Step| {
                let puts = step.operation.puts();
                puts.iter().any(|(at, _)| at == path) && step.give_up_ms.is_none()
            };
            let is_sure = there.contains(path) && !client.steps[client.group_of(at)].iter().any(is_put);
            match &step.operation {
                Operation::Put { .. } | Operation::Pour { .. } if is_put(step) => drop(there.insert(path)),
                Operation::Remove { .. } => {
                    missing += usize::from(is_wanted && !is_sure);
                    there.remove(path);
                }
                Operation::Compare { .. } | Operation::Print { .. } => {
                    missing += usize::from(is_wanted && !is_sure);
                }
                Operation::Get { .. } | Operation::Stat { .. } => {
                    missing += usize::from(is_wanted && !is_sure);
                }
                // A folder is there once a tree was put there.
                Operation::PutTree { .. } => drop(there.insert(path)),
                Operation::GetTree { .. } => missing += usize::from(is_wanted && !there.contains(path)),
                Operation::Put { .. } | Operation::Pour { .. } | Operation::List => {}
                Operation::Echo(_) | Operation::RawEcho(_) | Operation::DatagramEcho { .. } => {}
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::{Plan, is_fair};

    fn plan(rest: &str) -> Plan {
        Plan::parse(&format!("(story: \"x\", {rest})")).expect("a plan")
    }

    #[test]
    fn what_falls_apart_is_put_right_if_it_was() {
        let clients = "clients: [(steps: [(do: list)])]";
        let killed = "(when: at(1), what: kill_client(0))";
        let whole = plan(&format!("{clients}, faults: [{killed}, (when: after(9), what: start_client(0))]"));
        let open = plan(&format!("{clients}, faults: [{killed}]"));
        assert!(is_fair(&whole, &plan(clients)), "neither");
        assert!(!is_fair(&whole, &open), "for ever");
        assert!(is_fair(&open, &open), "as it was");
        assert!(
            !is_fair(&whole, &plan(&format!("{clients}, server_at_start: false"))),
            "nobody ever listens"
        );
    }

    #[test]
    fn what_is_read_was_put_there() {
        let put = "(do: put(path: \"a\", content: (length: 1, noise: 1)))";
        let get = "(do: get(path: \"a\"))";
        let whole = plan(&format!("clients: [(steps: [{put}, {get}])]"));
        assert!(is_fair(&whole, &plan(&format!("clients: [(steps: [{put}])]"))));
        assert!(!is_fair(&whole, &plan(&format!("clients: [(steps: [{get}])]"))));
        let race = plan(&format!("clients: [(steps: [{get}]), (steps: [{put}])]"));
        assert!(!is_fair(&whole, &race), "it may come first");
        assert!(is_fair(&race, &plan(&format!("clients: [(steps: [{get}])]"))), "as it was");
        let together = "(do: get(path: \"a\"), together: true)";
        assert!(!is_fair(&whole, &plan(&format!("clients: [(steps: [{put}, {together}])]"))), "at once");
    }
}
