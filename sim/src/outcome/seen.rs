//! What the applications saw of a run, as text: what tiers are compared by.

use std::collections::BTreeSet;

use super::{Bound, ContentId, DatagramsEchoed, Echoed, Ended, Job, Outcome, Published};

impl Outcome {
    /// What the applications saw, without times and without what is the network's matter: operations and how each ended,
    /// what they read, what was echoed, what was published and what stands there. By client and by path, in order. For comparing
    /// tiers.
    pub fn seen_by_applications(&self) -> String {
        let mut lines = Vec::new();
        let mut jobs: Vec<&Job> = self.jobs.iter().collect();
        jobs.sort_by_key(|job| (job.client, job.begun_at));
        for job in jobs {
            let ended = match &job.ended {
                None => "not",
                Some(Ended::Done) => "done",
                Some(Ended::Refused(_)) => "refused",
                Some(Ended::Failed(_)) => "failed",
                Some(Ended::GivenUp) => "given up",
            };
            let (operation, replies) = (self.operation(job), job.replies);
            let (client, step) = (job.client, job.step);
            lines.push(format!("client {client}, step {step} {operation:?}: {ended}, {replies} replies"));
            lines.push(format!("  got {:?}, names {:?}, stood {:?}", job.got, job.names, job.stood));
            lines.extend(job.described.map(|length| format!("  is told of {length} bytes")));
            lines.extend(job.compared.as_ref().map(|compared| format!("  finds {compared:?}")));
            // How far a part came that failed is a matter of time.
            let printed = job.printed.as_ref().filter(|_| job.ended == Some(Ended::Done));
            lines.extend(printed.map(|printed| format!("  reads {printed:?}")));
        }
        let mut echoes: Vec<String> = Vec::new();
        // One that was asked on a connection that broke is asked again.
        for Echoed { place: _, request, replies, done } in self.echoes.iter().filter(|echo| echo.done) {
            let replies: Vec<ContentId> = replies.iter().map(|reply| ContentId::of(reply)).collect();
            echoes.push(format!("echo of {:?}: {replies:?}, done {done}", ContentId::of(request)));
        }
        echoes.sort();
        lines.extend(echoes);
        lines.extend(self.datagrams.iter().map(|echoed| {
            let back: BTreeSet<ContentId> = echoed.replies.iter().map(|reply| ContentId::of(reply)).collect();
            let DatagramsEchoed { client, step, requests, replies: _, done, counted: _ } = echoed;
            let (sent, back) = (requests.len(), back.len());
            format!("client {client}, step {step}: {sent} datagrams, {back} came back, done {done}")
        }));
        let mut published: Vec<&Published> = self.published.iter().collect();
        published.sort_by_key(|published| &published.path);
        lines.extend(
            published
                .iter()
                .map(|Published { at_ms: _, path, content }| format!("published {path} as {content:?}")),
        );
        lines.extend(self.bound.iter().map(|Bound { second, error }| {
            format!("a server, the second {second}, had the port {}", error.is_none())
        }));
        lines.extend(self.served.iter().map(|(path, content)| format!("{path} is {content:?}")));
        lines.join("\n") + "\n"
    }
}
