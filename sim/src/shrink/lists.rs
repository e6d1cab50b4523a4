//! What can be left out: first halves of a list, then quarters, at last one by one.

use std::ops::Range;

use super::Tries;
use crate::plan::{Fault, Host, Plan, What, When, Whom};

/// A list of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Clients,
    Faults,
    Steps(usize),
    Served,
    Obstacles,
    Strangers,
    Impostors,
}

pub(super) fn pass(search: &mut impl Tries) {
    let lists = [List::Clients, List::Faults, List::Strangers, List::Impostors, List::Served];
    for list in lists.into_iter().chain([List::Obstacles]) {
        thin(search, list);
    }
    for client in 0..search.best().clients.len() {
        thin(search, List::Steps(client));
    }
    join_faults(search);
    for client in 0..search.best().clients.len() {
        for step in 0..search.best().clients[client].steps.len() {
            begin_alone(search, client, step);
        }
    }
}

/// A step begins when the one before it is over, and is waited for.
fn begin_alone(search: &mut impl Tries, client: usize, step: usize) {
    let mut plan = search.best().clone();
    plan.clients[client].steps[step].together = false;
    if plan != *search.best() {
        search.offer(plan.clone());
    }
    plan.clone_from(search.best());
    plan.clients[client].steps[step].give_up_ms = None;
    if plan != *search.best() {
        search.offer(plan);
    }
}

fn thin(search: &mut impl Tries, list: List) {
    let mut size = list.length(search.best());
    while size > 0 {
        let mut at = 0;
        while at < list.length(search.best()) {
            let end = (at + size).min(list.length(search.best()));
            if !search.offer(list.without(search.best(), at..end)) {
                at += size;
            }
        }
        size /= 2;
    }
}

/// A fault goes, and what came after it comes in its place: when it came, or as long after the one before both.
fn join_faults(search: &mut impl Tries) {
    let mut at = 0;
    while at + 1 < search.best().faults.len() {
        let mut plan = search.best().clone();
        let gone = plan.faults.remove(at);
        let When::After(then) = plan.faults[at].when else {
            at += 1;
            continue;
        };
        plan.faults[at].when = match gone.when {
            When::After(first) => When::After(first.saturating_add(then)),
            first => first,
        };
        if !search.offer(plan) {
            at += 1;
        }
    }
}

impl List {
    fn length(self, plan: &Plan) -> usize {
        match self {
            List::Clients => plan.clients.len(),
            List::Faults => plan.faults.len(),
            List::Steps(client) => plan.clients.get(client).map_or(0, |client| client.steps.len()),
            List::Served => plan.served.len(),
            List::Obstacles => plan.obstacles.len(),
            List::Strangers => plan.strangers.len(),
            List::Impostors => plan.impostors.len(),
        }
    }

    fn without(self, plan: &Plan, range: Range<usize>) -> Plan {
        let mut plan = plan.clone();
        match self {
            // From the last, so that those that are still to go keep their places.
            List::Clients => range.rev().for_each(|client| remove_client(&mut plan, client as u32)),
            List::Faults => drop(plan.faults.drain(with_followers(&plan.faults, range))),
            List::Steps(client) => range.rev().for_each(|step| remove_step(&mut plan, client, step)),
            List::Served => drop(plan.served.drain(range)),
            List::Obstacles => drop(plan.obstacles.drain(range)),
            List::Strangers => drop(plan.strangers.drain(range)),
            List::Impostors => drop(plan.impostors.drain(range)),
        }
        plan
    }
}

/// What comes after a fault goes with it.
fn with_followers(faults: &[Fault], range: Range<usize>) -> Range<usize> {
    let is_follower = |fault: &&Fault| matches!(fault.when, When::After(_));
    range.start..range.end + faults[range.end..].iter().take_while(is_follower).count()
}

/// A step goes, with what happens to its source; those after it move up.
fn remove_step(plan: &mut Plan, of: usize, gone: usize) {
    plan.clients[of].steps.remove(gone);
    let mut at = 0;
    while at < plan.faults.len() {
        match &mut plan.faults[at].what {
            What::SourceChanges { client, step, .. } if *client as usize == of && *step == gone => {
                let chain = with_followers(&plan.faults, at..at + 1);
                plan.faults.drain(chain);
                continue;
            }
            What::SourceChanges { client, step, .. } if *client as usize == of && *step > gone => *step -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// A client goes, with what happens to it alone; those after it move up.
fn remove_client(plan: &mut Plan, gone: u32) {
    plan.clients.remove(gone as usize);
    let moved = |client: u32| if client > gone { client - 1 } else { client };
    let mut at = 0;
    while at < plan.faults.len() {
        let is_of = names(&mut plan.faults[at]).into_iter().any(|client| *client == gone);
        if is_of {
            let chain = with_followers(&plan.faults, at..at + 1);
            plan.faults.drain(chain);
        } else {
            names(&mut plan.faults[at]).into_iter().for_each(|client| *client = moved(*client));
            at += 1;
        }
    }
    plan.impostors.retain(|impostor| impostor.client != gone);
    plan.impostors.iter_mut().for_each(|impostor| impostor.client = moved(impostor.client));
}

/// Where a fault names clients.
fn names(fault: &mut Fault) -> Vec<&mut u32> {
    fn of_host(host: &mut Host) -> Option<&mut u32> {
        match host {
            Host::Server => None,
            Host::Client(client) => Some(client),
        }
    }
    fn of_whom(whom: &mut Whom) -> Option<&mut u32> {
        match whom {
            Whom::All => None,
            Whom::Client(client) | Whom::Dial(client, _) => Some(client),
        }
    }
    let Fault { when, what } = fault;
    let when = match when {
        When::Byte { client, .. } => Some(client),
        When::Primitive { host, .. } => of_host(host),
        When::At(_) | When::After(_) => None,
    };
    let what = match what {
        What::Partition(_, whom) | What::Hold(whom) | What::Reset(whom) => of_whom(whom),
        What::End(_, whom) | What::Mute(_, whom) | What::Damage(_, whom) => of_whom(whom),
        What::KillClient(client) | What::PowerLossClient(client) | What::StartClient(client) => Some(client),
        What::SourceChanges { client, .. } => Some(client),
        What::BreakWrites(_, whom) => of_whom(whom),
        What::NoteRots(host, _) | What::Meddle(host, _) => of_host(host),
        What::Pause(host) | What::Resume(host) | What::StopReading(host) | What::StartReading(host) => {
            of_host(host)
        }
        What::ClockJump(host, _) | What::DiskFull(host) | What::DiskFree(host) => of_host(host),
        What::DiskError { host, .. } | What::SlowDisk(host, _) | What::BitRot(host, _) => of_host(host),
        What::Repair | What::Release | What::KillServer | What::PowerLossServer => None,
        What::StartServer | What::SecondServer | What::DrainServer | What::AbortServer => None,
        What::AcceptFails(_) | What::Forged(_) => None,
    };
    when.into_iter().chain(what).collect()
}

#[cfg(test)]
mod tests {
    use super::{List, Plan};

    #[test]
    fn a_client_goes_with_what_happens_to_it_and_the_others_move_up() {
        let text = r#"(
            story: "three", clients: [(steps: []), (steps: [(do: list)]), (steps: [])],
            impostors: [(client: 2, dial: 0, trick: garbage, noise: 1)],
            faults: [
                (when: at(5), what: kill_client(1)), (when: after(9), what: start_client(1)),
                (when: at(7), what: reset(client(2))), (when: at(8), what: repair),
            ],
        )"#;
        let plan = Plan::parse(text).expect("a plan");
        let without = List::Clients.without(&plan, 1..2);
        let expected = r#"(
            story: "three", clients: [(steps: []), (steps: [])],
            impostors: [(client: 1, dial: 0, trick: garbage, noise: 1)],
            faults: [(when: at(7), what: reset(client(1))), (when: at(8), what: repair)],
        )"#;
        assert_eq!(Ok(without), Plan::parse(expected));
    }
}
