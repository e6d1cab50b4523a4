//! Plans without bulk: the same story with short files, for measuring what a plan costs beside the bytes that it moves.

use super::{Content, Fault, Node, Obstacle, Operation, Part, Plan, Step, What, When};

/// A flood is as much as so many contents: echoes that are not read, and pings by the hundred.
const FLOOD: u64 = 16;
/// So many names still take more than a page.
const CROWD: u32 = 300;

impl Plan {
    /// The same plan with no content longer than `most` bytes, floods of as much as 16 of them in echoes no longer than
    /// one, a crowd of which a list takes two pages, and no file that is too long to be read to the end. A fault at a byte comes at `most` at the latest: while the file
    /// that it broke off is under way, since a frame and its header come first.
    #[must_use]
    pub fn without_bulk(&self, most: u64) -> Plan {
        let short = |content: &mut Content| content.length = content.length.min(most);
        let (flood_max, crowd) = (Some(FLOOD * most), self.crowd.min(CROWD));
        let mut plan = Plan { flood_max, crowd, ..self.clone() };
        plan.obstacles.retain(|(_, obstacle)| !matches!(obstacle, Obstacle::Hollow(_)));
        plan.served.iter_mut().for_each(|(_, content)| short(content));
        let steps = plan.clients.iter_mut().flat_map(|application| &mut application.steps);
        for Step { operation, .. } in steps {
            match operation {
                Operation::Put { content, .. } | Operation::Echo(content) | Operation::RawEcho(content) => {
                    short(content);
                }
                Operation::PutTree { contents, nodes, .. } => {
                    contents.iter_mut().for_each(short);
                    for (_, node) in nodes {
                        if let Node::File(content) = node {
                            short(content);
                        }
                    }
                }
                Operation::Compare { content, .. } => short(content),
                Operation::Pour { content, fails_at, .. } => {
                    short(content);
                    *fails_at = fails_at.map(|at| at.min(most));
                }
                // What begins within a file still does.
                Operation::Print { part: Part::Rest { first } | Part::Range { first, .. }, .. } => {
                    *first = (*first).min(most.saturating_sub(1));
                }
                Operation::Get { .. } | Operation::GetTree { .. } | Operation::Print { .. } => {}
                Operation::List | Operation::Stat { .. } => {}
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
    use towline::wire::Kind;

    use crate::campaign::judged;
    use crate::outcome::Outcome;
    use crate::plan::{Plan, Scenario, What};
    use crate::tier::Tier;
    use crate::trace;

    /// Echoes and pings that are not read, and lists of more than a page.
    #[test]
    fn floods_and_crowds_stay_what_they_are() {
        let frames = |seed| {
            let (outcome, broken) = judged(Tier::Fast, &Plan::from_seed(seed).without_bulk(1_024));
            assert_eq!(broken, Vec::new(), "seed {seed}");
            let said = |event: &trace::Event| match &event.kind {
                trace::Kind::Frame(trace::Frame {
                    is_heard: false,
                    passed: trace::Passed::Frame(brief),
                    ..
                }) => Some(brief.kind()),
                _ => None,
            };
            let said: Vec<Kind> = outcome.trace.events().iter().filter_map(said).collect();
            move |kind| said.iter().filter(|said| **said == kind).count()
        };
        let flood = frames(173);
        assert!(flood(Kind::Echo) >= 10 && flood(Kind::Ping) >= 500);
        assert!(frames(381)(Kind::Next) >= 1);
    }

    /// Short, and still what the scenario tells. A swarm's faults may come at bytes that short files do not have; and of a
    /// short file nothing is kept, which a disk could spoil.
    #[test]
    fn short_files_tell_the_same_story() {
        for seed in (0..160).filter(|seed| Scenario::of(*seed) != Scenario::Swarm) {
            let plan = Plan::from_seed(seed).without_bulk(1_024);
            // A tree is sent, and received, with all its files.
            let files: usize = plan.steps().map(|step| step.operation.puts().len()).sum();
            assert!(plan.bytes() <= 2_048 * (plan.steps().count() + 2 * files) as u64, "seed {seed}");
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
