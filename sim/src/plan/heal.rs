//! What must be put right again: a plan whose world stays broken could not be told from a program that hangs.

use super::{Fault, Plan, What, When};

impl What {
    /// True if `other` puts right what this breaks. What breaks for a moment, or for good as a part of its story (a
    /// server that dies, a broken connection), needs nothing.
    fn is_put_right_by(self, other: What) -> Option<bool> {
        let dies = |host| match other {
            What::KillServer | What::PowerLossServer => host == super::Host::Server,
            What::KillClient(client) | What::PowerLossClient(client) => host == super::Host::Client(client),
            _ => false,
        };
        Some(match self {
            What::Partition(..) => other == What::Repair,
            What::Hold(_) => other == What::Release,
            What::Pause(host) => other == What::Resume(host) || dies(host),
            What::StopReading(host) => other == What::StartReading(host) || dies(host),
            What::DiskFull(host) => other == What::DiskFree(host),
            What::Repair | What::Release | What::Reset(_) | What::End(..) | What::Mute(..) => return None,
            // The bit that is hit was the only one.
            What::Damage(..) => return None,
            What::BreakWrites(..) | What::Meddle(..) | What::NoteRots(..) => return None,
            What::KillServer | What::PowerLossServer | What::StartServer => return None,
            What::SecondServer | What::DrainServer | What::AbortServer => return None,
            What::ClockJump(..) | What::Forged(_) => return None,
            What::KillClient(_) | What::PowerLossClient(_) | What::StartClient(_) => return None,
            What::Resume(_) | What::StartReading(_) | What::DiskFree(_) => return None,
            What::DiskError { .. } | What::SlowDisk(..) | What::BitRot(..) => return None,
            What::SourceChanges { .. } | What::AcceptFails(_) => return None,
        })
    }
}

impl Plan {
    /// The first fault after which nothing is certain to put it right: what follows it in its chain is, and what comes
    /// at a time if the fault does too.
    pub(super) fn never_healed(&self) -> Option<Fault> {
        let needs = |at: &usize| {
            let is_healed = (0..self.faults.len()).any(|by| {
                self.faults[*at].what.is_put_right_by(self.faults[by].what) == Some(true)
                    && self.comes_after(*at, by)
            });
            self.faults[*at].what.is_put_right_by(What::Repair).is_some() && !is_healed
        };
        (0..self.faults.len()).find(needs).map(|at| self.faults[at])
    }

    /// True if the fault `by` is certain to happen once `at` has.
    fn comes_after(&self, at: usize, by: usize) -> bool {
        let is_after = |fault: &Fault| matches!(fault.when, When::After(_));
        if by > at && self.faults[at + 1..=by].iter().all(is_after) {
            return true;
        }
        match (self.time_of(at), self.time_of(by)) {
            (Some(broken), Some(healed)) => (healed, by) > (broken, at),
            (None, _) | (_, None) => false,
        }
    }

    /// When a fault happens, if nothing but time decides.
    fn time_of(&self, at: usize) -> Option<u64> {
        match self.faults[at].when {
            When::At(ms) => Some(ms),
            When::After(ms) => {
                at.checked_sub(1).and_then(|before| self.time_of(before)).map(|past| past + ms)
            }
            When::Byte { .. } | When::Primitive { .. } => None,
        }
    }

    /// Of the faults that happened at these times, those that were not put right: for a report on who waits for what.
    pub(crate) fn broken_still<'a>(&'a self, at_ms: &'a [Option<u64>]) -> impl Iterator<Item = Fault> + 'a {
        let happened = move || self.faults.iter().zip(at_ms).filter_map(|(fault, at)| Some((*fault, (*at)?)));
        happened().filter_map(move |(fault, broken)| {
            let heals = |(by, healed): (Fault, u64)| {
                fault.what.is_put_right_by(by.what).map(|is_it| is_it && healed >= broken)
            };
            fault.what.is_put_right_by(What::Repair)?;
            (!happened().filter_map(heals).any(|is_healed| is_healed)).then_some(fault)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;

    fn is_plan(faults: &str) -> bool {
        Plan::parse(&format!("(story: \"x\", clients: [(steps: [])], faults: [{faults}])")).is_ok()
    }

    #[test]
    fn what_lasts_is_put_right() {
        for (breaks, heals) in [
            ("partition(both, all)", "repair"),
            ("hold(client(0))", "release"),
            ("pause(server)", "resume(server)"),
            ("pause(client(0))", "kill_client(0)"),
            ("stop_reading(client(0))", "start_reading(client(0))"),
            ("disk_full(server)", "disk_free(server)"),
        ] {
            let with = |first: &str, then: &str| {
                is_plan(&format!("(when: {first}, what: {breaks}), (when: {then}, what: {heals})"))
            };
            assert!(!is_plan(&format!("(when: at(5), what: {breaks})")), "{breaks}");
            assert!(with("at(5)", "after(1)") && with("at(5)", "at(5)"), "{breaks}");
            assert!(with("byte(dial: 0, side: client, byte: 9)", "after(1)"), "{breaks}");
            assert!(!with("at(5)", "at(4)"), "{breaks} is healed before");
            assert!(!with("byte(dial: 0, side: client, byte: 9)", "at(9)"), "{breaks} may come later");
            assert!(!with("at(5)", "byte(dial: 0, side: client, byte: 9)"), "{heals} may never come");
        }
        assert!(!is_plan("(when: at(5), what: pause(server)), (when: after(1), what: resume(client(0)))"));
        assert!(is_plan("(when: at(5), what: reset(all)), (when: at(5), what: clock_jump(server, 9))"));
    }
}
