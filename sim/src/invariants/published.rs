//! A published file equals one that some client sent, whole, or the one that stood there at the beginning: at the end,
//! and at every moment at which a name was given.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::{ContentId, Outcome};
use crate::plan::Operation;

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut whole: BTreeMap<&str, BTreeSet<ContentId>> = BTreeMap::new();
    for (path, content) in &outcome.plan.served {
        whole.entry(path).or_default().insert(outcome.id(content));
    }
    for job in &outcome.jobs {
        if let Operation::Put { path, content } = outcome.operation(job) {
            whole.entry(path).or_default().insert(outcome.id(content));
        }
    }
    let is_whole = |path: &str, content: &ContentId| whole.get(path).is_some_and(|all| all.contains(content));
    let then = outcome.published.iter().filter(|published| !is_whole(&published.path, &published.content));
    let then = then.map(|published| {
        let (path, content) = (&published.path, published.content);
        format!("at {} ms {path:?} was published as {content:?}, which nobody sent", published.at_ms)
    });
    let end = outcome.served.iter().filter(|(path, content)| !is_whole(path, content));
    let end = end.map(|(path, content)| format!("at the end {path:?} is {content:?}, which nobody sent"));
    then.chain(end).collect()
}
