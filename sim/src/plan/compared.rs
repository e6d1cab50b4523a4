//! Which plans show their applications the same in every world.

use std::collections::BTreeSet;

use super::{Datagrams, Fault, Numbers, Operation, Plan, Step, What, When};

impl Plan {
    /// True if the applications see the same in every world that can run it: nothing goes wrong on the way, or only what
    /// the plan addresses by connection, direction and byte; and no client's steps depend on when another's take place.
    pub fn is_comparable(&self) -> bool {
        let is_lossy = self.datagrams != Datagrams::default();
        let is_steady = self.is_fault_free() || (self.clients.len() == 1 && !is_lossy && self.is_scripted());
        let is_timed = self.steps().any(|step| step.give_up_ms.is_some());
        is_steady && !is_timed && self.are_groups_apart() && (self.clients.len() == 1 || self.are_apart())
    }

    /// True if all that goes wrong is addressed by bytes, and its consequences do not depend on time.
    fn is_scripted(&self) -> bool {
        // How often a client dials a server that is gone for a while is a matter of time: later dials have no number.
        let is_gone =
            |fault: &Fault| matches!(fault.what, What::KillServer | What::DrainServer | What::AbortServer);
        let is_gone = self.faults.iter().any(is_gone);
        let is_addressed = |fault: &Fault| match fault.when {
            When::Byte { dial, .. } => dial == 0 || !is_gone,
            When::After(_) => true,
            When::At(_) | When::Primitive { .. } => false,
        };
        let is_steady = |fault: &Fault| match fault.what {
            What::Reset(_) | What::End(..) | What::KillServer | What::StartServer | What::SecondServer => {
                true
            }
            // What it cuts off is.
            What::DrainServer => self.limits.drain_ms >= 10_000,
            _ => false,
        };
        self.faults.iter().all(|fault| is_addressed(fault) && is_steady(fault))
            && self.strangers.is_empty()
            && self.impostors.is_empty()
            // Which of several jobs has said a byte is a matter of time.
            && !self.steps().any(|step| step.together)
    }

    /// True if no step sees what one that begins together with it does.
    fn are_groups_apart(&self) -> bool {
        let meet = |one: &Step, other: &Step| {
            let (one, other) = (&one.operation, &other.operation);
            let meets = other.path().is_some_and(|path| one.meets(path));
            let lists = matches!(other, Operation::List) || meets;
            one.writes() && lists
        };
        self.clients.iter().all(|client| {
            (0..client.steps.len()).all(|at| {
                let others = client.group_of(at).filter(|other| *other != at);
                !others.into_iter().any(|other| meet(&client.steps[at], &client.steps[other]))
            })
        })
    }

    /// True if no client sees what another one does, and there is room for all.
    fn are_apart(&self) -> bool {
        let mut taken: BTreeSet<&str> = BTreeSet::new();
        for client in &self.clients {
            let mut own = BTreeSet::new();
            let meets = |step: &Step| taken.iter().any(|path| step.operation.meets(path));
            if client.steps.iter().any(meets) {
                return false;
            }
            for step in &client.steps {
                if matches!(step.operation, Operation::List) {
                    return false;
                }
                own.extend(step.operation.path());
            }
            taken.extend(own);
        }
        let room = 4 * self.clients.len();
        let Numbers { connections, per_source, greeting, .. } = self.limits;
        let is_roomy = connections.min(per_source).min(greeting) >= room && self.network.backlog >= room;
        is_roomy && self.disks.server_capacity.is_none()
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;

    fn plan(rest: &str) -> Plan {
        Plan::parse(&format!("(story: \"a test\", {rest})")).expect("a plan")
    }

    #[test]
    fn what_depends_on_time_is_not_compared() {
        let one = r#"clients: [(steps: [(do: get(path: "a"))])]"#;
        let byte = "when: byte(dial: 0, side: client, byte: 9)";
        assert!(plan(one).is_comparable());
        assert!(plan(&format!("{one}, faults: [({byte}, what: reset(all))]")).is_comparable());
        assert!(!plan(&format!("{one}, faults: [(when: at(9), what: reset(all))]")).is_comparable());
        let parted = format!("({byte}, what: partition(both, all)), (when: after(9), what: repair)");
        assert!(!plan(&format!("{one}, faults: [{parted}]")).is_comparable());
        let later = "(when: byte(dial: 1, side: client, byte: 9), what: reset(all))";
        assert!(plan(&format!("{one}, faults: [{later}]")).is_comparable());
        assert!(!plan(&format!("{one}, faults: [({byte}, what: kill_server), {later}]")).is_comparable());
    }

    #[test]
    fn clients_are_compared_if_they_are_apart() {
        let two = |one: &str, other: &str| {
            let client = |path| format!("(steps: [(do: get(path: \"{path}\"))])");
            plan(&format!("clients: [{}, {}]", client(one), client(other)))
        };
        assert!(two("a", "b").is_comparable());
        assert!(!two("a", "a").is_comparable());
        let list = plan("clients: [(steps: [(do: list)]), (steps: [])]");
        assert!(!list.is_comparable());
    }
}
