//! Plans without bulk: the same story with short files, for measuring what a plan costs beside the bytes that it moves.

use super::{Content, Fault, Operation, Plan, Step, What, When};

impl Plan {
    /// The same plan with no content longer than `most` bytes. A fault at a byte comes at `most` at the latest: while
    /// the file that it broke off is under way, since a frame and its header come first.
    #[must_use]
    pub fn without_bulk(&self, most: u64) -> Plan {
        let short = |content: &mut Content| content.length = content.length.min(most);
        let mut plan = self.clone();
        plan.served.iter_mut().for_each(|(_, content)| short(content));
        let steps = plan.clients.iter_mut().flat_map(|application| &mut application.steps);
        for Step { operation, .. } in steps {
            match operation {
                Operation::Put { content, .. } | Operation::Echo(content) | Operation::RawEcho(content) => {
                    short(content);
                }
                Operation::Get { .. } | Operation::List | Operation::Stat { .. } => {}
                Operation::Remove { .. } | Operation::DatagramEcho { .. } => {}
            }
        }
        for Fault { when, what } in &mut plan.faults {
            if let What::SourceChanges { content, .. } = what {
                short(content);
            }
            if let When::Byte { byte, .. } = when {
                *byte = (*byte).min(most);
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use crate::campaign::judged;
    use crate::outcome::Outcome;
    use crate::plan::{Plan, Scenario, What};
    use crate::tier::Tier;

    /// Short, and still what the scenario tells. A swarm's faults may come at bytes that short files do not have; and of a
    /// short file nothing is kept, which a disk could spoil.
    #[test]
    fn short_files_tell_the_same_story() {
        for seed in (0..160).filter(|seed| Scenario::of(*seed) != Scenario::Swarm) {
            let plan = Plan::from_seed(seed).without_bulk(1_024);
            assert!(plan.bytes() <= 2_048 * plan.steps().count() as u64, "seed {seed}");
            let (outcome, broken) = judged(Tier::Fast, &plan);
            assert_eq!(broken, Vec::new(), "seed {seed}");
            let whole = Tier::Fast.run(&Plan::from_seed(seed));
            let happened = |outcome: &Outcome| {
                let faults = outcome.plan.faults.iter().zip(&outcome.faults_at_ms);
                let is_told = |what: What| !matches!(what, What::DiskError { .. } | What::BitRot(..));
                faults.filter(|(fault, at)| at.is_some() && is_told(fault.what)).count()
            };
            assert_eq!(happened(&outcome), happened(&whole), "seed {seed}");
        }
    }
}
