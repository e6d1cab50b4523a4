//! What may stand at each served path, by what the client was told: one content where it is sure, several where a put
//! or a removal broke off. Clients work one step after another, so that the order of steps is the order of effects.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{ContentId, Ended, Job, Outcome};
use crate::plan::Operation;

/// What may stand at a path; `None`: nothing.
pub(super) type Possible = BTreeSet<Option<ContentId>>;

/// The served folder as it may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Model(BTreeMap<String, Possible>);

impl Model {
    /// As the plan has it at the beginning.
    pub(super) fn at_start(outcome: &Outcome) -> Model {
        let served = outcome.plan.served.iter();
        Model(served.map(|(path, content)| (path.clone(), [Some(outcome.id(content))].into())).collect())
    }

    /// After every step, as far as they got.
    pub(super) fn at_end(outcome: &Outcome) -> Model {
        let mut model = Model::at_start(outcome);
        outcome.jobs.iter().for_each(|job| model.apply(outcome, job));
        model
    }

    /// The effect of a job.
    pub(super) fn apply(&mut self, outcome: &Outcome, job: &Job) {
        let (path, new) = match &outcome.plan.steps[job.step].operation {
            Operation::Put { path, content } => (path, Some(outcome.id(content))),
            Operation::Remove { path } => (path, None),
            Operation::Get { .. } | Operation::List | Operation::Echo(_) | Operation::RawEcho(_) => return,
        };
        let possible = self.0.entry(path.clone()).or_insert_with(|| [None].into());
        if job.ended == Some(Ended::Done) {
            possible.clear();
        }
        possible.insert(new);
    }

    /// What may stand at `path`.
    pub(super) fn at(&self, path: &str) -> Possible {
        self.0.get(path).cloned().unwrap_or_else(|| [None].into())
    }

    /// Every path that is known.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&String, &Possible)> {
        self.0.iter()
    }
}
