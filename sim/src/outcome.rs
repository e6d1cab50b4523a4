//! What was seen of a run: facts, from which the invariants judge. Also a fed one, in their tests.

mod content;
mod fate;
mod seen;
mod unusual;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use towline::probe::Mark;
use towline::proto::op::Compared;
use towline::proto::prober::Counts;
use towline::proto::tree_job::Summary;
use towline_tripwire::Caught;

use crate::ledger::Rare;
use crate::plan::{Content, Host, Operation, Plan, What};
use crate::trace::{Connection, Kind, Lane, Trace};

pub use self::content::ContentId;
pub use self::fate::{Fate, Output};
pub use self::unusual::{Peak, PowerLoss, Rotten, SourceChange, Visit};

/// How a step ended for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It succeeded.
    Done,
    /// It failed because nobody listened.
    Refused(String),
    /// It failed otherwise.
    Failed(String),
    /// The application gave it up, and does not know what became of it.
    GivenUp,
}

/// A step that a client began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which of its client's steps.
    pub step: usize,
    /// Which client, by its place in the plan.
    pub client: u32,
    /// Which of the client's lives, counted from 0.
    pub life: u32,
    /// When it began, in the order of all beginnings and ends.
    pub begun_at: u64,
    /// When it ended, in the same order.
    pub ended_at: Option<u64>,
    /// How it ended; `None` if it did not, or its client was gone before.
    pub ended: Option<Ended>,
    /// Terminal replies that the client's machine gave for it; raw echoes have none.
    pub replies: u32,
    /// True if its client was killed meanwhile.
    pub cut_off: bool,
    /// True if its client was killed after it had given the step up, and before its machine was done with it.
    pub died_unanswered: bool,
    /// Attempts that failed in a way that may pass.
    pub retries: u32,
    /// What stood at the destination of a get when it had ended.
    pub got: Option<ContentId>,
    /// The length of the file, as a look at it told.
    pub described: Option<u64>,
    /// What a comparison found.
    pub compared: Option<Compared>,
    /// What was handed to whoever reads what is received in order.
    pub printed: Option<Output>,
    /// For a list, the names; for a tree that was received, its files as [`Job::named`].
    pub names: Vec<String>,
    /// What a tree told of its entries, each by its path there, with when in the order of beginnings and ends.
    pub told: Vec<(String, Fate, u64)>,
    /// What a tree said in the end.
    pub summary: Option<Summary>,
    /// The files of a tree that was received, when it had ended.
    pub files: BTreeMap<String, ContentId>,
    /// Where a tree was received.
    pub place: Option<String>,
    /// What stood at the place of a tree when it had ended, a line for each name.
    pub below: Vec<String>,
    /// For a put that was acknowledged: whether the content stood at its path at that moment.
    pub stood: Option<bool>,
}

impl Job {
    /// How a file of a tree that was received is named among [`Job::names`].
    pub fn named(path: &str, content: ContentId) -> String {
        format!("{path} is {content:?}")
    }

    /// What the server said that stands there, to a comparison.
    pub fn named_by_server(&self) -> Option<ContentId> {
        self.compared.as_ref().map(|compared| ContentId::named(compared.there, compared.root.0))
    }

    /// One that has just begun.
    pub fn begun(client: u32, life: u32, step: usize, begun_at: u64) -> Job {
        Job {
            step,
            client,
            life,
            begun_at,
            ended_at: None,
            ended: None,
            replies: 0,
            cut_off: false,
            died_unanswered: false,
            retries: 0,
            got: None,
            described: None,
            compared: None,
            printed: None,
            names: Vec::new(),
            stood: None,
            told: Vec::new(),
            summary: None,
            files: BTreeMap::new(),
            place: None,
            below: Vec::new(),
        }
    }
}

/// Bytes that were said, and bytes that were heard.
pub type SaidHeard = (u64, u64);

/// A request for an echo and what came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echoed {
    /// Where: the connection and operation.
    pub place: String,
    /// What was sent.
    pub request: Vec<u8>,
    /// Everything that came back, one item a reply.
    pub replies: Vec<Vec<u8>>,
    /// True if the reply must have come: the application was told that it had.
    pub done: bool,
}

/// Datagrams that a client sent to be echoed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatagramsEchoed {
    /// Whose.
    pub client: u32,
    /// In which of its steps.
    pub step: usize,
    /// What was sent, each once.
    pub requests: Vec<Vec<u8>>,
    /// What came back, in its order.
    pub replies: Vec<Vec<u8>>,
    /// True once the application has waited for the last.
    pub done: bool,
    /// What the probe that sent them told of them.
    pub counted: Option<Counted>,
}

/// What a probe told of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many of what.
    pub counts: Counts,
    /// Of the replies, those that came before it was over.
    pub heard: usize,
}

/// A name that a store renamed a file to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at_ms: u64,
    /// The served path.
    pub path: String,
    /// What stood there then.
    pub content: ContentId,
}

/// A server's attempt to take its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// True for the one that comes while another serves.
    pub second: bool,
    /// What the system said against it.
    pub error: Option<String>,
}

/// What one side's processes handed to their system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How often.
    pub writes: u64,
    /// How much.
    pub bytes: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Traffic) {
        self.writes += other.writes;
        self.bytes += other.bytes;
    }
}

/// A server that was told to finish what runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// When.
    pub told_ms: u64,
    /// When it had stopped, and whether it cut nothing off; `None` if it did not stop in order.
    pub stopped: Option<(u64, bool)>,
    /// Jobs whose files it was receiving, and how often each had been tried again by then.
    pub in_flight: Vec<(usize, u32)>,
}

/// What is left once all is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Partial files that nobody can go on with, each with its side.
    pub partials: Vec<String>,
    /// Partials that are kept for another attempt: whose they are, and where the file was to stand.
    pub kept: Vec<(Host, String)>,
    /// Leases, of the server's store and of the client's.
    pub leases: usize,
    /// Connections that the server still has.
    pub connections: usize,
}

/// All facts of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was run.
    pub plan: Plan,
    /// Why it was not run, if it was not: then nothing else is known.
    pub skipped: Vec<&'static str>,
    /// What happened.
    pub trace: Trace,
    /// Virtual time at the end.
    pub elapsed_ms: u64,
    /// Who waits for what, if it did not end within the plan's bound.
    pub waiting: Vec<String>,
    /// What panicked, if something did.
    pub panic: Option<String>,
    /// What the run asked of the real clock or of the system's randomness.
    pub impure: Vec<Caught>,
    /// The steps that began, in order.
    pub jobs: Vec<Job>,
    /// Echoes of both kinds.
    pub echoes: Vec<Echoed>,
    /// Echoes of datagrams.
    pub datagrams: Vec<DatagramsEchoed>,
    /// What the server answered though no client had sent it.
    pub forged_answers: Vec<String>,
    /// What was published at the server, in order.
    pub published: Vec<Published>,
    /// Servers' attempts at the port, in order.
    pub bound: Vec<Bound>,
    /// Servers that were told to stop, in order.
    pub drains: Vec<Drain>,
    /// The served files at the end.
    pub served: BTreeMap<String, ContentId>,
    /// What rotted at rest.
    pub rotten: Vec<Rotten>,
    /// Sources that were written over.
    pub source_changes: Vec<SourceChange>,
    /// Clients on whose connections a bit of a preamble was inverted.
    pub strange_preambles: BTreeSet<u32>,
    /// What power losses changed.
    pub power_losses: Vec<PowerLoss>,
    /// Clients whose library counts other bytes than passed: first what passed, then what it counts.
    pub miscounted: Vec<(u32, SaidHeard, SaidHeard)>,
    /// Strangers that were connected, in order.
    pub visits: Vec<Visit>,
    /// The most that the machines of each host held, on a tier that can see it.
    pub peaks: BTreeMap<Host, Peak>,
    /// What is left.
    pub leftovers: Leftovers,
    /// What was written to streams, by side.
    pub traffic: [Traffic; 2],
    /// When each of the plan's faults happened, if it did.
    pub faults_at_ms: Vec<Option<u64>>,
    /// Rare states that were reached, as the simulator saw them.
    pub reached: BTreeSet<Rare>,
    /// Rare states that the library's code was in.
    pub marks: BTreeSet<Mark>,
    /// What the plan's files are known by.
    ids: BTreeMap<Content, ContentId>,
}

impl Outcome {
    /// A plan of which nothing is known yet.
    pub fn of(plan: Plan) -> Outcome {
        Outcome::known(plan, Content::id)
    }

    /// The same; `id` tells what a content is known by.
    pub(crate) fn known(plan: Plan, mut id: impl FnMut(&Content) -> ContentId) -> Outcome {
        let put = plan.steps().flat_map(|step| step.operation.puts()).map(|(_, content)| *content);
        let changed = plan.faults.iter().filter_map(|fault| match fault.what {
            What::SourceChanges { content, .. } => Some(content),
            _ => None,
        });
        let ids = plan.served.iter().map(|(_, content)| *content).chain(put).chain(changed);
        let ids = ids.map(|content| (content, id(&content))).collect();
        let faults_at_ms = vec![None; plan.faults.len()];
        Outcome {
            plan,
            skipped: Vec::new(),
            trace: Trace::default(),
            elapsed_ms: 0,
            waiting: Vec::new(),
            panic: None,
            impure: Vec::new(),
            jobs: Vec::new(),
            echoes: Vec::new(),
            datagrams: Vec::new(),
            forged_answers: Vec::new(),
            published: Vec::new(),
            bound: Vec::new(),
            drains: Vec::new(),
            served: BTreeMap::new(),
            rotten: Vec::new(),
            source_changes: Vec::new(),
            strange_preambles: BTreeSet::new(),
            power_losses: Vec::new(),
            miscounted: Vec::new(),
            visits: Vec::new(),
            peaks: BTreeMap::new(),
            leftovers: Leftovers::default(),
            traffic: [Traffic::default(); 2],
            faults_at_ms,
            reached: BTreeSet::new(),
            marks: BTreeSet::new(),
            ids,
        }
    }

    /// A plan that was not run.
    pub fn skipped(plan: Plan, reasons: Vec<&'static str>) -> Outcome {
        Outcome { skipped: reasons, ..Outcome::of(plan) }
    }

    /// What a content is known by: remembered for those of the plan.
    pub fn id(&self, content: &Content) -> ContentId {
        self.ids.get(content).copied().unwrap_or_else(|| content.id())
    }

    /// True if a file of the plan has this content.
    pub fn is_of_plan(&self, id: ContentId) -> bool {
        self.ids.values().any(|known| *known == id)
    }

    /// What a file of this content may be when it is published on a host, since it may rot while it is received.
    pub fn received_as(&self, host: Host, path: &str, id: ContentId) -> Vec<ContentId> {
        let is_it = |rotten: &&Rotten| rotten.at.is_none() && (rotten.host, rotten.was) == (host, id);
        let rotten = self.rotten.iter().filter(is_it).filter(|rotten| rotten.path == path);
        std::iter::once(id).chain(rotten.map(|rotten| rotten.is)).collect()
    }

    /// What a file that is this now may have been before it rotted, itself among it.
    pub fn origins(&self, host: Host, path: &str, is: ContentId) -> BTreeSet<ContentId> {
        let mut origins = BTreeSet::from([is]);
        // In the order in which they rotted.
        for rotten in self.rotten.iter().rev() {
            if rotten.host == host && rotten.path == path && origins.contains(&rotten.is) {
                origins.insert(rotten.was);
            }
        }
        origins
    }

    /// What was said on each connection of the protocol on which something was, as its client saw it: a line a frame.
    pub fn conversations(&self) -> Vec<String> {
        let mut conversations: BTreeMap<Connection, String> = BTreeMap::new();
        for event in self.trace.events() {
            if let (Lane::Client(_), Some(connection), Kind::Frame(frame)) =
                (&event.lane, event.connection, &event.kind)
            {
                let _infallible = writeln!(conversations.entry(connection).or_default(), "{frame}");
            }
        }
        conversations.into_values().collect()
    }

    /// What a job does.
    pub fn operation(&self, job: &Job) -> &Operation {
        &self.plan.clients[job.client as usize].steps[job.step].operation
    }

    /// True if it came to its end: only then can more be said than that it did not.
    pub fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.panic.is_none()
    }
}
