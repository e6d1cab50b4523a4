//! A published file equals one that some client sent, whole, or the one that stood there at the beginning, and is published
//! once, however often it was sent: at the end, at every moment at which a name was given, and after a loss of power. Where a
//! disk rotted, it is one with just these bits inverted.

use std::collections::{BTreeMap, BTreeSet};

use towline::store::memory::Primitive;

use crate::outcome::{ContentId, Outcome};
use crate::plan::{Host, What};

pub(super) fn check(outcome: &Outcome) -> Vec<String> {
    let mut whole: BTreeMap<String, BTreeSet<ContentId>> = BTreeMap::new();
    for (path, content) in &outcome.plan.served {
        whole.entry(path.clone()).or_default().insert(outcome.id(content));
    }
    for job in &outcome.jobs {
        for (path, sent) in outcome.sent_to(job) {
            whole.entry(path).or_default().extend(sent);
        }
    }
    for rotten in outcome.rotten.iter().filter(|rotten| rotten.host == Host::Server) {
        if let Some(whole) = whole.get_mut(rotten.path.as_str())
            && whole.contains(&rotten.was)
        {
            whole.insert(rotten.is);
        }
    }
    let is_whole = |path: &str, content: &ContentId| whole.get(path).is_some_and(|all| all.contains(content));
    let then = outcome.published.iter().filter(|published| !is_whole(&published.path, &published.content));
    let then = then.map(|published| {
        let (path, content) = (&published.path, published.content);
        format!("at {} ms {path:?} was published as {content:?}, which nobody sent", published.at_ms)
    });
    let survived = outcome.power_losses.iter().filter(|loss| loss.host == Host::Server);
    let survived = survived.filter_map(|loss| loss.is.map(|is| (loss, is)));
    let survived = survived.filter(|(loss, is)| !is_whole(&loss.path, is));
    let survived = survived.map(|(loss, is)| {
        format!("after a loss of power {:?} is {is:?}, which nobody sent, and was {:?}", loss.path, loss.was)
    });
    let end = outcome.served.iter().filter(|(path, content)| !is_whole(path, content));
    let end = end.map(|(path, content)| format!("at the end {path:?} is {content:?}, which nobody sent"));
    then.chain(survived).chain(end).chain(again(outcome)).collect()
}

/// Files that were published more often than they were sent: by a server that does not remember what it did, or what one
/// before it did.
fn again(outcome: &Outcome) -> Vec<String> {
    // A file that has its name, and not known to be durable, is a failure: it is published again when it is sent again.
    // A log that rots says nothing of what stands behind the damage.
    let happened = outcome.plan.faults.iter().zip(&outcome.faults_at_ms);
    let happened = || happened.clone().filter_map(|(fault, at_ms)| at_ms.map(|at_ms| (fault.what, at_ms)));
    let begins_after = |then: u64| happened().any(|(what, at_ms)| what == What::StartServer && at_ms >= then);
    let is_excuse = |(what, at_ms): (What, u64)| match what {
        What::DiskError { host: Host::Server, primitive, .. } => {
            matches!(primitive, Primitive::SyncFolder | Primitive::SyncFileSystem)
        }
        What::BitRot(host, _) => host == Host::Server,
        // Whoever takes the log away takes the memory of a process that begins anew.
        What::Meddle(host, meddling) => host == Host::Server && meddling.takes_log() && begins_after(at_ms),
        _ => false,
    };
    if happened().any(is_excuse) {
        return Vec::new();
    }
    let mut times: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for job in &outcome.jobs {
        for (path, sent) in outcome.sent_to(job) {
            // One whose source changed after it was published is another file, and sent again.
            times.entry(path).or_default().0 += sent.len();
        }
    }
    // What a loss of power took back was never acknowledged, and is published again.
    let taken = |loss: &&crate::outcome::PowerLoss| loss.host == Host::Server && loss.was.is_some();
    for loss in outcome.power_losses.iter().filter(taken) {
        times.entry(loss.path.clone()).or_default().0 += 1;
    }
    for published in &outcome.published {
        times.entry(published.path.clone()).or_default().1 += 1;
    }
    let too_often = times.into_iter().filter(|(_, (sent, published))| published > sent);
    too_often
        .map(|(path, times)| format!("{path:?} was sent {} times, and published {}", times.0, times.1))
        .collect()
}
