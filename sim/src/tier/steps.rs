//! The plan's steps as the client's application carries them out, on any tier.

use bytes::Bytes;
use towline::proto::client::{Event, JobError, JobId};
use towline::proto::machine::DialErrorKind;
use towline::proto::op::{OpDone, OpEvent, Printed, Question};
use towline::proto::session::{Request, SessionEnd};
use towline::proto::storage::{RootId, StreamId};
use towline::proto::tree_job::Outcome;
use towline::store::memory::escaped;
#[cfg(feature = "turmoil")]
use towline::wire::Entry;
use towline::wire::{Attempt, Code, Get, Modified, RelPath, Remove, RequestId, Start, Stream};

use super::facts::{Facts, client_name};
use super::files::{Folders, source_of};
use super::trees::destination_of;
use crate::ledger::Rare;
use crate::outcome::{Counted, DatagramsEchoed, Echoed, Ended, Fate, Job, Output};
use crate::plan::{Content, Host, Operation, Plan};
use crate::plant::Plant;
use crate::trace::{Application, Kind, Lane};

/// The only root of a store.
pub(super) const ROOT: RootId = RootId(0);

/// Tells the store of one life of a client from all others.
pub(super) fn store_of(client: u32, life: u32) -> u64 {
    1_000 * (1 + u64::from(client)) + u64::from(life)
}

/// What a client's machine draws its delays from.
pub(super) fn seed_of(plan: &Plan, client: u32, life: u32) -> u64 {
    plan.seed ^ u64::from(life) ^ u64::from(client) << 32 ^ leak()
}

/// Nothing; in the build that `TOWLINE_LEAK` asks for, what no seed knows, to show that this is caught.
fn leak() -> u64 {
    #[cfg(towline_leak)]
    return std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    #[cfg(not(towline_leak))]
    0
}

/// What the client machine is asked; `None` for what has a connection of its own.
pub(super) fn request(operation: &Operation, step: usize, client: u32, life: u32) -> Option<Request> {
    let path = |text: &str| RelPath::new(text).expect("the plan's paths are good");
    let id = RequestId(u128::from(client) << 96 | u128::from(life) << 64 | (step as u128 + 1));
    Some(match operation {
        Operation::Put { path: to, .. } => Request::Put {
            root: ROOT,
            source: path(&source_of(step)),
            path: path(to),
            attempt: Attempt::new(id),
        },
        Operation::Get { path: from } => {
            let get = Get { path: path(from), version: 0 };
            Request::Fetch { root: ROOT, at: path(&format!("down-{step}")), get, start: Start::Resume }
        }
        Operation::Compare { path: with, .. } => {
            Request::Compare { root: ROOT, source: path(&source_of(step)), path: path(with) }
        }
        Operation::Print { path: of, part, .. } => {
            let (stream, printed) = (stream_of(step), Printed::default());
            Request::Print { stream, path: path(of), span: part.span(), printed }
        }
        Operation::Pour { path: to, .. } => {
            let to = Stream {
                path: path(to),
                mode: MODE,
                modified: poured_at(client, step),
                request: id,
                attempt: 0,
            };
            Request::Pour { stream: stream_of(step), to }
        }
        Operation::List => Request::Ask(Question::List(RelPath::ROOT)),
        Operation::Stat { path: at } => Request::Ask(Question::Stat(path(at))),
        Operation::Remove { path: at } => {
            Request::Ask(Question::Remove(Remove { request: id, path: path(at) }))
        }
        Operation::Echo(content) => Request::Ask(Question::Echo(Bytes::from(content.bytes()))),
        Operation::PutTree { .. } | Operation::GetTree { .. } => return None,
        Operation::RawEcho(_) | Operation::DatagramEcho { .. } => return None,
    })
}

/// The permission bits of what is poured.
pub(super) const MODE: u32 = 0o644;

/// What is poured is said to have been modified then: nothing else was.
pub(super) fn poured_at(client: u32, step: usize) -> Modified {
    Modified { seconds: 500_000 + 1_000 * i64::from(client) + step as i64, nanoseconds: 0 }
}

/// What a step reads from or writes to.
pub(super) fn stream_of(step: usize) -> StreamId {
    StreamId(u32::try_from(step).expect("a plan has few steps"))
}

/// How a failed job ended.
pub(super) fn ended(error: &JobError) -> Ended {
    match error {
        JobError::Dial(dial) if dial.kind == DialErrorKind::Refused => Ended::Refused(error.to_string()),
        JobError::Dial(_) | JobError::Session(_) | JobError::Operation(_) | JobError::Overdue => {
            Ended::Failed(error.to_string())
        }
    }
}

impl Facts {
    /// A client begins; gives which of its lives it is, and its first step.
    pub(super) fn client_begins(&mut self, client: u32) -> (u32, usize) {
        assert!(self.plant != Some(Plant::Panic), "planted");
        if self.plant == Some(Plant::RealClock) {
            std::hint::black_box(std::time::Instant::now());
        }
        let working = &mut self.clients[client as usize];
        working.begun += 1;
        working.is_alive = true;
        working.asked.clear();
        (working.begun - 1, working.next_step)
    }

    /// The steps that begin together with `first`, without those that ended in an earlier life; none after the last.
    pub(super) fn group(&self, client: u32, first: usize) -> Vec<usize> {
        let group = self.outcome.plan.clients[client as usize].group(first);
        group.filter(|step| !self.has_ended(client, *step)).collect()
    }

    /// True if the application was told, or gave it up.
    pub(super) fn has_ended(&self, client: u32, step: usize) -> bool {
        let is_it = |job: &Job| (job.client, job.step) == (client, step) && job.ended.is_some();
        self.outcome.jobs.iter().rev().any(is_it)
    }

    /// The step that a job of a client's present machine is for.
    pub(super) fn step_of(&self, client: u32, job: JobId) -> Option<usize> {
        let asked = &self.clients[client as usize].asked;
        usize::try_from(job.0).ok().and_then(|number| asked.get(number)).copied()
    }

    /// The job that a step is, at a client's present machine.
    pub(super) fn number_of(&self, client: u32, step: usize) -> Option<JobId> {
        let asked = &self.clients[client as usize].asked;
        asked.iter().position(|asked| *asked == step).map(|number| JobId(number as u64))
    }

    /// A client begins a step in one of its lives; gives what it is.
    pub(super) fn step_begins(&mut self, client: u32, life: u32, step: usize) -> Operation {
        let operation = self.outcome.plan.clients[client as usize].steps[step].operation.clone();
        let begins = Application::Begins { step, operation: operation.clone() };
        self.record(Lane::Client(client), None, Kind::Application(begins));
        let begun_at = self.next_in_order();
        self.outcome.jobs.push(Job::begun(client, life, step, begun_at));
        if operation.is_job() {
            self.clients[client as usize].asked.push(step);
        }
        operation
    }

    /// A step is over: what stands where it worked is a fact. Gives the step to go on with, once all that began with it
    /// are over.
    pub(super) fn step_is_over(
        &mut self,
        client: u32,
        step: usize,
        ended: Ended,
        folders: &Folders,
    ) -> Option<usize> {
        let (mut got, mut stood) = (None, None);
        let operation = self.outcome.plan.clients[client as usize].steps[step].operation.clone();
        match &operation {
            Operation::Get { .. } => got = folders.local_at(client, &format!("down-{step}"), &mut self.known),
            Operation::Put { path, .. } if ended == Ended::Done => {
                let origins = |is| self.outcome.origins(Host::Server, path, is);
                let stands = folders.served_at(path, &mut self.known).map(origins);
                let sent = self.outcome.sent(client, step);
                stood = Some(stands.is_some_and(|origins| sent.iter().any(|sent| origins.contains(sent))));
            }
            Operation::GetTree { .. } => {
                let life = self.job_of(client, step).map_or(0, |job| job.life);
                let place = destination_of(&operation, life, step);
                let files = folders.local_below(client, &place, &mut self.known);
                let below = folders.below(Host::Client(client), &place);
                if let Some(job) = self.job_of(client, step) {
                    job.names = files.iter().map(|(name, id)| Job::named(name, *id)).collect();
                    job.files = files.into_iter().collect();
                    job.below = below;
                    job.place = Some(place);
                }
            }
            operation @ (Operation::PutTree { .. } | Operation::Pour { .. }) if ended == Ended::Done => {
                let (outcome, known) = (&self.outcome, &mut self.known);
                let stands = |(path, content): &(String, &Content)| {
                    let origins = |is| outcome.origins(Host::Server, path, is);
                    let id = outcome.id(content);
                    folders.served_at(path, known).map(origins).is_some_and(|origins| origins.contains(&id))
                };
                stood = Some(operation.puts().iter().all(stands));
            }
            _ => {}
        }
        if let Operation::PutTree { path, .. } = &operation
            && let Some(job) = self.job_of(client, step)
        {
            job.below = folders.below(Host::Server, path);
        }
        let ends = Application::Ends { step, ended: ended.clone() };
        self.record(Lane::Client(client), None, Kind::Application(ends));
        let ended_at = self.next_in_order();
        if let Some(job) = self.job_of(client, step) {
            job.ended = Some(ended);
            job.ended_at = Some(ended_at);
            job.got = got;
            job.stood = stood;
        }
        let mut group = self.outcome.plan.clients[client as usize].group_of(step);
        let next = group.end;
        group.all(|step| self.has_ended(client, step)).then(|| {
            self.clients[client as usize].next_step = next;
            next
        })
    }

    /// What was handed to whoever reads what a step receives, so far.
    pub(super) fn printed(&mut self, client: u32, step: usize, bytes: &[u8]) {
        if let Some(job) = self.job_of(client, step) {
            job.printed = Some(Output(bytes.to_vec()));
        }
    }

    /// What a list told its caller, whatever was told on the way.
    #[cfg(feature = "turmoil")]
    pub(super) fn listed(&mut self, client: u32, step: usize, entries: &[Entry]) {
        if let Some(job) = self.job_of(client, step) {
            job.names = entries.iter().map(|entry| escaped(&entry.name)).collect();
        }
    }

    /// All steps are over, and the client has closed.
    pub(super) fn client_closed(&mut self, client: u32) {
        self.event(client_name(client), "has closed");
        self.clients[client as usize].is_done = true;
    }

    /// A client begins to send datagrams.
    pub(super) fn datagrams_begin(&mut self, client: u32, step: usize) {
        self.outcome.datagrams.push(DatagramsEchoed { client, step, ..DatagramsEchoed::default() });
    }

    /// It has sent one.
    pub(super) fn datagram_sent(&mut self, client: u32, payload: &[u8]) {
        if let Some(echoed) = self.last_datagrams(client) {
            echoed.requests.push(payload.to_vec());
        }
    }

    /// One came back.
    pub(super) fn datagram_heard(&mut self, client: u32, payload: &[u8]) {
        if let Some(echoed) = self.last_datagrams(client) {
            echoed.replies.push(payload.to_vec());
        }
    }

    /// It waits for no more; `counted` is what its probe told, where a probe sent them.
    pub(super) fn datagrams_are_over(&mut self, client: u32, counted: Option<Counted>) {
        let Some(echoed) = self.last_datagrams(client) else { return };
        echoed.done = true;
        echoed.counted = counted;
        let words = format!("of {} datagrams {} came back", echoed.requests.len(), echoed.replies.len());
        self.event(client_name(client), &words);
    }

    fn last_datagrams(&mut self, client: u32) -> Option<&mut DatagramsEchoed> {
        self.outcome.datagrams.iter_mut().rev().find(|echoed| echoed.client == client)
    }

    /// What came back of a raw echo.
    pub(super) fn raw_echo_is_over(&mut self, client: u32, request: Vec<u8>, reply: Vec<u8>, done: bool) {
        self.event(
            client_name(client),
            &format!("a raw echo of {} bytes gave {}", request.len(), reply.len()),
        );
        let place = "a raw echo".to_owned();
        self.outcome.echoes.push(Echoed { place, request, replies: vec![reply], done });
    }

    /// What a client's machine told in one of its lives.
    pub(super) fn client_told(&mut self, client: u32, life: u32, event: &Event) {
        let waited = matches!(event, Event::Connected { .. })
            && self.outcome.jobs.iter().any(|job| job.client == client && job.retries > 0)
            && self.server.begun == 1
            && !self.outcome.plan.server_at_start;
        if waited {
            self.reach(Rare::Waited);
        }
        let line = match event {
            Event::Retrying { attempt, delay, error, .. } => {
                if matches!(error, JobError::Session(SessionEnd::Broken(failure)) if failure.code == Code::IDLE_TIMEOUT)
                {
                    self.reach(Rare::Silence);
                }
                Some(format!("attempt {attempt} failed, the next in {delay:?}: {error}"))
            }
            Event::Connected { version, .. } => Some(format!("speaks version {version}")),
            Event::Finished(..) | Event::Job(..) | Event::Tree(..) => None,
        };
        if let Some(line) = line {
            self.event(client_name(client), &line);
        }
        let double = self.plant == Some(Plant::DoubleReply);
        let job = match event {
            Event::Retrying { job, .. } | Event::Job(job, _) | Event::Finished(job, _) => *job,
            Event::Tree(job, _) => *job,
            Event::Connected { .. } => return,
        };
        let Some(step) = self.step_of(client, job) else { return };
        if let Event::Tree(_, told) = event
            && let Outcome::Failed(error) = &told.outcome
        {
            let path = told.path.escape_ascii();
            self.event(client_name(client), &format!("of step {step}'s tree {path} fails: {error}"));
        }
        let told_at = if let Event::Tree(..) = event { self.next_in_order() } else { 0 };
        let Some(job) = self.job_of(client, step).filter(|job| job.life == life) else { return };
        match event {
            Event::Retrying { .. } => {
                job.retries += 1;
                job.names.clear();
            }
            Event::Job(_, OpEvent::Entries(entries)) => {
                job.names.extend(entries.iter().map(|entry| escaped(&entry.name)));
            }
            Event::Finished(_, result) => {
                job.replies += if double { 2 } else { 1 };
                if let Ok(OpDone::Described(metadata)) = result {
                    job.described = Some(metadata.length);
                }
                if let Ok(OpDone::Compared(compared)) = result {
                    job.compared = Some(compared.clone());
                }
                if let Ok(OpDone::Tree(summary)) = result {
                    job.summary = Some(summary.clone());
                }
            }
            Event::Tree(_, told) => {
                let path = escaped(&told.path);
                job.told.push((path, Fate::from(&told.outcome), told_at));
            }
            Event::Connected { .. } | Event::Job(..) => {}
        }
    }
}
