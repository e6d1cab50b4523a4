//! The files that a run is about: what the server serves, and what the client has.

use towline::harness::strays;
use towline::store::memory::MemoryFiles;
use towline::store::{kept, remove_kept};
use towline::wire::Modified;

use super::facts::{Facts, SERVER, client_name};
use super::known::Known;
use crate::ledger::Rare;
use crate::outcome::{ContentId, Ended};
use crate::plan::{Application, Content, Host, Node, Obstacle, Operation, Plan};

/// The disks of all hosts. A clone is the same.
#[derive(Clone)]
pub(super) struct Folders {
    pub(super) served: MemoryFiles,
    /// By client.
    pub(super) local: Vec<MemoryFiles>,
}

impl Folders {
    /// As the plan has them at the beginning.
    pub(super) fn new(plan: &Plan) -> Folders {
        let served = MemoryFiles::volatile().unlogged();
        // Some systems have no files without names.
        let served = if plan.seed % 4 == 3 { served.all_named() } else { served };
        for (path, content) in &plan.served {
            content.put(&served, path);
        }
        plan.crowd_names().for_each(|name| served.put(&name, b""));
        for (path, obstacle) in &plan.obstacles {
            match obstacle {
                Obstacle::Link(target) => served.put_link(path, target),
                Obstacle::Device => served.put_other(path),
                Obstacle::Folder => served.put_folder(path),
                Obstacle::Mount => served.put_mount(path),
                Obstacle::Hollow(length) => served.put_hollow(path, *length),
            }
        }
        served.sync_all();
        if let Some(bytes) = plan.disks.server_capacity {
            served.set_capacity(bytes);
        }
        let local = plan.clients.iter().map(|client| local_files(client, plan)).collect();
        Folders { served, local }
    }

    /// Partials at the server.
    pub(super) fn served_partials(&self) -> usize {
        // By no primitive, which a fault may wait for.
        self.served.count_ending(".partial")
    }

    /// What stands at the served `path`.
    pub(super) fn served_at(&self, path: &str, known: &mut Known) -> Option<ContentId> {
        self.served.get(path).map(|bytes| known.id(&bytes))
    }

    /// What stands at a client's `path`.
    pub(super) fn local_at(&self, client: u32, path: &str, known: &mut Known) -> Option<ContentId> {
        self.local[client as usize].get(path).map(|bytes| known.id(&bytes))
    }

    /// Each file below a client's folder: its path there, and what it is.
    pub(super) fn local_below(
        &self,
        client: u32,
        folder: &str,
        known: &mut Known,
    ) -> Vec<(String, ContentId)> {
        let files = &self.local[client as usize];
        let start = format!("{folder}/");
        let below = files.paths().into_iter().filter_map(|path| {
            let name = path.strip_prefix(&start)?.to_owned();
            Some((name, self.local_at(client, &path, known)?))
        });
        below.collect()
    }

    /// What stands below a folder of a host: a line for each name, with what it is, and where a link leads.
    pub(super) fn below(&self, host: Host, folder: &str) -> Vec<String> {
        let files = match host {
            Host::Server => &self.served,
            Host::Client(client) => &self.local[client as usize],
        };
        let start = format!("{folder}/");
        let below =
            |line: &String| Some(line.strip_prefix(&start)?.to_owned()).filter(|line| !line.starts_with(' '));
        files.tree().iter().filter_map(below).collect()
    }

    /// Looks at what is there at the end.
    pub(super) fn conclude(&self, facts: &mut Facts, leases: usize) {
        for path in facts.paths() {
            if let Some(id) = self.served_at(&path, &mut facts.known) {
                facts.event("end", &format!("{path} is {id:?}"));
                facts.outcome.served.insert(path, id);
            }
        }
        // What a process left that does not come back is swept by the next one.
        let local = (0..).zip(&self.local).filter(|(client, _)| facts.clients[*client as usize].is_alive);
        let local = local.map(|(client, files)| (client, client_name(client).to_string(), files));
        let local = local.map(|(client, name, files)| (Host::Client(client), name, files));
        for (host, name, files) in
            std::iter::once((Host::Server, SERVER.to_owned(), &self.served)).chain(local)
        {
            // An error that nobody met is not for who looks afterwards.
            files.heal();
            let strays = strays(files).into_iter().filter(|file| file.ends_with(".partial"));
            facts.outcome.leftovers.partials.extend(strays.map(|file| format!("{name}: {file}")));
            // Nothing is kept in what is no folder.
            let is_blocked = host == Host::Server && facts.outcome.plan.has_reserved_blocked();
            let kept = if is_blocked { Vec::new() } else { kept(files).expect("memory can be read") };
            // Nobody is there any more who fills one: each can be removed by hand.
            let stuck = kept.iter().filter(|entry| remove_kept(files, entry) != Ok(true));
            let stuck =
                stuck.map(|entry| format!("{name}: what is kept of {} cannot be removed", entry.path));
            facts.outcome.leftovers.partials.extend(stuck);
            facts.outcome.leftovers.kept.extend(kept.iter().map(|entry| (host, entry.path.to_string())));
        }
        facts.outcome.leftovers.leases += leases;
        facts.outcome.leftovers.connections = facts.server.connections.len();
        facts.outcome.elapsed_ms = facts.now_ms;
        let text = format!("{:?}, waiting {:?}", facts.outcome.leftovers, facts.outcome.waiting);
        facts.event("end", &text);
        let retried = facts.outcome.jobs.iter().any(|job| {
            let is_put = matches!(facts.outcome.operation(job), Operation::Put { .. });
            is_put && job.retries > 0 && job.ended == Some(Ended::Done)
        });
        if retried {
            facts.reach(Rare::RetriedPut);
        }
    }
}

/// Where a client has what it sends in this step.
pub(super) fn source_of(step: usize) -> String {
    format!("up-{step}")
}

fn local_files(client: &Application, plan: &Plan) -> MemoryFiles {
    let files = MemoryFiles::volatile().unlogged();
    for (number, step) in client.steps.iter().enumerate() {
        if let Operation::Put { content, .. } | Operation::Compare { content, .. } = &step.operation {
            content.put(&files, &source_of(number));
        }
        if let Operation::PutTree { contents, nodes, .. } = &step.operation {
            let source = source_of(number);
            // Times are as far apart as contents are: what is equal by length and time is equal.
            let client = plan.clients.iter().position(|it| std::ptr::eq(it, client)).unwrap_or(0);
            let mut seconds = 1_000_000 * (1 + client as i64) + 1_000 * number as i64;
            let mut put = |at: &str, content: &Content| {
                content.put(&files, &format!("{source}/{at}"));
                seconds += 1;
                files.set(&format!("{source}/{at}"), 0o644, Modified { seconds, nanoseconds: 0 });
            };
            contents.iter().enumerate().for_each(|(at, content)| put(&at.to_string(), content));
            for (at, node) in nodes {
                match node {
                    Node::File(content) => put(at, content),
                    Node::Folder => files.put_folder(&format!("{source}/{at}")),
                    Node::Link(target) => files.put_link(&format!("{source}/{at}"), target),
                    Node::Device => files.put_other(&format!("{source}/{at}")),
                }
            }
            if contents.is_empty() && nodes.is_empty() {
                files.put_folder(&source);
            }
        }
    }
    files.sync_all();
    if let Some(bytes) = plan.disks.client_capacity {
        files.set_capacity(bytes);
    }
    files
}
