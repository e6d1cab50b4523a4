//! The client machine as a handle: asks, and waits for the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{Span, debug, info, info_span, trace, warn};

use super::{Clock, Completions, Dial, Pool, Run, Traffic};
use crate::proto::Limits;
use crate::proto::client::{Client, Command, Event, JobError, JobId, RetryPolicy};
use crate::proto::machine::Out;
use crate::proto::op::{OpDone, OpEvent};
use crate::proto::session::Request;
use crate::proto::tree_job::TreeRequest;
use crate::wire::{Entry, RelPath};

/// The client's driver has ended, so nothing more can be asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// A running client. Dropped, it cancels what it was asked and closes its connection.
pub struct Jobs {
    commands: UnboundedSender<Command>,
    waiting: Arc<Mutex<Waiting>>,
    task: Option<JoinHandle<()>>,
    traffic: Traffic,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    asked: BTreeMap<JobId, Asked>,
}

/// A job that is waited for.
struct Asked {
    answer: oneshot::Sender<Answer>,
    /// What a listing has given so far; other jobs' entries are their own business.
    entries: Option<Vec<Entry>>,
}

/// How a job ended, and the entries that it gave.
type Answer = (Result<OpDone, JobError>, Vec<Entry>);

impl Waiting {
    /// Hands over what a job's asker is to know.
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Job(job, OpEvent::Entries(page)) => {
                if let Some(Asked { entries: Some(entries), .. }) = self.asked.get_mut(&job) {
                    entries.extend(page);
                }
            }
            // A listing begins again.
            Event::Retrying { job, .. } => {
                if let Some(Asked { entries: Some(entries), .. }) = self.asked.get_mut(&job) {
                    entries.clear();
                }
            }
            Event::Finished(job, result) => {
                if let Some(Asked { answer, entries }) = self.asked.remove(&job) {
                    // Whoever asked may have stopped waiting.
                    let _ = answer.send((result, entries.unwrap_or_default()));
                }
            }
            Event::Job(..) | Event::Tree(..) | Event::Connected { .. } => {}
        }
    }
}

/// Whoever still waits when the driver is gone, however it went, is told so.
struct Unanswered(Arc<Mutex<Waiting>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        lock(&self.0).asked.clear();
    }
}

impl Jobs {
    /// Starts a client on the current tokio runtime; `on_event` is told everything, in order.
    pub fn start<D>(
        dialer: D,
        store: Completions,
        limits: Limits,
        policy: RetryPolicy,
        seed: u64,
        on_event: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Jobs
    where
        D: Dial + Send + 'static,
        D::Stream: Send + 'static,
    {
        let (commands, inbox) = unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let clock = Clock::start();
        let client = Client::new(limits, policy, seed);
        let run = Run::new(clock, client, Out::new(), dialer, Pool::new(256 * 1024, 8));
        let unanswered = Unanswered(Arc::clone(&waiting));
        let traffic = Traffic::default();
        let (counted, over) = (traffic.clone(), traffic.clone());
        let task = tokio::spawn(async move {
            let unanswered = unanswered;
            let run = run.with_store(store).with_commands(inbox).with_traffic(counted);
            run.to_end(|event| {
                tell(&event);
                on_event(&event);
                lock(&unanswered.0).on_event(event);
            })
            .await;
            let (sent, received) = over.so_far();
            info!(sent, received, "the client is over");
        });
        Jobs { commands, waiting, task: Some(task), traffic }
    }

    /// What has gone over the client's connections so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Jobs that were begun so far.
    pub fn begun(&self) -> u64 {
        lock(&self.waiting).next
    }

    /// Carries out one job. Dropping the future cancels it.
    pub async fn carry_out(&self, request: Request) -> Result<Result<OpDone, JobError>, Stopped> {
        let what = request.name();
        Ok(self.ask(what, None, |job| Command::Start(job, request)).await?.0)
    }

    /// The names in a folder of the server's, in its order. Dropping the future cancels it.
    pub async fn list(&self, path: RelPath) -> Result<Result<Vec<Entry>, JobError>, Stopped> {
        let request = Request::List(path);
        let (result, entries) =
            self.ask("list", Some(Vec::new()), |job| Command::Start(job, request)).await?;
        Ok(result.map(|_| entries))
    }

    /// Moves trees, as one job. Dropping the future cancels it.
    pub async fn move_trees(&self, request: TreeRequest) -> Result<Result<OpDone, JobError>, Stopped> {
        Ok(self.ask("tree", None, |job| Command::StartTree(job, request)).await?.0)
    }

    async fn ask(
        &self,
        what: &'static str,
        entries: Option<Vec<Entry>>,
        command: impl FnOnce(JobId) -> Command,
    ) -> Result<Answer, Stopped> {
        let (answer, result) = oneshot::channel();
        let job = {
            let mut waiting = lock(&self.waiting);
            let job = JobId(waiting.next);
            waiting.next += 1;
            waiting.asked.insert(job, Asked { answer, entries });
            job
        };
        let span = info_span!("operation", operation = job.0, what);
        let mut cancel = CancelOnDrop { job: Some(job), jobs: self, span: span.clone() };
        self.commands.send(command(job)).map_err(|_| Stopped)?;
        debug!(parent: &span, "begun");
        let result = result.await.map_err(|_| Stopped);
        cancel.job = None;
        match &result {
            Ok((Ok(_), _)) => info!(parent: &span, outcome = "done", "an operation is over"),
            Ok((Err(error), _)) => {
                warn!(parent: &span, outcome = "failed", %error, "an operation is over");
            }
            Err(Stopped) => warn!(parent: &span, outcome = "stopped", "an operation is over"),
        }
        result
    }

    /// Finishes what runs, says goodbye, and waits until the connection is closed. Dropping the future closes it at once.
    pub async fn close(mut self) {
        // If the driver has ended already there is nobody to tell.
        let _ = self.commands.send(Command::Close);
        if let Some(task) = &mut self.task {
            let _ = task.await;
        }
        self.task = None;
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// What is told of connections and attempts; jobs are told of by who asks.
fn tell(event: &Event) {
    match event {
        Event::Connected { version, .. } => debug!(version, "connected, and the handshake is done"),
        Event::Retrying { job, attempt, delay, error } => {
            warn!(operation = job.0, attempt, delay_ms = delay.as_millis() as u64, %error, "tried again");
        }
        Event::Job(job, OpEvent::Progress(bytes)) => trace!(operation = job.0, bytes, "progress"),
        Event::Job(..) | Event::Tree(..) | Event::Finished(..) => {}
    }
}

struct CancelOnDrop<'a> {
    job: Option<JobId>,
    jobs: &'a Jobs,
    span: Span,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job {
            info!(parent: &self.span, outcome = "given up", "an operation is over");
            lock(&self.jobs.waiting).asked.remove(&job);
            let _ = self.jobs.commands.send(Command::Cancel(job));
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
